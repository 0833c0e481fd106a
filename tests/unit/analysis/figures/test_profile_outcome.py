import pandas as pd
import pytest
from drawn import cohort, words
from matplotlib.patches import PathPatch, Rectangle
from reperfuse.analysis.figures.profile_outcome import draw_profile_outcome

PATHS = {
    ("target", 1.0, 1.0): 8,
    ("target", 1.0, 0.0): 4,
    ("target", 0.0, 0.0): 5,
    ("no target", 1.0, 1.0): 3,
    ("no target", 0.0, None): 2,
    (None, None, 1.0): 3,
}


def patients() -> pd.DataFrame:
    rows = [path for path, n in PATHS.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["profile", "reperfused", "mrs_0_2"])


def ends(stream: PathPatch) -> tuple[float, float, float, float]:
    """Return where a stream leaves and arrives (mm), and how wide it is there."""
    (_, leaves), *_, (_, below), _ = stream.get_path().vertices
    corners = stream.get_path().vertices
    return leaves, below - leaves, corners[3][1], corners[4][1] - corners[3][1]


def test_streams_are_as_wide_as_their_patients_are_many() -> None:
    drawing = draw_profile_outcome(patients())
    patches = drawing.figure.axes[0].patches
    boxes = [patch for patch in patches if isinstance(patch, Rectangle)]
    streams = [ends(patch) for patch in patches if isinstance(patch, PathPatch)]
    per_patient = boxes[0].get_height() / 17
    counts = sorted(round(width / per_patient, 6) for _, width, _, _ in streams)
    assert counts == sorted([12, 5, 3, 2, 3, 8, 4, 5, 3, 2, 3])
    assert all(out == pytest.approx(into) for _, out, _, into in streams)
    totals = [box.get_height() / per_patient for box in boxes]
    assert totals == pytest.approx([17, 5, 3, 15, 7, 3, 14, 9, 2])
    # what leaves a box and what enters one fills it, without a gap or an overlap
    sides = [(boxes[:3], streams[:5], 0), (boxes[3:6], streams[:5], 2), (boxes[3:6], streams[5:], 0)]
    for held, passing, end in [*sides, (boxes[6:], streams[5:], 2)]:
        for box in held:
            low, high = box.get_y(), box.get_y() + box.get_height()
            for top, wide in sorted(stream[end : end + 2] for stream in passing):
                if box.get_y() - 1e-6 <= top < high - 1e-6:
                    assert top == pytest.approx(low)
                    low += wide
            assert low == pytest.approx(high)


def test_every_count_is_written() -> None:
    drawing = draw_profile_outcome(patients())
    text = words(drawing.figure)
    for wanted in ("target, n = 17", "no target, n = 5", "yes, n = 15", "no, n = 7", "0–2, n = 14", "3–6, n = 9"):
        assert wanted in text
    assert text.count("unknown, n = 3") == 2
    assert "unknown, n = 2" in text
    numbers = sorted(int(part) for part in text.split(" | ") if part.isdigit())
    assert numbers == sorted([12, 5, 3, 2, 3, 8, 4, 5, 3, 2, 3])
    assert "25 patients" in drawing.caption
    assert "target, reperfused yes, mRS 0–2: 8" in drawing.alt
    assert "no target, reperfused no, mRS unknown: 2" in drawing.alt


def test_numbers_without_room_are_in_the_words() -> None:
    frame = cohort(400)
    drawing = draw_profile_outcome(frame)
    ways = frame[["profile", "reperfused", "mrs_0_2"]].fillna(-1).value_counts()
    assert len(ways) > 20
    counts = [int(part.rstrip(".").rsplit(": ", 1)[1]) for part in drawing.alt.split("; ")]
    assert sorted(counts) == sorted(ways)
    assert sum(counts) == 400
