"""The pages of a whole run, as a browser shows them."""

from pathlib import Path

import pytest
from browser import browser, needs_browser
from reperfuse.files.tables import format_cell, read_rows
from running import Small
from swept import volumes_of_bits

pytestmark = pytest.mark.xdist_group("small")


@needs_browser
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


@needs_browser
def test_the_viewer_counts_what_the_tables_hold(small: Small, tmp_path: Path) -> None:
    columns = {("tmax", f"{limit}"): f"tmax{limit}_ml" for limit in (4, 6, 8, 10)}
    columns |= {("rcbf", "30"): "rcbf30_ml", ("adc", "620"): "core_ml"}
    with browser(tmp_path) as page:
        page.open(small.study.parent / "whole" / "out" / "sub-01.html")
        page.run("chooseSession(data.sessions[0])")
        for (name, threshold), column in columns.items():
            counted = page.run(f"""(() => {{
                const grid = view.session.grids.find(one => one.sweeps.some(sweep => sweep.name === '{name}'));
                chooseMap(grid, grid.maps.find(one => one.name === '{name}'));
                chosen.limits['{name}'] = view.sweep.thresholds.indexOf('{threshold}');
                show();
                return part('volume').textContent.split(': ')[1];
            }})()""")
            cells = (
                "[...document.querySelectorAll('#ses-baseline tr')].map(row => [...row.cells].map(it => it.innerText))"
            )
            (told,) = page.run(f"{cells}.filter(row => row[2] === '{column}').map(row => row[1])")
            assert counted == told.partition(" [")[0], column  # its interval stands behind it
            assert counted != "0.0 mL"


def test_the_bits_give_every_volume_of_the_table(small: Small) -> None:
    results = small.study.parent / "whole" / "out"
    rows = [row for row in read_rows(results / "group" / "thresholds.tsv") if row["map"] in ("tmax", "rcbf", "adc")]
    assert len(rows) > 10
    for row in rows:
        folder = results / "sub-01" / row["session_id"] / ("dwi" if row["map"] == "adc" else "perf")
        (path,) = folder.glob(f"*_desc-{row['map']}sweep_dseg.nii.gz")
        volumes = {format_cell(limit): format_cell(ml) for limit, ml in volumes_of_bits(str(path))}
        assert volumes[row["threshold"]] == row["ml"]
