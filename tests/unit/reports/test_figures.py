import re

import numpy as np
import pytest
from PIL import Image
from reperfuse import images
from reperfuse.interfaces import PlotDiffusion, PlotPerfusion, PlotQuality
from reperfuse.reports.quality import plot_quality

AFFINE = np.array([[-3.0, 0, 0, 24], [0, 3, 0, -24], [0, 0, 5, -20], [0, 0, 0, 1]])
SHAPE = (16, 16, 8)
BRAIN = np.linalg.norm((np.indices(SHAPE).T - [7.5, 7.5, 3.5]) / [7, 7, 5], axis=-1).T < 1
CORE = np.zeros(SHAPE, bool)
CORE[3:6, 6:9, 3:5] = True


def save(folder, name: str, data: np.ndarray, **sidecar) -> str:
    path = folder / f"{name}.nii.gz"
    images.save(path, data, AFFINE, sidecar=sidecar)
    return str(path)


@pytest.fixture
def scans(tmp_path) -> dict[str, str]:
    noise = np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32)
    return {
        "trace": save(tmp_path, "trace", 100 * BRAIN + noise + 80 * CORE),
        "adc": save(tmp_path, "adc", np.where(BRAIN, 0.8e-3, np.nan)),
        "brain": save(tmp_path, "brain", BRAIN),
        "core": save(tmp_path, "core", CORE),
    }


def run(interface, folder, **inputs) -> "tuple[Image.Image, dict]":
    folder.mkdir(exist_ok=True)
    path = interface(participant="01", session="a", **inputs).run(cwd=str(folder)).outputs.figure
    return Image.open(path), images.read_sidecar(path)


def texts(figure) -> str:
    artists = [*figure.texts, *(text for axes in figure.axes for text in [*axes.texts, axes.title])]
    return " ".join(text.get_text() for text in artists)


def test_same_input_same_bytes(scans, tmp_path) -> None:
    written = []
    for number in range(2):
        picture, sidecar = run(PlotDiffusion, tmp_path / str(number), **scans)
        assert "Reasons" not in sidecar
        assert not picture.info, "no date, no software version"
        written.append((tmp_path / str(number) / "figure.png").read_bytes())
    assert written[0] == written[1]


def test_a_users_matplotlib_settings_change_nothing(scans, tmp_path) -> None:
    import matplotlib as mpl

    run(PlotDiffusion, tmp_path / "plain", **scans)
    with mpl.rc_context({"font.size": 25, "axes.facecolor": "red", "image.interpolation": "none"}):
        run(PlotDiffusion, tmp_path / "custom", **scans)
    assert (tmp_path / "plain/figure.png").read_bytes() == (tmp_path / "custom/figure.png").read_bytes()


def test_outlines_are_drawn_in_their_colour(scans, tmp_path) -> None:
    def pinkish(picture: Image.Image) -> int:
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), int), -1, 0)
        return int(((red - green > 90) & (blue - green > 40)).sum())

    with_core, _ = run(PlotDiffusion, tmp_path / "core", **scans)
    empty = save(tmp_path, "empty", np.zeros(SHAPE, bool))
    without, _ = run(PlotDiffusion, tmp_path / "none", **(scans | {"core": empty}))
    # what is left without a core is its line in the legend
    assert pinkish(with_core) > 3 * pinkish(without) > 0


def test_a_faulty_map_gives_a_picture_of_the_reason(scans, tmp_path) -> None:
    broken = save(tmp_path, "broken", np.full((1, 1, 1), np.nan), Reasons=["the stream is cut $off"])
    picture, sidecar = run(PlotDiffusion, tmp_path / "out", **(scans | {"adc": broken}))
    assert sidecar["Reasons"] == ["the stream is cut $off"]
    assert picture.size[0] > 500


def test_a_faulty_overlay_leaves_the_maps(scans, tmp_path) -> None:
    broken = save(tmp_path, "broken", np.full((1, 1, 1), np.nan), Reasons=["no core could be found"])
    step = PlotDiffusion(participant="01", session="a", **(scans | {"core": broken}))
    step._notes = []
    figure = step._draw()
    assert "Core not shown: no core could be found" in texts(figure)
    _, sidecar = run(PlotDiffusion, tmp_path / "out", **(scans | {"core": broken}))
    assert "Reasons" not in sidecar


def test_perfusion_without_diffusion(scans, tmp_path) -> None:
    given = dict.fromkeys(("reference", "rcbf", "rcbv", "mtt", "tmax"), scans["trace"])
    _, sidecar = run(PlotPerfusion, tmp_path / "out", **given, brain=scans["brain"], tmax6=scans["core"])
    assert "Reasons" not in sidecar


def test_the_artery_is_marked_where_it_was_taken() -> None:
    artery = np.array([[12, 4, 2], [12, 5, 2]])
    figure = plot_quality("", 100.0 * BRAIN, AFFINE, BRAIN, {}, {}, {"artery": artery, "vein": np.empty((0, 3), int)})
    (axes,) = [axes for axes in figure.axes if axes.images]
    marks = np.vstack([collection.get_offsets() for collection in axes.collections])
    # the first voxel axis points left and the second to the front, so columns follow the one and rows run
    # against the other
    np.testing.assert_array_equal(sorted(marks.tolist()), [[12, 10], [12, 11]])
    height = float(re.search(r"z (−?\d+)", axes.get_title())[1].replace("−", "-"))
    assert height == AFFINE[2, 2] * 2 + AFFINE[2, 3]


def test_quality_says_what_is_missing(scans, tmp_path) -> None:
    tables = {}
    for name, reason in (("motion", "one frame only"), ("curves", "no bolus was found")):
        path = tmp_path / f"{name}.tsv"
        path.write_text("")
        images.write_json(images.sidecar_path(path), {"Reasons": [reason]})
        tables[name] = str(path)
    step = PlotQuality(participant="01", session="a", reference=scans["trace"], brain=scans["brain"], **tables)
    step._notes = []
    assert "Motion not shown: one frame only Arterial input not shown: no bolus was found" in texts(step._draw())
