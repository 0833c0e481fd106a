"""The trees of ISLES'24, as they lie, with simulated scans."""

from pathlib import Path

import pytest
from isles24 import RELEASES, build
from reperfuse.command.settings_file import read_settings
from reperfuse.files.tables import read_rows
from reperfuse.study.index import index_configured
from reperfuse.study.names import Names
from reperfuse.study.overview import look
from reperfuse.study.plan import Plan
from reperfuse.study.settings import complete
from reperfuse.study.setup import set_up
from running import ROOT, snakemake

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


def test_a_release_is_computed_in_one_command(tmp_path: Path) -> None:
    build(tmp_path, RELEASES["zenodo"])
    run = snakemake(tmp_path, "--configfile", str(SETTINGS))
    assert run.status == 0, run.output[-3000:]
    session = read_rows(tmp_path / "reperfuse" / "group" / "sessions.tsv")[0]
    assert session["core_source"] == "rcbf30"
    assert float(session["tmax6_ml"]) == pytest.approx(110, rel=0.2)  # the region of late tissue
    assert 12 < float(session["core_ml"]) < 40  # that of little flow has 30 mL
    assert session["defuse2"] == "target"
    patient = read_rows(tmp_path / "reperfuse" / "group" / "patients.tsv")[0]
    assert patient["lesion_source"] == "expert"
    assert float(patient["infarct_followup_ml"]) == pytest.approx(45, rel=0.1)
    assert float(patient["lesion_dice"]) > 0.8
    growth = float(patient["infarct_followup_ml"]) - float(session["core_ml"])
    assert float(patient["growth_ml"]) == pytest.approx(growth, abs=0.01)
