"""A session's row, its thresholds and the firmness of its classes, from small files with known volumes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from reperfuse.files import nifti, sidecars
from reperfuse.files.sidecars import read_sidecar, sidecar_path, write_json
from reperfuse.interfaces import MeasureSession, SegmentDelay, SegmentHypoperfusion, SweepPerfusion, TabulateStudy
from reperfuse.mismatch import stability
from reperfuse.reports.reasons import why_session
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.options import TABLES
from reperfuse.volumes.image import volume_ml
from swept import mask_at, volumes_of_bits

ROOT = Path(__file__).parents[3]
CATALOGUE = yaml.safe_load((ROOT / "config" / "criteria.yaml").read_text(encoding="utf-8"))
HALF_WIDTHS = {"tmax": 1.0, "delay": 1.0, "adc": 40e-6, "rcbf": 0.1, "rmtt": 0.1}
LIMITS = {
    "max_framewise_displacement_mm": 3.0,
    "min_temporal_snr": 15.0,
    "min_bolus_cnr": 1.5,
    "max_outlier_share": 0.10,
    "max_brain_lost_share": 0.05,
    "min_aif_score": 0.5,
    "aif_area_ratio": [0.8, 5.0],
    "min_registration_dice": 0.85,
    "min_edge_margin": 0.03,
    "max_hours_from_onset": 12.0,
    "brain_median_adc": [0.7e-3, 0.95e-3],
}
GOOD_FIGURES: dict[str, Any] = {
    "displacement": 0.5,
    "TemporalSNR": 40.0,
    "DVARSPercent": 2.0,
    "OutlierFrames": 0,
    "OutlierShare": 0.0,
    "BrainLostShare": 0.01,
    "FramesUsed": 40,
    "BolusCNR": 5.0,
    "Warnings": [],
    "Score": 0.9,
    "Weakness": "width",
}
#: 1 mL voxels, x from the patient's left (negative) to the right.
AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])
AFFINE[:3, 3] = -45.0
SHAPE = (10, 10, 10)
KNOWN = {"age": [70.0, ""], "nihss_baseline": [16.0, ""], "hours_from_onset": [8.0, ""]}


class Session:
    """The files of a session with a core of 20 mL and a deficit of 90 mL, both on the left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, str] = {}
        for name, ml in {
            "core": 20,
            "core_dscref": 20,
            "tmax4": 110,
            "tmax6": 90,
            "tmax8": 50,
            "tmax10": 25,
        }.items():
            self.mask(name, ml)
        self.mask("penumbra", 72)
        for name in ("core_mirror", "deficit_mirror"):
            self.document(name, {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
        steps = stability.thresholds("adc", 40e-6, 620e-6)
        self.document("core_curves", {"Curves": {"adc": [[v, 20 + (v - 620e-6) * 1e5] for v in steps]}})
        self.perfusion(normal_s=1.0)

    def perfusion(self, normal_s: float) -> None:
        nominal = {2: 130, 4: 110, 6: 90, 8: 50, 10: 25}
        tmax = [
            [v, float(np.interp(v, list(nominal), list(nominal.values())))] for v in stability.thresholds("tmax", 1.0)
        ]
        rcbf = [[v, 22 * v / 0.3] for v in stability.thresholds("rcbf", 0.1)]
        rmtt = [[v, 95 - 100 * (v - 1.5)] for v in stability.thresholds("rmtt", 0.1)]
        delay = [[v, 130 - 10 * (v - 2)] for v in stability.thresholds("delay", 1.0)]
        content = {
            "Curves": {"tmax": tmax, "delay": delay, "rcbf": rcbf, "rmtt": rmtt},
            "NormalTmax": normal_s,
        }
        self.document("deficit_curves", content)

    def series(self, changed: dict[str, Any]) -> None:
        """Add the motion and curves of a series of 40 frames, good but for what is changed."""
        figures = GOOD_FIGURES | {"MotionWarnings": []} | changed
        displacement = [0.0] * 39 + [figures["displacement"]]
        columns = {"framewise_displacement": displacement, "outlier": [0] * 40}
        self.table("motion", columns, Quality=figures, Warnings=figures["MotionWarnings"])
        self.table("curves", {"time": range(40)}, **figures, Quality={"fwhm_s": 8.0, "area_ratio": 1.5})

    def table(self, name: str, columns: dict[str, Any], **sidecar: Any) -> None:
        path = self.folder / f"{name}.tsv"
        rows = zip(*columns.values(), strict=True)
        path.write_text("\n".join(["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]) + "\n")
        write_json(sidecar_path(path), sidecar)
        self.files[name] = str(path)

    def mask(self, name: str, ml: int, reasons: list[str] | None = None) -> None:
        data = np.zeros(SHAPE, bool)
        data.reshape(-1)[:ml] = True
        path = self.folder / f"{name}.nii.gz"
        sidecar = {"BrainMedianADC": 0.8e-3} | ({"Reasons": reasons} if reasons else {})
        nifti.save(path, data, AFFINE, sidecar=sidecar)
        self.files[name] = str(path)

    def document(self, name: str, content: dict[str, Any]) -> None:
        path = self.folder / f"{name}.json"
        write_json(path, content)
        self.files[name] = str(path)

    def measure(self, role: str = "baseline", clinical: dict[str, Any] = KNOWN, **changed: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "participant": "01",
            "session": role,
            "role": role,
            "clinical": clinical,
            "absences": [],
            "criteria": CATALOGUE,
            "half_widths": HALF_WIDTHS,
            "core_threshold": 620e-6,
            "limits": LIMITS,
        }
        step = MeasureSession(**self.files, **given | changed)
        return read_sidecar(step.run(cwd=str(self.folder)).outputs.measures)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"EdgeMargin": 0.01}, "agree hardly better than when moved by 4 mm (0.45, +0.01, at least +0.03 needed)"),
        ({"BrainDice": 0.8}, "overlap with a Dice of only 0.80 (at least 0.85 needed)"),
    ],
)
def test_a_doubtful_registration_is_a_warning(session: Session, changed: dict[str, float], said: str | None) -> None:
    session.document("transform", {"BrainDice": 0.98, "EdgeAgreement": 0.45, "EdgeMargin": 0.06} | changed)
    row = session.measure()["Row"]
    assert (row["edge_agreement"], row["status"]) == (0.45, "warn" if said else "ok")
    assert said is None or said in row["reasons"]


def test_a_target_is_one_by_every_criterion(session: Session) -> None:
    session.document("post", {"Row": {"core_ml": 18.0, "tmax6_ml": 5.0}})
    found = session.measure()
    row = found["Row"]
    assert {name: row[name] for name in CATALOGUE} == {
        "generic": "mismatch",
        "defuse": "target",
        "epithet": "mismatch",
        "defuse2": "target",
        "defuse3": "target",
        "extend_ia": "mismatch",
        "extend": "mismatch",
        "swift_prime": "target",
        "dawn": "mismatch",
        "relative_flow": "mismatch",
        "asl2023": None,
        "reversal": "reversal",
    }
    assert (row["mismatch_ml"], row["mismatch_ratio"], row["rcbf30_ml"]) == pytest.approx((70.0, 4.5, 22.0))
    assert (row["core_side"], row["deficit_side"], row["core_covered"]) == ("left", "left", 1.0)
    assert (row["status"], row["reasons"], found["Failures"]) == ("ok", "", [])


def test_core_and_deficit_on_opposite_sides_are_a_warning(session: Session) -> None:
    deficit = nifti.load(session.files["tmax6"])
    nifti.save(session.files["tmax6"], deficit.mask[::-1], AFFINE, sidecar={})
    row = session.measure()["Row"]
    assert (row["core_side"], row["deficit_side"], row["status"]) == ("left", "right", "warn")
    assert "the core lies on the left, and the deficit on the right" in row["reasons"]


@pytest.mark.parametrize(
    ("score", "ratio", "said"),
    [
        (0.6, 1.5, ""),
        (0.6, "n/a", ""),
        (0.4, 1.5, "aif: the width of the arterial input is doubtful (score 0.40, at least 0.5 needed)"),
        (0.6, 6.2, "aif: the venous area is 6.2 times the arterial area"),
        (0.6, 0.5, "aif: the venous area is 0.5 times the arterial area"),
    ],
)
def test_a_doubtful_arterial_input_is_a_warning(session: Session, score: float, ratio: float | str, said: str) -> None:
    quality = {"fwhm_s": 8.0, "area_ratio": ratio}
    content = {"Score": score, "Weakness": "width", "Warnings": [], "Quality": quality, "BolusCNR": 20.0}
    session.document("curves", content)
    row = session.measure()["Row"]
    assert row["status"] == ("warn" if said else "ok")
    assert said in row["reasons"]
    assert ("aif: " in row["reasons"]) == bool(said)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"displacement": 3.5}, "motion: framewise displacement reaches 3.5 mm (limit 3 mm)"),
        ({"OutlierFrames": 5, "OutlierShare": 0.125}, "motion: 5 of 40 frames could not be realigned, or fit badly"),
        ({"FramesUsed": 36}, "motion: only the first 36 of 40 frames are used"),
        ({"BrainLostShare": 0.08}, "motion: 8% of the brain is outside the field of view in some frame"),
        ({"TemporalSNR": 11.0}, "noise: the temporal SNR before the bolus is only 11 (at least 15 needed)"),
        ({"BolusCNR": 1.2}, "noise: the bolus is only 1.2 times the noise of a voxel (at least 1.5 needed)"),
        ({"Warnings": ["narrow"]}, "aif: narrow"),
        ({"MotionWarnings": ["the frame at 21 s"]}, "motion: the frame at 21 s"),
    ],
    ids=lambda value: next(iter(value), "good") if isinstance(value, dict) else "",
)
def test_a_figure_beyond_its_limit_is_a_warning(session: Session, changed: dict[str, Any], said: str) -> None:
    session.series(changed)
    row = session.measure(criteria={})["Row"]
    assert (row["status"], row["reasons"]) == ("warn" if said else "ok", said)
    for column, key in (
        ("tsnr", "TemporalSNR"),
        ("bolus_cnr", "BolusCNR"),
        ("aif_score", "Score"),
        ("outlier_frames", "OutlierFrames"),
        ("brain_lost_share", "BrainLostShare"),
    ):
        assert row[column] == changed.get(key, GOOD_FIGURES[key])
    assert row["fd_max_mm"] == changed.get("displacement", 0.5)


