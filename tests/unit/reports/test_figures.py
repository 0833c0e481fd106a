import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import read_sidecar, sidecar_path, write_json
from reperfuse.interfaces import PlotPatient
from reperfuse.interfaces.figures import (
    _DRAWINGS,
    draw_alignment,
    draw_diffusion,
    draw_flair,
    draw_flow,
    draw_followup_alignment,
    draw_perfusion,
    draw_quality,
)
from reperfuse.interfaces.visits import Visit
from reperfuse.reports import checks
from reperfuse.reports.captions import CAPTIONS
from reperfuse.reports.checks import plot_flow, tiles
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


@pytest.fixture
def watched(scans, tmp_path) -> Visit:
    """A session with its motion, of which two frames are outliers, and its arterial input."""
    frames = 12
    rows = ["trans_x\ttrans_y\ttrans_z\trot_x\trot_y\trot_z\tframewise_displacement\toutlier"]
    rows += [f"0\t0\t0\t0\t0\t0\t{frame / 10}\t{int(frame in (4, 11))}" for frame in range(frames)]
    curves = ["time\taif\tvof", *(f"{2 * frame}\t{frame}\t1" for frame in range(frames - 2))]
    about = {
        "motion": {"Quality": {"FramesReplaced": [4], "FramesUsed": 10}},
        "curves": {
            "Score": 0.834,
            "Weakness": "width",
            "Selection": "automatic",
            "ArterialVoxels": [[12, 4, 2], [12, 5, 2]],
            "VenousVoxels": [[8, 12, 5]],
            "Parameters": {"min_score": 0.2},
            "Quality": {"SaturatedShare": 0.5, "VenousSaturatedShare": float("nan")},
        },
    }
    files = {"reference": scans["trace"], "perfusion_brain": scans["diffusion_brain"]}
    for name, lines in (("motion", rows), ("curves", curves)):
        files[name] = str(tmp_path / f"{name}.tsv")
        Path(files[name]).write_text("\n".join(lines) + "\n")
        write_json(sidecar_path(files[name]), about[name])
    return Visit(files)


def test_quality_marks_the_outlying_frames_in_motion_and_curves(watched) -> None:
    figure = draw_quality("", watched)
    *motion, curves = (axes for axes in figure.axes if not axes.images)
    for axes in motion:
        bands = [patch.get_x() + patch.get_width() / 2 for patch in axes.patches]
        assert bands == [4, 11]
    (band,) = curves.patches  # the series ends before the last
    assert (band.get_x(), band.get_width()) == (7, 2)
    legend = [text.get_text() for text in curves.get_legend().get_texts()]
    assert legend == ["artery (AIF)", "vein (VOF)", "outlying frame"]


def test_quality_says_in_words_what_it_rests_on(watched) -> None:
    said = texts(draw_quality("", watched))
    assert "Outlier frames: 2 of 12 (bands); replaced from their neighbours in time: 4; only the first 10" in said
    assert "Arterial input: automatic, 2 voxels; score 0.83 of 1, lowest for its width (at least 0.2 needed)" in said
    assert (
        "the signal falls to the noise in 50 % of the arterial voxels, an unknown share of the venous voxels." in said
    )
    places = [axes for axes in draw_quality("", watched).axes if axes.images]
    assert len(places) == 2
    assert all(axes.get_title().startswith("z ") for axes in places)


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
        plot_diffusion("", {"trace": 1.0 * BRAIN, "adc": 1e-3 * BRAIN}, AFFINE, BRAIN, {"core_dscref": CORE})


def test_every_figure_has_a_caption_and_says_how_it_is_read() -> None:
    assert set(_DRAWINGS) == set(CAPTIONS)


@pytest.mark.parametrize(
    ("role", "name"),
    [("baseline", "Core"), ("post", "Core"), ("late", "Diffusion lesion"), ("followup", "Follow-up lesion")],
)
def test_a_core_is_one_of_acute_diffusion_only(scans, maps, tmp_path, role: str, name: str) -> None:
    files = scans | maps | {"dwiref": scans["trace"]}
    files |= {"lesion": save(tmp_path, "lesion", CORE)} if role == "followup" else {}
    said = {text.get_text() for text in draw_diffusion("", Visit(files, role)).legends[0].get_texts()}
    assert said == {name, "Brain mask"}
    names = texts(draw_perfusion("", Visit(maps, role)))
    assert ("Core" in names) is (name == "Core")
    assert ("Diffusion lesion" in names) is (name != "Core")


def test_black_is_explained_where_there_is_a_map(scans, maps) -> None:
    for draw, files in ((draw_diffusion, scans), (draw_perfusion, maps)):
        assert "Black in a map with a colour bar: outside the brain mask, or a voxel without a value" in texts(
            draw("", Visit(files))
        )


