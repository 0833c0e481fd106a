import numpy as np
import pandas as pd
import pytest
from drawn import cohort, words
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from reperfuse.analysis.figures.mrs import draw_mrs_by_imr, draw_mrs_by_profile
from reperfuse.faults import DataFault

NONE, SOME = np.array([0.1, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]), np.array([0, 0.1, 0.2, 0.2, 0.2, 0.1, 0.2])


def by_imr(without: list[int], with_imr: list[int]) -> pd.DataFrame:
    """Return patients whose counts of mRS 0 to 6 are as given, and one who cannot be judged."""
    grades = [np.repeat(np.arange(7.0), counts) for counts in (without, with_imr)]
    frame = pd.DataFrame({"mrs_90d": np.r_[grades[0], grades[1], 3.0]})
    frame["imr_significant"] = np.r_[np.zeros(sum(without)), np.ones(sum(with_imr)), np.nan]
    frame["imr_evaluable"] = np.r_[np.ones(len(frame) - 1), 0.0]
    return frame


def bars(figure) -> list[pd.DataFrame]:
    """Return the segments of each bar below the key: colour and width as a share of the bar."""
    segments = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_height() > 5]
    frame = pd.DataFrame(
        [(patch.get_y(), patch.get_x(), patch.get_width(), patch.get_facecolor()) for patch in segments],
        columns=["top", "left", "width", "colour"],
    )
    return [bar.sort_values("left").assign(share=bar.width / bar.width.sum()) for _, bar in frame.groupby("top")]


def key(figure) -> list:
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_height() < 5]
    return [patch.get_facecolor() for patch in sorted(patches, key=lambda patch: patch.get_x())]


def test_segments_are_the_counts_and_the_standardised_shares() -> None:
    without, with_imr = [5, 4, 6, 3, 2, 0, 1], [0, 1, 2, 0, 3, 1, 1]
    drawing = draw_mrs_by_imr(by_imr(without, with_imr), {0: NONE, 1: SOME}, "standardised for age")
    colours = key(drawing.figure)
    assert len(colours) == len(set(colours)) == 7
    drawn = bars(drawing.figure)
    expected = [np.array(without) / 21, np.array(with_imr) / 8, NONE, SOME]
    assert len(drawn) == 4
    for bar, shares in zip(drawn, expected, strict=True):
        held = {colours.index(colour): share for colour, share in zip(bar.colour, bar.share, strict=True)}
        assert list(held) == sorted(held)
        assert held == pytest.approx({grade: share for grade, share in enumerate(shares) if share})
        assert bar.width.sum() == pytest.approx(122)
    text = words(drawing.figure)
    for wanted in ("No significant IMR\nn = 21", "Significant IMR\nn = 8", "5 (24 %)", "3 (38 %)", "20 %"):
        assert wanted in text
    assert "n = 29" in drawing.caption
    assert "Not shown: 1 patient" in drawing.caption
    assert "(n = 21) 0: 5, 1: 4, 2: 6, 3: 3, 4: 2, 5: 0, 6: 1" in drawing.alt


def test_lines_join_the_limits_of_the_grades_of_a_pair() -> None:
    without, with_imr = [1, 1, 1, 1, 1, 1, 2], [2, 1, 1, 1, 1, 1, 1]
    drawing = draw_mrs_by_imr(by_imr(without, with_imr), {}, "not estimable: few events")
    ends = np.array([line.get_xdata() for line in drawing.figure.axes[0].lines])
    limits = [np.r_[0, np.cumsum(counts)] / 8 for counts in (without, with_imr)]
    assert np.allclose((ends - ends.min()) / np.ptp(ends), np.transpose(limits))
    assert "From the model: not estimable: few events" in words(drawing.figure)
    assert len(bars(drawing.figure)) == 2
    assert "Below" not in drawing.caption


def test_by_profile_stands_in_pairs_and_says_what_is_not_estimable() -> None:
    frame = cohort(120).dropna(subset=["mrs_90d", "profile", "reperfused"])
    drawing = draw_mrs_by_profile(frame, {("target", 1.0): NONE, ("target", 0.0): SOME}, "standardised for age")
    assert len(bars(drawing.figure)) == 6
    text = words(drawing.figure)
    for profile in ("target", "no target"):
        for flag, state in ((1, "reperfused"), (0, "not reperfused")):
            n = ((frame["profile"] == profile) & (frame["reperfused"] == flag)).sum()
            assert f"{profile.capitalize()}, {state}\nn = {n}" in text
    assert text.count("not estimable") == 2


@pytest.mark.parametrize("shares", [NONE[:6], NONE * 0.9, NONE * np.nan])
def test_shares_that_are_not_whole(shares: np.ndarray) -> None:
    with pytest.raises(ValueError, match="seven that make 1"):
        draw_mrs_by_imr(by_imr([1] * 7, [1] * 7), {0: shares}, "")


def test_one_group_only() -> None:
    with pytest.raises(DataFault, match=r"one group \(No significant IMR\)"):
        draw_mrs_by_imr(by_imr([1] * 7, [0] * 7), {}, "")


def test_numbers_stand_out_from_their_segment() -> None:
    def luminance(colour) -> float:
        part = np.array(to_rgb(colour))
        return float(
            np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    figure = draw_mrs_by_imr(by_imr([3] * 7, [3] * 7), {}, "").figure
    written = [text.get_color() for text in figure.axes[0].texts if text.get_text() == "3 (14 %)"]
    assert len(written) == 14
    for ink, ground in zip(written, key(figure) * 2, strict=True):
        high, low = sorted((luminance(ink), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2.1, AA
