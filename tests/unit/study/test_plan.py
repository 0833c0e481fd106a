"""What a patient's scans allow, and the files that answer for it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from reperfuse.study import delivery, facts
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.manifest import Manifest, Scan
from reperfuse.study.names import RESULTS, TOLD, Names
from reperfuse.study.plan import Plan

#: The session of each role, and one without a role.
ROLES = {"baseline": "d0", "post": "d1", "followup": "d7"}
SESSIONS = {**{session: role for role, session in ROLES.items()}, "d2": "late", "extra": ""}

CONFIG: Mapping[str, Any] = {
    "growth": {"undo_swelling": True},
    "registration": {"distortion_axis": "sidecar"},
    "hypoperfusion": {"symptomatic_side_only": True},
    "group_over": "all",
}

FULL = {"d0": "dsc dwi flair", "d1": "dsc dwi", "d7": "dwi flair"}


#: What a result needs that is made of a session's DSC series, and of that and diffusion.
NEEDS_PERFUSION = [("dsc",), ("dsc|ctp",), ("dsc|ctp|asl",)]
NEEDS_BOTH = [*((*needs, "dwi|adc") for needs in NEEDS_PERFUSION), ("dsc|ctp", "dwi|adc|ctp")]


def scans_of(patient: str, scans: Mapping[str, str], settings: Mapping[str, Any] | None = None) -> list[Scan]:
    """Scans of a patient: of each session the kinds, of which one with an exclamation mark cannot be used."""
    return [
        Scan(
            patient,
            session,
            SESSIONS[session],
            kind.strip("!"),
            f"raw/{patient}/{session}/{kind}",
            json.dumps((settings or {}).get(f"{session}/{kind}", {})),
            "broken" if kind.endswith("!") else "",
        )
        for session, kinds in scans.items()
        for kind in kinds.split()
    ]


def plan_of(
    scans: Mapping[str, str] | list[Scan],
    root: Path = Path("no study"),
    source: str = "followup",
    exclusions: tuple[str, ...] = (),
    output_dir: str = "out",
    asked: tuple[str, ...] = (),
    **config: Any,
) -> Plan:
    return Plan(
        Manifest(scans if isinstance(scans, list) else scans_of("01", scans)),
        Names(output_dir),
        ClinicalData(root),
        {**CONFIG, **config},
        {"lesion_source": source, "exclusions": exclusions, "min_mtici": "2c"},
        {f"by {judged_in}": {"lesion_source": judged_in} for judged_in in asked},
    )


def at(session: str, folder: str, ending: str, patient: str = "01", root: str = "out") -> str:
    return f"{root}/sub-{patient}/ses-{session}/{folder}/sub-{patient}_ses-{session}_{ending}"


# --- what a session and a patient have -----------------------------------------------------------


def test_patients_and_sessions_are_in_order() -> None:
    plan = plan_of([*scans_of("02", {"d7": "dwi", "d0": "dsc"}), *scans_of("01", {"extra": "dsc"})])
    assert plan.subjects == ["01", "02"]
    assert plan.sessions("02") == ["d0", "d7"]
    assert [plan.role("02", session) for session in ("d0", "d7")] == ["baseline", "followup"]
    assert plan.role("01", "extra") == ""


def test_a_session_has_what_can_be_used_of_it() -> None:
    plan = plan_of({"d0": "dsc adc flair!"})
    assert plan.has("01", "d0", "dsc")
    assert plan.has("01", "d0", "dsc", "dwi|adc")
    assert not plan.has("01", "d0", "dsc", "dwi")
    assert not plan.has("01", "d0", "flair")
    assert not plan.has("01", "d1", "dsc")
    assert not plan.has("01", None, "dsc")
    assert not plan.has("02", "d0", "dsc")


@pytest.mark.parametrize(
    ("scans", "datatype"),
    [
        ({"d7": "dwi flair"}, "dwi"),
        ({"d7": "adc flair"}, "dwi"),
        ({"d7": "flair dsc"}, "anat"),
        ({"d7": "dwi! flair"}, "anat"),
        ({"d7": "dsc"}, None),
        ({"d0": "dwi flair", "d1": "dwi flair"}, None),
    ],
)
def test_the_lesion_is_drawn_on_diffusion_before_flair(scans: dict[str, str], datatype: str | None) -> None:
    assert plan_of(scans).lesion_datatype("01") == datatype


@pytest.mark.parametrize(
    ("comparison", "scans", "allowed"),
    [
        ("lesion", {"d7": "dwi"}, True),
        ("lesion", {"d7": "flair"}, True),
        ("lesion", {"d7": "dsc"}, False),
        ("growth", {"d0": "dwi", "d7": "flair"}, True),
        ("growth", {"d0": "adc", "d7": "dwi"}, True),
        ("growth", {"d0": "dsc flair", "d7": "dwi"}, False),
        ("growth", {"d1": "dwi", "d7": "dwi"}, False),
        ("growth", {"d0": "dwi", "d7": "dsc"}, False),
        ("swelling", {"d0": "dwi", "d7": "dwi"}, True),
        ("swelling", {"d0": "adc flair", "d7": "dwi"}, False),
        ("swelling", {"d0": "dwi flair", "d7": "flair"}, False),
        ("swelling", {"d1": "dwi", "d7": "dwi"}, False),
        ("deficits", {"d0": "dsc", "d1": "dsc"}, True),
        ("deficits", {"d0": "dsc", "d1": "dwi"}, False),
        ("deficits", {"d0": "dwi", "d1": "dsc"}, False),
        ("deficits", {"d0": "dsc", "d7": "dsc"}, False),
    ],
)
@pytest.mark.parametrize("source", ["followup", "core", "deficit"])
def test_a_comparison_needs_the_scans_of_both_its_sessions(
    comparison: str, scans: dict[str, str], allowed: bool, source: str
) -> None:
    assert plan_of(scans, source=source).compares("01", comparison) is allowed


def test_swelling_is_undone_only_where_that_is_wanted() -> None:
    scans = {"d0": "dwi", "d7": "dwi"}
    assert plan_of(scans, growth={"undo_swelling": False}).compares("01", "swelling") is False


@pytest.mark.parametrize(
    ("source", "scans", "allowed"),
    [
        ("followup", {"d1": "dsc", "d7": "flair"}, True),
        ("followup", {"d0": "dsc dwi", "d1": "dsc"}, False),
        ("followup", {"d0": "dsc dwi", "d1": "dwi", "d7": "dwi"}, False),
        ("core", {"d0": "dsc dwi", "d1": "dsc"}, True),
        ("core", {"d0": "dsc adc", "d1": "dsc"}, True),
        ("core", {"d0": "dsc flair", "d1": "dsc"}, False),
        ("core", {"d0": "dwi", "d1": "dsc"}, False),
        ("core", {"d0": "dsc dwi", "d1": "dwi"}, False),
        ("core", {"d1": "dsc dwi", "d7": "dsc dwi"}, False),
        ("deficit", {"d0": "dsc", "d1": "dsc"}, True),
        ("deficit", {"d0": "dwi", "d1": "dsc"}, False),
        ("deficit", {"d0": "dsc dwi", "d1": "dwi", "d7": "dsc dwi"}, False),
    ],
)
def test_reflow_needs_perfusion_after_treatment_and_a_lesion_from_its_source(
    source: str, scans: dict[str, str], allowed: bool
) -> None:
    assert plan_of(scans, source=source).compares("01", "reflow") is allowed


def test_a_result_is_made_of_the_scans_it_needs_in_the_session_it_belongs_to() -> None:
    plan = plan_of(FULL)
    assert plan.makes("cbf", "01", "d0") is True
    assert plan.makes("cbf", "01", "d7") is False
    assert plan.makes("core", "01", "d7") is True
    assert plan.makes("penumbra", "01", "d1") is True
    assert plan.makes("penumbra", "01", "d7") is False
    assert plan.makes("cbf", "01", None) is False
    assert [plan.makes("imr", "01", session) for session in ROLES.values()] == [False, True, False]
    assert [plan.makes("swelling", "01", session) for session in ROLES.values()] == [True, False, False]
    assert plan_of({**FULL, "d7": "dsc"}).makes("imr", "01", "d1") is False


def test_a_result_of_each_datatype_needs_a_scan_of_that_datatype() -> None:
    plan = plan_of({"d0": "dsc adc", "extra": "flair"})
    assert [plan.makes("brain", "01", "d0", datatype) for datatype in ("perf", "dwi", "anat", None)] == [
        *(True, True),
        *(False, False),
    ]
    assert plan.makes("brain", "01", "extra", "anat")
    assert not plan.makes("lesion", "01", "d0", "dwi")


# --- scans and results -----------------------------------------------------------------------


def test_a_raw_scan_gives_way_to_one_that_takes_its_place() -> None:
    plan = plan_of({"d0": "dsc dwi adc flair!", "d1": "adc"})
    assert plan.raw("dsc", "01", "d0") == "raw/01/d0/dsc"
    assert plan.raw("adc", "01", "d0", unless="dwi") == []
    assert plan.raw("adc", "01", "d1", unless="dwi") == "raw/01/d1/adc"
    assert plan.raw("flair", "01", "d0") == []


def test_settings_are_those_of_the_first_kind_the_session_has() -> None:
    said = {
        "d0/dwi": {"echo_time_s": 0.08},
        "d0/adc": {"echo_time_s": 0.09, "extra": 1},
        "d1/adc": {"echo_time_s": 0.1},
    }
    plan = plan_of(scans_of("01", {"d0": "dwi adc", "d1": "adc"}, said))
    assert plan.setting("dwi|adc", "echo_time_s", "01", "d0") == 0.08
    assert plan.setting("dwi|adc", "echo_time_s", "01", "d1") == 0.1
    assert plan.setting("dwi|adc", "extra", "01", "d0", default=7) == 7
    assert plan.setting("dsc", "echo_time_s", "01", "d0", default=7) == 7
    assert plan.setting("dsc", "echo_time_s", "01", "d0") is None
    assert plan.setting("dwi", "extra", "01", "d0") is None


def test_a_result_has_a_path_where_it_can_be_made() -> None:
    plan = plan_of([*scans_of("01", FULL), *scans_of("02", {"d0": "dsc", "d7": "flair"})])
    assert plan.own("cbf", "01", "d1") == at("d1", "perf", "cbf.nii.gz")
    assert plan.own("cbf", "01", "d7") == []
    assert plan.own("brain", "01", "d7", "anat") == at("d7", "anat", "desc-brain_mask.nii.gz")
    assert plan.own("brain", "01", "d1", "anat") == []
    assert plan.each("cbf", "01") == [at("d0", "perf", "cbf.nii.gz"), at("d1", "perf", "cbf.nii.gz")]
    assert plan.each("mirror", "01", "anat") == [
        at("d0", "anat", "desc-mirror_xfm.json"),
        at("d7", "anat", "desc-mirror_xfm.json"),
    ]
    assert plan.each("cbf", "02") == [at("d0", "perf", "cbf.nii.gz", "02")]
    assert plan.of_role("post", "cbf", "01") == at("d1", "perf", "cbf.nii.gz")
    assert plan.of_role("followup", "brain", "02", "anat") == at("d7", "anat", "desc-brain_mask.nii.gz", "02")
    assert plan.of_role("followup", "cbf", "01") == []
    assert plan.of_role("post", "cbf", "02") == []


def test_growth_is_a_result_of_the_baseline_session() -> None:
    plan = plan_of([*scans_of("01", {"d0": "dwi", "d7": "flair"}), *scans_of("02", {"d0": "dwi"})])
    assert plan.of_role("baseline", "growth", "01") == "out/sub-01/ses-d0/sub-01_ses-d0_growth.json"
    assert plan.of_role("followup", "growth", "01") == []
    assert plan.of_role("baseline", "growth", "02") == []


def test_a_result_with_the_lesion_lies_on_the_lesions_grid() -> None:
    assert plan_of(FULL).with_lesion("lesion", "01") == at("d7", "dwi", "desc-lesion_mask.nii.gz")
    on_flair = plan_of({"d7": "flair", "d0": "dwi"})
    assert on_flair.with_lesion("lesion", "01") == at("d7", "anat", "desc-lesion_mask.nii.gz")
    assert plan_of({"d7": "dsc"}).with_lesion("brain", "01") == []


def test_a_result_of_another_session_is_given_to_the_session_of_one_role() -> None:
    plan = plan_of(FULL)
    assert plan.if_role("post", "baseline", "tmax", "01", "d1") == at("d0", "perf", "tmax.nii.gz")
    assert plan.if_role("post", "baseline", "tmax", "01", "d0") == []


# --- images and transforms -------------------------------------------------------------------


def test_the_studys_own_brain_is_that_of_the_datatype() -> None:
    plan = plan_of({"d0": "dsc brain_dwi"})
    assert plan.given_brain("01", "d0", "dwi") == "raw/01/d0/brain_dwi"
    assert plan.given_brain("01", "d0", "perf") == []


def test_an_image_stands_for_each_datatype() -> None:
    plan = plan_of(FULL)
    assert plan.reference("01", "d0", "anat") == "raw/01/d0/flair"
    assert plan.reference("01", "d0", "perf") == at("d0", "perf", "dscref.nii.gz")
    assert plan.reference("01", "d0", "dwi") == at("d0", "dwi", "dwiref.nii.gz")
    assert plan.reference("01", "d1", "anat") == []


@pytest.mark.parametrize(
    ("followup", "reference", "flair", "brain"),
    [
        ("dwi flair", at("d7", "dwi", "dwiref.nii.gz"), [], []),
        ("flair", "raw/01/d7/flair", "raw/01/d7/flair", at("d7", "anat", "desc-brain_mask.nii.gz")),
        ("dsc", [], [], []),
    ],
)
def test_what_the_lesion_is_drawn_on(followup: str, reference: Any, flair: Any, brain: Any) -> None:
    plan = plan_of({"d0": "dwi flair", "d7": followup})
    assert plan.followup_reference("01") == reference
    assert plan.flair_drawn_on("image", "01") == flair
    assert plan.flair_drawn_on("brain", "01") == brain


def test_a_lesion_is_looked_for_in_the_trace_image_or_in_flair() -> None:
    plan = plan_of({"d7": "dwi flair"})
    assert plan.lesion_image("01", "d7", "dwi") == at("d7", "dwi", "trace.nii.gz")
    assert plan.lesion_image("01", "d7", "anat") == "raw/01/d7/flair"


@pytest.mark.parametrize(
    ("followup", "drawn_on", "transform"),
    [
        ("dwi flair dsc lesion", "anat", at("d7", "anat", "from-flair_to-dwi_mode-image_xfm.txt")),
        ("dwi flair dsc lesion", "perf", at("d7", "dwi", "from-dwi_to-dscref_mode-image_xfm.txt")),
        ("dwi flair dsc lesion", "dwi", []),
        ("flair dsc lesion", "anat", []),
        ("dwi dsc lesion", "anat", []),
    ],
)
def test_an_experts_mask_is_brought_to_the_lesions_grid(followup: str, drawn_on: str, transform: Any) -> None:
    plan = plan_of(scans_of("01", {"d7": followup, "d0": "dwi"}, {"d7/lesion": {"datatype": drawn_on}}))
    assert plan.expert_datatype("01", "d7") == drawn_on
    assert plan.expert_transform("01", "d7") == transform


def test_without_an_experts_mask_there_is_no_datatype_of_it() -> None:
    plan = plan_of(FULL)
    assert plan.expert_datatype("01", "d7") == ""
    assert plan.expert_transform("01", "d7") == []


def test_perfusion_reaches_the_lesion_by_the_sessions_diffusion_where_there_is_some() -> None:
    plan = plan_of({"d0": "dsc adc", "d1": "dsc", "d7": "dwi"})
    assert plan.chain_to_followup("01", "d0") == [
        at("d0", "dwi", "from-dwi_to-dscref_mode-image_xfm.txt"),
        at("d0", "dwi", "from-followup_to-anchor_mode-image_xfm.txt"),
    ]
    assert plan.chain_to_followup("01", "d1") == [at("d1", "perf", "from-followup_to-anchor_mode-image_xfm.txt")]


@pytest.mark.parametrize(
    ("source", "lesion"),
    [
        ("followup", at("d1", "perf", "space-dscref_desc-lesion_mask.nii.gz")),
        ("core", at("d1", "perf", "space-dscref_desc-baselinecore_mask.nii.gz")),
        ("deficit", at("d1", "perf", "space-dscref_desc-baselinetmax6_mask.nii.gz")),
    ],
)
def test_reflow_is_judged_in_the_lesion_of_its_source(source: str, lesion: str) -> None:
    assert plan_of(FULL, source=source).reflow_lesions("01") == [lesion]
    assert plan_of(FULL, source=source).lesion_after(source, "01", "d1") == lesion
    assert plan_of({**FULL, "d1": "dwi"}, source=source).reflow_lesions("01") == []
    assert plan_of({"d0": "dsc", "d7": "dwi"}, source=source).reflow_lesions("01") == []


def test_a_lesion_is_brought_to_the_session_after_treatment_if_a_definition_is_judged_in_it() -> None:
    followup = at("d1", "perf", "space-dscref_desc-lesion_mask.nii.gz")
    deficit = at("d1", "perf", "space-dscref_desc-baselinetmax6_mask.nii.gz")
    core = at("d1", "perf", "space-dscref_desc-baselinecore_mask.nii.gz")
    sources = ("followup", "deficit", "core")

    def lesions(scans: dict[str, str], *asked: str) -> list[Any]:
        return [plan_of(scans, asked=asked).lesion_after(source, "01", "d1") for source in sources]

    assert lesions(FULL) == [followup, [], []]
    assert lesions(FULL, "followup", "deficit") == [followup, deficit, []]
    assert lesions(FULL, "core") == [followup, [], core]
    assert lesions({**FULL, "d0": "dsc"}, "core", "deficit") == [followup, deficit, []]
    assert lesions({**FULL, "d0": "dwi"}, "core", "deficit") == [followup, [], []]
    assert plan_of(FULL, asked=sources).lesion_after("deficit", "01", "d0") == []


@pytest.mark.parametrize("source", ["followup", "core", "deficit"])
def test_reflow_is_judged_at_a_second_scan_after_treatment_by_itself(source: str) -> None:
    without_first = plan_of({"d0": "dsc dwi", "d2": "dsc", "d7": "dwi"}, source=source)
    assert (without_first.compares("01", "reflow"), without_first.compares("01", "reflow", "late")) == (False, True)
    assert without_first.makes("reflow", "01", "d2")
    assert without_first.makes("baseline_tmax6", "01", "d2")
    assert without_first.makes("deficits", "01", "d2")
    both = plan_of({**FULL, "d2": "dsc"}, source=source)
    assert both.each("imr", "01") == [at(session, "perf", "desc-imr_mask.nii.gz") for session in ("d1", "d2")]
    names = {"followup": "lesion", "core": "baselinecore", "deficit": "baselinetmax6"}
    lesion = f"space-dscref_desc-{names[source]}_mask.nii.gz"
    assert both.reflow_lesions("01") == [at(session, "perf", lesion) for session in ("d1", "d2")]
    assert both.chain_to_followup("01", "d2") == [at("d2", "perf", "from-followup_to-anchor_mode-image_xfm.txt")]
    without_dsc = plan_of({**FULL, "d2": "dwi"}, source=source)
    assert without_dsc.compares("01", "reflow", "late") is False
    assert without_dsc.each("imr", "01") == [at("d1", "perf", "desc-imr_mask.nii.gz")]


@pytest.mark.parametrize(
    ("asked", "axis"), [("sidecar", ["j", "i", "unknown"]), ("none", ["none"] * 3), ("k", ["k"] * 3)]
)
def test_the_axis_of_distortion_is_what_is_asked_or_what_the_sidecar_says(asked: str, axis: list[str]) -> None:
    said = {"d0/dwi": {"phase_encoding_axis": "j"}, "d1/adc": {"phase_encoding_axis": "i"}}
    scans = scans_of("01", {"d0": "dwi", "d1": "adc", "d7": "dwi"}, said)
    plan = plan_of(scans, registration={"distortion_axis": asked})
    assert [plan.distortion_axis("01", session) for session in ("d0", "d1", "d7")] == axis


# --- what the tables say of a patient --------------------------------------------------------


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Tables of a patient with everything known, of which treatment and reocclusion are those of a session."""
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tside\tage\tnihss_baseline\tonset_time\nsub-01\tleft\t71\t12\t08:00\nsub-02\tn/a\tn/a\tn/a\tn/a\n"
    )
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text(
        "session_id\tacq_time\ttreatment_time\treocclusion\n"
        "ses-d0\t2025-03-04T10:30:00\tn/a\t0\n"
        "ses-d1\t2025-03-05T10:30:00\t12:00\t1\n"
    )
    return tmp_path