@pytest.mark.parametrize(
    ("missing", "unjudged"),
    [("age", {"dawn"}), ("nihss_baseline", {"dawn"}), ("hours_from_onset", {"dawn", "defuse3"})],
)
def test_what_is_missing_of_the_patient_is_a_reason_and_no_fault_of_the_scan(
    session: Session, missing: str, unjudged: set[str]
) -> None:
    session.document("post", {"Row": {"core_ml": 18.0, "tmax6_ml": 5.0}})
    found = session.measure(clinical={**KNOWN, missing: [None, f"the study's tables have no {missing}"]})
    row = found["Row"]
    # a bolus says nothing of low flow by ASL, which is no fault of the scan either
    assert {name for name in CATALOGUE if row[name] is None} == unjudged | {"asl2023"}
    assert row["status"] == "ok"
    reason = f"{missing} is not known: the study's tables have no {missing}"
    assert sorted(found["Failures"]) == [[name, reason] for name in sorted(unjudged)]
    assert all(f"{name}: {reason}" in row["reasons"] for name in unjudged)


def test_reversal_takes_a_session_after_treatment(session: Session) -> None:
    found = session.measure()
    assert found["Row"]["reversal"] is None
    [(what, reason)] = found["Failures"]
    assert what == "reversal"
    assert "session after treatment" in reason


