"""Patients of every kind: where their lesions lie, and the classes their volumes give."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from reperfuse.simulation import anatomy, truth
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.physiology import perfusion_at
from reperfuse.simulation.profiles import PROFILE_PATIENTS, true_classes

CATALOGUE = yaml.safe_load((Path(__file__).parents[3] / "config" / "criteria.yaml").read_text(encoding="utf-8"))


def test_a_deficit_on_both_sides_is_mirrored_and_has_the_volume_of_both() -> None:
    patient = PROFILE_PATIENTS["bilateral"]
    deficit = patient.deficit("baseline")
    points, ml = anatomy.brain_points(2.0)
    inside = truth.is_inside(points, deficit)
    assert inside.sum() * ml == pytest.approx(patient.deficit_ml, rel=0.02)
    np.testing.assert_array_equal(inside, truth.is_inside(points * [-1, 1, 1], deficit))
    assert not truth.is_inside(points[points[:, 0] > 0], patient.core("baseline")).any()


def test_a_core_that_outlasts_its_deficit_is_reperfused_around_it() -> None:
    patient = Patient("x", core_ml=60.0, deficit_ml=20.0, oligaemia_ml=0.0, deficit_centre_mm=(35.0, -3.0, 14.0))
    points, _ = anatomy.brain_points(4.0)
    core = truth.is_inside(points, patient.core("baseline"))
    deficit = truth.is_inside(points, patient.deficit("baseline"))
    cbf, _, delay = perfusion_at(points, "grey", patient.flow("baseline").zones)
    normal, _, _ = perfusion_at(points, "grey", ())
    assert (core & ~deficit).sum() > 100
    assert (cbf[core & ~deficit] > normal[core & ~deficit]).all()
    assert (delay[deficit] > 4).all()


def test_classes_follow_from_volumes_and_what_is_known_of_the_patient() -> None:
    volumes = {"core_ml": 20.0, "tmax6_ml": 95.0, "tmax8_ml": 30.0, "tmax10_ml": 2.0, "delay2_ml": 100.0}
    found = true_classes(CATALOGUE, PROFILE_PATIENTS["target"], {"baseline": volumes})
    assert (found["defuse"], found["defuse2"], found["defuse3"], found["dawn"]) == ("target",) * 3 + ("mismatch",)
    assert found["relative_flow"] is found["reversal"] is None  # volumes not given, no second session
