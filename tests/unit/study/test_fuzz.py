"""Whatever a study's files hold, the index and the plan end, and raise nothing but a study error."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from damages.judging import DEFAULTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reperfuse.study import absences, delivery, facts, options
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.index import index_configured
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.names import Names
from reperfuse.study.plan import Plan
from reperfuse.study.settings import ConfigError, check_config
from studies import GOOD, Study

FEW = settings(
    max_examples=45, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
INTERNAL = "internal error"
KEYS = st.sampled_from(
    ["RepetitionTime", "EchoTime", "VolumeTiming", "AcquisitionDuration", "SliceTiming", "SliceEncodingDirection", "x"]
)
scalars = st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**320) | st.floats() | st.text(max_size=8)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(KEYS, inner), max_leaves=25)
cells = st.text(max_size=12) | st.sampled_from(
    ["sub-01", "01", "left", "2a", "71", "²", "2025-03-04T08:10", "08:10", "n/a"]
)


def survive(study: Study, **config: Any) -> None:
    """Index and plan a study; nothing may come out but a reason or a study error."""
    settled: dict[str, Any] = DEFAULTS | {"bids_dir": str(study.root), "output_dir": str(study.root / "out")} | config
    clinical = ClinicalData(study.root)
    try:
        manifest = index_configured(settled)
    except StudyError:
        return
    assert not [scan.reason for scan in manifest.scans if INTERNAL in scan.reason]
    manifest.write(study.root / "manifest.tsv")
    assert Manifest.read(study.root / "manifest.tsv").scans == manifest.scans
    reflow = options.read_reflow(options.REFLOW_PRESETS, DEFAULTS["imr"])
    definitions = options.read_definitions(options.REFLOW_PRESETS, DEFAULTS["imr"])
    plan = Plan(manifest, Names(str(study.root / "out")), clinical, settled, reflow, definitions)
    assert delivery.missing_results(plan) is not None
    assert absences.left_out(plan) is not None
    for subject in plan.subjects:
        assert absences.absent_comparisons(plan, subject) is not None
        assert facts.unknown_exclusions(plan, subject) is not None
        assert facts.hours_from_treatment(plan, subject) is not None
        for session in plan.sessions(subject):
            assert facts.asked_by_criteria(plan, subject, session)
            assert facts.side(plan, subject, session) in ("left", "right", "unknown")


def fresh(folder: Path) -> Study:
    shutil.rmtree(folder / "study", ignore_errors=True)
    return Study(folder / "study")


@FEW
@given(st.dictionaries(KEYS, values) | values)
def test_any_sidecar(tmp_path: Path, content: Any) -> None:
    study = fresh(tmp_path)
    image = study.dsc("01", "baseline", GOOD)
    sidecar = image.with_name(image.name.replace("nii.gz", "json"))
    sidecar.write_text(json.dumps(GOOD | content if isinstance(content, dict) else content))
    survive(study)


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_for_a_sidecar(tmp_path: Path, content: bytes) -> None:
    study = fresh(tmp_path)
    image = study.dsc("01", "baseline", GOOD)
    image.with_name(image.name.replace("nii.gz", "json")).write_bytes(content)
    survive(study)


@FEW
@given(st.binary(max_size=100) | st.lists(st.floats() | st.integers(), max_size=6))
def test_any_bvalues(tmp_path: Path, content: bytes | list[float]) -> None:
    study = fresh(tmp_path)
    image = study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_dwi.nii.gz", {}, frames=4)
    text = content if isinstance(content, bytes) else " ".join(map(str, content)).encode()
    image.with_name(image.name.replace("nii.gz", "bval")).write_bytes(text)
    survive(study)


@FEW
@given(st.integers(0, 347), st.binary(min_size=1, max_size=8))
def test_any_header(tmp_path: Path, place: int, content: bytes) -> None:
    study = fresh(tmp_path)
    image = study.dsc("01", "baseline", GOOD)
    block = bytearray(gzip.decompress(image.read_bytes()))
    block[place : place + len(content)] = content
    image.write_bytes(gzip.compress(bytes(block), 1))
    with np.errstate(all="ignore"):
        survive(study)


@FEW
@given(st.lists(st.lists(cells, min_size=1, max_size=8), max_size=5), st.binary(max_size=60))
def test_any_tables_of_people(tmp_path: Path, rows: list[list[str]], visits: bytes) -> None:
    study = fresh(tmp_path)
    study.dsc("01", "baseline", GOOD)
    head = ["participant_id", "side", "mtici", "age", "onset_time", "treatment_time", "acq_time", "ica_occlusion"]
    text = "\n".join("\t".join(row) for row in [head, *rows])
    (study.root / "participants.tsv").write_bytes(text.encode("utf-8", errors="surrogatepass"))
    (study.root / "sub-01" / "sub-01_sessions.tsv").write_bytes(b"session_id\tacq_time\nses-baseline\t" + visits)
    survive(study)


@FEW
@given(st.text(st.characters(exclude_characters="/\x00", exclude_categories=("Cs",)), min_size=1, max_size=20))
def test_any_label(tmp_path: Path, label: str) -> None:
    study = fresh(tmp_path)
    study.dsc("01", "baseline", GOOD)
    for name in (f"sub-{label}", f"sub-01/ses-{label}", f"sub-01/ses-baseline/perf/sub-01_acq-{label}_dsc.nii.gz"):
        (study.root / name).mkdir(parents=True, exist_ok=True)
    survive(study, participants=[label])
    survive(study)


@FEW
@given(st.dictionaries(st.sampled_from(sorted(DEFAULTS)) | st.text(max_size=6), values, max_size=4))
def test_any_config(tmp_path: Path, content: dict[str, Any]) -> None:
    study = fresh(tmp_path)
    study.dsc("01", "baseline", GOOD)
    try:
        config = check_config(DEFAULTS | content, options.CONFIG_SCHEMA)
    except ConfigError:
        return
    survive(study, **{key: value for key, value in config.items() if key not in ("bids_dir", "output_dir")})
