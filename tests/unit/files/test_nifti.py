import gzip
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
    header = nifti.read_header(path)
    assert (header.shape, header.frame_spacing_s, header.is_oriented) == ((4, 5, 6, 7), 1.5, True)


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


def header_of(tmp_path: Path, shape: tuple[int, ...] = (40, 40, 10), **changed: object) -> Path:
    """Write an image of 2 x 2 x 5 mm whose header is changed."""
    image = nb.Nifti1Image(np.ones(shape, np.int16), np.diag([2.0, 2.0, 5.0, 1.0]))
    image.set_qform(image.affine, 1)
    for key, value in changed.items():
        image.header[key] = value
    path = tmp_path / "x.nii.gz"
    # by hand: nibabel mends what it writes
    path.write_bytes(gzip.compress(image.header.binaryblock + bytes(4) + np.ones(shape, np.int16).tobytes("F")))
    return path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"srow_x": [2000.0, 0, 0, 0], "qform_code": 0}, "not those of a head's scan"),
        ({"srow_x": [0.0, 0, 0, 0], "qform_code": 0}, "affine is singular"),
        ({"srow_x": [-2.0, 0, 0, 0]}, "qform and sform place the image differently"),
        ({"srow_x": [2.0, 0, 0, 60]}, "by up to 60 mm"),
    ],
)
def test_a_geometry_that_cannot_be_is_refused_by_name(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    path = header_of(tmp_path, **changed)
    for read in (nifti.read_header, nifti.load):
        with pytest.raises(DataFault, match=said) as caught:
            read(path)
        assert str(caught.value).startswith("x.nii.gz: ")


def test_an_image_a_kilometre_long_is_no_head(tmp_path: Path) -> None:
    path = header_of(tmp_path, (300, 4, 4), srow_x=[19.0, 0, 0, 0], qform_code=0)
    with pytest.raises(DataFault, match=r"5\.7 m long"):
        nifti.read_header(path)


def test_an_unknown_unit_of_space_or_time_is_no_stop(tmp_path: Path) -> None:
    assert nifti.read_header(header_of(tmp_path, xyzt_units=7)).shape == (40, 40, 10)
    assert nifti.load(header_of(tmp_path, xyzt_units=63)).data.shape == (40, 40, 10)


def test_trailing_dimensions_of_one_are_dropped(tmp_path: Path) -> None:
    nb.save(nb.Nifti1Image(np.ones((40, 30, 10, 1), np.int16), np.diag([2, 2, 5, 1])), tmp_path / "x.nii.gz")
    assert nifti.read_header(tmp_path / "x.nii.gz").shape == (40, 30, 10)
    assert nifti.load(tmp_path / "x.nii.gz").data.shape == (40, 30, 10)


def test_an_image_without_codes_does_not_say_where_left_is(tmp_path: Path) -> None:
    assert nifti.read_header(header_of(tmp_path)).is_oriented
    assert not nifti.read_header(header_of(tmp_path, qform_code=0, sform_code=0)).is_oriented


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path, place: float) -> None:
    path = tmp_path / "x.nii.gz"
    nifti.save(path, np.random.default_rng(0).normal(size=(20, 20, 20)), np.diag([4, 4, 4, 1.0]), sidecar={})
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataFault, match=r"x\.nii\.gz: not a readable NIfTI image"):
        nifti.load(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"/annex/objects/MD5E-s123--0.nii.gz\n", "not fetched"),
        (b"version https://git-lfs", "not fetched"),
        (b"", "not a readable NIfTI image"),
    ],
)
def test_what_stands_for_an_image_says_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.nii.gz").write_bytes(content)
    (tmp_path / "y.nii.gz").symlink_to(tmp_path / ".git" / "annex" / "objects" / "nothing")
    for name, words in (("x", said), ("y", "not fetched")):
        with pytest.raises(DataFault, match=words):
            nifti.read_header(tmp_path / f"{name}.nii.gz")


def test_a_reason_is_one_line_without_paths_or_control_characters(tmp_path: Path) -> None:
    (tmp_path / "x.nii").write_bytes(b"x" * 400)
    with pytest.raises(DataFault) as caught:
        nifti.load(tmp_path / "x.nii")
    assert str(tmp_path) not in str(caught.value)
    assert str(DataFault("one\ntwo\tthree\x1b[31m four\x00")) == "one two three [31m four"


def test_a_field_of_bits_keeps_all_of_them(tmp_path: Path) -> None:
    field = np.array([0, 1, 2**24 + 1, 2**32 - 1], np.uint32).reshape(2, 2, 1)
    nifti.save(tmp_path / "bits.nii.gz", field, np.eye(4), sidecar={})
    found = nifti.load(tmp_path / "bits.nii.gz", np.uint32).data
    np.testing.assert_array_equal(found, field)