def test_tiles_alternate_in_each_slice_and_not_between_slices() -> None:
    first, second = np.zeros(SHAPE), np.ones(SHAPE)
    found = tiles(first, second, AFFINE, size_mm=12)
    i, j, _ = np.indices(SHAPE) // 4  # voxels of 3 mm
    np.testing.assert_array_equal(found, (i + j) % 2)
    sagittal = AFFINE[:, [2, 0, 1, 3]]
    turned = tiles(*(np.moveaxis(one, 2, 0) for one in (first, second)), sagittal, size_mm=12)
    np.testing.assert_array_equal(np.moveaxis(turned, 0, 2), found)


@pytest.fixture
def aligned(scans, maps, tmp_path) -> dict[str, dict[str, str]]:
    """Files of three sessions, by role: images of one voxel that shines, which lies elsewhere in each."""
    files: dict[str, dict[str, str]] = {}
    for number, role in enumerate(("baseline", "post", "followup")):
        spot = np.zeros(SHAPE)
        spot[8 + number, 8, 4] = 50
        own = {name: save(tmp_path, f"{name}{role}", 100 * BRAIN + spot) for name in ("reference", "dwiref")}
        files[role] = own | {"perfusion_brain": maps["perfusion_brain"], "diffusion_brain": scans["diffusion_brain"]}
    for role, name, by in (("post", "to_diffusion", 0), ("post", "to_baseline", -1), ("post", "to_followup", 1)):
        matrix = np.eye(4)
        matrix[0, 3] = AFFINE[0, 0] * by
        path = tmp_path / f"{name}.txt"
        write_itk(path, matrix)
        files[role][name] = str(path)
    return files


def test_images_are_shown_in_the_alignment_that_was_used(aligned, monkeypatch) -> None:
    taken = {}

    def take(_: str, image: np.ndarray, others: dict, *__: object) -> None:
        taken.update({name: (image, other) for name, other in others.items()})

    monkeypatch.setattr(checks, "plot_alignment", take)
    visit = Visit(aligned["post"], "post", aligned)
    draw_alignment("", visit)
    draw_followup_alignment("", visit)
    assert set(taken) == {"Tiles with\ndiffusion", "Tiles with\nbaseline", "Tiles with\nfollow-up"}
    for image, other in taken.values():
        assert image.argmax() == np.nanargmax(other)


def test_the_alignment_figure_holds_the_brain_and_says_what_is_not_shown(aligned) -> None:
    Path(aligned["post"]["to_baseline"]).with_suffix(".json").write_text('{"Reasons": ["no good fit was found"]}')
    said = texts(draw_alignment("", Visit(aligned["post"], "post", aligned)))
    assert "Brain mask" in said
    assert "Tiles with\ndiffusion" in said
    assert "Tiles with baseline not shown: no good fit was found" in said


@pytest.fixture
def flow(maps, tmp_path) -> dict[str, str]:
    values = {"cbf": np.where(BRAIN, 50.0, np.nan), "cbv": np.where(BRAIN, 4.0, np.nan), "rcbf": np.where(CORE, 0.2, 1)}
    return maps | {name: save(tmp_path, name, data) for name, data in values.items()}


def test_low_flow_is_outlined_inside_the_deficit_only(flow, tmp_path, monkeypatch) -> None:
    rows = {}
    monkeypatch.setattr(checks, "montage", lambda _, given, *__, **___: rows.update({row.title: row for row in given}))
    deficit = np.zeros(SHAPE, bool)
    deficit[4:10, 6:9, 3:5] = True
    draw_flow("", Visit(flow | {"tmax6": save(tmp_path, "deficit", deficit)}))
    assert list(rows) == ["CBF", "CBV", "rCBF"]
    late, low = rows["rCBF"].outlines
    np.testing.assert_array_equal(late.mask, deficit)
    np.testing.assert_array_equal(low.mask, deficit & CORE)


def test_the_flow_figure_names_its_units_and_regions(flow) -> None:
    figure = draw_flow("", Visit(flow))
    said = texts(figure) + " ".join(axes.get_title(loc="left") for axes in figure.axes)
    for text in ("CBF", "CBV", "mL/100 g\n/min", "× normal", "Tmax > 6 s", "rCBF < 30 % inside it"):
        assert text in said
    without = texts(draw_flow("", Visit({name: path for name, path in flow.items() if name not in ("rcbf", "tmax6")})))
    assert "rCBF" not in without
    with pytest.raises(KeyError, match="core"):
        plot_flow("", {}, AFFINE, BRAIN, {"core": CORE})


def test_a_patient_has_an_overview_of_the_sessions_with_a_role(scans, tmp_path) -> None:
    figures = plot(tmp_path / "out", ["a"], **scans, roles={"a": "baseline"})
    sidecar = read_sidecar(figures / "sub-01_desc-overview_figure.png")
    assert sidecar["Description"] == "sub-01 · From session to session"
    assert "Reasons" not in sidecar