def test_only_the_baseline_is_judged(session: Session) -> None:
    found = session.measure(role="post", clinical={})
    assert not set(CATALOGUE) & set(found["Row"])
    assert found["Stability"] == found["Failures"] == []
    assert found["Row"]["status"] == "ok"
    assert len(found["Thresholds"]) == 3 + 5 + 1 + 3 + 2


def test_the_sweep_of_the_asymmetry_is_among_the_thresholds(session: Session) -> None:
    session.document("reflow", {"asymmetry_sweep_ml": {"0.10": 9.0, "0.15": 7.5, "0.20": 6.0, "0.30": "n/a"}})
    rows = [row for row in session.measure(role="post", clinical={})["Thresholds"] if row["map"] == "asymmetry"]
    assert [(row["threshold"], row["ml"]) for row in rows] == [(0.1, 9.0), (0.15, 7.5), (0.2, 6.0), (0.3, "n/a")]
    session.document("reflow", {"Reasons": ["the follow-up lesion is empty"]})
    found = session.measure(role="post", clinical={})
    assert "asymmetry" not in {row["map"] for row in found["Thresholds"]}
    assert found["Row"]["status"] == "ok"  # it is the patient's measures that say why


def test_a_threshold_below_normal_tissue_is_no_deficit(session: Session) -> None:
    session.perfusion(normal_s=3.1)
    early = {
        "title": "Early",
        "doi": "none",
        "classes": [{"name": "big", "all": ["tmax2_ml > 50"]}],
        "otherwise": "small",
    }
    found = session.measure(criteria={**CATALOGUE, "early": early})
    assert found["Row"]["early"] is None
    assert (found["Row"]["defuse"], found["Row"]["defuse2"]) == ("target", "target")
    assert "early: tmax2_ml is not known: Tmax of normal tissue is 3.1 s" in found["Row"]["reasons"]


