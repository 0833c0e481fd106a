import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, sidecar_path, write_json
from reperfuse.interfaces import PlotPatient
from reperfuse.interfaces.figures import Visit, draw_diffusion, draw_flair, draw_perfusion, draw_quality
from reperfuse.reports.figures import plot_diffusion
from reperfuse.reports.quality import plot_quality

AFFINE = np.array([[-3.0, 0, 0, 24], [0, 3, 0, -24], [0, 0, 5, -20], [0, 0, 0, 1]])
SHAPE = (16, 16, 8)
BRAIN = np.linalg.norm((np.indices(SHAPE).T - [7.5, 7.5, 3.5]) / [7, 7, 5], axis=-1).T < 1
CORE = np.zeros(SHAPE, bool)
CORE[3:6, 6:9, 3:5] = True


def save(folder, name: str, data: np.ndarray, session: str = "a", **sidecar) -> str:
    path = folder / f"sub-01_ses-{session}_{name}.nii.gz"
    nifti.save(path, data, AFFINE, sidecar=sidecar)
    return str(path)


@pytest.fixture
def scans(tmp_path) -> dict[str, str]:
    noise = np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32)
    return {
        "trace": save(tmp_path, "trace", 100 * BRAIN + noise + 80 * CORE),
        "adc": save(tmp_path, "adc", np.where(BRAIN, 0.8e-3, np.nan)),
        "diffusion_brain": save(tmp_path, "brain", BRAIN),
        "core": save(tmp_path, "core", CORE),
    }


def run(folder, what: str = "diffusion", **inputs) -> "tuple[Image.Image, dict]":
    figures = plot(folder, ["a"], **inputs)
    path = figures / f"sub-01_ses-a_desc-{what}_figure.png"
    return Image.open(path), read_sidecar(path)


def plot(folder, sessions: list[str], **inputs) -> Path:
    folder.mkdir(exist_ok=True)
    return Path(PlotPatient(participant="01", sessions=sessions, **inputs).run(cwd=str(folder)).outputs.figures)


def texts(figure) -> str:
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    artists = [*figure.texts, *legends, *(text for axes in figure.axes for text in [*axes.texts, axes.title])]
    return " ".join(text.get_text() for text in artists)


def test_same_input_same_bytes(scans, tmp_path) -> None:
    written = []
    for number in range(2):
        picture, sidecar = run(tmp_path / str(number), **scans)
        assert "Reasons" not in sidecar
        assert not picture.info, "no date, no software version"
        written.append(Path(picture.filename).read_bytes())
    assert written[0] == written[1]


def test_a_users_matplotlib_settings_change_nothing(scans, tmp_path) -> None:
    import matplotlib as mpl

    plain, _ = run(tmp_path / "plain", **scans)
    with mpl.rc_context({"font.size": 25, "axes.facecolor": "red", "image.interpolation": "none"}):
        custom, _ = run(tmp_path / "custom", **scans)
    assert Path(plain.filename).read_bytes() == Path(custom.filename).read_bytes()


def test_a_session_has_the_figures_its_files_allow(scans, tmp_path) -> None:
    later = save(tmp_path, "growth", CORE.astype(np.uint8), session="ab")
    others = {name: [path, path.replace("ses-a", "ses-ab")] for name, path in scans.items()}
    for first, second in others.values():
        Path(second).write_bytes(Path(first).read_bytes())
    figures = plot(tmp_path / "out", ["a", "ab", "without"], **others, growth=later)
    assert sorted(path.name for path in figures.glob("*.png")) == [
        "sub-01_ses-a_desc-diffusion_figure.png",
        "sub-01_ses-ab_desc-diffusion_figure.png",
        "sub-01_ses-ab_desc-growth_figure.png",
    ]


def test_outlines_are_drawn_in_their_colour(scans, tmp_path) -> None:
    def pinkish(picture: Image.Image) -> int:
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), int), -1, 0)
        return int(((red - green > 90) & (blue - green > 40)).sum())

    with_core, _ = run(tmp_path / "core", **scans)
    empty = save(tmp_path, "empty", np.zeros(SHAPE, bool))
    without, _ = run(tmp_path / "none", **(scans | {"core": empty}))
    # what is left without a core is its line in the legend
    assert pinkish(with_core) > 3 * pinkish(without) > 0


