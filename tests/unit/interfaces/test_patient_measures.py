"""Reflow and a patient's row, from small files with known volumes."""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import read_sidecar, write_json
from reperfuse.files.tables import read_rows
from reperfuse.interfaces import (
    CompareDeficits,
    MapReflow,
    MeasurePatient,
    ProjectLesion,
    QuantifyGrowth,
    TabulateStudy,
)
from reperfuse.study.options import read_reflow
from reperfuse.study.settings import check_config
from reperfuse.volumes.image import volume_ml
from swept import mask_at, volumes_of_bits

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
#: 4 × 4 × 6 mm, x from the patient's left (negative) to the right.
AFFINE = np.diag([4.0, 4.0, 6.0, 1.0])
SHAPE = (36, 40, 14)
AFFINE[:3, 3] = -(np.array(SHAPE) - 1) / 2 * [4, 4, 6]
WORLD = np.moveaxis(np.indices(SHAPE), 0, -1) * [4, 4, 6] + AFFINE[:3, 3]
BRAIN = ((WORLD / [65, 75, 40]) ** 2).sum(axis=-1) < 1


def ball(centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    return ((WORLD - centre) ** 2).sum(axis=-1) < radius_mm**2


LESION, ISLAND = ball((-35, 0, 0), 25), ball((-35, 0, 0), 16)


class Patient:
    """The files of a patient after treatment: an island at 0.6 of its mirror in a lesion on the left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        noise = np.random.default_rng(0).normal(0, 0.05, SHAPE)
        self.files = {
            "rcbv": self.save("rcbv", np.where(BRAIN, np.where(ISLAND, 0.6, 1.0) + noise, np.nan)),
            "brain": self.save("brain", BRAIN),
            "deficit": self.save("deficit", np.zeros(SHAPE, bool)),
            "lesion": self.lesion(LESION),
            "mirror": str(folder / "mirror.json"),
        }
        write_json(folder / "mirror.json", {"Normal": [1.0, 0, 0], "OffsetMm": 0.0, "Quality": 0.9})

    def save(self, name: str, data: np.ndarray, **sidecar: Any) -> str:
        path = self.folder / f"{name}.nii.gz"
        nifti.save(path, data, AFFINE, sidecar=sidecar)
        return str(path)

    def lesion(self, mask: np.ndarray, share: float = 1.0) -> str:
        return self.save("lesion", mask, LesionMl=volume_ml(mask, AFFINE), ShareInFieldOfView=share)

    def reflow(self, **changed: Any) -> dict[str, Any]:
        reflow = read_reflow(ROOT / "config" / "reflow.yaml", CONFIG["imr"])
        parameters = {name: reflow[name] for name in MapReflow.input_spec().copyable_trait_names() if name in reflow}
        done = MapReflow(**self.files | parameters | changed).run(cwd=str(self.folder)).outputs
        self.found = nifti.load(done.imr).data
        self.document, self.bits = done.measures, done.asymmetry_sweep
        return read_sidecar(done.measures)

    def row(self, **changed: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "participant": "01",
            "absences": [],
            "exclusions": [],
            "significant_ml": 5.0,
            "hours": [1.0, ""],
            "hours_allowed": [0.0, 2.0],
        }
        step = MeasurePatient(**given | changed)
        self.measures = step.run(cwd=str(self.folder)).outputs.measures
        return read_sidecar(self.measures)["Row"]


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_reflow_of_an_island(patient: Patient) -> None:
    measures = patient.reflow()
    true_ml = volume_ml(ISLAND, AFFINE)
    assert measures["imr_ml"] == pytest.approx(true_ml, rel=0.2)
    assert list(measures["asymmetry_sweep_ml"]) == ["0.10", "0.15", "0.20", "0.25", "0.30", "0.40"]
    assert measures["asymmetry_sweep_ml"]["0.15"] == pytest.approx(measures["imr_ml"])
    volumes = volumes_of_bits(patient.bits)
    assert [f"{limit:.2f}" for limit, _ in volumes] == list(measures["asymmetry_sweep_ml"])
    assert [f"{ml:.6g}" for _, ml in volumes] == [f"{ml:.6g}" for ml in measures["asymmetry_sweep_ml"].values()]
    np.testing.assert_array_equal(mask_at(patient.bits, 0.15), patient.found)
    row = patient.row(reflow=patient.document)
    assert (row["imr_evaluable"], row["imr_significant"], row["imr_exclusion"]) == (True, True, "")
    assert row["imr_covered"] == pytest.approx(1.0, abs=0.01)


def test_fluid_on_either_side_is_not_compared(patient: Patient) -> None:
    """An old cavity opposite a part of the island, and a sulcus in the lesion."""
    cavity, sulcus = ball((35, 0, 8), 10), ball((-35, 18, 0), 6)
    rcbv = nifti.load(patient.files["rcbv"]).data
    patient.files["rcbv"] = patient.save("rcbv", np.where(cavity | sulcus, 0.1, rcbv))
    adc = np.where(cavity | sulcus, 2.8e-3, 0.8e-3)
    measures = patient.reflow(adc=patient.save("adc", adc), csf_adc=1.5e-3)
    opposite = ball((-35, 0, 8), 10)
    judged_ml = volume_ml(ISLAND & ~opposite, AFFINE)
    assert measures["imr_ml"] == pytest.approx(judged_ml, rel=0.2)
    assert not patient.found[opposite | sulcus].any()
    lost = (LESION & (opposite | sulcus)).sum() / LESION.sum()
    assert measures["imr_covered"] == pytest.approx(1 - lost, abs=0.02)


def test_without_an_adc_after_treatment_fluid_is_not_checked_and_the_row_says_so(patient: Patient) -> None:
    adc = patient.save("adc", np.full((1, 1, 1), np.nan), Reasons=["the diffusion series has one b-value"])
    measures = patient.reflow(adc=adc, early=adc, csf_adc=1.5e-3)
    assert measures["imr_ml"] == pytest.approx(volume_ml(ISLAND, AFFINE), rel=0.2)
    assert "not checked: fluid in the lesion" in patient.row(reflow=patient.document)["imr_note"]
    patient.reflow(adc=patient.save("adc", np.full(SHAPE, 0.8e-3)), csf_adc=1.5e-3)
    assert patient.row(reflow=patient.document)["imr_note"] == ""


def test_a_lesion_across_the_midline_cannot_be_judged(patient: Patient) -> None:
    patient.files["lesion"] = patient.lesion(ball((-5, 0, 0), 25))
    patient.reflow()
    row = patient.row(reflow=patient.document)
    assert row["imr_evaluable"] is False
    assert "the lesion crosses the midline" in row["imr_exclusion"]


@pytest.mark.parametrize(
    ("hours", "exclusion", "note"),
    [
        ([1.5, ""], "", ""),
        ([5.0, ""], "scanned 5.0 h after treatment, not within 0 to 2 h", ""),
        (
            [None, "no treatment_time"],
            "",
            "the time from treatment is unknown (no treatment_time), so it was not checked",
        ),
    ],
)
def test_time_since_treatment(patient: Patient, hours: list[Any], exclusion: str, note: str) -> None:
    patient.reflow(adc=patient.save("adc", np.full(SHAPE, 0.8e-3)))
    row = patient.row(reflow=patient.document, hours=hours)
    assert (row["imr_exclusion"], row["imr_note"]) == (exclusion, note)
    assert row["imr_evaluable"] is (not exclusion)


def test_an_excluded_patient_keeps_the_volume(patient: Patient) -> None:
    patient.reflow()
    row = patient.row(reflow=patient.document, exclusions=["carotid occlusion", "reocclusion"])
    assert (row["imr_evaluable"], row["imr_exclusion"]) == (False, "carotid occlusion; reocclusion")
    assert row["imr_ml"] > 5
    assert row["imr_significant"] is None  # of such a patient it is no finding


def project(patient: Patient, mask: np.ndarray, shift_mm: float) -> str:
    """Bring a lesion to the perfusion space of a slab that lies higher by a shift."""
    later = patient.save("later", mask)
    transform = patient.folder / "shift.txt"
    matrix = np.eye(4)
    matrix[2, 3] = shift_mm
    write_itk(transform, matrix)
    step = ProjectLesion(lesion=later, reference=patient.files["brain"], transforms=[str(transform)])
    return str(step.run(cwd=str(patient.folder)).outputs.lesion)


def test_the_part_of_the_lesion_that_perfusion_covers_is_stated(patient: Patient) -> None:
    patient.files["lesion"] = project(patient, LESION, 42.0)  # the slab's edge cuts the lesion in two
    assert read_sidecar(patient.files["lesion"])["ShareInFieldOfView"] == pytest.approx(0.5, abs=0.06)
    patient.reflow()
    row = patient.row(reflow=patient.document)
    assert "of the lesion can be compared" in row["imr_exclusion"]
    assert 0 < row["imr_covered"] < 0.5


@pytest.mark.parametrize(
    ("shift_mm", "mask", "said"),
    [(90.0, LESION, "outside the perfusion slab: 0 % of it is covered"), (0.0, LESION & False, "there is no lesion")],
)
def test_nothing_to_judge_has_a_reason(patient: Patient, shift_mm: float, mask: np.ndarray, said: str) -> None:
    patient.files["lesion"] = project(patient, mask, shift_mm)
    patient.reflow()
    row = patient.row(reflow=patient.document)
    assert row["imr_evaluable"] is False
    assert said in row["imr_exclusion"]
    assert row["imr_ml"] == "n/a"


def test_rules_other_than_voxelwise(patient: Patient) -> None:
    lesion_ml = volume_ml(LESION, AFFINE)
    assert patient.reflow(rule="regional")["imr_ml"] == 0  # most of the lesion flows
    early = patient.save("early", ISLAND)
    found = patient.reflow(rule="subregions", early=early)
    assert found["rcbv_asymmetry_median_early"] == pytest.approx(-0.4, abs=0.03)
    assert found["rcbv_asymmetry_median_growth"] == pytest.approx(0.0, abs=0.03)
    assert found["imr_ml"] == pytest.approx(volume_ml(ISLAND, AFFINE))
    delayed = patient.save("delayed", WORLD[..., 1] > 0)
    assert patient.reflow(tmax4=delayed, map="tmax4")["imr_ml"] == pytest.approx(lesion_ml / 2, rel=0.1)
    flow = patient.save("rcbf", np.where(BRAIN, np.where(LESION, 0.5, 1.0), np.nan))
    assert patient.reflow(rcbf=flow, map="rcbf", rule="regional")["imr_ml"] == pytest.approx(lesion_ml, rel=0.02)
    assert patient.reflow(rcbf=flow, tmax4=delayed, rule="regional")["imr_ml"] == 0  # they are asked for, or not used


PRESETS = yaml.safe_load((ROOT / "config" / "reflow.yaml").read_text(encoding="utf-8"))


def readings(found: dict[str, Any]) -> dict[tuple[str, Any], dict[str, Any]]:
    return {(row["preset"], row["threshold"]): row for row in found["Definitions"]}


class Scanned(Patient):
    """A patient of whom every definition can be judged, each by a map or a lesion that differs from the others'."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        deficit = ball((-35, 20, 0), 20)
        rcbv, unknown = nifti.load(self.files["rcbv"]).data, ball((-35, -18, 0), 6)
        self.files["rcbv"] = self.save("rcbv", np.where(unknown, np.nan, np.where(LESION & ~ISLAND, 0.92, 1) * rcbv))
        self.files["rcbf"] = self.save("rcbf", np.where(BRAIN, np.where(LESION, 0.5, 1.0), np.nan))
        self.files["tmax4"] = self.save("tmax4", WORLD[..., 1] > 20)
        ml = volume_ml(deficit, AFFINE)
        self.files["baseline_deficit"] = self.save("before", deficit, LesionMl=ml, ShareInFieldOfView=1.0)
        self.files["early"] = self.save("early", ISLAND)


def test_every_definition_reads_what_it_would_find_if_it_were_the_studys(tmp_path: Path) -> None:
    patient = Scanned(tmp_path)
    by_default = patient.reflow()
    for name, preset in PRESETS.items():
        own = {key: preset[key] for key in ("map", "lesion_source", "rule", "asymmetry_threshold")}
        found = patient.reflow(**own)
        assert found["Definitions"] == by_default["Definitions"]
        is_delay = preset["map"] == "tmax4"
        row = readings(found)[name, "n/a" if is_delay else preset["asymmetry_threshold"]]
        assert row["imr_ml"] == pytest.approx(found["imr_ml"], rel=1e-9)
        assert row["imr_fraction"] == pytest.approx(found["imr_fraction"], rel=1e-9)
        assert row["imr_null_ml"] == found["imr_null_ml"]
        assert (row["imr_null_ml"] == "n/a") is is_delay  # what noise gives is known of asymmetry alone
        assert (row["judged"], row["reason"]) == (not found["NotEvaluable"], "; ".join(found["NotEvaluable"]))
    rows = readings(by_default)
    assert len(rows) == len(by_default["Definitions"]) == 4 * 6 + 1
    assert rows["ng2022", 0.15]["imr_ml"] == 0  # most of the lesion flows
    assert rows["valls2025", 0.15]["imr_ml"] == pytest.approx(volume_ml(ISLAND, AFFINE), rel=0.2)
    assert rows["anzsoc2025", 0.15]["imr_ml"] == pytest.approx(volume_ml(ISLAND, AFFINE))
    assert rows["schiphorst2021", 0.4]["imr_ml"] == pytest.approx(volume_ml(LESION, AFFINE), rel=0.05)
    late = ball((-35, 20, 0), 20) & BRAIN & (WORLD[..., 1] > 20)
    assert rows["mujanovic2022", "n/a"]["imr_ml"] == pytest.approx(volume_ml(late, AFFINE))
    thresholds = (0.10, 0.15, 0.20, 0.25, 0.30, 0.40)
    for name, part in (("ng2022", ""), ("anzsoc2025", "_early")):
        median = by_default[f"rcbv_asymmetry_median{part}"]
        assert [rows[name, at]["imr_ml"] > 0 for at in thresholds] == [median < -at for at in thresholds]


def test_no_map_is_compared_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient, compared = Scanned(tmp_path), []
    for module in ("imr", "definitions"):
        real = importlib.import_module(f"reperfuse.serial.{module}").compare

        def count(*given: Any, real: Any = real) -> Any:
            compared.append(given[1].lesion.sum())
            return real(*given)

        monkeypatch.setattr(f"reperfuse.serial.{module}.compare", count)
    patient.reflow()
    assert len(compared) == 3  # rCBV and rCBF in the follow-up lesion, rCBV in the deficit
    compared.clear()
    patient.reflow(map="rcbf", asymmetry_threshold=0.40)
    assert len(compared) == 3
    compared.clear()
    patient.reflow(asymmetry_threshold=0.05)
    assert len(compared) == 4  # a lower threshold outlines more, so the presets' is another comparison


def test_the_studys_own_definition_is_read_beside_the_presets(tmp_path: Path) -> None:
    patient = Scanned(tmp_path)
    own = {"map": "rcbv", "lesion_source": "followup", "rule": "voxelwise", "asymmetry_threshold": 0.05}
    published = {name: {key: preset[key] for key in own} for name, preset in PRESETS.items()}
    found = patient.reflow(asymmetry_threshold=0.05, definitions=published | {"study": own})
    rows = readings(found)
    assert rows["study", 0.05]["imr_ml"] == pytest.approx(found["imr_ml"])
    theirs = [row for row in found["Definitions"] if row["preset"] != "study"]
    assert theirs == patient.reflow()["Definitions"]


def test_what_is_not_there_is_the_reason_of_those_that_need_it(tmp_path: Path) -> None:
    patient = Scanned(tmp_path)
    whole = patient.reflow()
    for name in ("rcbf", "tmax4"):
        del patient.files[name]
    patient.files["baseline_deficit"] = patient.save("before", np.full((1, 1, 1), np.nan), Reasons=["no bolus"])
    found = patient.reflow()
    assert {row["preset"]: row["reason"] for row in found["Definitions"] if not row["judged"]} == {
        "schiphorst2021": "there is no relative CBF",
        "mujanovic2022": "there is no map of Tmax above 4 s",
    }
    assert all(row["imr_ml"] == "n/a" for row in found["Definitions"] if not row["judged"])
    judged = [row for row in found["Definitions"] if row["judged"]]
    assert judged == [row for row in whole["Definitions"] if row["preset"] not in ("schiphorst2021", "mujanovic2022")]
    assert {key: found[key] for key in ("imr_ml", "imr_fraction", "imr_null_ml", "imr_covered")} == {
        key: whole[key] for key in ("imr_ml", "imr_fraction", "imr_null_ml", "imr_covered")
    }
    patient.files["tmax4"] = patient.save("tmax4", BRAIN)
    assert readings(patient.reflow())["mujanovic2022", "n/a"]["reason"] == "no bolus"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"map": "rcbf"}, "there is no relative CBF"),
        ({"map": "tmax4"}, "there is no map of Tmax above 4 s"),
        ({"lesion_source": "core"}, "there is no core at baseline"),
        ({"lesion_source": "deficit"}, "there is no deficit at baseline"),
    ],
)
def test_what_the_studys_own_definition_lacks_is_its_reason(patient: Patient, own: dict[str, str], said: str) -> None:
    found = patient.reflow(**own)
    assert found["Reasons"] == [said]
    assert readings(found)["valls2025", 0.15]["judged"] is True


