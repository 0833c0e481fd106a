"""A session's row, its thresholds and the firmness of its classes, from small files with known volumes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from reperfuse import criteria, images
from reperfuse.interfaces import MeasureSession, SegmentHypoperfusion, SweepPerfusion, TabulateStudy

ROOT = Path(__file__).parents[2]
CATALOGUE = yaml.safe_load((ROOT / "config" / "criteria.yaml").read_text(encoding="utf-8"))
HALF_WIDTHS = {"tmax": 1.0, "delay": 1.0, "adc": 40e-6, "rcbf": 0.1, "rmtt": 0.1}
LIMITS = {
    "max_framewise_displacement_mm": 3.0,
    "min_temporal_snr": 15.0,
    "max_outlier_share": 0.10,
    "max_brain_lost_share": 0.05,
    "min_registration_dice": 0.85,
    "max_hours_from_onset": 12.0,
    "brain_median_adc": [0.7e-3, 0.95e-3],
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
        steps = criteria.thresholds("adc", 40e-6, 620e-6)
        self.document("core_curves", {"Curves": {"adc": [[v, 20 + (v - 620e-6) * 1e5] for v in steps]}})
        self.perfusion(normal_s=1.0)

    def perfusion(self, normal_s: float) -> None:
        nominal = {2: 130, 4: 110, 6: 90, 8: 50, 10: 25}
        tmax = [
            [v, float(np.interp(v, list(nominal), list(nominal.values())))] for v in criteria.thresholds("tmax", 1.0)
        ]
        rcbf = [[v, 22 * v / 0.3] for v in criteria.thresholds("rcbf", 0.1)]
        rmtt = [[v, 95 - 100 * (v - 1.5)] for v in criteria.thresholds("rmtt", 0.1)]
        delay = [[v, 130 - 10 * (v - 2)] for v in criteria.thresholds("delay", 1.0)]
        content = {
            "Curves": {"tmax": tmax, "delay": delay, "rcbf": rcbf, "rmtt": rmtt},
            "NormalTmax": normal_s,
        }
        self.document("deficit_curves", content)

    def mask(self, name: str, ml: int, reasons: list[str] | None = None) -> None:
        data = np.zeros(SHAPE, bool)
        data.reshape(-1)[:ml] = True
        path = self.folder / f"{name}.nii.gz"
        sidecar = {"BrainMedianADC": 0.8e-3} | ({"Reasons": reasons} if reasons else {})
        images.save(path, data, AFFINE, sidecar=sidecar)
        self.files[name] = str(path)

    def document(self, name: str, content: dict[str, Any]) -> None:
        path = self.folder / f"{name}.json"
        images.write_json(path, content)
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
        return images.read_sidecar(step.run(cwd=str(self.folder)).outputs.measures)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


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
        "reversal": "reversal",
    }
    assert (row["mismatch_ml"], row["mismatch_ratio"], row["rcbf30_ml"]) == pytest.approx((70.0, 4.5, 22.0))
    assert (row["core_side"], row["deficit_side"], row["core_covered"]) == ("left", "left", 1.0)
    assert (row["status"], row["reasons"], found["Failures"]) == ("ok", "", [])


def test_core_and_deficit_on_opposite_sides_are_a_warning(session: Session) -> None:
    deficit = images.load(session.files["tmax6"])
    images.save(session.files["tmax6"], deficit.mask[::-1], AFFINE, sidecar={})
    row = session.measure()["Row"]
    assert (row["core_side"], row["deficit_side"], row["status"]) == ("left", "right", "warn")
    assert "the core lies on the left, the deficit on the right" in row["reasons"]


def test_what_is_missing_of_the_patient_is_a_reason_and_no_fault_of_the_scan(session: Session) -> None:
    found = session.measure(clinical={**KNOWN, "age": [None, "the study's tables have no age"]})
    row = found["Row"]
    assert row["dawn"] is None
    assert row["defuse3"] == "target"
    assert row["status"] == "ok"
    assert "dawn: age not known: the study's tables have no age" in row["reasons"]
    assert ["reversal", found["Failures"][-1][1]] == found["Failures"][-1]
    assert "session after treatment" in found["Failures"][-1][1]


def test_only_the_baseline_is_judged(session: Session) -> None:
    found = session.measure(role="post", clinical={})
    assert not set(CATALOGUE) & set(found["Row"])
    assert found["Stability"] == found["Failures"] == []
    assert found["Row"]["status"] == "ok"
    assert len(found["Thresholds"]) == 3 + 5 + 1 + 3 + 2


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
    assert "early: tmax2_ml not known: normal tissue's own Tmax is 3.1 s" in found["Row"]["reasons"]


def test_a_failed_map_leaves_its_criteria_without_a_class(session: Session) -> None:
    for name in ("tmax4", "tmax6", "tmax8", "tmax10"):
        session.mask(name, 0, reasons=["no bolus"])
    found = session.measure()
    row = found["Row"]
    assert row["status"] == "failed"
    assert row["defuse2"] is row["extend"] is None
    assert row["dawn"] == "mismatch"
    assert [what for what, _ in found["Failures"]] == ["tmax4", "tmax6", "tmax8", "tmax10", "reversal"]


def test_the_wrong_side_and_a_late_scan_are_flagged(session: Session) -> None:
    row = session.measure(side="right", clinical={**KNOWN, "hours_from_onset": [14.0, ""]})["Row"]
    assert row["status"] == "warn"
    assert "the core lies on the left, the study says right" in row["reasons"]
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
    images.write_json(file, found)
    dictionaries = yaml.safe_load((ROOT / "workflow" / "schemas" / "tables.yaml").read_text(encoding="utf-8"))
    patient = tmp_path / "patient.json"
    images.write_json(patient, {"participant_id": "sub-01", "Row": {}, "Failures": []})
    step = TabulateStudy(sessions=[str(file)], patients=[str(patient)], dictionaries=dictionaries)
    done = step.run(cwd=str(tmp_path)).outputs
    thresholds = [line.split("\t") for line in Path(done.thresholds).read_text().splitlines()]
    assert thresholds[0] == ["participant_id", "session_id", "map", "threshold", "ml"]
    assert thresholds[1] == ["sub-01", "ses-baseline", "adc", "0.00055", "13"]
    assert ["sub-01", "ses-baseline", "tmax", "6", "90"] in thresholds
    stability = Path(done.stability).read_text()
    assert "sub-01\tses-baseline\tmine\tbig\ttmax6_ml\tunstable\t5\t6\n" in stability
    assert "sub-01\tses-baseline\textend\tmismatch\ttmax6_ml\tstable\t5\t7\n" in stability


# --- the steps of cleaning -------------------------------------------------------------------------------


@pytest.fixture
def maps(tmp_path: Path) -> dict[str, str]:
    """Tmax of 8 s on the left (4 × 4 × 4), in a ventricle, in a sinus, on the right, and in one voxel."""
    shape = (24, 20, 12)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[0, 3] = -46.0
    brain = np.ones(shape, bool)
    tmax, reference, cbv = (np.full(shape, value, np.float32) for value in (1.0, 100.0, 3.0))
    tmax[2:8, 2:8, 2:8] = 8
    tmax[2:6, 14:18, 2:6] = 8
    reference[2:6, 14:18, 2:6] = 300
    tmax[8:12, 14:18, 6:10] = 8
    cbv[8:12, 14:18, 6:10] = 60
    tmax[16:22, 2:8, 2:8] = 8
    tmax[20, 15, 5] = 8
    files = {}
    for name, data in (("tmax", tmax), ("brain", brain), ("reference", reference), ("cbv", cbv)):
        images.save(tmp_path / f"{name}.nii.gz", data, affine, sidecar={})
        files[name] = str(tmp_path / f"{name}.nii.gz")
    files["mirror"] = str(tmp_path / "mirror.json")
    images.write_json(files["mirror"], {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
    return files


OFF = {
    "smoothing_mm": 0.0,
    "opening_mm": 0.0,
    "min_volume_ml": 0.0,
    "csf_ratio": None,
    "vessel_ratio": None,
    "symptomatic_side_only": False,
}


@pytest.mark.parametrize(
    ("switched_on", "voxels"),
    [
        ({}, 216 + 64 + 64 + 216 + 1),
        ({"csf_ratio": 1.6}, 216 + 64 + 216 + 1),
        ({"vessel_ratio": 4.0}, 216 + 64 + 216 + 1),
        ({"min_volume_ml": 1.0}, 216 + 64 + 64 + 216),
        ({"opening_mm": 4.0}, 2 * (216 - 8) + 2 * (64 - 8)),
        ({"symptomatic_side_only": True}, 216 + 64 + 64),
        ({"symptomatic_side_only": True, "side": "unknown"}, 216 + 64 + 64 + 216 + 1),
        ({"symptomatic_side_only": True, "side": "right"}, 216 + 1),
        ({"csf_ratio": 1.6, "vessel_ratio": 4.0, "min_volume_ml": 1.0, "symptomatic_side_only": True}, 216),
    ],
)
def test_each_step_of_cleaning_can_be_switched(
    maps: dict[str, str], tmp_path: Path, switched_on: dict[str, Any], voxels: int
) -> None:
    step = SegmentHypoperfusion(**maps, **{"side": "left"} | OFF | switched_on)
    mask = images.load(step.run(cwd=str(tmp_path)).outputs.tmax6).mask
    if "opening_mm" in switched_on:  # corners are rounded
        assert 0.6 * voxels < mask.sum() <= voxels + 32
        assert not mask[20, 15, 5]
    else:
        assert mask.sum() == voxels


def test_the_sweep_agrees_with_the_mask_and_with_the_maps(maps: dict[str, str], tmp_path: Path) -> None:
    options = {"side": "left"} | OFF | {"csf_ratio": 1.6}
    mask = SegmentHypoperfusion(**maps, **options).run(cwd=str(tmp_path)).outputs.tmax6
    deficit = images.load(mask)
    flow = np.where(deficit.mask, 0.25, 1.0).astype(np.float32)
    for name, data in (("rcbf", flow), ("rcbv", np.where(deficit.mask, 0.37, 1.0).astype(np.float32))):
        images.save(tmp_path / f"{name}.nii.gz", data, deficit.affine, sidecar={})
    step = SweepPerfusion(
        **maps,
        **options,
        deficit=mask,
        rcbf=str(tmp_path / "rcbf.nii.gz"),
        rcbv=str(tmp_path / "rcbv.nii.gz"),
        half_widths=HALF_WIDTHS,
    )
    found = images.read_sidecar(step.run(cwd=str(tmp_path)).outputs.curves)
    ml = images.volume_ml(deficit.mask, deficit.affine)
    curves = {name: dict(map(tuple, curve)) for name, curve in found["Curves"].items()}
    assert curves["tmax"][6.0] == pytest.approx(ml)
    assert curves["tmax"][8.0] == 0
    # 8 s is 7 s later than the 1 s of normal tissue
    assert curves["delay"] == pytest.approx(dict.fromkeys((1.0, 1.5, 2.0, 2.5, 3.0), ml))
    assert (curves["rcbf"][0.2], curves["rcbf"][0.3]) == pytest.approx((0, ml))
    # MTT is 0.37 / 0.25 = 148 % of normal
    assert (curves["rmtt"][1.45], curves["rmtt"][1.5]) == pytest.approx((ml, 0))
    assert found["NormalTmax"] == pytest.approx(1.0)
    assert not math.isnan(found["NormalTmax"])