def test_a_faulty_map_gives_a_picture_of_the_reason(scans, tmp_path) -> None:
    broken = save(tmp_path, "broken", np.full((1, 1, 1), np.nan), Reasons=["the stream is cut $off"])
    picture, sidecar = run(tmp_path / "out", **(scans | {"adc": broken}))
    assert sidecar["Reasons"] == ["the stream is cut $off"]
    assert picture.size[0] > 500


def test_a_faulty_overlay_leaves_the_maps(scans, tmp_path) -> None:
    broken = save(tmp_path, "broken", np.full((1, 1, 1), np.nan), Reasons=["no core could be found"])
    figure = draw_diffusion("", Visit(scans | {"core": broken}))
    assert "Core not shown: no core could be found" in texts(figure)
    _, sidecar = run(tmp_path / "out", **(scans | {"core": broken}))
    assert "Reasons" not in sidecar


def test_perfusion_without_diffusion(scans, tmp_path) -> None:
    given = dict.fromkeys(("reference", "rcbf", "rcbv", "mtt", "tmax"), scans["trace"])
    brain = scans["diffusion_brain"]
    _, sidecar = run(tmp_path / "out", "perfusion", **given, perfusion_brain=brain, tmax6=scans["core"])
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
        write_json(sidecar_path(path), {"Reasons": [reason]})
        tables[name] = str(path)
    visit = Visit({"reference": scans["trace"], "perfusion_brain": scans["diffusion_brain"], **tables})
    said = texts(draw_quality("", visit))
    assert "Motion not shown: one frame only Arterial input not shown: no bolus was found" in said


def test_a_lesion_on_flair_is_shown_on_it(scans, tmp_path) -> None:
    flair = save(tmp_path, "FLAIR", nifti.load(scans["trace"]).data)
    _, sidecar = run(tmp_path / "out", "flair", flair=flair, flair_brain=scans["diffusion_brain"], lesion=scans["core"])
    assert "Reasons" not in sidecar
    figure = draw_flair("", Visit({"flair": flair, "flair_brain": scans["diffusion_brain"], "lesion": scans["core"]}))
    assert "Follow-up lesion" in " ".join(text.get_text() for text in figure.findobj(Text))


@pytest.fixture
def maps(tmp_path) -> dict[str, str]:
    late = np.roll(CORE, 4, axis=1)
    files = {
        "reference": save(tmp_path, "reference", 100.0 * BRAIN),
        "perfusion_brain": save(tmp_path, "dscbrain", BRAIN),
        "mtt": save(tmp_path, "mtt", np.where(BRAIN, 5.0, np.nan)),
        "tmax": save(tmp_path, "tmax", np.where(late, 9.0, 3.0)),
        "core_dscref": save(tmp_path, "dsccore", CORE),
    }
    for name in ("tmax6", "penumbra"):
        files[name] = save(tmp_path, name, late)
    return files


def test_the_mismatch_figure_holds_deficit_core_and_penumbra(maps) -> None:
    said = texts(draw_perfusion("", Visit(maps)))
    for region in ("Tmax > 6 s", "Core", "Penumbra"):
        assert region in said


def test_the_core_is_drawn_where_there_is_no_deficit(maps, tmp_path) -> None:
    none = save(tmp_path, "none", np.zeros(SHAPE, bool))
    figure = draw_perfusion("", Visit(maps | {"tmax6": none, "penumbra": none}))
    assert "Core" in texts(figure)
    assert "Core" not in texts(draw_perfusion("", Visit({k: v for k, v in maps.items() if k != "core_dscref"})))


def test_a_figure_refuses_a_region_it_does_not_know() -> None:
    with pytest.raises(KeyError, match="core_dscref"):
        plot_diffusion("", 1.0 * BRAIN, 1e-3 * BRAIN, AFFINE, BRAIN, {"core_dscref": CORE})
