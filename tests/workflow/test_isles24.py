"""The trees of ISLES'24, as they lie, with simulated scans."""

from pathlib import Path

import pytest
from isles24 import RELEASES, build
from reperfuse.command.settings_file import read_settings
from reperfuse.study.index import index_configured
from reperfuse.study.names import Names
from reperfuse.study.overview import look
from reperfuse.study.plan import Plan
from reperfuse.study.settings import complete
from reperfuse.study.setup import set_up
from running import ROOT

SETTINGS = ROOT / "config" / "examples" / "isles24.yaml"


def planned(folder: Path, **changed: str) -> Plan:
    config = read_settings(SETTINGS) | changed
    complete(config, [SETTINGS], folder)
    return set_up(config, [SETTINGS]).plan(index_configured(config), Names(config["output_dir"]))


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_is_read_as_it_lies(name: str, tmp_path: Path) -> None:
    release = RELEASES[name]
    plan = planned(build(tmp_path, release), bids_dir=release.raw)
    scans = {(scan.session, scan.kind): Path(scan.path) for scan in plan.manifest.scans if not scan.reason}
    first, second = release.sessions
    assert set(scans) == {(first, "ctp"), (second, "adc"), (second, "trace"), (second, "lesion")}
    assert [scan.reason for scan in plan.manifest.scans if scan.reason] == []
    assert scans[first, "ctp"].parts[-4] == release.raw  # not the one that was brought to the grid of the plain CT
    assert (scans[second, "adc"].parts[-4] == release.raw) == release.is_native
    (subject,) = plan.subjects
    assert [plan.role(subject, session) for session in release.sessions] == ["baseline", "followup"]
    assert plan.perfusion(subject, first) == "ctp"
    assert plan.manifest.find(subject, first, "ctp").settings == '{"repetition_time_s": 1.0}'
    known = plan.clinical.all_known(subject, release.sessions)
    assert (known["age"], known["sex"], known["nihss_baseline"], known["nihss_24h"]) == (71, "female", 14, 6)
    assert (known["mtici"], known["mrs_90d"], known["hypertension"], known["diabetes"]) == ("3", 1, True, False)


def test_what_is_found_is_said(tmp_path: Path) -> None:
    release = RELEASES["zenodo"]
    overview = look(planned(build(tmp_path, release, patients=1), bids_dir=release.raw))
    said = "\n".join(overview.lines())
    assert "1 CT perfusion, 1 ADC maps, 1 trace images" in said
    assert "1 lesion masks" in said
    assert "11 known columns" in said
    assert "not used" not in said
