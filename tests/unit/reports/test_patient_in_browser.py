"""A patient's page as a browser shows it: whole, silent, and its figures large on a click or a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, browser, needs_browser
from html_pages import NASTY
from patient_pages import patient, render, session
from reperfuse.reports.captions import CAPTIONS
from reperfuse.reports.provenance import Origin
from study_pages import draw

pytestmark = [needs_browser, pytest.mark.xdist_group("browser")]

LONG = "ses-" + "long" * 14 + "Αγγείο"
WIDTH = "document.images[0].getBoundingClientRect().width"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(chromium: Page, tmp_path: Path) -> Page:
    """An open page with every figure, long and Greek labels, and text that would like to run."""
    label = LONG.removeprefix("ses-")
    pictures = [tmp_path / "sub-01_desc-overview_figure.png"]
    pictures += [tmp_path / f"sub-01_{LONG}_desc-{what}_figure.png" for what in CAPTIONS]
    for path in pictures:
        draw(path, (1408, 700))
    reasons = [["tmax6", NASTY * 5], ["defuse2", "α" * 200]]
    text = render(
        patient(tmp_path, [["reflow", NASTY]], lesion_source=NASTY, core_baseline_ml=12.5),
        [session(tmp_path, label, reasons, [NASTY * 3], role="baseline", status="failed", core_ml=12.5)],
        pictures,
        {"age": 71.0, "sex": NASTY},
        [Origin("SegmentCore", [f"{LONG}.nii.gz"] * 9, [f"{LONG}.nii.gz"], [NASTY])],
    )
    (tmp_path / "sub-01.html").write_text(text, encoding="utf-8")
    chromium.complaints.clear()
    chromium.open(tmp_path / "sub-01.html")
    return chromium


def test_the_page_is_whole_and_silent(page: Page) -> None:
    page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.assert_sound()
    assert page.run("document.images.length") == 1 + len(CAPTIONS)
    assert page.run("document.scripts.length") == 1


@pytest.mark.parametrize("width", [1280, 400])
def test_a_click_enlarges_a_figure_and_another_makes_it_small(page: Page, width: int) -> None:
    page.resize(width)
    before = page.run(WIDTH)
    assert before < width
    page.run("document.images[0].click()")
    assert page.run(WIDTH) >= 1.4 * width
    place = "document.images[0].closest('label').getBoundingClientRect()"
    assert page.run(f"[{place}.left, {place}.top, {place}.width, {place}.height]") == [0, 0, width, 900]
    page.run("document.images[0].click()")
    assert page.run(WIDTH) == before


def test_a_key_enlarges_a_figure(page: Page) -> None:
    before = page.run(WIDTH)
    page.run("document.querySelector('input.enlarge').focus()")
    page.press(" ")
    assert page.run(WIDTH) > before
    page.press(" ")
    assert page.run(WIDTH) == before


def test_a_fold_says_how_a_figure_is_read(page: Page) -> None:
    fold = "document.querySelector('figure details')"
    tall = f"{fold}.offsetHeight"
    closed = page.run(tall)
    page.run(f"{fold}.querySelector('summary').click()")
    assert page.run(tall) > closed


def test_the_first_screen_says_the_sentence_the_verdict_and_shows_the_sessions(page: Page) -> None:
    places = "['.lead', '.facts', '.verdicts', 'figure img', '.cards', '#criteria'].map(one => document.querySelector"
    tops = page.run(f"{places}(one).getBoundingClientRect().top)")
    assert tops == sorted(tops)
    assert page.run("document.querySelector('.lead').textContent").startswith("No perfusion before treatment: ")
