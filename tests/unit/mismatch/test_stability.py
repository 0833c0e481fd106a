import math

from reperfuse.mismatch.stability import stability, thresholds
from trials import CATALOGUE, HALF_WIDTHS, TARGET, patient


def curves(**slopes: float) -> dict[str, list[tuple[float, float]]]:
    """Volumes that fall or rise linearly with the threshold, by so many mL over a half-width."""
    nominal = {
        "tmax": (6.0, 90.0),
        "delay": (2.0, 130.0),
        "adc": (620e-6, 20.0),
        "rcbf": (0.3, 22.0),
        "rmtt": (1.5, 95.0),
    }
    return {
        source: [
            (limit, volume + slopes.get(source, 0.0) * (limit - centre) / HALF_WIDTHS[source])
            for limit in thresholds(source, HALF_WIDTHS[source], 620e-6)
        ]
        for source, (centre, volume) in nominal.items()
    }


def test_a_class_far_from_its_thresholds_is_stable() -> None:
    found = stability(CATALOGUE["extend"], TARGET, curves(tmax=-5, adc=2), HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.low, row.high, row.stable) for row in found] == [
        ("core_ml", 580e-6, 660e-6, True),
        ("tmax6_ml", 5.0, 7.0, True),
    ]


def test_the_interval_ends_where_the_class_changes() -> None:
    # 40 mL of core at 620e-6 and 11 mL more for every 20e-6: above 50 mL a deficit of 90 mL is no target
    patient_ = patient(core_ml=40.0)
    moved = curves(tmax=-8) | {"adc": [(v, 40.0 + (v - 620e-6) / 20e-6 * 11) for v, _ in curves()["adc"]]}
    core, deficit, _ = stability(CATALOGUE["defuse2"], patient_, moved, HALF_WIDTHS, 620e-6)
    assert (core.low, core.high, core.stable) == (580e-6, 620e-6, False)
    assert (deficit.low, deficit.high, deficit.stable) == (5.0, 7.0, True)


def test_an_interval_is_unbroken() -> None:
    """A class that comes back beyond the point where it was lost is not counted."""
    broken = curves() | {"tmax": [(v, {5.5: 0.0}.get(v, 90.0)) for v, _ in curves()["tmax"]]}
    row = stability(CATALOGUE["extend"], TARGET, broken, HALF_WIDTHS, 620e-6)[1]
    assert (row.low, row.high, row.stable) == (6.0, 7.0, False)


COREGISTERED = {"title": "C", "doi": "none", "classes": [{"name": "a", "all": ["mismatch_coreg_ml >= 70"]}]} | {
    "otherwise": "b"
}


def test_the_coregistered_mismatch_moves_with_either_of_its_thresholds() -> None:
    swept = curves() | {
        "coreg_adc": [(v, 72.0 - (v - 620e-6) * 1e5) for v, _ in curves()["adc"]],  # 70 mL at 640e-6
        "coreg_tmax": [(v, 72.0 - 4.0 * (v - 6.0)) for v, _ in curves()["tmax"]],  # 70 mL at 6.5 s
    }
    rows = stability(COREGISTERED, TARGET, swept, HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.low, row.high, row.stable) for row in rows] == [
        ("core_ml", 580e-6, 640e-6, False),
        ("tmax6_ml", 5.0, 6.5, False),
    ]


def test_core_and_coregistered_mismatch_move_together() -> None:
    both = COREGISTERED | {"classes": [{"name": "a", "all": ["mismatch_coreg_ml < 73", "core_ml >= 20"]}]}
    rising = {"adc": [(v, 20.0 + (v - 620e-6) * 1e5) for v, _ in curves()["adc"]]}
    falling = {"coreg_adc": [(v, 72.0 - (v - 620e-6) * 1e5) for v, _ in curves()["adc"]]}
    still = {"coreg_tmax": [(v, 72.0) for v, _ in curves()["tmax"]]}
    core, deficit = stability(both, TARGET, curves() | rising | falling | still, HALF_WIDTHS, 620e-6)
    assert (core.low, core.high, core.stable) == (620e-6, 660e-6, False)
    assert deficit.stable


def test_a_mismatch_that_was_not_swept_has_no_stability() -> None:
    rows = stability(COREGISTERED, TARGET, curves(), HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.stable) for row in rows] == [("core_ml", None), ("tmax6_ml", None)]


def test_no_class_no_stability() -> None:
    rows = stability(CATALOGUE["dawn"], patient(age=math.nan), curves(), HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.stable) for row in rows] == [("core_ml", None)]
    assert all(math.isnan(row.low) and math.isnan(row.high) for row in rows)


def test_swept_thresholds_hold_those_of_the_tables_and_of_every_band() -> None:
    assert {2.0, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 10.0, 11.0} <= set(thresholds("tmax", 1.0))
    assert {550e-6, 580e-6, 600e-6, 620e-6, 640e-6, 660e-6} == set(thresholds("adc", 40e-6, 620e-6))
    assert {0.2, 0.3, 0.4} <= set(thresholds("rcbf", 0.1))
    assert {1.4, 1.45, 1.5, 1.6} <= set(thresholds("rmtt", 0.1))
