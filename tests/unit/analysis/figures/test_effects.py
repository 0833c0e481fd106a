import numpy as np
import pytest
from drawn import words
from reperfuse.analysis.figures.effects import draw_effects
from reperfuse.faults import DataFault

ODDS = {"model": "adjusted", "n": 52, "odds_ratio": 2.4, "low": 0.8, "high": 7.25, "note": ""}
OF_IMR = {"outcome": "mrs_0_2", "exposure": "imr_significant", "unit": "yes against no"}
LOST = {"odds_ratio": np.nan, "low": np.nan, "high": np.nan, "note": "not estimable: few events"}
NIHSS = OF_IMR | {"outcome": "nihss_day5", "exposure": "imr_ml", "unit": "for each mL"}
BETA = {"model": "adjusted", "n": 33, "beta": 0.5, "low": 0.05, "high": 0.96, "note": ""}


def squares(axes) -> list[float]:
    return [float(x) for line in axes.lines if line.get_marker() == "s" for x in line.get_xdata()]


def intervals(axes) -> list[tuple[float, float]]:
    return [(line[0, 0], line[1, 0]) for lines in axes.collections for line in lines.get_segments()]


def panels(figure) -> list:
    return [axes for axes in figure.axes if axes.axison]


def test_estimates_and_intervals_stand_where_the_tables_say() -> None:
    profile = ODDS | {"outcome": "mrs_0_2", "profile": "target", "measure": "odds ratio", "value": 8.8, "high": 29.0}
    drawing = draw_effects(
        [NIHSS | BETA, NIHSS | BETA | {"model": "unadjusted", "beta": 0.77}],
        [OF_IMR | ODDS],
        [profile],
        [ODDS | {"factor": "age", "model": "together", "odds_ratio": 1.2}, ODDS | {"factor": "tpa", "model": "alone"}],
    )
    odds, beta = panels(drawing.figure)
    assert odds.get_xscale() == "log"
    assert squares(odds) == [2.4, 8.8, 1.2]
    assert intervals(odds) == [(0.8, 7.25), (0.8, 29.0), (0.8, 7.25)]
    assert beta.get_xscale() == "linear"
    assert squares(beta) == [0.5]
    assert intervals(beta) == [(0.05, 0.96)]
    text = words(drawing.figure)
    for wanted in ("2.40 [0.80, 7.25]", "8.80 [0.80, 29.0]", "0.50 [0.05, 0.96]", "β, points, for each mL"):
        assert wanted in text
    assert text.count("n\u00a0=\u00a052") == 3
    assert text.count("n\u00a0=\u00a033") == 1
    assert "3" not in drawing.caption.split(":")[0]
    assert "4 of 4 could be estimated" in drawing.caption


def test_what_is_not_estimable_is_listed() -> None:
    drawing = draw_effects([], [OF_IMR | ODDS, OF_IMR | ODDS | LOST | {"outcome": "death_90d"}], [], [])
    assert squares(panels(drawing.figure)[0]) == [2.4]
    assert "not estimable: few events" in words(drawing.figure)
    assert "Death within 90 days" in words(drawing.figure)
    assert "1 of 2 could be estimated; the others give the reason" in drawing.caption
    assert "Death within 90 days: Significant IMR, yes against no (n = 52): not estimable: few events" in drawing.alt


def test_a_caution_stands_once_below() -> None:
    careful = OF_IMR | ODDS | {"note": "Firth's penalised likelihood"}
    text = words(draw_effects([], [careful, OF_IMR | ODDS, careful], [], []).figure)
    assert text.count("2.40 [0.80, 7.25] (1)") == 2
    assert text.count("(1) Firth's penalised likelihood") == 1


def test_an_interval_beyond_the_axis_ends_in_an_arrow() -> None:
    wide = {"odds_ratio": 300.0, "low": 0.002, "high": np.inf}
    drawing = draw_effects([], [OF_IMR | ODDS | wide], [], [])
    axes = panels(drawing.figure)[0]
    assert axes.get_xlim() == (0.01, 100)
    assert {line.get_marker() for line in axes.lines} >= {"<", ">"}
    assert not squares(axes)
    assert "300 [0.002, ∞]" in words(drawing.figure)


def test_nothing_to_draw() -> None:
    with pytest.raises(DataFault, match="no adjusted model"):
        draw_effects([NIHSS | BETA | {"model": "unadjusted"}], [], [], [])
    with pytest.raises(DataFault, match="no adjusted effect could be estimated"):
        draw_effects([], [OF_IMR | ODDS | LOST], [], [])


def test_a_missing_column_is_named() -> None:
    with pytest.raises(KeyError, match="unit"):
        draw_effects([{key: value for key, value in (NIHSS | BETA).items() if key != "unit"}], [], [], [])