def two_patients(study: Path, **kw: Any) -> Plan:
    return plan_of([*scans_of("01", FULL), *scans_of("02", {"d0": "dsc", "d1": "dsc"})], study, **kw)


def test_the_mirror_counts_where_only_the_symptomatic_side_is_wanted_and_known(study: Path) -> None:
    plan = two_patients(study)
    assert [facts.side(plan, subject, "d0") for subject in plan.subjects] == ["left", "unknown"]
    assert facts.mirror_of_known_side(plan, "01", "d0") == at("d0", "perf", "desc-mirror_xfm.json")
    assert facts.mirror_of_known_side(plan, "01", "d7") == []
    assert facts.mirror_of_known_side(plan, "02", "d0") == []
    both_sides = two_patients(study, hypoperfusion={"symptomatic_side_only": False})
    assert facts.mirror_of_known_side(both_sides, "01", "d0") == []


def test_what_criteria_ask_of_a_patient_is_known_or_has_a_reason(study: Path) -> None:
    plan = two_patients(study)
    assert facts.asked_by_criteria(plan, "01", "d0") == {
        "age": [71, ""],
        "nihss_baseline": [12, ""],
        "hours_from_onset": [2.5, ""],
    }
    assert facts.asked_by_criteria(plan, "02", "d0") == {
        name: [None, f"the study's tables have no {column}; add it if known"]
        for name, column in (("age", "age"), ("nihss_baseline",) * 2, ("hours_from_onset", "onset_time"))
    }


