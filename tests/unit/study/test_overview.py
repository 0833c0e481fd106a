"""What is told of a study is what it holds, and for each thing that cannot be computed, why."""

from pathlib import Path
from typing import Any

import pytest
from reperfuse.study import overview
from reperfuse.study.index import index_configured
from reperfuse.study.names import Names
from reperfuse.study.overview import Overview, look
from reperfuse.study.plan import Plan
from reperfuse.study.settings import complete
from reperfuse.study.setup import set_up
from studies import GOOD, Study

ALL = {
    "perfusion maps": 3,
    "core": 3,
    "mismatch": 3,
    "infarct growth": 3,
    "reperfusion": 3,
    "IMR": 3,
    "clinical analysis": 3,
}
COLUMNS = "participant_id\tage\tmtici\tica_occlusion\tnihss_24h"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three patients with all that is computed."""
    made = Study(tmp_path / "study")
    for label in ("01", "02", "03"):
        for session in ("baseline", "post", "followup"):
            stem = f"sub-{label}/ses-{session}/dwi/sub-{label}_ses-{session}"
            made.add(f"{stem}_ADC.nii.gz", {})
            if session != "followup":
                made.dsc(label, session, GOOD)
    people(made, "71\t3\t0\t6", "60\t3\t0\t4", "55\t3\t0\t2")
    return made


def people(study: Study, *rows: str) -> None:
    numbered = (f"sub-{number:02d}\t{row}" for number, row in enumerate(rows, start=1))
    (study.root / "participants.tsv").write_text("\n".join([COLUMNS, *numbered]) + "\n")


def planned(study: Study, **settings: Any) -> Plan:
    config: dict[str, Any] = {"bids_dir": str(study.root), **settings}
    complete(config, [])
    return set_up(config).plan(index_configured(config), Names())


def seen(study: Study, **settings: Any) -> Overview:
    return look(planned(study, **settings))


def shares(overview: Overview) -> dict[str, int]:
    return {share.what: share.able for share in overview.shares}


def why(overview: Overview, what: str) -> dict[str, int]:
    (share,) = (share for share in overview.shares if share.what == what)
    return dict(share.reasons)


def test_a_whole_study_in_fifteen_lines(study: Study) -> None:
    found = seen(study)
    assert shares(found) == ALL
    assert found.missing == []
    lines = found.lines()
    assert len(lines) <= 15
    assert max(map(len, lines)) <= 120
    assert lines[1:5] == [
        "sessions  baseline 3 (baseline), post 3 (post), followup 3 (followup)",
        "scans     6 DSC, 9 ADC maps",
        "given     no lesion or brain mask, no arterial input",
        "clinical  4 known columns: age, nihss_24h, ica_occlusion, mtici",
    ]
    assert lines[0] == f"study     {study.root}: 3 patients, 9 sessions"
    assert "  perfusion maps        3 (6 sessions)" in lines


def test_nothing_is_read_whole(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reperfuse.files.nifti.load", lambda *_: pytest.fail("an image was read"))
    assert shares(seen(study)) == ALL


def test_each_share_has_its_reason(study: Study) -> None:
    root = study.root
    next(root.glob("sub-01/ses-post/perf/*.json")).unlink()
    for file in (root / "sub-02" / "ses-followup" / "dwi").iterdir():
        file.unlink()
    people(study, "71\t3\t0\t6", "60\t3\t0\t4", "55\t3\t1\tn/a")
    found = seen(study)
    assert shares(found) == ALL | {"infarct growth": 2, "reperfusion": 2, "IMR": 0, "clinical analysis": 0}
    missing = "RepetitionTime is missing"
    assert why(found, "reperfusion") == {missing: 1}
    assert why(found, "infarct growth") == {"no session followup": 1}
    assert why(found, "IMR") == {missing: 1, "no session followup": 1, "carotid occlusion": 1}
    assert why(found, "clinical analysis") == {"no IMR": 3}
    assert any(
        sentence.startswith("1 not used (sub-01_ses-post_dsc.json): RepetitionTime") for sentence in found.missing
    )
    assert "  reperfusion           2   not 1: RepetitionTime is missing" in found.lines()


def test_patients_without_an_outcome(study: Study) -> None:
    people(study, "71\t3\t0\tn/a", "60\t3\t0\t4", "55\t3\t0\tmuch")
    found = seen(study)
    assert shares(found) == ALL | {"clinical analysis": 1}
    assert found.missing == ["values of participants.tsv that are not understood, and count as unknown: nihss_24h (1)"]
    assert why(found, "clinical analysis") == {"none of nihss_24h, nihss_day5, mrs_90d is known": 2}


def test_a_study_without_tables(study: Study) -> None:
    (study.root / "participants.tsv").unlink()
    found = seen(study)
    assert "clinical  0 known columns: none" in found.lines()
    unknown = "ica_occlusion, hemorrhagic_transformation, reocclusion, mtici"
    assert any(
        f"IMR                   3 (nobody is ruled out by {unknown}: no such column)" in line for line in found.lines()
    )


def test_sessions_of_other_names(tmp_path: Path) -> None:
    study = Study(tmp_path / "my study")
    for label in ("01", "02", "03"):
        study.dsc("01", label, GOOD)
    found = seen(study)
    assert found.missing == [
        "no session has the role baseline, post or followup; the study has 01, 02, 03; see `sessions` in the config"
    ]
    block = ["sessions:", '  baseline: "01"', '  post: "02"', '  followup: "03"']
    lines = found.lines()
    assert lines[-6:-1] == ["the roles of the sessions, guessed by order; check, and put into study.yaml:", *block]
    assert f"`reperfuse init '{study.root}'` writes" in lines[-1]
    assert "sessions  none has a role; without a role: 01 (1), 02 (1), 03 (1)" in lines
    # the block, as it stands, is what was meant
    (tmp_path / "study.yaml").write_text("\n".join([f"bids_dir: {study.root}", *block]))
    given = {"baseline": "01", "post": "02", "followup": "03"}
    assert seen(study, sessions=given).roles == {
        "baseline": (1, ["01"]),
        "post": (1, ["02"]),
        "followup": (1, ["03"]),
    }


def test_a_study_without_sessions(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    study.add("sub-01/perf/sub-01_dsc.nii.gz", GOOD, frames=20)
    (sentence,) = seen(study).missing
    assert "the study has no ses- folders, and its scans are taken as baseline (`role_without_session`" in sentence
    (sentence,) = seen(study, role_without_session="post").missing
    assert sentence.startswith("no session has the role baseline or followup")
    assert "taken as post" in sentence


def test_a_baseline_study_is_guessed_nothing(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    study.dsc("01", "baseline", GOOD)
    found = seen(study)
    assert found.guess is None
    assert shares(found)["perfusion maps"] == 1
    assert why(found, "reperfusion") == {"no session post": 1}


def test_the_same_fault_of_many_is_said_once(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    for label in ("01", "02", "03"):
        study.dsc(label, "baseline", {"RepetitionTime": 1.5})
    found = seen(study)
    (sentence,) = (sentence for sentence in found.missing if "EchoTime" in sentence)
    assert sentence.startswith("3 not used (such as sub-01_ses-baseline_dsc.json): EchoTime is missing; add it")
    assert why(found, "perfusion maps") == {"EchoTime is missing": 3}
    assert not found.is_computable


def test_a_scan_that_another_stands_for_is_no_fault(study: Study) -> None:
    study.dsc("01", "baseline", GOOD, extra="_run-2")
    assert seen(study).missing == []


def test_masks_that_are_not_named(study: Study) -> None:
    study.add("derivatives/experts/sub-01/ses-followup/dwi/sub-01_ses-followup_label-L_mask.nii.gz", {})
    folder = study.root / "derivatives" / "experts"
    assert seen(study).missing == [f"lesion_masks is not set, and {folder} holds lesion masks"]
    found = seen(study, lesion_masks=str(folder))
    assert (found.missing, found.given["lesion"]) == ([], 1)


def test_columns_that_may_be_known_ones(study: Study) -> None:
    text = (study.root / "participants.tsv").read_text()
    (study.root / "participants.tsv").write_text(text.replace("nihss_24h", "NIHSS_24hr").replace("mtici", "TICI"))
    assert seen(study).missing == [
        "columns that may be known ones: NIHSS_24hr (nihss_24h?), TICI (mtici?); see `columns` in the config"
    ]


def test_people_without_a_row(study: Study) -> None:
    people(study, "71\t3\t0\t6")
    assert seen(study).missing == ["participants.tsv has no row that can be used for 2 patients, such as sub-02"]


def test_many_reasons_are_cut_short(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    study.dsc("01", "baseline", GOOD)
    for number in range(10, 17):
        study.dsc(str(number), "baseline", GOOD, frames=number)
    unused = [sentence for sentence in seen(study).missing if "not used" in sentence]
    assert len(unused) == 5
    assert unused[-1] == "3 not used for 3 other reasons"


def test_it_is_told_beside_the_results_of_a_run(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(study)
    overview.tell(plan)
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()) == ("", look(plan).lines())


def test_a_fault_of_asl_explains_what_cannot_be_compared(study: Study) -> None:
    folder = study.root / "sub-01" / "ses-post" / "perf"
    for path in folder.iterdir():
        path.unlink()
    study.add("sub-01/ses-post/perf/sub-01_ses-post_asl.nii.gz", {}, frames=10)
    for what in ("reperfusion", "IMR"):
        assert [reason for reason in why(seen(study), what) if "PostLabelingDelay" in reason], what
