"""Roles and columns are guessed from names and dates, as far as these say it."""

from datetime import datetime, timedelta

import pytest
from reperfuse.study import options
from reperfuse.study.guesses import guess_columns, guess_roles

WANTED = options.defaults("columns")
FIRST = datetime(2024, 5, 1, 8, 0)


def dated(**hours: float) -> dict[str, datetime | None]:
    return {label: FIRST + timedelta(hours=value) for label, value in hours.items()}


@pytest.mark.parametrize(
    ("labels", "roles", "basis"),
    [
        (("03", "01", "02"), {"baseline": ["01"], "post": ["02"], "followup": ["03"]}, "order"),
        (("1", "2", "10"), {"baseline": ["1"], "post": ["2"], "followup": ["10"]}, "order"),
        (("01", "02"), {"baseline": ["01"], "followup": ["02"]}, "order"),
        (tuple("abcd"), {"baseline": ["a"], "post": ["b"], "late": ["c"], "followup": ["d"]}, "order"),
        (("V1",), {"baseline": ["V1"]}, "order"),
        (("post", "d5", "pre"), {"baseline": ["pre"], "post": ["post"], "followup": ["d5"]}, "words"),
        (("day5", "24h", "baseline"), {"baseline": ["baseline"], "late": ["24h"], "followup": ["day5"]}, "words"),
        (("24h", "pre"), {"baseline": ["pre"], "followup": ["24h"]}, "words"),
        (("V3", "baseline", "V2"), {"baseline": ["baseline"], "post": ["V2"], "followup": ["V3"]}, "words and order"),
        (("FU", "admission"), {"baseline": ["admission"], "followup": ["FU"]}, "words"),
    ],
)
def test_roles_by_labels(labels: tuple[str, ...], roles: dict[str, list[str]], basis: str) -> None:
    guess = guess_roles({"p": dict.fromkeys(labels)})
    assert (guess.labels, set(guess.basis.split(" and ")), guess.others) == (roles, set(basis.split(" and ")), [])


@pytest.mark.parametrize(
    ("hours", "roles"),
    [
        ({"c": 0, "a": 3, "b": 120}, {"baseline": ["c"], "post": ["a"], "followup": ["b"]}),
        ({"a": 0, "b": 26}, {"baseline": ["a"], "followup": ["b"]}),
        ({"a": 0, "b": 2, "c": 30}, {"baseline": ["a"], "post": ["b"], "followup": ["c"]}),
        ({"a": 0, "b": 2, "c": 30, "d": 90}, {"baseline": ["a"], "post": ["b"], "late": ["c"], "followup": ["d"]}),
    ],
)
def test_roles_by_dates(hours: dict[str, float], roles: dict[str, list[str]]) -> None:
    guess = guess_roles({"p": dated(**hours)})
    assert (guess.labels, guess.basis) == (roles, "dates")


def test_a_second_session_of_a_role_has_none() -> None:
    guess = guess_roles({"p": dated(a=0, b=120, c=2000)})
    assert (guess.labels, guess.others) == ({"baseline": ["a"], "followup": ["b"]}, ["c"])


def test_a_patient_who_lacks_sessions_changes_nothing() -> None:
    visits = {"1": dict.fromkeys(("01", "02", "03")), "2": dict.fromkeys(("02", "03")), "3": {}}
    assert guess_roles(visits).labels == {"baseline": ["01"], "post": ["02"], "followup": ["03"]}


def test_centres_with_labels_of_their_own() -> None:
    guess = guess_roles({"1": dict.fromkeys(("01", "02", "03")), "2": dict.fromkeys(("pre", "post", "fu"))})
    assert guess.basis == "order and words"
    assert guess.block() == [
        "sessions:",
        '  baseline: ["01", "pre"]',
        '  post: ["02", "post"]',
        '  followup: ["03", "fu"]',
    ]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NIHSS_adm", "nihss_baseline"),
        ("nihssBaseline", "nihss_baseline"),
        ("Admission NIHSS score", "nihss_baseline"),
        ("NIHSS24h", "nihss_24h"),
        ("mRS_3months", "mrs_90d"),
        ("mRS90d", "mrs_90d"),
        ("gender", "sex"),
        ("AF", "atrial_fibrillation"),
        ("rtPA", "tpa"),
        ("Occlusion Site", "occlusion_site"),
    ],
)
def test_columns_of_the_same_words(name: str, key: str) -> None:
    assert guess_columns([name, "participant_id"], WANTED) == ({key: name}, {})


@pytest.mark.parametrize(
    ("names", "key"), [(["TICI"], "mtici"), (["mRS90d", "mrs_3m"], "mrs_90d"), (["nihss_discharge"], "nihss_baseline")]
)
def test_columns_that_may_be_another_are_only_named(names: list[str], key: str) -> None:
    sure, unsure = guess_columns(names, WANTED)
    assert (sure, unsure[key]) == ({}, names)


@pytest.mark.parametrize("name", ["HT", "etiology", "door_to_needle", "stage", "Age", "sex"])
def test_columns_that_are_none_or_known_already(name: str) -> None:
    assert guess_columns([name], WANTED) == ({}, {})