def test_a_definition_may_be_judged_where_the_studys_cannot(tmp_path: Path) -> None:
    patient = Scanned(tmp_path)
    whole = readings(patient.reflow())
    patient.files["lesion"] = patient.lesion(LESION & False)
    found = patient.reflow()
    assert found["Reasons"] == ["there is no lesion"]
    rows = readings(found)
    assert rows["mujanovic2022", "n/a"] == whole["mujanovic2022", "n/a"]
    assert {row["reason"] for key, row in rows.items() if key[0] != "mujanovic2022"} == {"there is no lesion"}
    patient.files["rcbv"] = patient.save("rcbv", np.full((1, 1, 1), np.nan), Reasons=["no artery"])
    rows = readings(patient.reflow())
    assert rows.keys() == whole.keys()
    assert {(row["judged"], row["reason"], row["imr_ml"]) for row in rows.values()} == {(False, "no artery", "n/a")}


def test_a_doubtful_lesion_has_volumes_and_is_not_judged(tmp_path: Path) -> None:
    patient = Scanned(tmp_path)
    patient.files["lesion"] = patient.lesion(ball((-5, 0, 0), 25))
    row = readings(patient.reflow())["valls2025", 0.15]
    assert row["judged"] is False
    assert row["reason"].startswith("the lesion crosses the midline")
    assert row["imr_ml"] > 0


