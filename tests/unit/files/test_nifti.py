from pathlib import Path

import nibabel as nb
import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 1.9, 0.6, -80], [0, -0.5, 5.0, -40], [0, 0, 0, 1]])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    data[0, 0, 0] = np.nan
    path = tmp_path / "map.nii.gz"
    nifti.save(path, data, AFFINE, sidecar={"Units": "s", "Value": np.float32(np.nan), "Top": np.inf})
    loaded = nifti.load(path)
    np.testing.assert_array_equal(loaded.data, data)
    np.testing.assert_allclose(loaded.affine, AFFINE, atol=1e-5)
    assert read_sidecar(path) == {"Units": "s", "Value": "n/a", "Top": "inf"}


def test_a_series_keeps_its_values_and_spacing(tmp_path: Path) -> None:
    series = np.random.default_rng(0).uniform(0, 3000, (4, 5, 6, 7)).astype(np.float32)
    series[0, 0, 0, 0] = np.nan
    path = tmp_path / "series.nii.gz"
    nifti.save(path, series, AFFINE, sidecar={}, frame_spacing_s=1.5)
    loaded = nifti.load(path).data
    np.testing.assert_allclose(loaded, np.nan_to_num(series), atol=3000 / 32767)
    assert loaded[0, 0, 0, 0] == 0  # exactly: no signal must not become a little
    assert nifti.read_header(path) == nifti.Header((4, 5, 6, 7), 1.5)


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        nifti.save(tmp_path / f"{name}.nii.gz", np.ones((3, 3, 3)), np.eye(4), sidecar={})
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(("unit", "value"), [("sec", 1.5), ("msec", 1500), ("usec", 1.5e6)])
def test_frame_spacing_is_in_seconds(tmp_path: Path, unit: str, value: float) -> None:
    image = nb.Nifti1Image(np.zeros((2, 2, 2, 2), np.float32), np.eye(4))
    image.header.set_xyzt_units("mm", unit)
    image.header.set_zooms((1, 1, 1, value))
    nb.save(image, tmp_path / "x.nii")
    assert nifti.read_header(tmp_path / "x.nii").frame_spacing_s == pytest.approx(1.5)


@pytest.mark.parametrize("kind", [nb.Nifti1Image, nb.Nifti2Image])
@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_headers_of_every_kind_are_read(tmp_path: Path, kind: type, endian: str, name: str) -> None:
    image = kind(np.zeros((2, 3, 4, 5), np.float32), AFFINE, kind.header_class(endianness=endian))
    image.header.set_zooms((1, 1, 1, 1.8))
    image.header.set_xyzt_units("mm", "sec")
    nb.save(image, tmp_path / name)
    found = nifti.read_header(tmp_path / name)
    assert (found.shape, round(found.frame_spacing_s, 5)) == ((2, 3, 4, 5), 1.8)


@pytest.mark.parametrize("content", [b"", b"not an image", bytes(1000)])
def test_what_is_no_image_is_a_fault_of_the_data(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.nii").write_bytes(content)
    with pytest.raises(DataFault, match=r"x\.nii: not a readable NIfTI image"):
        nifti.read_header(tmp_path / "x.nii")


def test_a_truncated_file_is_a_fault_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "x.nii.gz"
    nifti.save(path, np.random.default_rng(0).normal(size=(20, 20, 20)), np.eye(4), sidecar={})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataFault, match=r"x\.nii\.gz"):
        nifti.load(path)
