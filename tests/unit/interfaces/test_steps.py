"""What every step does with a fault of the data, and with its outputs."""

import json
from pathlib import Path

import numpy as np
import pytest
from reperfuse import interfaces
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import read_sidecar, reasons, sidecar_path
from reperfuse.files.tables import format_cell, read_columns
from reperfuse.volumes.bits import bit_field
from reperfuse.volumes.transforms import as_transform


@pytest.mark.parametrize("name", interfaces.__all__)
def test_every_step_can_be_imported_and_says_what_it_takes(name: str) -> None:
    step = getattr(interfaces, name)
    for spec in (step.input_spec(), step.output_spec()):
        for trait in spec.copyable_trait_names():
            assert spec.trait(trait).desc, f"{name}.{trait} has no description"


def test_an_unreadable_series_becomes_maps_without_values_and_a_reason(tmp_path: Path) -> None:
    broken = tmp_path / "x_dsc.nii.gz"
    broken.write_bytes(b"not an image")
    done = interfaces.CorrectMotion(dsc=str(broken), repetition_time_s=1.5).run(cwd=str(tmp_path)).outputs
    assert np.isnan(nifti.load(done.reference).data).all()
    (reason,) = reasons(done.reference)
    assert "x_dsc.nii.gz" in reason
    assert reasons(done.timeseries) == [reason]


def test_a_reason_is_handed_down_the_chain(tmp_path: Path) -> None:
    failed = tmp_path / "dscref.nii.gz"
    nifti.save(failed, np.full((1, 1, 1), np.nan), np.eye(4), sidecar={"Reasons": ["no bolus"]})
    brain = interfaces.ExtractBrain(reference=str(failed)).run(cwd=str(tmp_path)).outputs.brain
    assert reasons(brain) == ["no bolus"]


BROKEN = {"broken": "{", "nested": 5000 * "[" + 5000 * "]", "list": "[1]", "Latin-1": "\xff"}


@pytest.mark.parametrize("text", ['{"Reasons": ["x"]}', *BROKEN.values()], ids=["foreign", *BROKEN])
def test_what_another_program_says_of_a_raw_scan_is_no_reason(text: str, tmp_path: Path) -> None:
    series = tmp_path / "dwi.nii.gz"
    signal = np.random.default_rng(0).normal(500, 50, (8, 8, 8, 4))
    nifti.save(series, signal, np.eye(4), sidecar={})
    sidecar_path(series).write_text(text, encoding="latin-1")
    (tmp_path / "dwi.bval").write_text("0 1000 1000 1000")
    done = interfaces.ComputeADC(dwi=str(series), bvals=str(tmp_path / "dwi.bval")).run(cwd=str(tmp_path / "out"))
    assert reasons(done.outputs.adc) == []


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_sidecar_that_cannot_be_read_is_a_reason(text: str, tmp_path: Path) -> None:
    flair = tmp_path / "flair.nii.gz"
    nifti.save(flair, np.ones((4, 4, 4)), np.eye(4), sidecar={})
    sidecar_path(flair).write_text(text, encoding="latin-1")
    brain = interfaces.ExtractBrain(reference=str(flair)).run(cwd=str(tmp_path / "out")).outputs.brain
    (reason,) = reasons(brain)
    assert reason.startswith("flair.json: not ")


def test_distortion_along_an_unknown_axis_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.nii.gz"
    nifti.save(path, np.ones((4, 4, 4)), np.eye(4), sidecar={})
    pair = dict.fromkeys(("fixed", "fixed_brain", "moving", "moving_brain"), str(path))
    step = interfaces.RegisterImages(**pair, min_brain_dice=0.8, min_edge_agreement=0.2, distortion_axis="unknown")
    (reason,) = reasons(step.run(cwd=str(tmp_path)).outputs.transform)
    assert "PhaseEncodingDirection is missing" in reason