def test_hours_from_treatment_are_those_of_the_session_after_it(study: Path) -> None:
    plan = two_patients(study)
    assert facts.hours_from_treatment(plan, "01") == [22.5, ""]
    assert facts.hours_from_treatment(plan, "02") == [
        None,
        "the study's tables have no treatment_time; add it if known",
    ]
    with (study / "sub-01" / "sub-01_sessions.tsv").open("a") as table:
        table.write("ses-d2\t2025-03-05T12:30:00\t12:00\t0\n")
    late = plan_of(scans_of("01", {**FULL, "d2": "dsc"}), study, exclusions=("reocclusion",))
    assert facts.hours_from_treatment(late, "01", "late") == [0.5, ""]
    assert (facts.reflow_exclusions(late, "01"), facts.reflow_exclusions(late, "01", "late")) == (["reocclusion"], [])


def test_reflow_is_ruled_out_by_the_session_after_treatment(study: Path) -> None:
    plan = two_patients(study, exclusions=("reocclusion",))
    assert facts.reflow_exclusions(plan, "01") == ["reocclusion"]
    assert facts.reflow_exclusions(plan, "02") == []
    assert facts.reflow_exclusions(two_patients(study), "01") == []


@pytest.mark.parametrize("kind", ["lesion", "aif", "brain_perf"])
def test_a_given_file_that_cannot_be_read_is_no_input_but_a_reason(kind: str) -> None:
    plan = plan_of(scans_of("01", {"d0": f"dsc {kind}"}, {f"d0/{kind}": {"unreadable": "mask: not fetched"}}))
    assert plan.raw(kind, "01", "d0") == []
    assert plan.unreadable(kind, "01", "d0") == "mask: not fetched"
    assert plan.unreadable_brain("01", "d0", "perf") == ("mask: not fetched" if kind == "brain_perf" else "")
    assert plan.unreadable(kind, "01", "d1") == ""


