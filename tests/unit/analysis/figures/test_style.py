import subprocess
import sys

import numpy as np
import pytest
from drawn import extent_mm
from reperfuse.analysis.figures.style import blank, house_style, interval, number, sheet, spread, text_width_mm, wrap_mm

TEXT = "no usable arterial input: the best candidates rise too late"


@pytest.mark.parametrize("width", [5.0, 20.0, 60.0, 200.0])
def test_wrapped_lines_fit_and_lose_nothing(width: float) -> None:
    lines = wrap_mm(f"{TEXT} {'y' * 70}", width, 7)
    assert all(text_width_mm(line, 7) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == f"{TEXT}{'y' * 70}".replace(" ", "")


def test_lines_break_between_words_but_not_at_a_no_break_space() -> None:
    assert wrap_mm("aaa bbb ccc", text_width_mm("aaa bbb", 7) + 0.1, 7) == ["aaa bbb", "ccc"]
    assert wrap_mm("aaa bbb\u00a0ccc", text_width_mm("aaa bbb", 7) + 2, 7) == ["aaa", "bbb\u00a0ccc"]


def test_measured_width_is_the_width_drawn() -> None:
    with house_style():
        figure = blank(85, 20)
        text = sheet(figure).text(2, 10, TEXT, fontsize=7)
    assert extent_mm(figure, text).width == pytest.approx(text_width_mm(TEXT, 7), abs=0.3)


def test_spread_is_the_same_each_time_and_keeps_equal_values_apart() -> None:
    values = np.zeros(40)
    offsets = spread(values, 0.5)
    assert np.array_equal(offsets, spread(values, 0.5))
    assert np.abs(offsets).max() <= 0.25
    assert np.diff(np.sort(offsets)).min() > 0.005


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.5, 0.05, 0.96), "0.50 [0.05, 0.96]"),
        ((8.8, 2.7, 29.0), "8.80 [2.70, 29.0]"),
        ((-22.14, -140.2, 0.0), "−22.1 [−140, 0.00]"),
        ((0.2, 0.0034, float("inf")), "0.20 [0.003, ∞]"),
    ],
)
def test_interval(numbers: tuple[float, float, float], text: str) -> None:
    assert interval(*numbers) == text


def test_cells_without_a_number() -> None:
    assert [number(cell) for cell in ("3.5", 2, np.float64(1))] == [3.5, 2.0, 1.0]
    assert all(np.isnan(number(cell)) for cell in (None, "", "n/a", float("nan")))


def test_importing_a_figure_is_cheap() -> None:
    names = [
        "effects",
        "flow",
        "growth",
        "imr_by_mtici",
        "mrs",
        "nihss_imr",
        "profile_outcome",
        "specification_curve",
        "style",
    ]
    lines = [f"import reperfuse.analysis.figures.{name}" for name in names]
    code = "; ".join(
        [*lines, "import sys", "print({'matplotlib', 'pandas', 'statsmodels', 'scipy'} & set(sys.modules))"]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
