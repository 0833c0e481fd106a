"""The pages of a whole run, as a browser shows them."""

from pathlib import Path

import pytest
from browser import browser, needs_browser
from running import Small

pytestmark = [needs_browser, pytest.mark.xdist_group("small")]


def test_they_are_whole_and_lead_to_each_other(small: Small, tmp_path: Path) -> None:
    results = small.study.parent / "whole" / "out"
    with browser(tmp_path) as page:
        page.open(results / "group.html")
        page.assert_sound()
        assert page.run("document.querySelector('h1').textContent") == "Simulated serial stroke study"
        assert page.run("document.querySelectorAll('.gallery img').length") == 1
        addresses = page.run("[...document.links].map(one => one.getAttribute('href')).filter(one => one[0] !== '#')")
        assert "sub-01.html" in addresses
        assert [one for one in addresses if not (results / one).is_file()] == []
        page.open(results / "sub-01.html")
        page.assert_sound()
        assert page.run("document.images.length") >= 3
