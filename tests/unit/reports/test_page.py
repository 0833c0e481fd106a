import platform
import re
from importlib import metadata
from pathlib import Path

import pytest
from html_pages import NASTY, Reader
from patient_pages import TABLES, figure, overview, patient, read, session, write
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.interfaces import ReportPatient
from reperfuse.reports import rendering
from reperfuse.reports.captions import CAPTIONS
from reperfuse.reports.provenance import Origin, origins
from reperfuse.reports.values import show
from reperfuse.study import options

#: The scripts of a page: no text of the study makes another.
OURS = [Path(rendering.__file__).with_name("templates").joinpath("ratings.js").read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("column", "value", "text", "unit"),
    [
        ("core_ml", 0.0, "0.0", "mL"),
        ("core_ml", 12.345, "12.3", "mL"),
        ("core_ml", "n/a", "n/a", ""),
        ("core_ml", None, "n/a", ""),
        ("mismatch_ml", -3.21, "−3.2", "mL"),
        ("mismatch_ml", -0.01, "0.0", "mL"),
        ("mismatch_ratio", "inf", "∞", ""),
        ("mismatch_ratio", 1.8, "1.80", ""),
        ("hours_from_onset", 7 / 6, "1.2", "h"),
        ("role", "baseline", "baseline", ""),
    ],
)
def test_values_are_written_for_readers(column: str, value, text: str, unit: str) -> None:
    found = show(column, value, TABLES["sessions"][column])
    assert (found.text, found.unit) == (text, unit)


@pytest.mark.parametrize("value", [True, "1", 1])
def test_yes_reads_the_same_from_document_and_table(value) -> None:
    assert show("imr_significant", value, TABLES["patients"]["imr_significant"]).text == "yes"
    assert show("reperfusion_fraction", 0.834, TABLES["patients"]["reperfusion_fraction"]).text == "83"


def test_everything_is_escaped(tmp_path) -> None:
    page = read(
        patient(tmp_path, [["growth", NASTY]], lesion_source=NASTY, imr_exclusion=NASTY),
        [session(tmp_path, "baseline", [["core", NASTY]], [NASTY], role="baseline")],
        [figure(tmp_path, "baseline", "diffusion", Reasons=[NASTY])],
    )
    assert page.scripts == OURS
    assert NASTY in page.text
    assert page.images[0]["alt"] == f"Not computed: {NASTY}"


@pytest.mark.parametrize("text", [NASTY, '"><script>alert(1)</script>', "θ, Ωμέγα, ΔR2*", "long " * 400 + "end"])
def test_text_of_the_study_is_shown_as_text(tmp_path, text: str) -> None:
    made = [Origin(text, [text], [text], [text])]
    page = read(
        patient(tmp_path, [["reflow", text]], imr_exclusion=text),
        [
            session(tmp_path, "baseline", [["defuse2", text], ["tmax6", text]], [text], role="baseline"),
            session(tmp_path, "post", [["tmax6", text]], role="post", status="failed"),
        ],
        [figure(tmp_path, "baseline", "diffusion", Reasons=[text])],
        {"sex": text, "occlusion_site": text},
        made,
    )
    shown = " ".join(text.split())
    assert page.scripts == OURS
    # sentence, clinical line, verdicts (twice), criteria, missing values and how it was made
    assert page.text.count(shown) >= 8
    assert f"No perfusion before treatment: {shown}" in page.text
    assert f"Sex {shown}" in page.text


@pytest.mark.parametrize(("role", "left_out"), [("post", True), ("", False)])
def test_what_raters_say_stands_beside_the_status(tmp_path, role: str, left_out: bool) -> None:
    rows = [
        {"participant_id": "sub-01", "session_id": f"ses-{label}", "rater": rater, "rating": rating, "time": "n/a"}
        for label, rater, rating in (("a", NASTY, "reject"), ("a", "B", "accept"), ("b", "B", "doubt"))
    ]
    visits = [session(tmp_path, "a", role=role), session(tmp_path, "b", role="followup")]
    page = read(patient(tmp_path), visits, ratings=rows)
    text = page.text
    assert page.scripts == OURS
    assert f"rejected by rater {' '.join(NASTY.split())}" in text
    assert ("the patient is left out of the analysis" in text) is left_out
    assert text.index("rejected by rater") < text.index("accepted by rater B")
    assert "doubted by rater B" in text


