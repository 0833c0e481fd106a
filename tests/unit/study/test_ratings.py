"""Ratings as readers save them, and as they should not: what is not certain is not used, and is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reperfuse.study.manifest import StudyError
from reperfuse.study.ratings import Ratings, find_ratings, rating_in_words, rejections

HEAD = "participant_id\tsession_id\trater\trating\tnote\ttime\tversion"
SESSIONS = {"01": ["d0", "d1"], "02": ["d0"], "3": ["01"]}
MORNING, EVENING = "2026-01-31T08:00:00Z", "2026-01-31T20:00:00Z"
Write = Callable[..., Ratings]


def row(
    rating: str = "reject", session: str = "ses-d1", rater: str = "A", time: str = MORNING, who: str = "sub-01"
) -> str:
    return "\t".join([who, session, rater, rating, "n/a", time, "0.8.0"])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what reads rows of a table."""

    def write(*rows: str, head: str = HEAD, name: str = "sub-01_desc-rating.tsv", encoding: str = "utf-8") -> Ratings:
        path = tmp_path / name
        path.write_text("\n".join([head, *rows]) + "\n", encoding=encoding)
        return Ratings([path], SESSIONS, tmp_path / "study")

    return write


def said(ratings: Ratings) -> list[tuple[str, ...]]:
    return [tuple(one.values()) for one in ratings.rows]


def reasons(ratings: Ratings) -> list[str]:
    assert all(len(fault) == 3 for fault in ratings.faults)
    return [reason for _, _, reason in ratings.faults]


# --- which files ---------------------------------------------------------------------------------


def test_files_are_found_below_a_folder_however_a_browser_names_the_second(tmp_path: Path) -> None:
    folder = tmp_path / "ratings"
    for name in ("A/sub-01_desc-rating.tsv", "B/deep/sub-01_desc-rating (1).tsv", "A/sub-01_desc-rating.json", "a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    alone = tmp_path / "mine.tsv"
    alone.touch()
    expected = [folder / "A/sub-01_desc-rating.tsv", folder / "B/deep/sub-01_desc-rating (1).tsv"]
    assert find_ratings(str(folder)) == expected
    assert find_ratings([str(alone), str(folder), str(expected[0])]) == [alone, *expected]
    assert find_ratings(None) == find_ratings([]) == []


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"^ratings: there is no file or folder .*away; check the path$"):
        find_ratings([str(tmp_path / "away")])


def test_a_folder_of_other_files_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    assert find_ratings(str(tmp_path)) == []
    (tmp_path / "ratings.xlsx").touch()
    with pytest.raises(StudyError, match=r"ratings: no file in .* is named sub-<label>_desc-rating\.tsv"):
        find_ratings(str(tmp_path))


# --- what they say -------------------------------------------------------------------------------


def test_a_table_is_read_as_the_page_saves_it(write: Write) -> None:
    found = write(row(), row("accept", "ses-d0"))
    assert said(found) == [
        ("sub-01", "ses-d0", "A", "accept", "2026-01-31T08:00:00+00:00"),
        ("sub-01", "ses-d1", "A", "reject", "2026-01-31T08:00:00+00:00"),
    ]
    assert found.faults == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_spreadsheets_table_is_read(write: Write, encoding: str) -> None:
    found = write(row(rater="Ångström"), encoding=encoding)
    assert said(found)[0][2] == "Ångström"
    assert found.faults == []


def test_another_encoding_is_read_and_said(write: Write) -> None:
    found = write(row(rater="Müller"), encoding="latin-1")
    assert said(found)[0][2] == "Müller"
    assert reasons(found) == ["sub-01_desc-rating.tsv is not UTF-8 and was read as Latin-1; save it as UTF-8"]


@pytest.mark.parametrize("word", ["reject", "Reject", "REJECTED", ' "rejected" '])
def test_words_that_are_certain(write: Write, word: str) -> None:
    assert said(write(row(word)))[0][3] == "reject"


@pytest.mark.parametrize("word", ["rejct", "bad", "0", "accept?", "not rejected", "Müller, born 1950"])
def test_another_word_is_not_used_and_not_repeated(write: Write, word: str) -> None:
    found = write(row(word))
    assert said(found) == []
    assert found.faults == [
        ["sub-01", "ratings", "rating of session d1 by rater A is not understood: write accept, doubt or reject"]
    ]


def test_a_note_alone_says_nothing(write: Write) -> None:
    found = write(row("n/a"))
    assert (said(found), found.faults) == ([], [])


def test_labels_without_their_prefix_and_as_numbers(write: Write) -> None:
    found = write(row(who="01", session="d1"), row(who="1", session="d0"), row(who="03", session="1"))
    assert [one[:2] for one in said(found)] == [("sub-01", "ses-d0"), ("sub-01", "ses-d1"), ("sub-3", "ses-01")]


@pytest.mark.parametrize("who", ["sub-99", "n/a", "Erika Mustermann"])
def test_who_is_not_in_the_study_is_told_and_not_named(write: Write, who: str) -> None:
    found = write(row(who=who), row())
    assert len(said(found)) == 1
    assert found.faults == [["n/a", "ratings", "sub-01_desc-rating.tsv has a row of a patient who is not in the study"]]


