"""Ratings as a reader gives them in a browser, and as the workflow reads what the browser saves."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Page, browser, needs_browser
from patient_pages import patient, render, session
from reperfuse.files.tables import read_rows
from reperfuse.study.ratings import Ratings, find_ratings

pytestmark = [needs_browser, pytest.mark.xdist_group("browser")]

NOTE = '"><script>alert(1)</script>\tand "more", ά'
FORBID = """Object.defineProperty(window, 'localStorage', {
    get() { throw new DOMException('forbidden', 'SecurityError') }
})"""
#: Whether the browser keeps what was rated, which it does from one page to the next.
KEEPS = [True, False]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def path(tmp_path: Path) -> Path:
    sessions = [session(tmp_path, label, role=role) for label, role in (("d0", "baseline"), ("d1", "post"), ("x", ""))]
    path = tmp_path / "sub-01.html"
    path.write_text(render(patient(tmp_path), sessions), encoding="utf-8")
    return path


@pytest.fixture
def page(chromium: Page, path: Path, request: Any) -> Iterator[Page]:
    """An open page of three sessions; a reader has rated nothing yet."""
    chromium.complaints.clear()
    name = "" if getattr(request, "param", True) else chromium.before_scripts(FORBID)
    chromium.open(path)
    if not name:
        chromium.run("localStorage.clear()")
        chromium.open(path)
    yield chromium
    if name:
        chromium.without(name)
    chromium.complaints.clear()


def focus(page: Page, what: str) -> None:
    page.run(f"document.querySelector('.rating {what}').focus()")


def chosen(page: Page) -> dict[str, str]:
    """Return what the bar shows: the session, and the rating that is pressed."""
    return {
        "session": page.run("document.querySelector('.rating select').selectedOptions[0].textContent"),
        "pressed": page.run("document.querySelector('.rating [aria-pressed=true]')?.dataset.rating ?? ''"),
    }


def told(page: Page) -> str:
    return str(page.run("document.querySelector('.rating output').textContent"))


def saved(page: Page, folder: Path) -> Path:
    """Save by the keyboard, and return the file."""
    folder.mkdir()
    page.downloads_to(folder)
    focus(page, ".save")
    page.press("Enter")
    for _ in range(100):
        if found := list(folder.glob("*.tsv")):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"nothing was saved: {told(page)}")


def opened_again(page: Page, path: Path) -> dict[str, str]:
    """Open a page until it shows a rating: the browser keeps one for its next page when it finds the time."""
    for _ in range(50):
        page.open(path)
        if (shown := chosen(page))["pressed"]:
            break
        time.sleep(0.1)
    return shown


@pytest.mark.parametrize("page", KEEPS, indirect=True)
def test_what_is_rated_by_key_and_click_is_what_the_workflow_reads(page: Page, tmp_path: Path) -> None:
    page.press("r")
    assert chosen(page) == {"session": "ses-d0: reject", "pressed": "reject"}
    page.press("n")
    page.run("document.querySelector('.rating [data-rating=doubt]').click()")
    assert chosen(page) == {"session": "ses-d1: doubt", "pressed": "doubt"}
    focus(page, "[name=note]")
    page.type(NOTE)
    focus(page, "[name=rater]")
    page.type(" Α. Reader ")
    file = saved(page, tmp_path / "ratings")
    assert file.name == "sub-01_desc-rating.tsv"
    assert told(page) == "Saved as sub-01_desc-rating.tsv. 2 of 3 rated."
    first, second = read_rows(file)
    assert list(first) == ["participant_id", "session_id", "rater", "rating", "note", "time", "version"]
    assert (first["note"], second["note"]) == ("n/a", NOTE.replace("\t", " "))
    assert first["version"] == "0.1.0"
    ratings = Ratings(find_ratings(str(tmp_path / "ratings")), {"01": ["d0", "d1", "x"]})
    assert [(one["session_id"], one["rater"], one["rating"]) for one in ratings.rows] == [
        ("ses-d0", "Α. Reader", "reject"),
        ("ses-d1", "Α. Reader", "doubt"),
    ]
    assert all(one["time"].startswith("20") for one in ratings.rows)
    assert ratings.faults == []
    page.assert_sound()
    assert page.run("document.scripts.length") == 1


def test_a_key_in_a_text_field_is_a_letter(page: Page) -> None:
    for field in ("[name=note]", "[name=rater]"):
        focus(page, field)
        for letter in "radn":
            page.press(letter)
        assert page.run("document.activeElement.value") == "radn"
    focus(page, "select")
    page.press("r")
    assert chosen(page) == {"session": "ses-d0", "pressed": ""}


def test_keys_can_be_switched_off(page: Page) -> None:
    page.run("document.querySelector('.rating [type=checkbox]').click()")
    page.press("r")
    assert chosen(page)["pressed"] == ""
    focus(page, "[data-rating=reject]")
    page.press(" ")
    assert chosen(page)["pressed"] == "reject"
    page.press(" ")
    assert chosen(page) == {"session": "ses-d0", "pressed": ""}, "pressed again it is taken back"


def test_nothing_is_saved_without_a_rating_or_a_rater(page: Page, tmp_path: Path) -> None:
    page.downloads_to(tmp_path)
    focus(page, "[name=rater]")
    page.type(" \t")
    focus(page, ".save")
    page.press("Enter")
    assert told(page).startswith("No session is rated yet.")
    page.press("a")
    page.press("Enter")
    assert told(page).startswith("Who rates?")
    assert page.run("document.activeElement.name") == "rater"
    time.sleep(0.3)
    assert not list(tmp_path.glob("*.tsv*"))


def test_a_page_opened_again_shows_what_was_rated(page: Page, path: Path) -> None:
    page.press("a")
    focus(page, "[name=rater]")
    page.type("B")
    assert opened_again(page, path) == {"session": "ses-d0: accept", "pressed": "accept"}
    assert page.run("document.querySelector('.rating [name=rater]').value") == "B"
    path.write_text(path.read_text(encoding="utf-8").replace("0.1.0", "0.2.0"), encoding="utf-8")
    assert opened_again(page, path)["pressed"] == "accept"
    (row,) = read_rows(saved(page, path.parent / "later"))
    assert row["version"] == "0.1.0", "what was seen when it was rated"
    again = path.with_name("sub-02.html")
    again.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    page.open(again)
    assert chosen(page) == {"session": "ses-d0", "pressed": ""}, "another page has its own ratings"


def test_print_and_a_page_without_script_have_no_ratings(page: Page, path: Path) -> None:
    shown = "getComputedStyle(document.querySelector('.rating')).display"
    assert page.run(shown) == "flex"
    page.send("Emulation.setEmulatedMedia", media="print")
    assert page.run(shown) == "none"
    page.send("Emulation.setEmulatedMedia", media="")
    path.write_text(re.sub("<script>.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.S), encoding="utf-8")
    page.open(path)
    assert page.run(shown) == "none"


def test_every_control_has_a_name_and_is_reached_by_tab(page: Page) -> None:
    focus(page, "select")
    names = []
    for _ in range(9):
        names.append(
            page.run(
                "((one) => one.labels?.[0]?.textContent.trim().split(/\\s/)[0] || one.textContent.trim())"
                "(document.activeElement)"
            )
        )
        page.press("Tab")
    assert names == ["Session", "N next", "A accept", "D doubt", "R reject", "Note", "Rater", "Download", "keys"]