def test_the_first_screen_comes_before_the_sessions(tmp_path) -> None:
    page = read(
        patient(tmp_path, growth_ml=22.0),
        [
            session(tmp_path, "baseline", warnings=["motion: 4 mm"], role="baseline", status="warn", core_ml=29.7),
            session(tmp_path, "post", role="post"),
            session(tmp_path, "followup", role="followup"),
        ],
        [figure(tmp_path, "baseline", "diffusion"), overview(tmp_path)],
        {"age": 71.0},
    )
    first = page.text[: page.text.rindex("Before treatment")]
    assert "Stroke, side unknown, time from onset unknown: core 29.7 mL" in first
    assert "infarct grew by 22.0 mL" in first
    assert "Age 71" in first
    assert "! warning ses-baseline , Before treatment motion: 4 mm ✓ ok ses-post" in first
    assert "The sessions on the same slices" in first
    assert page.images[0]["alt"].startswith("The sessions: ")
    assert "core 29.7 mL" in page.images[0]["alt"], "a reader who cannot see it is told the values"


def test_every_figure_enlarges_without_a_script_and_says_how_it_is_read(tmp_path) -> None:
    drawn = [what for what in CAPTIONS if what != "flair"]
    page = read(
        patient(tmp_path),
        [session(tmp_path, "a", role="baseline"), session(tmp_path, "b", role="post")],
        [overview(tmp_path), *(figure(tmp_path, label, what) for label in "ab" for what in drawn)],
    )
    boxes = [box for box in page.inputs if box.get("class") == "enlarge"]
    names = [box["id"] for box in boxes]
    assert len(set(names)) == len(page.images) == 1 + 2 * len(drawn)
    assert page.labels == names
    assert all(box["type"] == "checkbox" and box["aria-label"] for box in boxes)
    assert page.scripts == OURS
    assert page.text.count("How to read this") == len(page.images)
    for what in drawn:
        assert page.text.count(CAPTIONS[what].reading) == 2


@pytest.mark.parametrize("role", ["late", "followup"])
def test_only_acute_diffusion_has_a_core(tmp_path, role: str) -> None:
    core = {"core_source": "diffusion", "core_ml": 40.0}
    visits = [
        session(tmp_path, "baseline", role="baseline", **core),
        session(tmp_path, role, role=role, **core, mismatch_ml=3.0, mismatch_coreg_ml=2.0),
    ]
    drawn = [
        figure(tmp_path, one, what) for one in ("baseline", role) for what in ("diffusion", "perfusion", "quality")
    ]
    page = read(patient(tmp_path), visits, drawn)
    before, after = page.text.rpartition({"late": "A day after treatment ✓", "followup": "Follow-up ✓"}[role])[::2]
    after = after.partition("Comparison of sessions")[0]
    assert "where there is no diffusion (core_source) 40.0 mL" in before
    assert "with the core outlined" in before
    assert "no longer acute 40.0 mL" in after
    assert "that volume is 0 mL" in after
    assert not re.search(r"\b(core|penumbra)\b", after, re.IGNORECASE)
    alts = " ".join(image["alt"] for image in page.images if image["alt"].startswith(f"ses-{role}"))
    assert alts
    assert not re.search(r"\b(core|penumbra)\b", alts, re.IGNORECASE)


