"""The figure of what a session's perfusion rests on: motion, arterial input, and where that was taken."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.reports.montage import WIDTH, write_sides
from reperfuse.reports.slices import crop, radiological

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec


_ARTERY, _VEIN = "#d55e00", "#0072b2"


_AXES_COLOURS = ("#0072b2", "#d55e00", "#009e73")


_PAPER, _INK, _WARNING, _SOFT = "#ffffff", "#1b2733", "#8a4b00", "#55626f"


#: Behind an outlying frame.
_BAND = "#f6d5bd"


Volume = NDArray[Any]


def plot_quality(
    title: str,
    reference: Volume,
    affine: Volume,
    brain: Volume,
    motion: Mapping[str, Volume],
    curves: Mapping[str, Volume],
    voxels: Mapping[str, Volume],
    notes: Sequence[str] = (),
    words: Sequence[str] = (),
    unit: str = "ΔR2* (s⁻¹)",
) -> "Figure":
    """Draw what a session's perfusion rests on: motion, arterial input, and where that was taken.

    Parameters
    ----------
    title : str
    reference : ndarray, (x, y, z)
        Perfusion reference (a.u.).
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    motion : mapping of ndarray, (frames,)
        ``trans_x … rot_z`` (mm, rad), ``framewise_displacement`` (mm), ``outlier``; empty if not known.
    curves : mapping of ndarray, (frames,)
        ``time`` (s), ``aif``, ``vof`` (ΔR2*, s⁻¹); empty if not known.
    voxels : mapping of ndarray of int, (n, 3)
        Voxel indices under ``artery`` and ``vein``.
    notes : sequence of str
        What is not shown, below the panels.
    words : sequence of str
        What cannot be seen, below the panels.
    unit : str
        What the curves are, and their unit.
    """
    from matplotlib.figure import Figure

    lines = [
        (line, colour)
        for texts, colour in ((words, _INK), (notes, _WARNING))
        for text in texts
        for line in textwrap.wrap(text, 170)
    ]
    height = 5.4 + 0.22 * len(lines)
    figure = Figure(figsize=(WIDTH, height), facecolor=_PAPER)
    figure.text(0.012, 1 - 0.27 / height, title, color=_INK, fontsize=13, weight="bold", va="center")
    bottom, top = (0.62 + 0.22 * len(lines)) / height, 1 - 0.75 / height
    plots = figure.add_gridspec(3, 2, left=0.055, right=0.64, top=top, bottom=bottom, hspace=0.4, wspace=0.22)
    _draw_motion([figure.add_subplot(plots[row, 0]) for row in range(3)], motion)
    _draw_curves(figure.add_subplot(plots[:, 1]), curves, _outlying(motion), unit)
    _draw_places(
        figure,
        figure.add_gridspec(2, 2, left=0.67, right=0.99, top=top, bottom=bottom, hspace=0.12, wspace=0.03),
        reference,
        affine,
        brain,
        voxels,
    )
    for number, (line, colour) in enumerate(lines):
        y = (0.22 * (len(lines) - number) - 0.08) / height
        figure.text(0.012, y, line, color=colour, fontsize=8.5, va="center", parse_math=False)
    return figure


def _style(axes: "Axes", title: str, ylabel: str) -> None:
    axes.set_title(title, color=_INK, fontsize=10, loc="left")
    axes.set_ylabel(ylabel, color=_INK, fontsize=9)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e8ee", linewidth=0.6)
    axes.set_axisbelow(True)


def _say_nothing(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "not computed", color=_SOFT, ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_motion(panels: Sequence["Axes"], motion: Mapping[str, Volume]) -> None:
    names = ("Translation (mm)", "Rotation (°)", "Framewise displacement (mm)")
    for axes, name in zip(panels, names, strict=True):
        _style(axes, name, "")
        if not motion:
            _say_nothing(axes)
    if not motion:
        return
    for axes in panels[:2]:
        axes.tick_params(labelbottom=False)
    for kind, axes, scale in (("trans", panels[0], 1.0), ("rot", panels[1], 180 / np.pi)):
        for letter, colour in zip("xyz", _AXES_COLOURS, strict=True):
            axes.plot(motion[f"{kind}_{letter}"] * scale, color=colour, linewidth=1.2, label=letter)
    panels[0].legend(ncols=3, frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0)
    displacement = motion["framewise_displacement"]
    panels[2].plot(displacement, color=_INK, linewidth=1.2)
    outliers = _outlying(motion)
    if outliers.size:
        panels[2].plot(outliers, displacement[outliers], "o", color=_ARTERY, markersize=4, label="outlier")
        panels[2].legend(frameon=False, fontsize=8, loc="upper right")
    for axes in panels:
        _mark(axes, outliers, np.arange(len(displacement)))
    panels[2].set_ylim(bottom=0)
    panels[2].set_xlabel("frame", color=_INK, fontsize=9)


def _outlying(motion: Mapping[str, Volume]) -> Volume:
    return np.flatnonzero(motion["outlier"] > 0) if motion else np.empty(0, int)


def _mark(axes: "Axes", frames: Volume, places: Volume) -> None:
    """Mark frames by a band behind what is drawn, by where each frame is on the axis."""
    half = (places[1] - places[0]) / 2 if len(places) > 1 else 0.5
    # a series may end before the motion does
    for number, frame in enumerate(frames[frames < len(places)]):
        # one band stands in the legend for all: what begins with an underscore is left out of it
        label = "_" if number else "outlying frame"
        axes.axvspan(places[frame] - half, places[frame] + half, color=_BAND, linewidth=0, zorder=0.5, label=label)


def _draw_curves(axes: "Axes", curves: Mapping[str, Volume], outliers: Volume, unit: str) -> None:
    _style(axes, "Arterial input and venous output", unit)
    if not curves:
        _say_nothing(axes)
        return
    axes.plot(curves["time"], curves["aif"], color=_ARTERY, linewidth=1.8, label="artery (AIF)")
    axes.plot(curves["time"], curves["vof"], color=_VEIN, linewidth=1.8, linestyle="--", label="vein (VOF)")
    _mark(axes, outliers, curves["time"])
    axes.set_xlabel("time (s)", color=_INK, fontsize=9)
    axes.legend(frameon=False, fontsize=9)


def motion_in_words(motion: Mapping[str, Volume], about: Mapping[str, Any]) -> list[str]:
    """Say which frames are outliers and what became of them; ``about`` is the sidecar of the motion."""
    if not motion:
        return []
    number, frames = len(_outlying(motion)), len(motion["outlier"])
    quality = about.get("Quality", {})
    replaced, used = quality.get("FramesReplaced", []), quality.get("FramesUsed", frames)
    text = f"Outlier frames: {number} of {frames}"
    text += " (bands)" if number else ""
    if replaced:
        text += f"; replaced from their neighbours in time: {', '.join(str(frame) for frame in replaced)}"
    elif number:
        text += "; none replaced"
    return [f"{text}{f'; only the first {used} frames are used' if used < frames else ''}."]


def input_in_words(about: Mapping[str, Any]) -> list[str]:
    """Say how good the arterial input is, and how much of it is lost; ``about`` is the sidecar of the curves."""
    if "Score" not in about:
        return []
    quality, least = about.get("Quality", {}), about.get("Parameters", {}).get("min_score")
    chosen = about.get("Selection", "")
    text = f"Arterial input: {chosen}, {len(about.get('ArterialVoxels', []))} voxels; "
    text += f"score {about['Score']:.2f} of 1, lowest for its {about.get('Weakness', '')}"
    text += f" (at least {least:g} needed). " if chosen == "automatic" and least is not None else ". "
    if about.get("Modality") == "CT":  # on which no signal is lost
        return [text.rstrip()]
    shares = [
        f"{_in_percent(quality.get(key))} of the {what} voxels"
        for key, what in (("SaturatedShare", "arterial"), ("VenousSaturatedShare", "venous"))
    ]
    return [f"{text}At the peak, the signal falls to the noise in {', '.join(shares)}."]


def _in_percent(share: Any) -> str:
    """Write a share in percent; one that is not there, or not a number, is unknown."""
    is_known = isinstance(share, int | float) and math.isfinite(share)
    return f"{100 * share:.0f} %" if is_known else "an unknown share"


def _draw_places(
    figure: "Figure",
    grid: "GridSpec",
    reference: Volume,
    affine: Volume,
    brain: Volume,
    voxels: Mapping[str, Volume],
) -> None:
    """Mark the voxels of the curves on the slices that hold most of them, arteries first."""
    stack, turned = radiological(reference, affine)
    rows, columns = crop(radiological(brain, affine)[0])
    pixel_mm = np.linalg.norm(turned[:3, 1:3], axis=0)
    marks = {name: _in_stack(indices, reference.shape, affine) for name, indices in voxels.items()}
    places = _busiest(marks)
    window = (0.0, float(np.nanpercentile(stack, 99.5)))
    spots = [grid[0, :], grid[1, :]][: len(places)] if len(places) < 3 else [grid[number] for number in range(4)]
    for spot, k in zip(spots, places, strict=False):
        axes = figure.add_subplot(spot)
        axes.imshow(stack[k], "gray", vmin=window[0], vmax=window[1], aspect=pixel_mm[0] / pixel_mm[1])
        for name, colour, marker in (("artery", _ARTERY, "s"), ("vein", _VEIN, "o")):
            here = marks[name][marks[name][:, 0] == k]
            axes.scatter(here[:, 2], here[:, 1], s=26, marker=marker, color=colour, edgecolor="white", linewidth=0.8)
        axes.set_xlim(columns.start - 0.5, min(columns.stop, stack.shape[2]) - 0.5)
        axes.set_ylim(min(rows.stop, stack.shape[1]) - 0.5, rows.start - 0.5)
        middle = turned[2] @ [k, (stack.shape[1] - 1) / 2, (stack.shape[2] - 1) / 2, 1]
        axes.set_title(f"z {middle:.0f} mm".replace("-", "−"), color=_INK, fontsize=8, pad=3)
        write_sides(axes, columns.start - 0.5, min(columns.stop, stack.shape[2]) - columns.start)
        axes.set_axis_off()


def _in_stack(indices: Volume, shape: tuple[int, ...], affine: Volume) -> Volume:
    """Take voxel indices (n, 3) to indices of the stack (slice, row, column)."""
    chosen = np.zeros(shape, bool)
    chosen[tuple(np.reshape(indices, (-1, 3)).astype(int).T)] = True
    return np.argwhere(radiological(chosen, affine)[0])


def _busiest(marks: Mapping[str, Volume]) -> list[int]:
    """Return up to four slices: three for the arteries, the rest for the veins."""
    places: list[int] = []
    for name, most in (("artery", 3), ("vein", 4)):
        numbers, counts = np.unique(marks[name][:, 0], return_counts=True)
        ranked = [int(k) for k in numbers[np.lexsort((numbers, -counts))] if k not in places]
        places += ranked[: max(0, most - len(places))]
    return sorted(places)


__all__ = ["input_in_words", "motion_in_words", "plot_quality"]
