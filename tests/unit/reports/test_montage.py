from itertools import permutations, product

import numpy as np
import pytest
from PIL import Image
from reperfuse.reports import figures
from reperfuse.reports.montage import CORE, GROWN, IMPAIRED, LESION, PENUMBRA, Region, Row, montage
from reperfuse.reports.slices import choose_slices, crop, radiological

SHAPE = (12, 10, 8)
#: The world point of a marker: left, front and top of the volume's centre (RAS+, mm).
MARKER_MM = np.array([-8.0, 6.0, 9.0])


def rotation(degrees: float, axis: int) -> np.ndarray:
    first, second = (other for other in range(3) if other != axis)
    matrix = np.eye(3)
    angle = np.deg2rad(degrees)
    matrix[[first, second], [first, second]] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def marked_volume(order: tuple[int, ...], signs: tuple[int, ...], degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """A volume with one bright voxel near the marker, its axes in any order and direction, and its affine."""
    sizes = np.array([2.0, 2.5, 4.0])
    axes = np.eye(3)[:, list(order)] * np.array(signs)
    shape = tuple(SHAPE[world] for world in order)
    linear = rotation(degrees, 0) @ rotation(-degrees, 2) @ axes * sizes[list(order)]
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = -linear @ ((np.array(shape) - 1) / 2)
    volume = np.zeros(shape, np.float32)
    index = np.linalg.solve(linear, MARKER_MM - affine[:3, 3]).round().astype(int)
    volume[tuple(index)] = 1
    return volume, affine


@pytest.mark.parametrize("degrees", [0.0, 17.0])
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_left_is_on_the_right_in_any_voxel_order(
    order: tuple[int, ...], signs: tuple[int, ...], degrees: float
) -> None:
    volume, affine = marked_volume(order, signs, degrees)
    stack, turned = radiological(volume, affine)
    assert stack.shape == SHAPE[::-1]
    found = np.argwhere(stack == 1)
    assert len(found) == 1
    k, row, column = found[0]
    assert column > (SHAPE[0] - 1) / 2, "the patient's left is on the image's right"
    assert row < (SHAPE[1] - 1) / 2, "the front is at the top"
    assert k > (SHAPE[2] - 1) / 2, "slices count upwards"
    voxel = np.argwhere(volume == 1)[0]
    np.testing.assert_allclose(turned @ [k, row, column, 1], affine @ [*voxel, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("order", "signs"), [((0, 1, 2), (1, 1, 1)), ((2, 0, 1), (-1, 1, -1)), ((1, 0, 2), (-1, -1, 1))]
)
def test_the_drawn_marker_is_on_the_right(order: tuple[int, ...], signs: tuple[int, ...], tmp_path) -> None:
    volume, affine = marked_volume(order, signs, 12.0)
    brain = np.ones(volume.shape, bool)
    with figures.house_style():
        figure = montage("", [Row("", "", volume, (0, 1))], affine, brain, focus=volume > 0.5)
        figures.save(figure, tmp_path / "figure.png")
    stack = radiological(volume, affine)[0]
    held = [int(np.argwhere(stack == 1)[0][0]) == k for k in choose_slices(stack >= 0, stack > 0.5)]
    axes = figure.axes[0]
    # letters and title cleared away, the brightest pixels of the slice are the marker
    pixels = np.asarray(Image.open(tmp_path / "figure.png").convert("L"), float)
    height, width = pixels.shape
    box = axes.images[held.index(True)].get_window_extent().transformed(figure.transFigure.inverted())
    inside = pixels[int((1 - box.y1) * height) : int((1 - box.y0) * height), int(box.x0 * width) : int(box.x1 * width)]
    middle = inside[inside.shape[0] // 5 :]
    assert middle.max() > 200
    assert np.argwhere(middle > 200)[:, 1].mean() > inside.shape[1] / 2
    written = {text.get_text(): text.get_position()[0] for text in axes.texts[:2]}
    assert written["R"] < np.mean(axes.images[0].get_extent()[:2]) < written["L"]


def test_pixels_keep_the_voxels_proportions() -> None:
    volume, affine = marked_volume((0, 1, 2), (1, 1, 1), 0.0)
    figure = montage("", [Row("", "", volume, (0, 1))], affine, np.ones(volume.shape, bool))
    width, height = figure.axes[0].images[0].get_window_extent().size
    assert height / width == pytest.approx(SHAPE[1] * 2.5 / (SHAPE[0] * 2.0), rel=0.02)


@pytest.mark.parametrize("where", [(0, 1), (19, 20), (4, 6), (0, 20), (10, 11)])
def test_slices_show_the_whole_focus_and_its_peak(where: tuple[int, int]) -> None:
    brain = np.ones((20, 6, 6), bool)
    focus = np.zeros_like(brain)
    focus[where[0] : where[1], 2, 2] = True
    focus[(where[0] + where[1]) // 2, 2:5, 2:5] = True
    chosen = choose_slices(brain, focus)
    assert len(chosen) == 8
    assert np.all(np.diff(chosen) > 0)
    assert chosen.min() >= 0
    assert chosen.max() < 20
    assert (where[0] + where[1]) // 2 in chosen


def test_specks_do_not_spread_the_slices() -> None:
    brain = np.ones((40, 6, 6), bool)
    focus = np.zeros_like(brain)
    focus[18:22] = True
    focus[[1, 38], 0, 0] = True
    chosen = choose_slices(brain, focus)
    assert set(range(18, 22)) <= set(chosen)
    assert chosen.min() >= 15
    assert chosen.max() <= 24


def test_slices_of_a_thin_slab_and_of_nothing() -> None:
    assert list(choose_slices(np.ones((3, 4, 4), bool), None)) == [0, 1, 2]
    assert list(choose_slices(np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool))) == [0, 1]


def test_crop_holds_the_brain() -> None:
    brain = np.zeros((4, 30, 40), bool)
    brain[1:3, 10:20, 5:38] = True
    rows, columns = crop(brain)
    assert brain[:, rows, columns].sum() == brain.sum()
    assert rows.start > 0


@pytest.mark.parametrize("filled", [False, True])
def test_a_region_is_drawn_around_its_voxels_in_its_slice(filled: bool) -> None:
    volume, affine = marked_volume((0, 1, 2), (-1, -1, 1), 0.0)
    mask = np.zeros(volume.shape, bool)
    mask[2:5, 0:3, 4] = True  # reaches the front edge
    regions = {"fills" if filled else "outlines": [Region("region", "#ff0000", mask)]}
    figure = montage("", [Row("", "", volume, (0, 1), **regions)], affine, np.ones(volume.shape, bool))
    axes = figure.axes[0]
    picture = axes.images[4]
    left, right, bottom, top = picture.get_extent()
    rows, columns = picture.get_array().shape
    for lines in axes.collections:
        points = np.vstack([path.vertices for path in lines.get_paths()])
        across = (points[:, 0] - left) / (right - left) * columns
        down = (points[:, 1] - top) / (bottom - top) * rows
        found = [across.min(), across.max(), down.min(), down.max()]
        np.testing.assert_allclose(found, [2, 5, 0, 3], atol=1e-6)
    assert len(axes.collections) == 1 + filled


def test_a_legend_keeps_its_colours_where_nothing_else_has_them(tmp_path) -> None:
    volume, affine = marked_volume((0, 1, 2), (1, 1, 1), 0.0)
    maps = np.random.default_rng(0).uniform(0, 1, volume.shape)
    colours = (CORE, PENUMBRA, LESION, IMPAIRED, GROWN)
    regions = [Region(colour, colour, np.zeros(volume.shape, bool)) for colour in colours]
    rows = [Row("", "s", maps, (0, 1), name, fills=regions) for name in ("gray", "viridis", "cividis", "RdBu")]
    figures.save(montage("", rows, affine, np.ones(volume.shape, bool)), tmp_path / "figure.png")
    pixels = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB")).reshape(-1, 3)
    for colour in colours:
        assert (pixels == tuple(bytes.fromhex(colour[1:]))).all(axis=1).sum() > 100, colour