def test_who_cannot_see_a_figure_is_told_its_numbers(tmp_path) -> None:
    labels = {"a": "baseline", "b": "post", "c": "followup"}
    numbers = {"core_ml": 12.5, "tmax6_ml": 80.25, "rcbf30_ml": 3.0, "registration_dice": 0.97, "aif_score": 0.8}
    page = read(
        patient(tmp_path, growth_ml=-4.0, imr_ml=6.0, infarct_followup_ml=33.0, reperfusion_fraction=0.9),
        [session(tmp_path, label, role=role, **numbers) for label, role in labels.items()],
        [figure(tmp_path, label, what) for label in labels for what in CAPTIONS],
    )
    alts = [image["alt"] for image in page.images]
    for (label, what), told in {
        ("a", "diffusion"): "Core 12.5 mL.",
        ("a", "perfusion"): "Core 12.5 mL; Tmax > 6 s 80.2 mL.",
        ("a", "flow"): "CBF < 30 % of normal 3.0 mL.",
        ("a", "growth"): "Infarct growth −4.0 mL.",
        ("a", "alignment"): "Overlap of the brain masks 0.97.",
        ("b", "reperfusion"): " 90 %.",
        ("b", "reflow"): " 6.0 mL.",
        ("b", "quality"): "Score of the arterial input 0.80.",
        ("c", "diffusion"): " 33.0 mL.",
        ("c", "flair"): " 33.0 mL.",
    }.items():
        assert alts[[*labels].index(label) * len(CAPTIONS) + [*CAPTIONS].index(what)].endswith(told)


def test_about_says_how_each_result_was_made(tmp_path) -> None:
    def result(name: str, step: str, sources: list[str], **parameters) -> Path:
        content = {"GeneratedBy": [{"Name": "reperfuse", "Step": step}], "Sources": sources, "Parameters": parameters}
        write_json(sidecar_path(tmp_path / name), content)
        return tmp_path / name

    raw, core = ["bids:raw:sub-01/dwi/sub-01_dwi.nii.gz"], ["bids::sub-01/dwi/sub-01_ADC.nii.gz"]
    defaults = {"ComputeADC": {"b": 1}, "SegmentCore": {"threshold": 0.62, "limits": {"low": 1, "high": 2}}}
    made = origins(
        [
            result("sub-01_ADC.nii.gz", "ComputeADC", raw, b=1, units=""),
            result("sub-01_trace.nii.gz", "ComputeADC", raw, b=1, units=""),
            result("core.nii.gz", "SegmentCore", core, threshold=0.6, limits={"low": 1, "high": 3}, side="left"),
        ],
        defaults,
    )
    assert made == [
        Origin("ComputeADC", ["sub-01_ADC.nii.gz", "sub-01_trace.nii.gz"], ["sub-01_dwi.nii.gz"], []),
        Origin("SegmentCore", ["core.nii.gz"], ["sub-01_ADC.nii.gz"], ["threshold: 0.6", "limits.high: 3"]),
    ]
    text = read(patient(tmp_path), made=made).text
    assert "Settings that differ from the defaults: SegmentCore, threshold: 0.6 SegmentCore, limits.high: 3 How" in text
    assert "All settings have their default values" in read(patient(tmp_path), made=made[:1]).text
    assert "ComputeADC defaults sub-01_ADC.nii.gz, sub-01_trace.nii.gz sub-01_dwi.nii.gz" in text
    assert "SegmentCore threshold: 0.6, limits.high: 3 core.nii.gz sub-01_ADC.nii.gz" in text
    assert str(tmp_path) not in text