def test_a_side_of_the_session_comes_before_the_patients(study: Path) -> None:
    (study / "sub-01" / "sub-01_sessions.tsv").write_text(
        "session_id\tside\tage\tnihss_baseline\tonset_time\nses-d1\tright\t72\t4\t5\n"
    )
    plan = two_patients(study)
    assert facts.side(plan, "01", "d1") == "right"
    assert [value for value, _ in facts.asked_by_criteria(plan, "01", "d1").values()] == [72, 4, 5]
    (study / "participants.tsv").write_text("participant_id\tside\nsub-02\tleft\n")
    assert facts.mirror_of_known_side(two_patients(study), "01", "d1") == at("d1", "perf", "desc-mirror_xfm.json")
    assert facts.mirror_of_known_side(two_patients(study), "01", "d0") == []


# --- the tables, and what is delivered -------------------------------------------------------


def write(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()


def test_the_tables_have_all_patients_or_those_that_are_finished(study: Path) -> None:
    out = str(study / "out")
    finished = f"{out}/sub-02/sub-02_measures.json"
    rows = [f"{out}/sub-02/ses-{session}/sub-02_ses-{session}_measures.json" for session in ("d0", "d1")]
    some = two_patients(study, output_dir=out, group_over="finished")
    delivered = [path for session in some.sessions("02") for path, _ in delivery.delivered(some, "02", session)]
    for path in (*delivered, *rows):
        write(path)
    assert delivery.tabulated_patients(some) == []
    write(finished)
    assert delivery.tabulated_patients(some) == [finished]
    assert delivery.tabulated_sessions(some) == rows
    everyone = two_patients(study, output_dir=out)
    assert delivery.tabulated_patients(everyone) == [f"{out}/sub-01/sub-01_measures.json", finished]
    assert len(delivery.tabulated_sessions(everyone)) == 5


def test_a_patient_is_not_finished_whose_results_are_not_those_of_its_scans(study: Path) -> None:
    """A job that fails leaves the row of an earlier run."""
    out, raw = str(study / "out"), str(study / "raw.nii.gz")
    write(raw)
    scan = Scan("01", "d0", "baseline", "flair", raw)
    plan = plan_of([scan], output_dir=out, group_over="complete")
    row, session = f"{out}/sub-01/sub-01_measures.json", at("d0", "", "measures.json", root=out).replace("//", "/")
    for path in (session, row):
        write(path)
    assert delivery.tabulated_patients(plan) == [row]
    assert delivery.tabulated_sessions(plan) == [session]
    changed = Path(row).stat().st_mtime + 1
    os.utime(raw, (changed, changed))
    assert delivery.tabulated_patients(plan) == []
    os.utime(row, (changed, changed))
    assert delivery.tabulated_patients(plan) == [row]
    Path(session).unlink()
    assert delivery.tabulated_patients(plan) == []
    write(session)
    perfusion = plan_of([scan, Scan("01", "d0", "baseline", "dsc", raw)], output_dir=out, group_over="complete")
    assert delivery.tabulated_patients(perfusion) == []


def endings(plan: Plan, session: str) -> dict[str, bool]:
    return {
        path.partition(f"_ses-{session}_")[2]: compares for path, compares in delivery.delivered(plan, "01", session)
    }


def test_a_session_delivers_what_can_be_made_of_it() -> None:
    plan = plan_of(FULL)
    perfusion = {r.ending for r in RESULTS.values() if r.delivered and r.needs in NEEDS_PERFUSION}
    diffusion = {"ADC.nii.gz", "trace.nii.gz", "desc-core_mask.nii.gz"}
    both = {r.ending for r in RESULTS.values() if r.delivered and r.needs in NEEDS_BOTH}
    reflow = {"desc-mirror_cbv.nii.gz", "desc-asymmetry_cbv.nii.gz", "desc-imr_mask.nii.gz"}
    compared = {"space-dscref_desc-lesion_mask.nii.gz", *reflow}
    brain = "desc-brain_mask.nii.gz"
    assert endings(plan, "d0") == dict.fromkeys([brain, *perfusion, *diffusion, *both], False)
    assert endings(plan, "d1") == endings(plan, "d0") | dict.fromkeys(compared, True)
    assert endings(plan, "d7") == dict.fromkeys(diffusion, False) | {"desc-lesion_mask.nii.gz": True}
    assert (at("d0", "perf", brain), False) in delivery.delivered(plan, "01", "d0")
    assert (at("d7", "dwi", "desc-lesion_mask.nii.gz"), True) in delivery.delivered(plan, "01", "d7")


def test_a_deleted_result_is_missed_once_its_session_was_measured(study: Path) -> None:
    out = str(study / "out")
    plan = plan_of({"d0": "dwi", "d7": "flair"}, output_dir=out)
    lesion = at("d7", "anat", "desc-lesion_mask.nii.gz", root=out)
    own = [at("d0", "dwi", name, root=out) for name in ("ADC.nii.gz", "trace.nii.gz", "desc-core_mask.nii.gz")]
    assert delivery.missing_results(plan) == [lesion]
    write(f"{out}/sub-01/ses-d0/sub-01_ses-d0_measures.json")
    assert delivery.missing_results(plan) == [*own, lesion]
    for path in (own[1], lesion):
        write(path)
    assert delivery.missing_results(plan) == [own[0], own[2]]


def test_a_page_tells_of_a_result_of_each_step(study: Path) -> None:
    plan = two_patients(study)
    steps = {RESULTS[name].ending for name in (*TOLD, "lesion")}
    told = delivery.told_results(plan, "01")
    assert {path.partition("_ses-")[2].partition("_")[2] for path in told} <= steps
    assert len(told) == len(set(told)) > len(TOLD)


def test_a_session_of_ct_or_asl_has_what_its_kind_gives() -> None:
    plan = plan_of({"d0": "ctp", "d1": "asl", "d7": "dwi"})
    assert [plan.perfusion("01", session) for session in ("d0", "d1", "d7")] == ["ctp", "asl", ""]
    made = {
        name: [plan.makes(name, "01", session) for session in ("d0", "d1", "d7")] for name in ("cbf", "tmax", "moco")
    }
    assert made == {"cbf": [True, True, False], "tmax": [True, False, False], "moco": [False, False, False]}


def test_a_scan_that_a_step_needs_is_asked_for_where_there_is_none() -> None:
    plan = plan_of({"d0": "ctp"})
    assert plan.needed("ctp", "01", "d0") == plan.raw("ctp", "01", "d0")
    assert not Path(plan.needed("dsc", "01", "d0")).exists()