def test_a_failed_map_leaves_its_criteria_without_a_class(session: Session) -> None:
    for name in ("tmax4", "tmax6", "tmax8", "tmax10"):
        session.mask(name, 0, reasons=["no bolus"])
    found = session.measure()
    row = found["Row"]
    assert row["status"] == "failed"
    assert row["defuse2"] is row["extend"] is None
    assert row["dawn"] == "mismatch"
    assert [what for what, _ in found["Failures"]] == ["tmax4", "tmax6", "tmax8", "tmax10", "reversal"]


NO_MIRROR = "no mirror plane: the head does not match its own reflection (correlation 0.21)"


def test_without_a_mirror_the_volumes_and_classes_stay(session: Session) -> None:
    whole = session.measure()["Row"]
    both = f"tissue of both sides counts ({NO_MIRROR})"
    deficit = nifti.load(session.files["tmax6"])
    nifti.save(session.files["tmax6"], deficit.mask, AFFINE, sidecar={"Warnings": [both]})
    session.document("deficit_mirror", {"Reasons": [NO_MIRROR]})
    curves = read_sidecar(session.files["deficit_curves"])
    known = {name: curve for name, curve in curves["Curves"].items() if name not in ("rcbf", "rmtt")}
    session.document("deficit_curves", curves | {"Curves": known, "NotComputed": [NO_MIRROR]})
    found = session.measure()
    row = found["Row"]
    assert row["status"] == "warn"
    assert f"deficit_mirror: {NO_MIRROR}" in row["reasons"]
    assert f"hypoperfusion: {both}" in row["reasons"]
    lost = {name for name in whole if whole[name] != row[name]} - {"status", "reasons"}
    assert lost == {
        *("rcbf20_ml", "rcbf30_ml", "rcbf40_ml", "rmtt145_ml", "rmtt150_ml"),
        *("deficit_side", "deficit_laterality", "relative_flow"),
    }
    assert [what for what, _ in found["Failures"]] == ["deficit_mirror", "rcbf", "relative_flow", "reversal"]
    columns = table_dictionaries(TABLES, CATALOGUE, {})["sessions"]
    assert why_session("relative_flow", columns, found).endswith(f"not known: {NO_MIRROR}")
    assert {why_session(column, columns, found) for column in ("deficit_side", "rcbf30_ml")} == {NO_MIRROR}


def test_a_doubtful_mirror_is_a_warning(session: Session) -> None:
    doubt = "a single slice does not show whether the head is tilted to one side"
    plane = read_sidecar(session.files["deficit_mirror"])
    session.document("deficit_mirror", plane | {"Doubt": doubt})
    row = session.measure(criteria={})["Row"]
    assert (row["status"], row["reasons"], row["deficit_side"]) == ("warn", f"mirror: {doubt}", "left")


def test_the_wrong_side_and_a_late_scan_are_flagged(session: Session) -> None:
    row = session.measure(side="right", clinical={**KNOWN, "hours_from_onset": [14.0, ""]})["Row"]
    assert row["status"] == "warn"
    assert "the core lies on the left, and the study says right" in row["reasons"]
    assert "scanned 14.0 h after onset" in row["reasons"]


def test_tables_hold_every_threshold_and_every_stability(session: Session, tmp_path: Path) -> None:
    own = {
        "title": "Mine",
        "doi": "none",
        "classes": [{"name": "big", "all": ["tmax6_ml >= 85"]}],
        "otherwise": "small",
    }
    found = session.measure(criteria={**CATALOGUE, "mine": own})
    file = tmp_path / "measures.json"
    write_json(file, found)
    dictionaries = yaml.safe_load((ROOT / "workflow" / "schemas" / "tables.yaml").read_text(encoding="utf-8"))
    patient = tmp_path / "patient.json"
    write_json(patient, {"participant_id": "sub-01", "Row": {}, "Failures": []})
    step = TabulateStudy(sessions=[str(file)], patients=[str(patient)], dictionaries=dictionaries)
    done = step.run(cwd=str(tmp_path)).outputs
    thresholds = [line.split("\t") for line in Path(done.thresholds).read_text().splitlines()]
    assert thresholds[0] == ["participant_id", "session_id", "map", "threshold", "ml"]
    assert thresholds[1] == ["sub-01", "ses-baseline", "adc", "0.00055", "13"]
    assert ["sub-01", "ses-baseline", "tmax", "6", "90"] in thresholds
    stability = Path(done.stability).read_text()
    assert "sub-01\tses-baseline\tmine\tbig\ttmax6_ml\tunstable\t5\t6\tn/a\n" in stability
    assert "sub-01\tses-baseline\textend\tmismatch\ttmax6_ml\tstable\t5\t7\tn/a\n" in stability