def test_a_second_scan_after_treatment_is_judged_by_itself(patient: Patient) -> None:
    first = patient.reflow()
    one = str(patient.folder / "first.json")
    write_json(one, first)
    patient.files["rcbv"] = patient.save("rcbv", np.where(BRAIN, 1.0, np.nan))
    second = patient.reflow()
    late = {"reflow_late": patient.document, "has_late": True, "hours_late": [30.0, ""], "exclusions_late": []}
    row = patient.row(reflow=one, **late)
    assert row["imr_significant"] is True
    assert (row["imr_late_ml"], row["imr_late_significant"], row["imr_late_evaluable"]) == (0.0, False, True)
    assert (row["imr_late_exclusion"], row["hours_from_treatment_late"]) == ("", 30.0)
    readings = read_sidecar(patient.measures)["Reflow"]
    assert [found["role"] for found in readings] == ["post"] * 25 + ["late"] * 25
    assert readings[25:] == [found | {"role": "late"} for found in second["Definitions"]]
    late["exclusions_late"] = ["haemorrhagic transformation"]
    row = patient.row(reflow=one, exclusions=["reocclusion"], **late)
    assert (row["imr_exclusion"], row["imr_late_exclusion"]) == ("reocclusion", "haemorrhagic transformation")
    assert (row["imr_late_evaluable"], row["imr_late_significant"]) == (False, None)


