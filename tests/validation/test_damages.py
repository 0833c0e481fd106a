"""Every kind of damage of `damages`, as far as it is known before a step reads the data."""

from pathlib import Path

import pytest
from damages import Damage, corpus
from damages.judging import finish, plan_of, said, two_patients, value_of
from damages.patient import FOLDERS
from pages.reasons import is_listed
from reperfuse.study.manifest import StudyError
from reperfuse.study.settings import ConfigError

pytestmark = pytest.mark.xdist_group("small")
CORPUS = corpus()


@pytest.fixture(scope="module")
def undamaged(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is said of the patient before any damage."""
    return set(said(plan_of(two_patients(tiny, tmp_path_factory.mktemp("undamaged") / "study")), "01"))


def test_the_corpus_is_wide() -> None:
    assert len(CORPUS) > 300


@pytest.mark.parametrize("name", CORPUS)
def test_a_damage_costs_what_it_must_and_is_said(name: str, tiny: Path, undamaged: set[str], tmp_path: Path) -> None:
    damage = CORPUS[name]
    patient = two_patients(tiny, tmp_path / "study")
    damage.do(patient)
    if damage.costs == "all":
        with pytest.raises((StudyError, ConfigError)) as refused:
            plan_of(patient)
        assert damage.says in str(refused.value)
        assert is_listed(str(refused.value))
        return
    plan = plan_of(patient)
    finish(plan, tmp_path)
    if not damage.alone:
        assert plan.has("02", "baseline", "dwi")
    if damage.value:
        column, value = damage.value
        assert value_of(plan.clinical, "01", column) == value
    told = set(said(plan, "01"))
    for line in told:
        assert is_listed(line) or line.startswith("unknown exclusion"), line
        assert line.isprintable()
        assert str(tmp_path) not in line
    if damage.found == "indexing":
        _judge(damage, plan, told - undamaged)


def _judge(damage: Damage, plan, new: set[str]) -> None:
    if damage.costs in FOLDERS:
        assert not plan.has("01", "baseline", damage.costs)
    elif damage.costs == "lesion":
        assert not plan.has("01", "followup", "lesion")
    elif damage.costs == "patient":
        assert "01" not in plan.subjects
    elif damage.costs == "session":
        assert plan.sessions("01") == ["followup"]
    elif damage.costs:
        assert value_of(plan.clinical, "01", damage.costs) is None
    else:
        assert plan.has("01", "baseline", "dsc")
        assert plan.has("01", "baseline", "dwi|adc")
        assert plan.has("01", "followup", "dwi", "lesion")
    if damage.costs or damage.says:
        assert any(damage.says in line for line in new), sorted(new)
    else:
        assert not new
