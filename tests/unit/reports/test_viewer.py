"""What is packed for the interactive viewer, unpacked again as a browser does it."""

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from reperfuse.mismatch.stability import TABULATED
from reperfuse.reports import checks, figures
from reperfuse.reports.viewer import KINDS, REGIONS, SWEEPS, Grid, Swept, colour_table, pack, pack_grid
from reperfuse.volumes.bits import bit_field
from reperfuse.volumes.geometry import apply_matrix, turns
from reperfuse.volumes.image import volume_ml

SHAPE = (20, 24, 10)
FLIPPED = np.array([[-2.0, 0, 0, 20], [0, 2, 0, -24], [0, 0, 5, -25], [0, 0, 0, 1]])
#: Voxel orders and positions that scanners write: RAS, LAS, PSR, and an oblique LAS.
AFFINES = {
    "RAS": np.diag([-1.0, 1, 1, 1]) @ FLIPPED,
    "LAS": FLIPPED,
    "PSR": np.array([[0.0, 0, 2, -10], [-2, 0, 0, 20], [0, 2, 0, -24], [0, 0, 0, 1]]),
    "oblique": turns([17.0], "x")[0] @ turns([-12.0], "z")[0] @ FLIPPED,
}


def unpack(text: str, shape: list[int]) -> np.ndarray:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(-1, *shape)
    return sum(plane.astype(np.uint64) << np.uint64(8 * place) for place, plane in enumerate(planes))


def values(packed: dict[str, Any], name: str) -> np.ndarray:
    """Return a packed map in the unit it is shown in."""
    (one,) = (one for one in packed["maps"] if one["name"] == name)
    codes = unpack(one["data"], packed["shape"])
    return np.where(codes == 0, np.nan, one["offset"] + one["step"] * (codes.astype(float) - 1))