def test_without_a_second_scan_after_treatment_there_is_a_reason_where_the_study_has_that_role(
    patient: Patient,
) -> None:
    unknown = [None, "the study's tables have no treatment_time"]
    late: dict[str, Any] = {"has_late": True, "hours_late": unknown, "exclusions_late": []}
    row = patient.row(absences=[["reflow_late", "no session late"]], **late)
    assert (row["imr_late_evaluable"], row["imr_late_exclusion"]) == (False, "no session late")
    assert (row["imr_late_ml"], row["hours_from_treatment_late"]) == ("n/a", "n/a")
    assert not [column for column in patient.row() if "late" in column]
    patient.files["lesion"] = patient.lesion(LESION & False)
    patient.reflow()
    row = patient.row(reflow_late=patient.document, **late)
    assert row["imr_late_exclusion"] == "there is no lesion"
    assert ["reflow_late", "there is no lesion"] in read_sidecar(patient.measures)["Failures"]


def test_readings_reach_the_table_by_the_patients_row(tmp_path: Path) -> None:
    patient = Scanned(tmp_path)
    found = patient.reflow()
    patient.row(reflow=patient.document)
    assert read_sidecar(patient.measures)["Reflow"] == [row | {"role": "post"} for row in found["Definitions"]]
    dictionaries = yaml.safe_load((ROOT / "workflow" / "schemas" / "tables.yaml").read_text(encoding="utf-8"))
    step = TabulateStudy(patients=[patient.measures], dictionaries=dictionaries)
    rows = read_rows(step.run(cwd=str(tmp_path / "group")).outputs.reflow)
    assert len(rows) == 25
    (row,) = [row for row in rows if (row["preset"], row["threshold"]) == ("valls2025", "0.15")]
    assert row["participant_id"] == "sub-01"
    assert (row["role"], row["judged"], row["reason"]) == ("post", "1", "n/a")
    assert float(row["imr_ml"]) == pytest.approx(found["imr_ml"], rel=1e-5)
    patient.row()
    assert read_sidecar(patient.measures)["Reflow"] == []


@pytest.mark.parametrize("name", ["valls2025", "ng2022", "anzsoc2025", "schiphorst2021", "mujanovic2022"])
def test_presets_keep_to_the_schema_and_give_way_to_the_study(name: str) -> None:
    own = CONFIG["imr"] | {"preset": name}
    reflow = read_reflow(ROOT / "config" / "reflow.yaml", own)
    shown = {key: value for key, value in reflow.items() if key not in ("title", "differs")}
    check_config(CONFIG | {"imr": own | shown}, ROOT / "workflow" / "schemas" / "config.schema.yaml")
    assert None not in reflow.values()
    changed = read_reflow(ROOT / "config" / "reflow.yaml", own | {"significant_ml": 7.5})
    assert changed == reflow | {"significant_ml": 7.5}
    assert read_reflow(ROOT / "config" / "reflow.yaml", own | {"min_mtici": 3})["min_mtici"] == "3"


@pytest.mark.parametrize(
    ("post_ml", "fraction", "half", "nine_tenths"),
    [
        (5, 0.95, True, True),
        (11, 0.89, True, False),
        (49, 0.51, True, False),
        (50, 0.5, False, False),
        (55, 0.45, False, False),
        (120, -0.2, False, False),
    ],
)
def test_reperfusion_is_a_fall_of_the_deficit_by_more_than_half_or_nine_tenths(
    patient: Patient, post_ml: float, fraction: float, half: bool, nine_tenths: bool
) -> None:
    files = {"baseline": patient.folder / "before.json", "post": patient.folder / "after.json"}
    for path, ml in zip(files.values(), (100.0, post_ml), strict=True):
        write_json(path, {"Row": {"tmax6_ml": ml}})
    row = patient.row(**{name: str(path) for name, path in files.items()})
    assert row["reperfusion_fraction"] == pytest.approx(fraction)
    assert (row["reperfused_50"], row["reperfused_90"]) == (half, nine_tenths)
    assert (row["tmax6_baseline_ml"], row["persistent_tmax6_ml"]) == (100, post_ml)