def test_about_names_versions_and_command_and_no_folder(tmp_path) -> None:
    about = {"GeneratedBy": [{"Name": "reperfuse", "Version": "0.0.9", "Step": "SegmentCore"}]}
    about["Sources"] = [f"{tmp_path}/private/sub-01_ADC.nii.gz"]
    write_json(tmp_path / "core.json", about)
    (tmp_path / "core.nii.gz").touch()
    given = {"patient": str(patient(tmp_path)), "figures": str(tmp_path), "dictionaries": TABLES}
    pages = [
        Path(ReportPatient(**given, results=[str(tmp_path / "core.nii.gz")]).run(cwd=str(folder)).outputs.page)
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    text = Reader(pages[0].read_text(encoding="utf-8")).text
    about = text[text.rindex("About") :]
    assert "Some results were made by reperfuse 0.0.9." in about
    assert f"Python {platform.python_version()}, antspyx {metadata.version('antspyx')}" in about
    assert "snakemake --cores all --config bids_dir=STUDY" in about
    assert "SegmentCore defaults core.nii.gz sub-01_ADC.nii.gz" in about
    assert str(tmp_path) not in text


def test_the_step_knows_the_defaults_of_the_steps(tmp_path) -> None:
    for name, threshold in (("a", 620e-6), ("b", 600e-6)):
        about = {"Step": "SegmentCore", "Name": "reperfuse"}
        write_json(tmp_path / f"{name}.json", {"GeneratedBy": [about], "Parameters": {"adc_threshold": threshold}})
        (tmp_path / f"{name}.nii.gz").touch()
    limits = options.defaults("quality") | {"min_bolus_cnr": 99}
    about = {"Step": "MeasureSession", "Name": "reperfuse"}
    write_json(tmp_path / "c.json", {"GeneratedBy": [about], "Parameters": {"limits": limits, "side": "left"}})
    given = {"patient": str(patient(tmp_path)), "figures": str(tmp_path), "dictionaries": TABLES}
    files = [*(str(tmp_path / f"{name}.nii.gz") for name in "ab"), str(tmp_path / "c.json")]
    made = ReportPatient(**given, results=files).run(cwd=str(tmp_path)).outputs
    text = Reader(Path(made.page).read_text(encoding="utf-8")).text
    assert "SegmentCore defaults a.nii.gz" in text
    assert "SegmentCore adc_threshold: 0.0006 b.nii.gz" in text
    assert "MeasureSession, limits.min_bolus_cnr: 99" in text


def test_the_page_needs_nothing_else(tmp_path) -> None:
    page = read(
        patient(tmp_path),
        [session(tmp_path, "baseline", role="baseline")],
        [figure(tmp_path, "baseline", what) for what in ("diffusion", "perfusion", "quality", "reflow")],
    )
    assert len(page.images) == 4
    assert all(image["alt"].startswith("ses-baseline: ") and image["alt"].endswith(".") for image in page.images)
    for address in page.addresses:
        assert address.startswith(("data:image/png;base64,", "#")) or address == "group.html"
    assert "Research software, not a medical device" in page.text
    assert "0.1.0" in page.text


def test_sessions_come_in_the_order_of_treatment(tmp_path) -> None:
    files = [
        session(tmp_path, label, role=role)
        for label, role in (
            *(("last", "followup"), ("aaa", None), ("after", "post"), ("bbb", "late"), ("zero", "baseline")),
        )
    ]
    text = read(patient(tmp_path), files).text
    places = [
        text.rindex(title)
        for title in (
            *("Before treatment", "Within hours after treatment", "A day after treatment"),
            *("Follow-up", "Another session"),
        )
    ]
    assert places == sorted(places)


def test_figures_stay_with_their_session(tmp_path) -> None:
    # a label that another begins with must not catch its figures
    page = read(
        patient(tmp_path),
        [session(tmp_path, "1", role="baseline"), session(tmp_path, "10", role="post")],
        [figure(tmp_path, "1", "diffusion"), figure(tmp_path, "10", "diffusion")],
    )
    assert [image["alt"].split(":")[0] for image in page.images] == ["ses-1", "ses-10"]


def test_a_patient_without_sessions_has_a_page_with_reasons(tmp_path) -> None:
    page = read(patient(tmp_path, [["reflow", "no session post"]], imr_exclusion="no session post"))
    assert "there is no baseline session" in page.text
    assert "no session post" in page.text
    assert " 0.0 " not in page.text


def test_a_missing_value_says_why(tmp_path) -> None:
    page = read(
        patient(tmp_path, core_baseline_ml=0.0),
        [
            session(tmp_path, "a", role="baseline", core_ml=0.0, tmax6_ml=0.0, tmax10_ml=0.0),
            session(
                tmp_path,
                "b",
                [["curves", "no bolus was found"], ["tmax6", "no bolus was found"]],
                role="post",
                status="failed",
                reasons="curves: no bolus was found; tmax6: no bolus was found",
            ),
        ],
    )
    assert "there is neither core nor deficit" in page.text
    # the headline reperfusion has no value for what happened after treatment
    headline = page.text[: page.text.rindex("Before treatment")]
    assert "Reperfusion n/a no bolus was found" in headline
    assert "Core at baseline 0.0 mL" in headline
    assert "✕ something could not be computed" in page.text


def test_a_faulty_scan_says_more_than_its_absence(tmp_path) -> None:
    failures = [["dsc", "EchoTime is missing"], ["perfusion", "the session has no usable perfusion scan (dsc)"]]
    page = read(patient(tmp_path), [session(tmp_path, "a", failures, role="baseline")])
    assert "Tmax > 6 s at baseline n/a EchoTime is missing Mismatch" in page.text


def test_the_deficit_of_labelling_is_its_low_flow(tmp_path) -> None:
    before = session(tmp_path, "d0", role="baseline", perfusion="ASL", lowflow40_ml=52.4)
    after = session(tmp_path, "d1", role="post", perfusion="DSC", tmax6_ml=3.1)
    page = read(patient(tmp_path, tmax6_post_ml=3.1, reperfusion_fraction=None), [before, after])
    assert "CBF < 40 % (ASL) at baseline 52.4 mL" in page.text
    assert "3.1 mL with Tmax > 6 s after treatment" in page.text
    assert "Tmax > 6 s at baseline n/a" not in page.text


def test_warnings_are_told_apart_from_failures(tmp_path) -> None:
    page = read(
        patient(tmp_path),
        [
            session(
                tmp_path,
                "a",
                [["flair", "unreadable; cut off"]],
                ["motion: displacement reaches 4.0 mm; does it?"],
                role="baseline",
                status="warn",
                reasons="flair: unreadable; cut off; motion: displacement reaches 4.0 mm; does it?",
            )
        ],
    )
    assert "motion: displacement reaches 4.0 mm; does it?" in page.text
    assert page.text.count("unreadable; cut off") == 1


def test_imr_is_never_without_its_null(tmp_path) -> None:
    row = {"imr_ml": 8.1, "imr_null_ml": 0.8, "imr_significant": True, "imr_exclusion": "reocclusion"}
    page = read(patient(tmp_path, **row))
    assert "8.1 mL noise alone would give 0.8 mL significant, not evaluable: reocclusion" in page.text


def test_a_failed_patient_still_has_a_page(tmp_path) -> None:
    broken = write(tmp_path / "patient.json", {"Reasons": ["the measures are gone"]})
    outputs = (
        ReportPatient(patient=str(broken), figures=str(tmp_path), dictionaries=TABLES).run(cwd=str(tmp_path)).outputs
    )
    assert "the measures are gone" in Reader(Path(outputs.page).read_text(encoding="utf-8")).text


def test_criteria_judge_the_baseline_and_say_what_they_lack(tmp_path: Path) -> None:
    lacks = "age is not known: the study's tables have no age"
    visits = [
        session(tmp_path, "baseline", [["defuse2", lacks]], role="baseline"),
        session(tmp_path, "post", role="post"),
    ]
    text = read(patient(tmp_path), visits).text
    assert f"DEFUSE 2 n/a {lacks}" in text
    assert text.count("Profile by DEFUSE 2") + text.count("defuse2") <= 2
    assert "defuse2" not in text.split("Within hours after treatment")[-1]


def test_a_value_is_shown_with_its_interval_and_its_ends_are_no_rows(tmp_path) -> None:
    shown = {"growth_ml": 12.42, "growth_ml_low": -1.26, "growth_ml_high": 16.2}
    shown |= {"reperfusion_fraction": 0.98, "reperfusion_fraction_low": 0.963, "reperfusion_fraction_high": 1.0}
    shown |= {"tmax6_baseline_ml": 90.0, "tmax6_baseline_ml_low": "n/a", "tmax6_baseline_ml_high": "n/a"}
    page = read(patient(tmp_path, [], **shown), [], [])
    text = " ".join(page.text.split())
    assert "12.4 mL [−1.3 to 16.2]" in text
    assert "98 % [96–100]" in text
    assert "90.0 mL [" not in text
    assert "90 % intervals, where the mean of repeated scans of this patient on this scanner would lie" in text
    assert "growth_ml_low" not in text
    without = read(patient(tmp_path, [], growth_ml=12.42), [], [])
    assert "90 % intervals" not in without.text
