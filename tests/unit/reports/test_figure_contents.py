"""What each figure of a session holds: its maps with their units, its regions where they are, and its legend."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.interfaces.figures import _DRAWINGS
from reperfuse.interfaces.visits import Visit
from reperfuse.reports import checks, figures, montage

AFFINE = np.array([[-3.0, 0, 0, 24], [0, 3, 0, -24], [0, 0, 5, -20], [0, 0, 0, 1]])
SHAPE = (16, 16, 8)
BRAIN = np.linalg.norm((np.indices(SHAPE).T - [7.5, 7.5, 3.5]) / [7, 7, 5], axis=-1).T < 1


def spot(number: int) -> np.ndarray:
    """Return one of some regions that do not touch."""
    mask = np.zeros(SHAPE, bool)
    mask[3 + 2 * number, 6:8, 3:5] = True
    return mask


A, B, C = spot(0), spot(2), spot(4)
IMAGES = {
    "trace": 100.0 * BRAIN,
    "dwiref": 90.0 * BRAIN,
    "reference": 80.0 * BRAIN,
    "flair": 70.0 * BRAIN,
    "trace_dscref": 60.0 * BRAIN,
    "adc": np.where(BRAIN, 0.8e-3, np.nan),
    **{name: np.where(BRAIN, value, np.nan) for name, value in {"cbf": 50.0, "cbv": 4.0, "mtt": 5.0}.items()},
    "rcbf": np.where(A, 0.2, 1.0),
    **{
        name: np.where(BRAIN, value, np.nan)
        for name, value in {"rcbv": 1.1, "mirrored": 1.2, "asymmetry": -0.1}.items()
    },
    "tmax": np.where(A | B, 9.0, 3.0),
    "earlier_tmax": np.where(A | C, 9.0, 3.0),
    **dict.fromkeys(("diffusion_brain", "perfusion_brain", "flair_brain"), BRAIN),
    "core": A,
    "core_dscref": A,
    "lesion": B,
    "tmax6": A | B,
    "lowflow40": A | B,
    "att": np.where(A, np.nan, 1.3),
    "penumbra": B,
    "growth": 1 * A + 2 * B + 3 * C,
    "deficits": 1 * A + 2 * B + 3 * C,
    "reflow_lesion": A | B,
    "imr": B,
}
#: The mirror plane in the middle of the grid.
MIRROR = {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 1.5, "Quality": 1.0}


@dataclass
class Drawn:
    """What a figure is asked to show."""

    rows: dict[str, Any] = field(default_factory=dict)
    figure: Any = None

    def regions(self, row: str) -> dict[str, np.ndarray]:
        one = self.rows[row]
        return {region.name: region.mask for region in (*one.fills, *one.outlines)}

    def legend(self) -> list[str]:
        return [text.get_text() for legend in self.figure.legends for text in legend.get_texts()]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    found = {}
    for name, data in IMAGES.items():
        found[name] = str(tmp_path / f"sub-01_ses-a_{name}.nii.gz")
        nifti.save(found[name], np.asarray(data, np.float32), AFFINE, sidecar={})
    for name in ("to_diffusion", "to_baseline", "to_followup"):
        found[name] = str(tmp_path / f"{name}.txt")
        write_itk(found[name], np.eye(4))
    found["mirror"] = str(tmp_path / "mirror.json")
    write_json(Path(found["mirror"]), MIRROR)
    found["curves"] = str(tmp_path / "curves.tsv")
    Path(found["curves"]).write_text("time\taif\tvof\n0\t1\t1\n1\t2\t1\n")
    write_json(sidecar_path(found["curves"]), {"ArterialVoxels": [[4, 4, 4]], "VenousVoxels": [[9, 9, 4]]})
    found["motion"] = str(tmp_path / "motion.tsv")
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"] + ["framewise_displacement", "outlier"]
    Path(found["motion"]).write_text("\n".join("\t".join(row) for row in (names, ["0"] * 8, ["1"] * 8)) + "\n")
    return found


@pytest.fixture
def draw(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Drawn]:
    def drawn(what: str, role: str) -> Drawn:
        found = Drawn()

        def take(title: str, rows: Any, *given: Any, **more: Any) -> Any:
            found.rows = {row.title.replace("\n", " "): row for row in rows}
            return montage.montage(title, rows, *given, **more)

        for module in (figures, checks):
            monkeypatch.setattr(module, "montage", take)
        # what session has which files is the plan's to say: a lesion is of the follow-up, and only it is drawn on FLAIR
        own = {name: path for name, path in files.items() if role == "followup" or name != "lesion"}
        theirs = {name: path for name, path in files.items() if what == "flair" or "flair" not in name}
        others = dict.fromkeys(("baseline", "post", "followup"), theirs)
        found.figure = _DRAWINGS[what].draw("A title", Visit(own, role, others))
        return found

    return drawn


#: By figure and role: the rows with their units, and the regions of each with where they are; all are in the legend.
REGIONS = {
    ("diffusion", "baseline"): {
        "Trace": ("", {}),
        "Trace, outlined": ("", {"Core": A}),
        "ADC": ("10⁻³ mm²/s", {"Core": A}),
        "Brain mask": ("", {"Brain mask": BRAIN}),
    },
    ("diffusion", "followup"): {
        "Trace": ("", {}),
        "Trace, outlined": ("", {"Follow-up lesion": B}),
        "ADC": ("10⁻³ mm²/s", {"Follow-up lesion": B}),
        "Brain mask": ("", {"Brain mask": BRAIN}),
    },
    ("flair", "followup"): {
        "Brain mask": ("", {"Brain mask": BRAIN}),
        "FLAIR, outlined": ("", {"Follow-up lesion": B}),
    },
    ("perfusion", "baseline"): {
        "Mismatch": ("", {"Penumbra": B, "Core": A}),
        "Tmax": ("s", {"Tmax > 6 s": A | B, "Core": A}),
        "MTT": ("s", {}),
        "rCBF": ("× normal", {}),
        "rCBV": ("× normal", {}),
    },
    ("perfusion", "late"): {
        "Lesion": ("", {"Diffusion lesion": A}),
        "Tmax": ("s", {"Tmax > 6 s": A | B, "Diffusion lesion": A}),
        "MTT": ("s", {}),
        "rCBF": ("× normal", {}),
        "rCBV": ("× normal", {}),
    },
    ("flow", "baseline"): {
        "CBF": ("mL/100 g\n/min", {}),
        "CBV": ("mL/100 g", {}),
        "rCBF": ("× normal", {"Tmax > 6 s": A | B, "rCBF < 30 % inside it": A}),
    },
    ("labelling", "baseline"): {
        "CBF (ASL)": ("mL/100 g\n/min", {}),
        "rCBF": ("× normal", {"CBF < 40 % of the other side": A | B, "Core": A}),
        "Transit time": ("s", {}),
    },
    ("growth", "baseline"): {"Trace": ("", {}), "Growth": ("", {"Core that stayed": A, "Grown": B, "Reversed": C})},
    ("reperfusion", "post"): {
        "Tmax before": ("s", {}),
        "Tmax after": ("s", {}),
        "Tmax > 6 s": ("", {"Recovered": A, "Persistent": B, "New": C}),
    },
    ("reflow", "post"): {
        "IMR": ("", {"Impaired reflow (IMR)": B, "Lesion": A | B, "Its mirror": (A | B)[::-1]}),
        "rCBV": ("× normal", {"Lesion": A | B, "Its mirror": (A | B)[::-1]}),
        "Mirror of rCBV": ("× normal", {"Lesion": A | B}),
        "Asymmetry": ("1", {"Lesion": A | B, "Impaired reflow (IMR)": B}),
    },
    ("alignment", "post"): {
        "Brain mask": ("", {"Brain mask": BRAIN}),
        "Tiles with diffusion": ("", {"Brain mask": BRAIN}),
        "Tiles with baseline": ("", {"Brain mask": BRAIN}),
    },
    ("followupalignment", "baseline"): {
        "Brain mask": ("", {"Brain mask": BRAIN}),
        "Tiles with follow-up": ("", {"Brain mask": BRAIN}),
    },
}
#: The maps that rows show, by the name of the input; what has no unit is shown as it is.
MAPS = {
    ("diffusion", "baseline"): {"Trace": ("trace", 1), "ADC": ("adc", 1e3), "Brain mask": ("dwiref", 1)},
    ("flair", "followup"): {"Brain mask": ("flair", 1), "FLAIR, outlined": ("flair", 1)},
    ("perfusion", "baseline"): {
        "Mismatch": ("trace_dscref", 1),
        **{row: (row.lower(), 1) for row in ("Tmax", "MTT", "rCBF", "rCBV")},
    },
    ("flow", "baseline"): {row: (row.lower(), 1) for row in ("CBF", "CBV", "rCBF")},
    ("labelling", "baseline"): {"CBF (ASL)": ("cbf", 1), "rCBF": ("rcbf", 1), "Transit time": ("att", 1)},
    ("growth", "baseline"): {"Trace": ("trace", 1), "Growth": ("trace", 1)},
    ("reperfusion", "post"): {
        "Tmax before": ("earlier_tmax", 1),
        "Tmax after": ("tmax", 1),
        "Tmax > 6 s": ("reference", 1),
    },
    ("reflow", "post"): {
        "IMR": ("reference", 1),
        "rCBV": ("rcbv", 1),
        "Mirror of rCBV": ("mirrored", 1),
        "Asymmetry": ("asymmetry", 1),
    },
    ("alignment", "post"): {"Brain mask": ("reference", 1)},
    ("followupalignment", "baseline"): {"Brain mask": ("dwiref", 1)},
}


@pytest.mark.parametrize(("what", "role"), REGIONS)
def test_a_figure_holds_its_regions_and_names_them(draw, what: str, role: str) -> None:
    found, wanted = draw(what, role), REGIONS[what, role]
    assert {row: one.unit for row, one in found.rows.items()} == {row: unit for row, (unit, _) in wanted.items()}
    for row, (_, regions) in wanted.items():
        shown = found.regions(row)
        assert set(shown) == set(regions), row
        for name, mask in regions.items():
            np.testing.assert_array_equal(shown[name], mask, err_msg=f"{row}: {name}")
    assert sorted(found.legend()) == sorted({name for _, regions in wanted.values() for name in regions})


@pytest.mark.parametrize(("what", "role"), MAPS)
def test_a_figure_shows_its_maps(draw, what: str, role: str) -> None:
    found = draw(what, role)
    for row, (name, scale) in MAPS[what, role].items():
        shown, wanted = found.rows[row].data, IMAGES[name] * scale
        inside = BRAIN & np.isfinite(wanted)
        np.testing.assert_allclose(shown[inside], wanted[inside], rtol=1e-5, err_msg=row)


@pytest.mark.parametrize(("what", "role"), REGIONS)
def test_black_is_explained_exactly_where_there_is_a_map_with_a_unit(draw, what: str, role: str) -> None:
    found = draw(what, role)
    foot = [text.get_text() for text in found.figure.texts if text.get_text().startswith("Radiological convention")]
    assert len(foot) == 1
    assert ("Black in a map with a colour bar" in foot[0]) is any(one.unit for one in found.rows.values())


def test_no_figure_is_left_out_here() -> None:
    assert {what for what, _ in REGIONS} == {what for what, _ in MAPS} == set(_DRAWINGS) - {"quality"}


def test_the_quality_figure_holds_motion_curves_and_places(draw) -> None:
    figure = draw("quality", "post").figure
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    wanted = ["Translation (mm)", "Rotation (°)", "Framewise displacement (mm)", "Arterial input and venous output"]
    assert [title for title in titles if title] == wanted
    legends = [axes.get_legend() for axes in figure.axes]
    names = {text.get_text() for legend in legends if legend for text in legend.get_texts()}
    assert names == {"x", "y", "z", "outlier", "artery (AIF)", "vein (VOF)", "outlying frame"}
    marks = [len(one.get_offsets()) for axes in figure.axes if axes.images for one in axes.collections]
    assert sorted(marks) == [1, 1]


def luminance(colour: Any) -> float:
    """Return the relative luminance of a colour (WCAG 2)."""
    parts = np.array(to_rgb(colour))
    return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(("what", "role"), [*REGIONS, ("quality", "post")])
def test_all_that_is_written_on_a_figure_is_easy_to_read(draw, what: str, role: str) -> None:
    figure = draw(what, role).figure
    ground = luminance(figure.get_facecolor())
    figure.draw_without_rendering()
    faint = []
    for text in figure.findobj(Text):
        # R and L have a rim of black, for they stand on images
        behind = 0.0 if text.get_path_effects() else ground
        high, low = sorted((luminance(text.get_color()), behind), reverse=True)
        if text.get_text().strip() and text.get_visible() and (high + 0.05) / (low + 0.05) < 4.5:
            faint.append((text.get_text(), text.get_color()))
    assert not faint