def test_a_sidecar_says_unit_and_parameters(tmp_path: Path) -> None:
    deficit, core = tmp_path / "tmax6.nii.gz", tmp_path / "core.nii.gz"
    mask = np.zeros((4, 4, 4), bool)
    mask[:2] = True
    nifti.save(deficit, mask, np.eye(4), sidecar={})
    nifti.save(core, mask[::-1], np.eye(4), sidecar={})
    step = interfaces.SegmentPenumbra(deficit=str(deficit), core=str(core))
    penumbra = step.run(cwd=str(tmp_path)).outputs.penumbra
    np.testing.assert_array_equal(nifti.load(penumbra).mask, mask)
    sidecar = json.loads(sidecar_path(penumbra).read_text())
    assert sidecar["GeneratedBy"][0]["Step"] == "SegmentPenumbra"
    assert sidecar["Parameters"] == {}


def test_the_penumbra_is_measured_at_every_threshold_of_the_core(tmp_path: Path) -> None:
    deficit, core, sweep, still = (tmp_path / name for name in ("d.nii.gz", "c.nii.gz", "s.nii.gz", "still.txt"))
    mask, larger = np.zeros((2, 10, 10, 10), bool)
    mask[:6] = True
    larger[4:] = True
    nifti.save(deficit, mask, np.eye(4), sidecar={})
    nifti.save(core, larger, np.eye(4), sidecar={})
    sweep_of = {"Thresholds": [580e-6, 620e-6, 660e-6]}
    nifti.save(sweep, bit_field([larger & False, larger, ~mask | larger]), np.eye(4), sidecar=sweep_of)
    write_itk(still, as_transform(np.eye(4)))
    given = {"deficit": str(deficit), "core": str(core), "adc_sweep": str(sweep), "transform": str(still)}
    about = read_sidecar(interfaces.SegmentPenumbra(**given).run(cwd=tmp_path).outputs.penumbra)
    assert about["Curves"] == {"coreg_adc": [[580e-6, 0.6], [620e-6, 0.4], [660e-6, 0.4]]}
    nifti.save(sweep, np.full((1, 1, 1), np.nan), np.eye(4), sidecar={"Reasons": ["the core is too large"]})
    penumbra = interfaces.SegmentPenumbra(**given).run(cwd=tmp_path).outputs.penumbra
    assert reasons(penumbra) == []
    assert "Curves" not in read_sidecar(penumbra)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "n/a"),
        (float("nan"), "n/a"),
        (float("inf"), "inf"),
        (True, "1"),
        (np.False_, "0"),
        (1 / 3, "0.333333"),
    ],
)
def test_cells(value: object, cell: str) -> None:
    assert format_cell(value) == cell


def test_a_table_is_read_with_its_gaps(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("a\tb\n1\tn/a\n2\t0.5\n")
    columns = read_columns(path)
    np.testing.assert_array_equal(columns["a"], [1, 2])
    np.testing.assert_array_equal(columns["b"], [np.nan, 0.5])


def test_two_sessions_in_one_folder_do_not_overwrite_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = []
    for name in ("sub-01_ses-a_dsc.nii.gz", "sub-01_ses-b_dsc.nii.gz", "mine.nii.gz"):
        Path(name).write_bytes(b"not an image")
        made.append(
            Path(interfaces.CorrectMotion(dsc=name, repetition_time_s=1.5).run(cwd="results").outputs.reference)
        )
        assert f"CorrectMotion: {name}" in capsys.readouterr().err
    assert [path.name.partition("_reference")[0] for path in made] == ["sub-01_ses-a", "sub-01_ses-b", "mine"]
    assert {path.parent for path in made} == {tmp_path / "results"}
    assert all(path.is_file() for path in made)
    assert Path.cwd() == tmp_path


def test_a_broken_row_does_not_make_tables_without_rows(tmp_path: Path) -> None:
    row = tmp_path / "sub-01_measures.json"
    row.write_text('{"Row": ')
    with pytest.raises(RuntimeError, match=r"sub-01_measures\.json: not readable as JSON"):
        interfaces.TabulateStudy(patients=[str(row)], dictionaries={}).run(cwd=str(tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []
