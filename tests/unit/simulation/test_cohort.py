"""A cohort drawn with known effects: its tables agree with each other, and show what it was drawn with."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cohorts import PUBLISHED, published_cohort, quick_rules
from reperfuse.analysis.example import PATIENTS, SEED, shipped_rules, write_cohort
from reperfuse.mismatch.criteria import classify
from reperfuse.simulation.clinical import COLUMNS
from reperfuse.simulation.cohort.draw import Cohort, draw_cohort
from reperfuse.simulation.cohort.effects import GRADES, Effects
from reperfuse.simulation.patients import DEMO_PATIENTS
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.options import ROOT, TABLES
from reperfuse.study.yaml_lines import read_yaml

pytestmark = pytest.mark.xdist_group("cohort")
EXAMPLE = ROOT / "config" / "examples" / "cohort"


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return draw_cohort(PATIENTS, SEED, shipped_rules())


@pytest.fixture(scope="module")
def large() -> dict[str, np.ndarray]:
    """Columns of 2,500 patients with nothing missing."""
    whole = replace(Effects(), missing=0.0, without_post=0.0)
    return columns(draw_cohort(2500, 1, quick_rules(), whole))


def columns(cohort: Cohort) -> dict[str, np.ndarray]:
    """Return the patients of a cohort as arrays, with their profile."""
    profile = {row["participant_id"]: row["defuse2"] for row in cohort.tables["sessions"] if row["role"] == "baseline"}
    joined = [a | b for a, b in zip(cohort.participants, cohort.tables["patients"], strict=True)]
    found = {name: np.array([row[name] for row in joined]) for name in joined[0]}
    found["target"] = np.array([profile[row["participant_id"]] == "target" for row in joined])
    found["steps"] = np.array([GRADES.index(str(row["mtici"])) for row in joined])
    return found


def by_patient(rows: list[dict[str, Any]], role: str) -> dict[str, dict[str, Any]]:
    return {row["participant_id"]: row for row in rows if row["role"] == role}


def test_the_committed_tables_are_those_the_command_writes(cohort: Cohort, tmp_path: Path) -> None:
    write_cohort(tmp_path, cohort)
    written, committed = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path, EXAMPLE)
    )
    assert sorted(written) == sorted(committed)
    changed = [str(path) for path in written if written[path] != committed[path]]
    assert changed == [], "run python -m reperfuse.analysis.example config/examples/cohort"


def test_a_cohort_hangs_on_its_seed_alone(cohort: Cohort) -> None:
    again, other = (draw_cohort(PATIENTS, seed, shipped_rules()) for seed in (SEED, SEED + 1))
    assert again.participants == cohort.participants
    assert again.participants != other.participants


def test_every_column_has_an_entry_and_a_value(cohort: Cohort) -> None:
    dictionaries = read_yaml(TABLES)
    for name, rows in cohort.tables.items():
        empty = {"patients": {"imr_note"}, "reflow": {"reason"}}.get(name, set())
        assert set(dictionaries[name]) - {column for row in rows for column in row} == empty, name
    assert {column for row in cohort.participants for column in row} == {"participant_id", *COLUMNS}


def test_the_clinic_reads_its_own_columns(cohort: Cohort, tmp_path: Path) -> None:
    write_cohort(tmp_path, cohort)
    clinical = ClinicalData(tmp_path)
    for row in cohort.participants:
        patient = str(row["participant_id"]).removeprefix("sub-")
        assert clinical.not_understood(patient, None) == []
        assert clinical.grade(patient, None, "mtici") == row["mtici"]


def test_sums_of_the_tables_hold(cohort: Cohort) -> None:
    before, after = (by_patient(cohort.tables["sessions"], role) for role in ("baseline", "post"))
    for row in cohort.tables["patients"]:
        first, second = before[row["participant_id"]], after[row["participant_id"]]
        assert row["growth_ml"] == pytest.approx(row["infarct_followup_ml"] - row["core_baseline_ml"])
        assert row["core_baseline_ml"] == first["core_ml"]
        assert first["mismatch_ml"] == pytest.approx(first["tmax6_ml"] - first["core_ml"])
        assert first["mismatch_ml"] <= first["mismatch_coreg_ml"] + 1e-9 <= first["tmax6_ml"] + 1e-9
        volumes = [first[f"tmax{limit}_ml"] for limit in (4, 6, 8, 10)]
        assert volumes == sorted(volumes, reverse=True)
        parts = ("growth_penumbra_ml", "growth_oligaemia_ml", "growth_beyond_ml", "growth_unseen_ml")
        assert sum(row[part] for part in parts) == pytest.approx(row["growth_voxelwise_ml"], abs=0.011)
        net = row["growth_voxelwise_ml"] - row["reversal_ml"]
        assert net == pytest.approx(row["infarct_unswollen_ml"] - row["core_baseline_ml"], abs=0.011)
        assert 0 <= row["salvage_fraction"] <= 1
        assert min(row["growth_voxelwise_ml"], row["reversal_ml"]) >= 0
        assert row["reversal_ml"] <= row["core_baseline_ml"]
        if math.isnan(row["imr_ml"]):
            assert "tmax6_ml" not in second
            continue
        assert row["reperfusion_fraction"] == pytest.approx(1 - second["tmax6_ml"] / first["tmax6_ml"])
        assert row["imr_fraction"] == pytest.approx(row["imr_ml"] / row["infarct_followup_ml"])
        left = row["deficit_persistent_ml"] + row["deficit_new_ml"]
        assert left == pytest.approx(second["tmax6_ml"], abs=0.011)
        assert left >= 0


def test_automatic_lesions_are_as_they_are_drawn(large: dict[str, np.ndarray]) -> None:
    drawn, found = large["infarct_followup_ml"], large["lesion_automatic_ml"]
    experts = large["lesion_source"] == "expert"
    assert (np.isfinite(found) == experts).all()
    assert (np.isfinite(large["lesion_dice"]) == experts).all()
    ratio = np.log(found / drawn)[experts]
    assert np.std(ratio) == pytest.approx(0.1, rel=0.1)
    assert np.mean(ratio) == pytest.approx(0, abs=0.01)
    dice, most = large["lesion_dice"][experts], (2 * np.minimum(drawn, found) / (drawn + found))[experts]
    assert np.median(dice) == pytest.approx(0.8, abs=0.02)
    assert (dice <= most).all()


def test_classes_are_those_of_the_criteria(cohort: Cohort) -> None:
    rules = shipped_rules()
    clinical = {row["participant_id"]: row for row in cohort.participants}
    after = by_patient(cohort.tables["sessions"], "post")
    for name, row in by_patient(cohort.tables["sessions"], "baseline").items():
        known = row | {key: clinical[name][key] for key in ("age", "nihss_baseline")}
        post = {f"post_{key}": after[name].get(key, math.nan) for key in ("core_ml", "tmax6_ml")}
        for criterion in ("defuse2", "defuse3", "swift_prime", "dawn", "reversal"):
            assert row[criterion] == classify(rules.criteria[criterion], known | post)[0]


def test_who_cannot_be_judged_has_no_finding(cohort: Cohort) -> None:
    people = {row["participant_id"]: row for row in cohort.participants}
    for row in cohort.tables["patients"]:
        person = people[row["participant_id"]]
        ruled_out = person["ica_occlusion"] or person["reocclusion"] or person["hemorrhagic_transformation"]
        judged = not ruled_out and person["mtici"] in ("2c", "3") and not math.isnan(row["imr_ml"])
        assert row["imr_evaluable"] is judged
        assert row["imr_significant"] == (row["imr_ml"] > 5 if judged else None)
        assert bool(row["imr_exclusion"]) is not judged


def test_reflow_at_the_presets_own_threshold_is_the_patients(cohort: Cohort) -> None:
    impaired = {row["participant_id"]: row["imr_ml"] for row in cohort.tables["patients"]}
    own = [row for row in cohort.tables["reflow"] if (row["preset"], row["role"]) == ("valls2025", "post")]
    assert {row["participant_id"]: row["imr_ml"] for row in own if row["threshold"] == 0.15} == {
        name: volume for name, volume in impaired.items() if not math.isnan(volume)
    }
    for first, second in pairwise(own):
        if first["participant_id"] == second["participant_id"]:
            assert first["imr_ml"] >= second["imr_ml"]
            assert first["imr_null_ml"] >= second["imr_null_ml"]


def test_outcomes_agree_with_each_other(large: dict[str, np.ndarray]) -> None:
    assert np.array_equal(large["death_90d"], (large["mrs_90d"] == 6).astype(int))
    assert large["hemorrhagic_transformation"][large["sich"] == 1].all()
    for name in ("nihss_24h", "nihss_day5", "nihss_day30"):
        assert 0 <= large[name].min() < large[name].max() <= 42


@pytest.mark.parametrize(("outcome", "per_ml"), [("nihss_24h", 0.11), ("nihss_day5", 0.50)])
def test_least_squares_finds_the_points_per_ml(large: dict[str, np.ndarray], outcome: str, per_ml: float) -> None:
    terms = np.stack([np.ones(2500), large["imr_ml"], large["nihss_baseline"], large["steps"]], axis=1)
    found = np.linalg.lstsq(terms, large[outcome].astype(float), rcond=None)[0]
    at_0, per_point = {"nihss_24h": (2.0, 0.45), "nihss_day5": (1.5, 0.30)}[outcome]
    assert found[1] == pytest.approx(per_ml, abs=0.04)
    assert found[2] == pytest.approx(per_point, abs=0.04)
    assert found[3] == pytest.approx(1.0, abs=0.15)
    assert found[0] == pytest.approx(at_0, abs=0.5)


@pytest.mark.slow
def test_no_effect_leaves_no_slope() -> None:
    none = columns(draw_cohort(3000, 2, quick_rules(), Effects(missing=0.0, without_post=0.0, nihss_day5_per_ml=0.0)))
    terms = np.stack([np.ones(3000), none["imr_ml"], none["nihss_baseline"], none["steps"]], axis=1)
    assert np.linalg.lstsq(terms, none["nihss_day5"].astype(float), rcond=None)[0][1] == pytest.approx(0, abs=0.04)


def odds_ratio(event: np.ndarray, exposed: np.ndarray) -> float:
    a, b = event[exposed].mean(), event[~exposed].mean()
    return float(a / (1 - a) / (b / (1 - b)))


def test_impaired_reflow_is_as_frequent_as_published(large: dict[str, np.ndarray]) -> None:
    judged = large["imr_evaluable"] == 1
    found = large["imr_ml"][judged] > 5
    assert found[large["mtici"][judged] == "3"].mean() == pytest.approx(4 / 22, abs=0.03)
    assert found[large["mtici"][judged] == "2c"].mean() == pytest.approx(4 / 11, abs=0.05)


@pytest.mark.slow
def test_response_interacts_with_the_profile() -> None:
    same_age = Effects(missing=0.0, without_post=0.0, response_odds_ratio_per_year=1.0)
    found = columns(draw_cohort(6000, 3, quick_rules(), same_age))
    better = (found["nihss_baseline"] - found["nihss_day30"] >= 8) | (found["nihss_day30"] <= 1)
    reperfused, target = found["reperfused_50"] == 1, found["target"]
    assert np.log(odds_ratio(better[target], reperfused[target])) == pytest.approx(np.log(8.8), abs=0.3)
    assert np.log(odds_ratio(better[~target], reperfused[~target])) == pytest.approx(np.log(0.2), abs=0.5)


@pytest.mark.slow
def test_grades_after_90_days_have_proportional_odds_per_ml() -> None:
    # all else without effect, so that two groups can be compared by hand
    alone = Effects(
        missing=0.0, without_post=0.0, mrs_odds_ratio_per_year=1.0, mrs_odds_ratio_per_point=1.0,
        mrs_odds_ratio_per_grade=1.0, mrs_odds_ratio_target=0.4, mrs_odds_ratio_other=0.4, mrs_odds_ratio_per_ml=1.0,
    )  # fmt: skip
    found = columns(draw_cohort(6000, 4, quick_rules(), alone))
    reperfused = found["reperfused_50"] == 1
    for grade in range(6):
        worse = found["mrs_90d"] > grade
        assert np.log(odds_ratio(worse, reperfused)) == pytest.approx(np.log(0.4), abs=0.3), grade
    of_volume = columns(draw_cohort(6000, 4, quick_rules(), replace(alone, mrs_odds_ratio_per_ml=1.3)))
    assert of_volume["mrs_90d"][of_volume["imr_ml"] > 5].mean() > found["mrs_90d"][found["imr_ml"] > 5].mean() + 0.8


def test_growth_has_the_medians_of_its_group(large: dict[str, np.ndarray]) -> None:
    reperfused = large["reperfused_50"] == 1
    for (target, is_reperfused), median in Effects().growth_ml.items():
        group = (large["target"] == target) & (reperfused == is_reperfused)
        assert np.median(large["growth_ml"][group]) == pytest.approx(median, abs=3.0)


def test_the_published_counts() -> None:
    found = columns(published_cohort())
    assert len(found["mtici"]) == 33
    assert found["imr_evaluable"].all()
    counts = {
        (grade, bool(impaired)): int(((found["mtici"] == grade) & (found["imr_significant"] == impaired)).sum())
        for grade, impaired in PUBLISHED
    }
    assert counts == PUBLISHED


@pytest.mark.parametrize("patient", DEMO_PATIENTS, ids=lambda patient: patient.label)
def test_the_demo_has_every_clinical_column(patient: Any) -> None:
    assert set(patient.clinical) == set(COLUMNS)
    assert (patient.clinical["mrs_90d"] == 6) == bool(patient.clinical["death_90d"])