def test_reperfusion_is_unknown_without_both_deficits(patient: Patient) -> None:
    row = patient.row()
    assert (row["reperfused_50"], row["reperfused_90"]) == (None, None)


def test_what_became_of_the_deficit(patient: Patient) -> None:
    before, after = patient.save("before", ball((-35, 0, 0), 20)), patient.save("after", ball((-35, 8, 0), 20))
    shift, matrix = patient.folder / "shift.txt", np.eye(4)
    matrix[0, 3] = 4.0
    write_itk(shift, matrix)
    tmax = patient.save("tmax", WORLD[..., 0])
    step = CompareDeficits(before=before, after=after, brain=patient.files["brain"], tmax=tmax, transform=str(shift))
    done = step.run(cwd=str(patient.folder)).outputs
    np.testing.assert_allclose(nifti.load(done.earlier_tmax).data[:-1], WORLD[:-1, ..., 0] + 4, atol=1e-4)
    change = done.change
    labels, sidecar = nifti.load(change).data, read_sidecar(change)
    first, then = ball((-35, 0, 0), 20), ball((-35, 8, 0), 20)
    expected = {"recovered": first & ~then & BRAIN, "persistent": first & then, "new": then & ~first}
    for label, (name, mask) in enumerate(expected.items(), start=1):
        np.testing.assert_array_equal(labels == label, mask)
        assert sidecar[f"deficit_{name}_ml"] == pytest.approx(volume_ml(mask, AFFINE))
    row = patient.row(deficits=change)
    assert row["deficit_new_ml"] == sidecar["deficit_new_ml"]


