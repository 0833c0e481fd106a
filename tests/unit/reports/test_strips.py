"""Where the points of the quality plots lie."""

import pytest
from reperfuse.reports.strips import HEIGHT, WIDTH, Strip, strip_plots
from study_pages import DICTIONARIES, LIMITS


def strip(column: str, values, role: str = "baseline", **limits) -> Strip:
    rows = [
        {"participant_id": f"sub-{number}", "session_id": "ses-a", "role": role, column: str(value)}
        for number, value in enumerate(values)
    ]
    (found,) = strip_plots(rows, DICTIONARIES["sessions"], LIMITS | limits)
    return found


@pytest.mark.parametrize(
    ("column", "setting", "within", "beyond"),
    [
        ("fd_max_mm", "max_framewise_displacement_mm", 3.9, 4.1),
        ("brain_lost_share", "max_brain_lost_share", 0.39, 0.41),
        ("hours_from_onset", "max_hours_from_onset", 3.9, 4.1),
        ("tsnr", "min_temporal_snr", 4.1, 3.9),
        ("bolus_cnr", "min_bolus_cnr", 4.1, 3.9),
        ("aif_score", "min_aif_score", 0.41, 0.39),
        ("registration_dice", "min_registration_dice", 0.41, 0.39),
        ("edge_margin", "min_edge_margin", 0.41, 0.39),
    ],
)
def test_each_limit_is_the_configurations(column: str, setting: str, within: float, beyond: float) -> None:
    limit = round((within + beyond) / 2, 3)
    found = strip(column, [within, beyond, limit], **{setting: limit})
    assert [point.participant for point in found.beyond] == ["sub-1"], "what is on the limit is within it"
    places = {point.participant: point.x for point in found.points}
    assert places["sub-2"] == found.limit_x
    assert (places["sub-1"] > found.limit_x) == (beyond > within)
    assert f"{limit:g}" in found.limit_text


def test_a_share_of_what_is_not_counted_has_no_place_on_the_axis() -> None:
    found = strip("outlier_frames", [0, 30], max_outlier_share=0.1)
    assert (found.limit_x, found.beyond) == (None, [])
    assert found.limit_text == "at most 0.1 of the frames of a series"


def test_a_place_on_the_axis_is_the_value() -> None:
    found = strip("fd_max_mm", [0.5, 2.0, 6.0])
    by_text = {text: x for x, text in found.ticks}
    scale = (by_text["6"] - by_text["2"]) / 4
    assert scale > 0
    for point in found.points:
        assert point.x == pytest.approx(by_text["2"] + scale * (float(point.text.split()[0]) - 2), abs=0.2)


def test_a_value_far_beyond_stands_at_the_end_and_keeps_its_number() -> None:
    found = strip("fd_max_mm", [1.0, 40.0])
    assert found.beyond[0].text == "40 mm"
    assert found.beyond[0].x == max(point.x for point in found.points) <= WIDTH
    assert found.points[1].x > found.ticks[0][0] + 0.05 * WIDTH, "the others stay apart"


def test_points_of_one_value_are_apart_and_on_the_plot() -> None:
    few, many = (strip("tsnr", [50.0] * count) for count in (5, 600))
    assert len({(point.x, point.y) for point in few.points}) == 5
    for found in (few, many):
        assert all(0 < point.y < HEIGHT - 20 for point in found.points)


def test_what_has_no_value_is_counted_and_not_drawn() -> None:
    found = strip("tsnr", ["n/a", 20.0, "nan", "inf", "much", 10.0])
    assert (len(found.points), found.missing) == (2, 4)
    assert not strip_plots([{"participant_id": "sub-1"}], DICTIONARIES["sessions"], LIMITS)


def test_the_time_from_onset_is_judged_before_treatment_only() -> None:
    rows = [
        {"participant_id": "sub-1", "session_id": role, "role": role, "hours_from_onset": hours}
        for role, hours in (("baseline", "3"), ("followup", "120"))
    ]
    (found,) = strip_plots(rows, DICTIONARIES["sessions"], LIMITS)
    assert [point.session for point in found.points] == ["baseline"]


@pytest.mark.parametrize("value", [0.0, 1.0, -0.2, 1e-9, 1e6])
def test_one_session_is_enough_for_an_axis(value: float) -> None:
    for column in ("outlier_frames", "edge_margin"):
        found = strip(column, [value])
        assert 2 <= len(found.ticks) <= 12
        assert all(0 <= x <= WIDTH for x, _ in found.ticks)