def test_a_session_that_is_not_there_is_told(write: Write) -> None:
    found = write(row(session="ses-d9"))
    assert (said(found), reasons(found)) == (
        [],
        ["a rating names a session that this patient does not have; correct session_id"],
    )


def test_patients_and_sessions_that_are_not_asked_for_are_no_fault(write: Write, tmp_path: Path) -> None:
    (tmp_path / "study" / "sub-99").mkdir(parents=True)
    (tmp_path / "study" / "sub-01" / "ses-d9").mkdir(parents=True)
    found = write(row(who="sub-99"), row(session="ses-d9"))
    assert (said(found), found.faults) == ([], [])


def test_without_a_rater(write: Write) -> None:
    assert reasons(write(row(rater="n/a"))) == ["a rating of session d1 names no rater; add the name"]


def test_a_name_makes_no_element_of_a_page_that_does_not_escape_it(write: Write) -> None:
    assert said(write(row(rater="A </script><b>")))[0][2] == "A ‹/script›‹b›"


def test_a_name_is_one_line_and_not_too_long(write: Write) -> None:
    found = write(row(rater="A\x07B" + "c" * 200))
    assert said(found)[0][2] == "A B" + "c" * 56 + "…"


@pytest.mark.parametrize(
    ("head", "lines", "reason"),
    [
        ("Participant,session_id,rater,rating", ["sub-01,d0,A,reject"], "is separated by commas"),
        ("who\tsession_id\trater\trating", ["sub-01\td0\tA\treject"], "has no column participant_id"),
        ("participant_id\tsession_id\trating", ["sub-01\td0\treject"], "is not used: it should have one column rater"),
        (f"{HEAD}\trating", [f"{row()}\taccept"], "is not used: it should have one column rating"),
        ("", [], "is empty"),
    ],
)
def test_what_is_no_table_of_ratings_is_told(write: Write, head: str, lines: list[str], reason: str) -> None:
    found = write(*lines, head=head)
    assert said(found) == []
    (told,) = reasons(found)
    assert told.startswith("sub-01_desc-rating.tsv ")
    assert reason in told


def test_a_picture_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_desc-rating.tsv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x01\xff\xfe")
    found = Ratings([path], SESSIONS)
    assert (said(found), len(reasons(found))) == ([], 1)


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "sub-01_desc-rating.tsv").symlink_to(tmp_path / "annex")
    (told,) = reasons(Ratings(find_ratings(str(tmp_path)), SESSIONS))
    assert "sub-01_desc-rating.tsv" in told
    assert str(tmp_path) not in told


def test_a_row_of_too_few_cells_is_told_and_the_others_are_read(write: Write) -> None:
    found = write("sub-01\tses-d0\tA", row())
    assert len(said(found)) == 1
    assert reasons(found) == [
        "sub-01_desc-rating.tsv has a row with more or fewer cells than columns; the row is not used"
    ]


def test_a_file_that_may_be_named_after_a_person_is_not_named(write: Write) -> None:
    assert reasons(write(row(who="x"), name="Mustermann desc-rating.tsv")) == [
        "a file of ratings has a row of a patient who is not in the study"
    ]


# --- twice by one rater --------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", [False, True])
def test_the_latest_time_counts(write: Write, swapped: bool) -> None:
    rows = [row("reject", time=MORNING), row("accept", time=EVENING, rater="a")]
    found = write(*(rows[::-1] if swapped else rows))
    assert [one[3:] for one in said(found)] == [("accept", "2026-01-31T20:00:00+00:00")]
    assert found.faults == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("n/a", "n/a"), (MORNING, "n/a"), (MORNING, MORNING), (MORNING, "2026-01-31T09:00:00")],
)
def test_without_a_latest_time_a_contradiction_is_unknown_and_said(write: Write, first: str, second: str) -> None:
    found = write(row("reject", time=first), row("accept", time=second))
    assert said(found) == []
    assert reasons(found) == ["rater A gives session d1 different ratings without times that show the latest; keep one"]


def test_the_same_twice_is_no_contradiction(write: Write) -> None:
    found = write(row(time="n/a"), row(time="n/a"))
    assert said(found) == [("sub-01", "ses-d1", "A", "reject", "")]
    assert found.faults == []


def test_a_time_that_is_not_understood_is_told(write: Write) -> None:
    found = write(row(time="31.01.2026"))
    assert said(found)[0][3:] == ("reject", "")
    assert "time of the rating of session d1 by rater A is not understood" in reasons(found)[0]


# --- what follows --------------------------------------------------------------------------------


def test_a_rejected_session_of_a_role_leaves_the_patient_out(write: Write) -> None:
    found = write(
        *(row(rater=rater) for rater in ("A", "B")),
        row("accept", rater="C"),
        row("doubt", "ses-d0"),
        row(session="d0", who="sub-02"),
    )
    judged = {("sub-01", "ses-d0"), ("sub-01", "ses-d1")}
    assert list(rejections(found.rows, judged)) == [("sub-01", "session d1 rejected by rater A and rater B")]
    assert [rating_in_words(one) for one in found.rows[:2]] == ["doubted by rater A", "rejected by rater A"]