def test_growth_is_told_apart_by_what_the_tissue_was(patient: Patient) -> None:
    identity = patient.folder / "identity.txt"
    write_itk(identity, np.eye(4))
    radii = {"core": 12, "tmax6": 18, "tmax4": 22, "lesion": 26}
    masks = {name: ball((-35, 0, 0), radius) for name, radius in radii.items()}
    files = {name: patient.save(f"growth_{name}", mask) for name, mask in masks.items()}
    step = QuantifyGrowth(
        **files,
        penumbra=patient.save("penumbra", masks["tmax6"] & ~masks["core"]),
        transform=str(identity),
        penumbra_transform=str(identity),
    )
    growth = step.run(cwd=str(patient.folder)).outputs.growth
    row = patient.row(growth=growth)
    shells = [volume_ml(masks[b] & ~masks[a], AFFINE) for a, b in zip(list(radii)[:-1], list(radii)[1:], strict=True)]
    assert [row[f"growth_{name}_ml"] for name in ("penumbra", "oligaemia", "beyond")] == pytest.approx(shells)
    assert row["growth_unseen_ml"] == 0
    assert row["growth_voxelwise_ml"] == pytest.approx(sum(shells))
    assert row["salvage_fraction"] == 0


def test_the_initial_growth_needs_the_time_of_onset(patient: Patient) -> None:
    baseline = patient.folder / "baseline.json"
    write_json(baseline, {"Row": {"core_ml": 21.0, "hours_from_onset": 3.5}})
    assert patient.row(baseline=str(baseline))["initial_growth_ml_h"] == pytest.approx(6.0)
    write_json(baseline, {"Row": {"core_ml": 21.0, "hours_from_onset": math.nan}})
    assert patient.row(baseline=str(baseline))["initial_growth_ml_h"] == "n/a"


