"""Images that are a scan but for their name are named, with the entry of the config that finds them."""

from pathlib import Path
from typing import Any

import pytest
from reperfuse.study.index import index_study
from reperfuse.study.manifest import StudyError
from studies import GOOD, INPUTS, ROLES, Study

REST = {"RepetitionTime": 2.0, "EchoTime": 0.03}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(tmp_path / "study")
    made.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_ADC.nii.gz", {})
    return made


def series(study: Study, name: str, sidecar: dict[str, Any] | None = None, frames: int = 60, session: str = "baseline"):
    folder = name.partition("/")[0]
    path = f"sub-01/ses-{session}/{folder}/sub-01_ses-{session}_{name.partition('/')[2]}.nii.gz"
    return study.add(path, GOOD if sidecar is None else sidecar, frames=frames, spacing_s=0)


def entries(study: Study, kind: str = "dsc", **inputs: dict[str, Any]) -> set[str]:
    """Return the entries of the config that are proposed for a kind."""
    manifest = index_study(study.root, inputs=INPUTS | inputs, roles=ROLES)
    reasons = [scan.reason for scan in manifest.scans if scan.kind == kind and "`" in scan.reason]
    return {reason.split("`")[1] for reason in reasons}


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("func/bold", "datatype: func, suffix: bold"),
        ("func/task-dsc_bold", "datatype: func, suffix: bold"),
        ("func/ce-gadolinium_bold", "datatype: func, suffix: bold"),
        ("perf/pwi", "datatype: perf, suffix: pwi"),
        ("perf/perf", "datatype: perf, suffix: perf"),
    ],
)
def test_a_series_under_another_name(study: Study, name: str, entry: str) -> None:
    series(study, name)
    assert entries(study) == {f"inputs: {{dsc: {{{entry}}}}}"}


def test_words_and_contrast_tell_where_timing_does_not(study: Study) -> None:
    series(study, "func/task-bolus_bold", REST, frames=300)
    series(study, "func/task-x_bold", REST | {"ContrastBolusIngredient": "GADOLINIUM"}, frames=301)
    assert len(entries(study)) == 1


@pytest.mark.parametrize(
    ("name", "sidecar", "frames"),
    [
        ("func/bold", REST, 240),  # eight minutes
        ("func/task-rest_bold", GOOD, 60),
        ("func/bold", GOOD, 12),
        ("func/bold", {"RepetitionTime": 6.0, "EchoTime": 0.03}, 24),
        ("func/bold", {"RepetitionTime": 1.5, "EchoTime": 0.003}, 60),
        ("func/bold", {"RepetitionTime": 1.5}, 60),
        ("perf/asl", GOOD, 60),
        ("perf/ctp", GOOD | {"ContrastBolusIngredient": "IODINE"}, 60),
    ],
)
def test_a_series_of_something_else(study: Study, name: str, sidecar: dict[str, Any], frames: int) -> None:
    series(study, name, sidecar, frames)
    assert entries(study) == set()


def test_what_tells_it_from_a_series_at_rest(study: Study) -> None:
    series(study, "func/task-perfusion_bold")
    series(study, "func/task-rest_bold", REST, 240)
    series(study, "func/task-perfusion_bold", session="post")
    assert entries(study) == {"inputs: {dsc: {datatype: func, suffix: bold, task: perfusion}}"}
    # what is proposed finds them, and them alone
    found = index_study(
        study.root,
        inputs=INPUTS | {"dsc": {"datatype": "func", "suffix": "bold", "task": "perfusion"}},
        roles=ROLES,
    )
    assert [scan.session for scan in found.scans if scan.kind == "dsc"] == ["baseline", "post"]
    assert not any(scan.reason for scan in found.scans)


def test_a_session_that_has_its_series_needs_no_other(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    series(study, "func/bold")
    assert entries(study) == set()


def test_a_series_that_the_filters_leave_out_is_not_proposed(study: Study) -> None:
    study.dsc("01", "baseline", GOOD)
    assert entries(study, dsc=INPUTS["dsc"] | {"acquisition": "fast"}) == set()


@pytest.mark.parametrize(
    ("kind", "name"), [("flair", "anat/T2FLAIR"), ("trace", "dwi/TRACEW"), ("adc", "dwi/adc"), ("flair", "dwi/FLAIR")]
)
def test_other_kinds(tmp_path: Path, kind: str, name: str) -> None:
    study = Study(tmp_path / "study")
    study.dsc("01", "baseline", GOOD)
    folder, suffix = name.split("/")
    study.add(f"sub-01/ses-baseline/{folder}/sub-01_ses-baseline_{suffix}.nii.gz", {"EchoTime": 0.1})
    assert entries(study, kind) == {f"inputs: {{{kind}: {{datatype: {folder}, suffix: {suffix}}}}}"}


def test_a_study_without_any_scan_says_what_it_has(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    for label in ("01", "02"):
        study.add(f"sub-{label}/anat/sub-{label}_T1w.nii.gz", {})
    with pytest.raises(StudyError, match=r"names that are searched for; the study has 2 anat/\*_T1w$"):
        study.index()
