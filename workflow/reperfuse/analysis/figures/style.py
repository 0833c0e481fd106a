"""What the figures of a study share: sizes in print, colours, words, and how they are saved."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Widths of a journal's column and page, and the sizes of text (mm, pt).
ONE_COLUMN, TWO_COLUMNS, TEXT_PT, SMALL_PT = 85.0, 170.0, 8.0, 7.0

#: Colours that stay apart for every kind of colour vision (Okabe & Ito), and the ink of text and lines.
BLUE, SKY, VERMILION, ORANGE, GREEN = "#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73"
PAPER, INK, MUTED, FAINT = "#ffffff", "#1b2733", "#5b6875", "#d5dbe1"

#: The classes of patients by what reperfusion should do for them.
PROFILES = ("target", "no target")

#: Line height of text, in its own size.
_LEADING = 1.3
_MM_PER_INCH, _MM_PER_PT, _DPI = 25.4, 25.4 / 72, 200
_ROOT_TICKS = (0, 1, 5, 10, 25, 50, 100, 200, 400, 800, 1600)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Drawing:
    """A figure, its caption, and what it shows in words for those who cannot see it."""

    figure: "Figure"
    caption: str
    alt: str


def house_style() -> "AbstractContextManager[Any]":
    """Return a context in which no user's Matplotlib settings change a figure."""
    import matplotlib.style

    changes = {
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.labelsize": TEXT_PT,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.size": TEXT_PT,
        "hatch.linewidth": 0.5,
        "svg.fonttype": "none",  # text that an author can search and edit
        "svg.hashsalt": "reperfuse",
        "text.color": INK,
        "text.parse_math": False,  # a $ of a table is a $
        "xtick.color": MUTED,
        "xtick.labelcolor": INK,
        "xtick.labelsize": TEXT_PT,
        "ytick.color": MUTED,
        "ytick.labelcolor": INK,
        "ytick.labelsize": TEXT_PT,
    }
    style: AbstractContextManager[Any] = matplotlib.style.context(["default", changes])
    return style


def in_house_style(draw: Callable[P, R]) -> Callable[P, R]:
    """Let a function draw in the house style."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with house_style():
            return draw(*args, **kwargs)

    return styled


def save(drawing: Drawing, stem: str | Path) -> None:
    """Write ``stem``.svg and ``stem``.png (200 dpi): the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    about = {"Title": drawing.caption, "Description": drawing.alt}
    with house_style():
        FigureCanvasAgg(drawing.figure).print_figure(
            f"{stem}.png", dpi=_DPI, facecolor=PAPER, metadata={**about, "Software": None}
        )
        FigureCanvasSVG(drawing.figure).print_figure(
            f"{stem}.svg", facecolor=PAPER, metadata={**about, "Date": None, "Creator": None}
        )


def blank(width_mm: float, height_mm: float) -> "Figure":
    """Return an empty figure of a size in print."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH), dpi=_DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: "Figure", left: float, top: float, width: float, height: float) -> "Axes":
    """Add axes at a place of a figure (mm from its left and top)."""
    wide, tall = figure.get_size_inches() * _MM_PER_INCH
    axes = figure.add_axes((left / wide, 1 - (top + height) / tall, width / wide, height / tall))
    axes.tick_params(width=0.6, length=2.5, pad=2)
    return axes


def sheet(figure: "Figure") -> "Axes":
    """Add axes over a whole figure, in mm from its left and top, to draw and write on."""
    wide, tall = figure.get_size_inches() * _MM_PER_INCH
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, wide)
    axes.set_ylim(tall, 0)
    axes.set_axis_off()
    return axes


def line_mm(size_pt: float) -> float:
    """Return the height of a line of text (mm)."""
    return size_pt * _LEADING * _MM_PER_PT


@cache
def text_width_mm(text: str, size_pt: float, weight: str = "normal") -> float:
    """Return how wide a line of text is in print (mm)."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", size=size_pt, weight=weight)
    width, _, _ = _renderer().get_text_width_height_descent(text, font, ismath=False)
    return float(width) / _DPI * _MM_PER_INCH


@cache
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(10, 10, _DPI)


