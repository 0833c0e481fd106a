import json
from pathlib import Path
from typing import Any

import pytest
from reperfuse.files.sidecars import sidecar_path
from reperfuse.study import index
from reperfuse.study.index import index_study
from reperfuse.study.layout import File
from reperfuse.study.manifest import Manifest, StudyError
from studies import GOOD, INPUTS, ROLES, Study, reason


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "a study with späces")


def test_a_good_scan_carries_what_the_steps_need(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    (scan,) = study.index().scans
    assert (scan.participant, scan.session, scan.role, scan.kind, scan.reason) == (
        "01",
        "baseline",
        "baseline",
        "dsc",
        "",
    )
    assert json.loads(scan.settings) == {"repetition_time_s": 1.5, "echo_time_s": 0.03}


def test_sidecars_are_inherited(study: Study) -> None:
    study.dsc("01", "baseline", {"EchoTime": 0.04})
    (study.root / "dsc.json").write_text(json.dumps(GOOD))
    assert json.loads(study.index().scans[0].settings) == {"repetition_time_s": 1.5, "echo_time_s": 0.04}


@pytest.mark.parametrize(
    ("sidecar", "said"),
    [
        (None, "RepetitionTime is missing"),
        ({"RepetitionTime": 1.5}, "EchoTime is missing; add it (in s), or set acquisition.echo_time_s"),
        ({"RepetitionTime": 1500, "EchoTime": 0.03}, "RepetitionTime is 1500"),
        ({"RepetitionTime": 1.5, "EchoTime": 30}, "EchoTime is 30"),
        ({"RepetitionTime": "1.5", "EchoTime": 0.03}, "RepetitionTime is not a plausible number of seconds"),
        ({"RepetitionTime": 2.0, "EchoTime": 0.03}, "its header says 1.5 s between frames"),
    ],
)
def test_a_faulty_sidecar_leaves_the_scan_out_and_says_why(
    study: Study, sidecar: dict[str, Any] | None, said: str
) -> None:
    study.dsc("01", "baseline", sidecar)
    manifest = study.index()
    assert said in reason(manifest)
    assert "sub-01_ses-baseline_dsc" in reason(manifest)
    assert not manifest.has("01", "baseline", "dsc")


def test_a_missing_value_may_be_given_once_for_the_study(study: Study) -> None:
    study.dsc("01", "baseline", {"RepetitionTime": 1.5})
    manifest = study.index(acquisition={"repetition_time_s": None, "echo_time_s": 0.032})
    assert json.loads(manifest.scans[0].settings)["echo_time_s"] == 0.032


def test_an_unreadable_scan_is_left_out(study: Study) -> None:
    study.dsc("01", "baseline", GOOD).write_bytes(b"no image")
    assert "not a readable NIfTI image" in reason(study.index())


def test_the_first_usable_run_is_used(study: Study) -> None:
    study.dsc("01", "baseline", None, "_run-1")
    study.dsc("01", "baseline", GOOD, "_run-2")
    study.dsc("01", "baseline", GOOD, "_run-3")
    manifest = study.index()
    found = manifest.find("01", "baseline", "dsc")
    assert found is not None
    assert "run-2" in found.path
    assert sorted("used instead" in text for _, text in manifest.reasons("01", "baseline")) == [False, True]


def test_dwi_needs_its_bvalues(study: Study) -> None:
    study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_dwi.nii.gz", {}, frames=2)
    assert "sub-01_ses-baseline_dwi.bval: the file is missing" in reason(study.index())


def test_directions_that_are_not_there_are_not_asked_for(study: Study) -> None:
    """A link to nowhere would stop the whole study, as the input of a job that nobody makes."""
    path = study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_dwi.nii.gz", {}, frames=2)
    path.with_name("sub-01_ses-baseline_dwi.bval").write_text("0 1000")
    path.with_name("sub-01_ses-baseline_dwi.bvec").symlink_to("nowhere.bvec")
    (scan,) = study.index().scans
    assert not scan.reason
    assert "bvecs" not in scan.settings


def test_a_scan_beside_sessions_is_of_none_of_them(study: Study) -> None:
    study.add("sub-01/perf/sub-01_dsc.nii.gz", GOOD, frames=20)
    study.dsc("01", "post", GOOD)
    (reason,) = [scan.reason for scan in study.index().scans if not scan.session]
    assert "no session label" in reason


@pytest.mark.parametrize("role", ["baseline", "post"])
def test_a_study_without_sessions_is_one_session_a_patient(study: Study, role: str) -> None:
    study.add("sub-01/perf/sub-01_dsc.nii.gz", GOOD, frames=20)
    manifest = study.index(without_session=role)
    assert manifest.session_of("01", role) == role
    assert manifest.has("01", role, "dsc")


def test_a_participant_without_any_scan_is_listed(study: Study) -> None:
    study.add("sub-01/ses-baseline/perf/sub-01_ses-baseline_dsc.nii.gz", GOOD, frames=20)
    study.add("sub-02/ses-baseline/anat/sub-02_ses-baseline_T1w.nii.gz")
    (study.root / "sub-03").mkdir()
    for manifest in (study.index(), study.index(sessions=["baseline"])):
        assert list(manifest.sessions) == ["01"]
        found = [(scan.participant, scan.kind) for scan in manifest.scans if "no scan found" in scan.reason]
        assert found == [("02", "patient"), ("03", "patient")]
    assert [scan.participant for scan in study.index(participants=["03"]).scans] == ["03"]


def test_derivatives_are_no_scans_of_the_study(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    study.dsc("02", "baseline", GOOD)
    (study.root / "derivatives").mkdir()
    (study.root / "sub-02").rename(study.root / "derivatives" / "sub-02")
    assert [scan.participant for scan in study.index().scans] == ["01"]


def test_lesion_masks_are_found(study: Study) -> None:
    study.dsc("01", "followup", GOOD)
    masks = Study(study.root / "derivatives" / "lesions")
    masks.add("sub-01/ses-followup/anat/sub-01_ses-followup_label-L_mask.nii.gz")
    scan = study.index(given={"lesion": masks.root}).find("01", "followup", "lesion")
    assert scan is not None
    assert json.loads(scan.settings) == {"datatype": "anat"}


def test_brain_masks_are_found_by_what_they_were_drawn_on(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    masks = Study(study.root / "derivatives" / "brains")
    for datatype in ("dwi", "perf"):
        masks.add(f"sub-01/ses-baseline/{datatype}/sub-01_ses-baseline_desc-brain_mask.nii.gz")
    manifest = study.index(given={"brain": masks.root})
    for datatype in ("dwi", "perf"):
        scan = manifest.find("01", "baseline", f"brain_{datatype}")
        assert scan is not None
        assert f"/{datatype}/" in scan.path
    assert not manifest.has("01", "baseline", "brain_anat")


@pytest.mark.parametrize("name", ["label-AIF_mask.nii.gz", "desc-manual_timeseries.tsv"])
def test_arterial_inputs_are_found(study: Study, name: str) -> None:
    study.dsc("01", "baseline", GOOD)
    folder = study.root / "derivatives" / "arteries"
    path = folder / f"sub-01/ses-baseline/perf/sub-01_ses-baseline_{name}"
    path.parent.mkdir(parents=True)
    for file in (path, sidecar_path(path), path.with_name("sub-01_ses-baseline_desc-aif_timeseries.tsv")):
        file.write_text("{}")
    manifest = study.index(given={"aif": folder})
    scan = manifest.find("01", "baseline", "aif")
    assert scan is not None
    assert scan.path == str(path)
    (unused,) = [scan.reason for scan in manifest.scans if scan.kind == "aif" and scan.reason]
    assert unused.startswith("sub-01_ses-baseline_desc-aif_timeseries.tsv is not used: a file should lie in perf")
    with pytest.raises(StudyError, match="arterial_inputs: there is no folder"):
        study.index(given={"aif": folder / "elsewhere"})


def test_other_names_are_reached_through_filters(study: Study) -> None:
    study.add("sub-01/ses-baseline/func/sub-01_ses-baseline_task-rest_ce-gd_bold.nii.gz", GOOD, frames=20)
    inputs = INPUTS | {"dsc": {"datatype": "func", "suffix": "bold", "ceagent": "gd"}}
    manifest = index_study(study.root, inputs=inputs, roles=ROLES)
    assert manifest.has("01", "baseline", "dsc")


@pytest.mark.parametrize("wanted", [["01"], ["sub-01"], [1]])
def test_participants_are_filtered(study: Study, wanted: list[str | int]) -> None:
    for subject in ("01", "02"):
        study.dsc(subject, "baseline", GOOD)
    assert list(study.index(participants=wanted).sessions) == ["01"]


@pytest.mark.parametrize("left_out", [["01"], ["sub-01"], [1]])
def test_participants_are_left_out(study: Study, left_out: list[str | int]) -> None:
    for subject in ("01", "02", "03"):
        study.dsc(subject, "baseline", GOOD)
    assert list(study.index(excluded=left_out).sessions) == ["02", "03"]
    assert list(study.index(participants=["01", "02"], excluded=left_out).sessions) == ["02"]


def test_leaving_out_whom_the_study_lacks_or_everybody_is_refused(study: Study) -> None:
    for subject in ("01", "02"):
        study.dsc(subject, "baseline", GOOD)
    with pytest.raises(StudyError, match="exclude_participants: 03 is not in the study; the study has 01, 02"):
        study.index(excluded=["03"])
    with pytest.raises(StudyError, match="exclude_participants: nobody is left"):
        study.index(participants=["01"], excluded=["01"])


def test_sessions_are_filtered(study: Study) -> None:
    for session in ("baseline", "post", "1"):
        study.dsc("01", session, GOOD)
    assert study.index(sessions=["ses-post", 1]).sessions["01"] == ["1", "post"]
    with pytest.raises(StudyError, match="include_sessions: followup is not in the study"):
        study.index(sessions=["followup"])


@pytest.mark.parametrize(
    ("filters", "found"),
    [({"run": 2}, 1), ({"run": [1, 2]}, 2), ({"run": "02"}, 1), ({"acquisition": "fast"}, 0), ({}, 3)],
)
def test_filters_ask_for_entities(study: Study, filters: dict[str, Any], found: int) -> None:
    for extra in ("", "_run-1", "_run-02"):
        study.dsc("01", "baseline", GOOD, extra)
    inputs = INPUTS | {"dsc": {"suffix": "dsc", **filters}}
    if not found:
        with pytest.raises(StudyError, match="no scan found"):
            index_study(study.root, inputs=inputs, roles=ROLES)
        return
    assert len(index_study(study.root, inputs=inputs, roles=ROLES).scans) == found


def test_an_unknown_entity_is_refused(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    with pytest.raises(StudyError, match=r"inputs\.dsc\.contrast: BIDS has no such entity"):
        index_study(study.root, inputs=INPUTS | {"dsc": {"suffix": "dsc", "contrast": "gd"}}, roles=ROLES)


def test_an_unknown_or_ambiguous_participant_is_refused(study: Study) -> None:
    for subject in ("01", "1"):
        study.dsc(subject, "baseline", GOOD)
    with pytest.raises(StudyError, match="03 is not in the study"):
        study.index(participants=["03"])
    with pytest.raises(StudyError, match="ambiguous"):
        study.index(participants=[1])


def test_a_manifest_is_written_and_read(study: Study, tmp_path: Path) -> None:
    study.dsc("01", "baseline", GOOD)
    study.dsc("01", "later", None)
    manifest = study.index()
    manifest.write(tmp_path / "logs" / "manifest.tsv")
    again = Manifest.read(tmp_path / "logs" / "manifest.tsv")
    assert again.scans == manifest.scans
    assert again.session_of("01", "baseline") == "baseline"
    assert again.role("01", "later") == ""
    assert again.session_of("01", "post") is None


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(StudyError) as caught:
            index_study(tmp_path / "x", inputs=INPUTS, roles=ROLES)
        return str(caught.value)

    assert "there is no folder" in refused()
    (tmp_path / "x").mkdir()
    assert "dataset_description.json" in refused()
    study = Study(tmp_path / "x")
    assert "holds no sub-<label> folder" in refused()
    (study.root / "sub-01").mkdir()
    assert "no scan found" in refused()


def rows(manifest: Manifest) -> dict[tuple[str, str, str], str]:
    return {(scan.participant, scan.session, scan.kind): scan.reason for scan in manifest.scans}


def test_a_label_is_the_whole_name_of_its_folder(study: Study) -> None:
    for label in ("STROKE-001", "STROKE-002", "01"):
        study.dsc(label, "baseline", GOOD)
    found = rows(study.index())
    assert found["01", "baseline", "dsc"] == ""
    for label in ("STROKE-001", "STROKE-002"):
        assert "a label has only letters and digits" in found[label, "", "patient"]
        assert f"to sub-{label.replace('-', '')}" in found[label, "", "patient"]
    assert len(found) == 3


def test_a_session_folder_that_is_no_label_is_left_out_by_name(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    study.dsc("01", "day_5", GOOD)
    assert "the folder ses-day_5 is left out" in rows(study.index())["01", "", "session"]


def test_a_file_named_after_another_patient_or_session_is_left_out(study: Study) -> None:
    for name in ("sub-02_ses-baseline_dsc", "sub-01_ses-post_dsc"):
        study.add(f"sub-01/ses-baseline/perf/{name}.nii.gz", GOOD, frames=20)
    reasons = [scan.reason for scan in study.index().scans]
    assert any("sub-02_ses-baseline_dsc.nii.gz lies in the folder of sub-01" in reason for reason in reasons)
    assert any("sub-01_ses-post_dsc.nii.gz lies in the folder of ses-baseline" in reason for reason in reasons)


def test_nothing_derived_is_raw(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    for place in ("derivatives/x", "sub-01/derivatives", "sub-01/ses-baseline/own", "my results", "sub-01/out"):
        name = f"{place}/sub-01/ses-baseline/perf/sub-01_ses-baseline_run-9_dsc.nii.gz"
        study.add(name, GOOD, frames=20)
    for dataset in ("sub-01/ses-baseline/own", "my results"):
        (study.root / dataset / "dataset_description.json").write_text("{}")
    study.dsc("01", "baseline", GOOD, "_desc-moco")
    manifest = study.index(output_dir=study.root / "sub-01" / "out")
    assert len(manifest.scans) == 1


def test_links_back_are_followed_once(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    (study.root / "rawdata").symlink_to(".")
    (study.root / "sub-01" / "study").symlink_to("..")
    (study.root / "sub-01" / "ses-baseline" / "again").symlink_to("../ses-baseline")
    assert len(study.index().scans) == 1


def test_the_scan_that_holds_most_is_used_and_named(study: Study) -> None:
    study.dsc("01", "baseline", GOOD, "_run-1", frames=30)
    study.dsc("01", "baseline", GOOD, "_run-2", frames=60)
    manifest = study.index()
    scan = manifest.find("01", "baseline", "dsc")
    assert scan is not None
    assert "run-2" in scan.path
    ((_, reason),) = manifest.reasons("01", "baseline")
    assert reason.endswith("run-2_dsc.nii.gz of the same session is used instead (60 volumes against 30)")


def test_a_near_miss_is_named(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_adc.nii.gz")
    remedy = "the name should end in _ADC, or write `inputs: {adc: {datatype: dwi, suffix: adc}}` into the config"
    assert rows(study.index())["01", "baseline", "adc"].endswith(f"is not used: {remedy}")


def test_a_role_may_have_several_labels(study: Study) -> None:
    study.dsc("01", "day0", GOOD)
    study.dsc("02", "arrival", GOOD)
    manifest = index_study(study.root, inputs=INPUTS, roles=ROLES | {"baseline": ["day0", "arrival"]})
    assert [manifest.session_of(subject, "baseline") for subject in ("01", "02")] == ["day0", "arrival"]


def test_what_is_given_and_not_used_is_named(study: Study) -> None:
    study.dsc("01", "followup", GOOD)
    masks = Study(study.root / "derivatives" / "lesions")
    masks.add("sub-01/ses-followup/dwi/sub-01_ses-followup_label-L_mask.nii.gz")
    masks.add("sub-01/ses-followup/anat/sub-01_ses-followup_label-L_mask.nii.gz")
    masks.add("sub-01/ses-followup/dwi/sub-01_ses-followup_msk.nii.gz")
    masks.add("sub-02/ses-followup/dwi/sub-03_ses-followup_label-L_mask.nii.gz")
    manifest = study.index(given={"lesion": masks.root})
    scan = manifest.find("01", "followup", "lesion")
    assert scan is not None
    assert "/dwi/" in scan.path
    reasons = sorted(scan.reason for scan in manifest.scans if scan.kind == "lesion" and scan.reason)
    assert len(reasons) == 3
    assert "label-L_mask.nii.gz of the same session is used instead" in reasons[0]
    assert "msk.nii.gz is not used" in reasons[1]
    assert "lies in the folder sub-02; correct the name that is wrong" in reasons[2]
    assert [scan.participant for scan in manifest.scans if scan.reason == reasons[2]] == ["02"]


def test_a_mask_that_is_not_there_is_left_out_and_another_used(study: Study) -> None:
    """A link to nowhere would stop the whole study, as the input of a job that nobody makes."""
    study.dsc("01", "followup", GOOD)
    masks = Study(study.root / "derivatives" / "lesions")
    name = "sub-01_ses-followup_label-L_mask.nii.gz"
    masks.add(f"sub-01/ses-followup/anat/{name}")
    link = masks.root / "sub-01" / "ses-followup" / "dwi" / name
    link.parent.mkdir(parents=True)
    link.symlink_to("../../../.git/annex/objects/nowhere.nii.gz")
    manifest = study.index(given={"lesion": masks.root})
    scan = manifest.find("01", "followup", "lesion")
    assert scan is not None
    assert "/anat/" in scan.path
    (said,) = (scan.reason for scan in manifest.scans if scan.kind == "lesion" and scan.reason)
    assert said.startswith(f"{name}: not fetched")


@pytest.mark.parametrize("put", ["link to nowhere", "pointer", "folder"])
@pytest.mark.parametrize(("kind", "ending"), [("lesion", "label-L"), ("aif", "label-AIF"), ("brain", "desc-brain")])
def test_nothing_stands_in_for_a_given_file_that_cannot_be_read(study: Study, kind: str, ending: str, put: str) -> None:
    """It stays the session's mask, with its reason, so that its step has no result rather than an automatic one."""
    study.dsc("01", "baseline", GOOD)
    given = study.root / "derivatives" / "given"
    path = given / "sub-01" / "ses-baseline" / "perf" / f"sub-01_ses-baseline_{ending}_mask.nii.gz"
    path.parent.mkdir(parents=True)
    {
        "link to nowhere": lambda: path.symlink_to("nowhere"),
        "pointer": lambda: path.write_text("version https://git-lfs.github.com/spec/v1"),
        "folder": path.mkdir,
    }[put]()
    called = "brain_perf" if kind == "brain" else kind
    scan = study.index(given={kind: given}).find("01", "baseline", called)
    assert scan is not None
    assert json.loads(scan.settings)["unreadable"].startswith(f"{path.name}: {'it is a' if put == 'folder' else 'not'}")


def test_a_folder_without_any_usable_mask_is_an_error(study: Study) -> None:
    study.dsc("01", "followup", GOOD)
    masks = Study(study.root / "derivatives" / "lesions")
    masks.add("sub-01/ses-followup/dwi/sub-01_ses-followup_desc-lesion_mask.nii.gz")
    with pytest.raises(StudyError, match=r"lesion_masks: no file in .* can be used"):
        study.index(given={"lesion": masks.root})


def test_what_nobody_has_foreseen_costs_one_scan(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study.dsc("01", "baseline", GOOD)
    study.dsc("02", "baseline", GOOD)
    read = index.read_scan

    def fail(kind: str, file: File, *rest: Any) -> Any:
        if file.entities["subject"] == "01":
            raise TypeError("the name of a patient")
        return read(kind, file, *rest)

    monkeypatch.setattr(index, "read_scan", fail)
    found = rows(study.index())
    assert found["02", "baseline", "dsc"] == ""
    assert found["01", "baseline", "dsc"].startswith("sub-01_ses-baseline_dsc.nii.gz: internal error (TypeError)")
    assert "patient" not in found["01", "baseline", "dsc"]
    assert "Traceback" in capsys.readouterr().err


def test_a_session_has_one_perfusion_scan_and_dsc_comes_first(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    study.ctp("01", "baseline", {"RepetitionTime": 1.5})
    study.ctp("01", "post", {"RepetitionTime": 1.5})
    found = rows(study.index())
    assert found["01", "baseline", "dsc"] == found["01", "post", "ctp"] == ""
    named = "sub-01_ses-baseline_ctp.nii.gz: sub-01_ses-baseline_dsc.nii.gz of the same session is used instead"
    assert found["01", "baseline", "ctp"] == named