def places(packed: dict[str, Any], affine: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the voxel that each place of the packed grid stands for, as an index."""
    world = apply_matrix(matrix(packed["toHead"]), np.moveaxis(np.indices(packed["shape"]), 0, -1).reshape(-1, 3))
    voxels = apply_matrix(np.linalg.inv(affine), world)
    np.testing.assert_allclose(voxels, voxels.round(), atol=1e-6)
    return tuple(axis.reshape(packed["shape"]) for axis in voxels.round().astype(int).T)


def matrix(rows: list[list[float]]) -> np.ndarray:
    return np.vstack([rows, [0, 0, 0, 1]])


def ball(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    middle = (np.array(shape) - 1) / 2
    return (((np.moveaxis(np.indices(shape), 0, -1) - middle) / (middle - 1)) ** 2).sum(axis=-1) < 1


BRAIN = ball()


def grid(affine: np.ndarray = FLIPPED, brain: np.ndarray = BRAIN, maps=None, sweeps=None, regions=None) -> Grid:
    given = {"reference": np.where(brain, 100.0, 5.0)} if maps is None else maps
    return Grid("Perfusion", affine, brain, given, sweeps or {}, regions or {}, np.eye(4))


def random(low: float, high: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, SHAPE).astype(np.float32)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_values_come_back_within_half_a_step(affine: np.ndarray) -> None:
    ranges = {"tmax": (0, 40), "mtt": (-3, 90), "rcbf": (-0.5, 6), "adc": (0, 3.2e-3), "asymmetry": (-1, 9)}
    maps = {name: random(*ends) for name, ends in ranges.items()}
    maps["tmax"][BRAIN & (random(0, 1, 1) < 0.1)] = np.nan
    maps["mtt"][BRAIN & (random(0, 1, 2) < 0.1)] = np.inf
    packed = pack_grid(grid(affine, maps=maps))
    at = places(packed, affine)
    for name, data in maps.items():
        kind = KINDS[name]
        wanted = np.where(BRAIN & np.isfinite(data), data * kind.factor, np.nan)[at]
        found = values(packed, name)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        assert np.nanmax(np.abs(found - wanted)) <= kind.step / 2 * 1.001
        assert np.isfinite(found).sum() == (BRAIN & np.isfinite(data)).sum(), "no part of the brain is cropped"


@pytest.mark.parametrize("name", KINDS)
def test_a_step_is_finer_than_the_screen_and_the_words_show(name: str) -> None:
    kind = KINDS[name]
    assert kind.step < (kind.window[1] - kind.window[0]) / 255
    assert kind.step < kind.shown


def test_windows_are_those_of_the_figures() -> None:
    windows = {name: kind.window for name, kind in KINDS.items()}
    assert windows == {
        "tmax": figures._TMAX_WINDOW_S,
        "mtt": figures._MTT_WINDOW_S,
        "rcbf": figures._RELATIVE_WINDOW,
        "rcbv": figures._RELATIVE_WINDOW,
        "cbf": checks._CBF_WINDOW,
        "cbv": checks._CBV_WINDOW,
        "att": checks._ATT_WINDOW_S,
        "asymmetry": tuple(100 * end for end in figures._ASYMMETRY_WINDOW),
        "adc": tuple(1000 * end for end in figures._ADC_WINDOW),
    }


def test_an_image_without_a_unit_is_shown_outside_the_brain_too() -> None:
    image = random(0, 800)
    image[0, 0, 0] = np.nan
    whole = np.ones(SHAPE, bool)
    packed = pack_grid(grid(brain=whole, maps={"trace": image}))
    (one,) = packed["maps"]
    found, wanted = values(packed, "trace"), image[places(packed, FLIPPED)]
    assert one["step"] <= (one["window"][1] - one["window"][0]) / 255
    assert np.nanmax(np.abs(found - wanted)) <= one["step"] / 2 * 1.001
    assert np.isnan(found).sum() == 1
    assert packed["shape"] == [10, 24, 20]
    assert one["unit"] == ""


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_the_patients_left_is_on_the_images_right(affine: np.ndarray) -> None:
    """One voxel lies on the patient's left, in front and high up."""
    shape = (20, 20, 20)
    brain = ball(shape)
    middle = apply_matrix(affine, np.array([(np.array(shape) - 1) / 2]))[0]
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    wanted = apply_matrix(np.linalg.inv(affine), middle + sizes.min() * np.array([-4, 5, 4]))
    marked = np.zeros(shape, bool)
    marked[tuple(wanted.round().astype(int))] = True
    packed = pack_grid(grid(affine, brain, {"reference": np.where(marked, 900.0, 100.0)}, regions={"core": marked}))
    (found,) = np.argwhere(unpack(packed["regions"]["data"], packed["shape"]) == 1)
    number, row, column = found - (np.array(packed["shape"]) - 1) / 2
    assert (number > 0, row < 0, column > 0) == (True, True, True)
    np.testing.assert_array_equal(np.argwhere(values(packed, "reference") > 200), [found])
    world = apply_matrix(affine, np.argwhere(marked))
    np.testing.assert_allclose(apply_matrix(matrix(packed["toHead"]), found[None]), world, atol=1e-9)
    np.testing.assert_allclose(apply_matrix(matrix(packed["fromHead"]), world), found[None], atol=1e-9)
    assert packed["start"] == found.tolist()


def test_the_bits_are_those_of_the_sweep_and_give_its_volumes() -> None:
    noise = random(0, 12)
    limits = (1.0, 4.0, 6.0, 8.0, 10.0, *(11 + np.arange(20) / 20))
    masks = [BRAIN & (noise > limit) for limit in limits]
    packed = pack_grid(grid(sweeps={"tmax": Swept(bit_field(masks), limits, 6.0)}))
    (sweep,) = packed["sweeps"]
    found = unpack(sweep["data"], packed["shape"])
    at = places(packed, FLIPPED)
    for bit, mask in enumerate(masks):
        held = found >> np.uint64(bit) & np.uint64(1) == 1
        np.testing.assert_array_equal(held, mask[at])
        assert held.sum() * packed["voxelMm3"] / 1000 == volume_ml(mask, FLIPPED)
    assert [sweep["thresholds"][mark] for mark in sweep["marks"]] == ["4", "6", "8", "10"]
    assert sweep["thresholds"][sweep["own"]] == "6"


def test_thresholds_are_written_in_the_unit_shown() -> None:
    bits = bit_field([BRAIN] * 3)
    swept = {name: Swept(bits, TABULATED[name][:3], TABULATED[name][2]) for name in ("adc", "rcbf")}
    swept["asymmetry"] = Swept(bits, (0.1, 0.15, 0.4), 0.15)
    written = {one["name"]: one["thresholds"] for one in pack_grid(grid(sweeps=swept))["sweeps"]}
    assert written == {"adc": ["550", "600", "620"], "rcbf": ["20", "30", "40"], "asymmetry": ["10", "15", "40"]}
    assert all("{}" in sweep.says for sweep in SWEEPS.values())


def test_the_outlines_are_the_masks_wherever_they_lie() -> None:
    """An expert's lesion may reach beyond the brain."""
    regions = {name: random(0, 1, seed) > 0.9 for seed, name in enumerate(REGIONS)}
    packed = pack_grid(grid(regions=dict(reversed(regions.items()))))
    found = unpack(packed["regions"]["data"], packed["shape"])
    at = places(packed, FLIPPED)
    for bit, (name, mask) in enumerate(regions.items()):
        assert packed["regions"]["named"][bit] == dict(zip(("title", "colour"), REGIONS[name], strict=True))
        held = found >> np.uint64(bit) & np.uint64(1) == 1
        np.testing.assert_array_equal(held, mask[at])
        assert held.sum() == mask.sum()


def test_a_grid_is_cropped_to_the_brain() -> None:
    small = np.zeros(SHAPE, bool)
    small[8:12, 9:14, 4:6] = True
    packed = pack_grid(grid(brain=small))
    assert packed["shape"] == [2, 5 + 6, 4 + 6]
    assert packed["spacing"] == [5, 2, 2]
    assert packed["heights"] == [-5, 0]
    assert "regions" not in packed


def test_a_grid_with_nothing_in_it_is_shown_whole() -> None:
    empty = np.zeros(SHAPE, bool)
    packed = pack_grid(grid(brain=empty, maps={"tmax": random(0, 9)}, regions={"core": empty}))
    assert packed["shape"] == [10, 24, 20]
    assert np.isnan(values(packed, "tmax")).all()


def test_the_same_grid_gives_the_same_bytes() -> None:
    one, other = (json.dumps(pack_grid(grid(maps={"tmax": random(0, 9)}))) for _ in range(2))
    assert one == other


def test_small_numbers_take_one_byte_each() -> None:
    codes = np.arange(256, dtype=np.uint32)
    assert len(zlib.decompress(base64.b64decode(pack(codes)))) == 256
    assert len(zlib.decompress(base64.b64decode(pack(codes + 1)))) == 512
    assert len(zlib.decompress(base64.b64decode(pack(np.zeros(5, np.uint32))))) == 5
    np.testing.assert_array_equal(unpack(pack(~codes), [256]), ~codes)


def test_colours_are_those_of_the_figures() -> None:
    from matplotlib import colormaps

    table = np.frombuffer(base64.b64decode(colour_table("viridis")), np.uint8).reshape(256, 3)
    np.testing.assert_array_equal(table[200], np.array(colormaps["viridis"](200, bytes=True)[:3]))