def test_the_island_has_an_interval_where_the_noise_is_known(patient: Patient) -> None:
    """Noise of 2 % in rCBV, smoothed as the map: the volume moves by a few millilitres, and the same map by as many."""
    without = patient.reflow()
    assert without["Draws"] == {}
    known = {"SmoothingFWHMMm": 4.0, "NoiseCorrelation": [0.0, 0.0, 0.0]}
    given = {"rcbv_sd": patient.save("rcbv_sd", np.where(BRAIN, 0.02, np.nan), **known), "resamples": 19}
    found = patient.reflow(**given)
    assert found["imr_ml"] == without["imr_ml"]
    draws = found["Draws"]["imr_ml"]
    assert len(draws) == 19
    assert 0 < np.std(draws) < 0.2 * found["imr_ml"]
    assert patient.reflow(**given)["Draws"]["imr_ml"] == draws
    row = patient.row(reflow=patient.document)
    assert 0 < row["imr_ml_high"] - row["imr_ml_low"] < 0.6 * row["imr_ml"]
    assert patient.reflow(**given, map="tmax6")["Draws"] == {}


def test_growth_and_reperfusion_combine_the_draws_of_their_scans(patient: Patient) -> None:
    spread = np.linspace(-4, 4, 39)
    baseline, post = patient.folder / "baseline.json", patient.folder / "after.json"
    draws = {"core_ml": (20 + spread).tolist(), "tmax6_ml": (90 - spread).tolist()}
    write_json(baseline, {"Row": {"core_ml": 20.0, "tmax6_ml": 90.0}, "Draws": draws})
    write_json(post, {"Row": {"tmax6_ml": 30.0}, "Draws": {"tmax6_ml": (30 + spread / 2).tolist()}})
    lesion = volume_ml(LESION, AFFINE)
    drawn = {"infarct_followup_ml": (lesion + 3 * spread).tolist()}
    files = {"baseline": str(baseline), "post": str(post)}
    automatic = patient.save("followup", LESION, LesionSource="automatic", Draws=drawn)
    row = patient.row(**files, lesion=automatic)
    assert (row["growth_ml_low"], row["growth_ml_high"]) == pytest.approx(
        (lesion - 20 + 2 * spread[1], lesion - 20 + 2 * spread[-2])
    )
    fractions = np.sort(1 - (30 + spread / 2) / (90 - spread))
    assert row["reperfusion_fraction_low"] == pytest.approx(fractions[1])
    assert row["reperfusion_fraction_high"] == pytest.approx(fractions[-2])
    row = patient.row(**files, lesion=patient.save("followup", LESION, LesionSource="expert"))
    assert row["growth_ml_high"] - row["growth_ml_low"] == pytest.approx(spread[-2] - spread[1])
    quiet = {"core_ml": (14 + spread).tolist(), "tmax6_ml": (90 - spread).tolist()}
    write_json(baseline, {"Row": {"core_ml": 20.0, "tmax6_ml": 90.0}, "Draws": draws, "DrawsWithoutNoise": quiet})
    row = patient.row(**files, lesion=patient.save("followup", LESION, LesionSource="expert"))
    assert (row["core_baseline_ml_low"], row["core_baseline_ml_high"]) == pytest.approx(
        (14 + spread[1], 20 + spread[-2])
    )
    assert row["growth_ml_high"] == pytest.approx(lesion - 14 - spread[1])