def wrap_mm(text: str, width_mm: float, size_pt: float, weight: str = "normal") -> list[str]:
    """Break a text into lines that fit a width in print (mm); a word that does not fit is broken itself."""
    lines = [""]
    for word in filter(None, text.split(" ")):  # not at a no-break space
        joined = f"{lines[-1]} {word}".lstrip(" ")
        if text_width_mm(joined, size_pt, weight) <= width_mm:
            lines[-1] = joined
            continue
        if text_width_mm(word, size_pt, weight) <= width_mm:
            lines.append(word)
            continue
        for letter in joined[len(lines[-1]) :]:
            if lines[-1] and text_width_mm(lines[-1] + letter, size_pt, weight) > width_mm:
                lines.append("")
            lines[-1] += letter
    return lines


def root_scale(axes: "Axes", which: str, low: float, high: float) -> None:
    """Give an axis a square-root scale with its sign: small values spread out, 0 stays on it."""

    def root(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sign(values) * np.sqrt(np.abs(values))

    def square(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sign(values) * np.square(values)

    axis = axes.xaxis if which == "x" else axes.yaxis
    scale, limits = (axes.set_xscale, axes.set_xlim) if which == "x" else (axes.set_yscale, axes.set_ylim)
    scale("function", functions=(root, square))
    limits(low, high)
    ticks = sorted({sign * tick for tick in _ROOT_TICKS for sign in (-1, 1) if low <= sign * tick <= high})
    axis.set_ticks(ticks, [minus(f"{tick:g}") for tick in ticks])
    axis.set_ticks([], minor=True)


def spread(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return offsets that keep equal values apart, the same each time; neighbours in value lie far apart."""
    offsets = np.empty(len(values))
    golden = (np.sqrt(5) - 1) / 2
    offsets[np.argsort(values, kind="stable")] = (np.arange(1, len(values) + 1) * golden % 1 - 0.5) * width
    return offsets


def require(table: "pd.DataFrame | Sequence[Mapping[str, Any]]", *columns: str) -> None:
    """Raise KeyError for a column that a figure needs and its table does not have."""
    held = [set(row) for row in table] if isinstance(table, Sequence) else [set(table.columns)]
    if missing := sorted({column for names in held for column in columns if column not in names}):
        raise KeyError(f"a figure needs {', '.join(columns)} and its table lacks {', '.join(missing)}")


def refuse_others(values: "pd.Series", known: Collection[object]) -> None:
    """Raise ValueError for a value of a column that a figure would leave out in silence."""
    if others := sorted({str(value) for value in values.dropna() if value not in known}):
        raise ValueError(f"{values.name} is {', '.join(others)}; a figure knows {', '.join(map(str, known))}")


def number(value: Any) -> float:
    """Return a cell as a number; NaN for one that is empty, n/a or None."""
    return float("nan") if value is None or value in ("", "n/a") else float(value)


def minus(text: str) -> str:
    """Write negative numbers with a minus sign."""
    return text.replace("-", "−")


def written(value: float) -> str:
    """Write an estimate as people read it: two digits after the point, fewer where large, more where small."""
    size = abs(value)
    if size == float("inf"):
        return "∞" if value > 0 else "−∞"
    if size >= 99.5:
        return minus(f"{value:.0f}")
    if size >= 9.95:
        return minus(f"{value:.1f}")
    return minus(f"{value:.3f}" if 0 < size < 0.0095 else f"{value:.2f}")


def interval(value: float, low: float, high: float) -> str:
    """Write an estimate with its interval."""
    return f"{written(value)} [{written(low)}, {written(high)}]"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, in the plural where it is one."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


__all__ = [
    "BLUE", "FAINT", "GREEN", "INK", "MUTED", "ONE_COLUMN", "ORANGE", "PAPER", "PROFILES", "SKY", "SMALL_PT", "TEXT_PT",
    "TWO_COLUMNS", "VERMILION", "Drawing", "axes_at", "blank", "counted", "house_style", "in_house_style",
    "interval", "line_mm", "minus", "number", "refuse_others", "require", "root_scale", "save", "sheet", "spread",
    "text_width_mm", "wrap_mm", "written",
]  # fmt: skip