# --- the steps of cleaning -------------------------------------------------------------------------------


#: Places where Tmax is 8 s.
LATE = {
    "deficit": (slice(2, 8), slice(2, 8), slice(2, 8)),
    "ventricle": (slice(2, 6), slice(14, 18), slice(2, 6)),
    "sulcus": (slice(8, 12), slice(14, 18), slice(0, 4)),
    "sinus": (slice(8, 12), slice(14, 18), slice(6, 10)),
    "other side": (slice(16, 22), slice(2, 8), slice(2, 8)),
    "speck": (slice(20, 21), slice(15, 16), slice(5, 6)),
    "scalp": (slice(14, 18), slice(0, 1), slice(9, 12)),
}


@pytest.fixture
def maps(tmp_path: Path) -> dict[str, str]:
    """Tmax of 8 s in the places of `LATE`, 1 s elsewhere; x from the patient's left to the right."""
    shape = (24, 20, 12)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[0, 3] = -46.0
    brain = np.ones(shape, bool)
    tmax, reference, cbv, adc = (np.full(shape, value, np.float32) for value in (1.0, 100.0, 3.0, 0.8e-3))
    for place in LATE.values():
        tmax[place] = 8
    brain[LATE["scalp"]] = False
    reference[LATE["ventricle"]] = 300
    adc[LATE["sulcus"]] = 2.0e-3
    cbv[LATE["sinus"]] = 60
    files = {}
    for name, data in (("tmax", tmax), ("brain", brain), ("reference", reference), ("cbv", cbv), ("adc", adc)):
        nifti.save(tmp_path / f"{name}.nii.gz", data, affine, sidecar={})
        files[name] = str(tmp_path / f"{name}.nii.gz")
    files["mirror"] = str(tmp_path / "mirror.json")
    write_json(files["mirror"], {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
    return files


OFF = {
    "smoothing_mm": 0.0,
    "opening_mm": 0.0,
    "min_volume_ml": 0.0,
    "csf_adc": None,
    "csf_ratio": None,
    "vessel_ratio": None,
    "symptomatic_side_only": False,
}
ON = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["hypoperfusion"]


@pytest.mark.parametrize(
    ("switched_on", "removed"),
    [
        ({}, set()),
        ({"smoothing_mm": 6.0}, {"speck"}),
        ({"opening_mm": 4.0}, {"speck"}),
        ({"min_volume_ml": 1.0}, {"speck"}),
        ({"csf_ratio": 1.6}, {"ventricle"}),
        ({"csf_adc": 1.5e-3}, {"sulcus"}),
        ({"vessel_ratio": 4.0}, {"sinus"}),
        ({"symptomatic_side_only": True}, {"other side", "speck"}),
        ({"symptomatic_side_only": True, "side": "right"}, {"deficit", "ventricle", "sulcus", "sinus"}),
        ({"symptomatic_side_only": True, "side": "unknown"}, set()),
        (ON, {"ventricle", "sulcus", "sinus", "other side", "speck"}),
    ],
)
def test_each_step_of_cleaning_removes_what_it_should_and_nothing_else(
    maps: dict[str, str], tmp_path: Path, switched_on: dict[str, Any], removed: set[str]
) -> None:
    step = SegmentHypoperfusion(**maps, **{"side": "left"} | OFF | switched_on)
    mask = nifti.load(step.run(cwd=str(tmp_path)).outputs.tmax6).mask
    kept = {name: mask[place].mean() for name, place in LATE.items()}
    assert {name for name, share in kept.items() if share == 0} == removed | {"scalp"}
    rounded = 0.4 if {"smoothing_mm", "opening_mm"} & set(switched_on) else 1.0  # corners and edges
    assert all(share >= rounded for name, share in kept.items() if name not in removed | {"scalp"})
    late = nifti.load(maps["tmax"]).data > 6
    assert not (mask & ~late).any()


def test_late_tissue_is_cleaned_as_the_hypoperfused_is(maps: dict[str, str], tmp_path: Path) -> None:
    """The same map, taken for Tmax and for the delay, gives the same tissue above 6 s."""
    given = {name: path for name, path in maps.items() if name != "tmax"}
    step = SegmentDelay(**given, delay=maps["tmax"], **ON | {"side": "left"})
    late = step.run(cwd=str(tmp_path / "delay")).outputs
    other = SegmentHypoperfusion(**maps, **ON | {"side": "left"}).run(cwd=str(tmp_path / "tmax")).outputs.tmax6
    above3, above6 = (nifti.load(path) for path in (late.delay3, late.delay6))
    np.testing.assert_array_equal(above6.mask, nifti.load(other).mask)
    step = MeasureSession(
        delay3=late.delay3,
        delay6=late.delay6,
        delay_curves=late.curves,
        participant="01",
        session="x",
        criteria={},
        clinical={},
        absences=[],
    )
    measured = read_sidecar(step.run(cwd=str(tmp_path / "row")).outputs.measures)
    row, table = measured["Row"], {line["threshold"]: line["ml"] for line in measured["Thresholds"]}
    for limit_s, mask in ((3, above3), (6, above6)):
        assert row[f"arterial_delay{limit_s}_ml"] == table[limit_s] == volume_ml(mask.mask, mask.affine)
    assert {line["map"] for line in measured["Thresholds"]} == {"arterial_delay"}
    assert row["arterial_delay6_ml"] > 0


def test_without_a_mirror_both_sides_count_and_it_is_said(maps: dict[str, str], tmp_path: Path) -> None:
    write_json(maps["mirror"], {"Reasons": [NO_MIRROR]})
    step = SegmentHypoperfusion(**maps, **OFF | {"symptomatic_side_only": True, "side": "left"})
    path = step.run(cwd=str(tmp_path)).outputs.tmax6
    mask = nifti.load(path).mask
    assert mask[LATE["deficit"]].all()
    assert mask[LATE["other side"]].all()
    both_sides, slab = read_sidecar(path)["Warnings"]
    assert both_sides == f"tissue of both sides counts ({NO_MIRROR})"
    assert slab == "the image shows 48 mm of the brain, cut off below and above; volumes count this part only"


@pytest.mark.parametrize(("side", "left_out_ml"), [("left", 14), ("right", 26)])
def test_a_deficit_that_is_left_out_is_told(
    maps: dict[str, str], tmp_path: Path, side: str, left_out_ml: float
) -> None:
    step = SegmentHypoperfusion(**maps, **OFF | {"symptomatic_side_only": True, "side": side})
    found = read_sidecar(step.run(cwd=str(tmp_path)).outputs.tmax6)["Warnings"]
    assert [warning for warning in found if "left out" in warning] == [
        f"{left_out_ml} mL with Tmax above 6 s on the other side is left out, as the study says {side} "
        "(hypoperfusion.symptomatic_side_only); check the side"
    ]
    speck = {"symptomatic_side_only": True, "side": side, "min_volume_ml": 70.0}
    step = SegmentHypoperfusion(**maps, **OFF | speck)
    assert not any(
        "left out" in warning for warning in read_sidecar(step.run(cwd=str(tmp_path)).outputs.tmax6)["Warnings"]
    )


def test_late_blood_in_most_of_the_brain_is_told(maps: dict[str, str], tmp_path: Path) -> None:
    tmax = nifti.load(maps["tmax"])
    late = np.where(np.arange(12) < 8, 8.0, 1.0) * np.ones_like(tmax.data)
    nifti.save(maps["tmax"], late, tmax.affine, sidecar={})
    for given in ({}, {"symptomatic_side_only": True, "side": "left"}):
        step = SegmentHypoperfusion(**maps, **OFF | given)
        warnings = read_sidecar(step.run(cwd=str(tmp_path)).outputs.tmax6)["Warnings"]
        assert any("Tmax is above 6 s in 67% of the brain" in warning for warning in warnings)


def test_an_adc_that_failed_is_done_without(maps: dict[str, str], tmp_path: Path) -> None:
    failed = tmp_path / "failed.nii.gz"
    nifti.save(failed, np.full((1, 1, 1), np.nan), np.eye(4), sidecar={"Reasons": ["no brain was found"]})
    step = SegmentHypoperfusion(**maps | {"adc": str(failed)}, **OFF | {"csf_adc": 1.5e-3})
    mask = nifti.load(step.run(cwd=str(tmp_path)).outputs.tmax6).mask
    assert mask[LATE["sulcus"]].all()
    step = SegmentHypoperfusion(**maps | {"tmax": str(failed)}, **OFF)
    assert sidecars.reasons(step.run(cwd=str(tmp_path)).outputs.tmax6) == ["no brain was found"]


def test_a_voxel_without_a_value_is_as_its_neighbours(maps: dict[str, str], tmp_path: Path) -> None:
    """In the core there may be no bolus to measure; a large part without values is not guessed."""
    tmax = nifti.load(maps["tmax"])
    holes = np.zeros(tmax.data.shape, bool)
    holes[4, 4, 4] = holes[5, 6, 3] = holes[14, 14, 4] = True
    holes[17:22, 3:7, 3:7] = True
    nifti.save(maps["tmax"], np.where(holes, np.nan, tmax.data), tmax.affine, sidecar={})

    def found(**options: Any) -> np.ndarray:
        step = SegmentHypoperfusion(**maps, **OFF | options)
        return nifti.load(step.run(cwd=str(tmp_path)).outputs.tmax6).mask

    assert not found()[holes].any()
    filled = found(smoothing_mm=3.0)
    assert filled[4, 4, 4]
    assert filled[5, 6, 3]
    assert not filled[14, 14, 4]
    assert not filled[18:21, 4:6, 4:6].any()


def test_the_sweep_agrees_with_the_mask_and_with_the_maps(maps: dict[str, str], tmp_path: Path) -> None:
    options = {"side": "left"} | OFF | {"csf_ratio": 1.6}
    mask = SegmentHypoperfusion(**maps, **options).run(cwd=str(tmp_path)).outputs.tmax6
    deficit = nifti.load(mask)
    flow = np.where(deficit.mask, 0.25, 1.0).astype(np.float32)
    volume = np.where(deficit.mask, 0.37, 1.0).astype(np.float32)
    volume[10:15, 2:8, 2:8] = 3.0  # a vein: its transit is long, but it is not late
    core = np.zeros(deficit.data.shape, bool)
    core[2:8, 2:8, 2:5] = True
    for name, data in (("rcbf", flow), ("rcbv", volume), ("core", core)):
        nifti.save(tmp_path / f"{name}.nii.gz", data, deficit.affine, sidecar={})
    step = SweepPerfusion(
        **maps,
        **options,
        deficit=mask,
        rcbf=str(tmp_path / "rcbf.nii.gz"),
        rcbv=str(tmp_path / "rcbv.nii.gz"),
        core=str(tmp_path / "core.nii.gz"),
        half_widths=HALF_WIDTHS,
    )
    done = step.run(cwd=str(tmp_path)).outputs
    found = read_sidecar(done.curves)
    ml = volume_ml(deficit.mask, deficit.affine)
    curves = {name: dict(map(tuple, curve)) for name, curve in found["Curves"].items()}
    assert curves["tmax"][6.0] == pytest.approx(ml)
    assert curves["tmax"][8.0] == 0
    outside_ml = ml - volume_ml(core, deficit.affine)
    assert (curves["coreg_tmax"][6.0], curves["coreg_tmax"][8.0]) == pytest.approx((outside_ml, 0))
    # 8 s is 7 s later than the 1 s of normal tissue
    assert curves["delay"] == pytest.approx(dict.fromkeys((1.0, 1.5, 2.0, 2.5, 3.0), ml))
    assert (curves["rcbf"][0.2], curves["rcbf"][0.3]) == pytest.approx((0, ml))
    # MTT is 0.37 / 0.25 = 148 % of normal
    assert (curves["rmtt"][1.45], curves["rmtt"][1.5]) == pytest.approx((ml, 0))
    assert found["NormalTmax"] == pytest.approx(1.0)
    assert not math.isnan(found["NormalTmax"])
    for name, unit in (("tmax", "s"), ("rcbf", "1")):
        said = read_sidecar(bits := done.get()[f"{name}_sweep"])
        assert (said["ThresholdUnits"], said["OwnThreshold"] in said["Thresholds"]) == (unit, True)
        assert volumes_of_bits(bits) == found["Curves"][name]
    np.testing.assert_array_equal(mask_at(done.tmax_sweep, 6.0), deficit.mask)


def test_a_sweep_without_relative_flow_says_why(maps: dict[str, str], tmp_path: Path) -> None:
    deficit = SegmentHypoperfusion(**maps, **OFF).run(cwd=str(tmp_path)).outputs.tmax6
    for name in ("rcbf", "rcbv"):
        nifti.save(tmp_path / f"{name}.nii.gz", np.ones((1, 1, 1)), np.eye(4), sidecar={"Reasons": [NO_MIRROR]})
    relative = {name: str(tmp_path / f"{name}.nii.gz") for name in ("rcbf", "rcbv")}
    done = SweepPerfusion(**maps, **OFF, deficit=deficit, **relative).run(cwd=str(tmp_path)).outputs
    assert sidecars.reasons(done.rcbf_sweep) == [NO_MIRROR]
    assert volumes_of_bits(done.tmax_sweep) == read_sidecar(done.curves)["Curves"]["tmax"]


def test_intervals_are_made_of_the_draws(session: Session) -> None:
    """Core of 20 and deficit of 90 mL: mismatch and ratio combine the draws of one index."""
    spread = np.linspace(-4, 4, 39)
    curves = read_sidecar(session.files["core_curves"])
    session.document("core_curves", curves | {"Draws": {"core_ml": (20 + spread).tolist()}})
    session.document("deficit_draws", {"Draws": {"tmax6_ml": (90 - spread).tolist(), "tmax10_ml": [25.0] * 39}})
    found = session.measure()
    row = found["Row"]
    assert (row["core_ml_low"], row["core_ml_high"]) == pytest.approx((20 + spread[1], 20 + spread[-2]))
    assert (row["tmax6_ml_low"], row["tmax6_ml_high"]) == pytest.approx((90 + spread[1], 90 + spread[-2]))
    assert (row["mismatch_ml_low"], row["mismatch_ml_high"]) == pytest.approx((70 + 2 * spread[1], 70 + 2 * spread[-2]))
    ratios = (90 - spread) / (20 + spread)
    assert (row["mismatch_ratio_low"], row["mismatch_ratio_high"]) == pytest.approx((ratios[-2], ratios[1]))
    assert row["tmax8_ml_low"] == "n/a"
    assert (row["tmax10_ml_low"], row["tmax10_ml_high"]) == pytest.approx((25, 25))
    assert found["Draws"]["core_ml"] == pytest.approx((20 + spread).tolist())


def test_intervals_reach_to_what_there_would_be_without_noise(session: Session) -> None:
    """Noise added to noise makes the core 1 mL larger and the deficit 2 mL: without any they are 2.4 and 4.8 less."""
    spread = np.linspace(-4, 4, 39)
    curves = read_sidecar(session.files["core_curves"])
    session.document("core_curves", curves | {"Draws": {"core_ml": (21 + spread).tolist()}})
    session.document("deficit_draws", {"Draws": {"tmax6_ml": (92 - spread).tolist()}})
    found = session.measure()
    row, step = found["Row"], 1 / (np.sqrt(2) - 1)
    assert (row["core_ml_low"], row["core_ml_high"]) == pytest.approx((20 - step + spread[1], 20 + spread[-2]))
    assert (row["tmax6_ml_low"], row["tmax6_ml_high"]) == pytest.approx((90 - 2 * step + spread[1], 90 + spread[-2]))
    mismatch = row["mismatch_ml_low"], row["mismatch_ml_high"]
    assert mismatch == pytest.approx((70 - step + 2 * spread[1], 70 + 2 * spread[-2]))
    assert found["Draws"]["core_ml"] == pytest.approx((20 + spread).tolist())
    assert found["DrawsWithoutNoise"]["core_ml"] == pytest.approx((20 - step + spread).tolist())


def test_the_share_of_draws_in_which_a_class_holds_is_beside_its_stability(session: Session) -> None:
    own = {
        "title": "Mine",
        "doi": "none",
        "classes": [{"name": "big", "all": ["tmax6_ml >= 89"]}],
        "otherwise": "small",
    }
    unknown = session.measure(criteria={"mine": own})["Stability"]
    assert [entry["held_share"] for entry in unknown] == ["n/a"]
    session.document("deficit_draws", {"Draws": {"tmax6_ml": [88.0, 90.0, 91.0, 91.0]}})
    assert [entry["held_share"] for entry in session.measure(criteria={"mine": own})["Stability"]] == [0.75]


def test_the_core_of_ct_does_not_wait_for_diffusion() -> None:
    columns = table_dictionaries(TABLES, CATALOGUE, {})["sessions"]
    failures = [["diffusion", "there is no diffusion scan"], ["dawn", "age is not known"]]
    visit = {"Row": {"core_source": "diffusion"}, "Failures": failures}
    assert why_session("dawn", columns, visit) == "there is no diffusion scan; age is not known"
    assert why_session("dawn", columns, visit | {"Row": {"core_source": "rcbf30"}}) == "age is not known"
    assert why_session("asl2023", columns, visit | {"Row": {"core_source": "rcbf30"}}) == "needs ASL"


def test_a_reason_that_another_repeats_is_said_once() -> None:
    columns = {"defuse3": {"needs": ("dsc",)}}
    failures = [["dsc", "needs Tmax"], ["defuse3", "needs Tmax; age is not known"]]
    assert why_session("defuse3", columns, {"Failures": failures}) == "needs Tmax; age is not known"
