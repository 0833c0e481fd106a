"""The catalogue of criteria, and a patient whom every trial would have chosen."""

from pathlib import Path

from reperfuse.study.settings import read_criteria

ROOT = Path(__file__).parents[1]

CATALOGUE_FILE = ROOT / "config" / "criteria.yaml"

SCHEMA = ROOT / "workflow" / "schemas" / "criteria.schema.yaml"

CATALOGUE = read_criteria(CATALOGUE_FILE, {}, SCHEMA)

HALF_WIDTHS = {"tmax": 1.0, "delay": 1.0, "adc": 40e-6, "rcbf": 0.1, "rmtt": 0.1}
#: A patient whom every criterion would have chosen.
TARGET = {
    "core_ml": 20.0,
    "tmax2_ml": 900.0,
    "delay2_ml": 130.0,
    "tmax4_ml": 110.0,
    "tmax6_ml": 90.0,
    "tmax8_ml": 50.0,
    "tmax10_ml": 25.0,
    "rcbf20_ml": 12.0,
    "rcbf30_ml": 22.0,
    "rcbf40_ml": 40.0,
    "rmtt145_ml": 99.0,
    "rmtt150_ml": 95.0,
    "lowflow30_ml": 70.0,
    "lowflow40_ml": 85.0,
    "lowflow50_ml": 100.0,
    "mismatch_coreg_ml": 72.0,
    "age": 70.0,
    "nihss_baseline": 16.0,
    "hours_from_onset": 8.0,
    "post_core_ml": 18.0,
    "post_tmax6_ml": 5.0,
}


def patient(**changed: float) -> dict[str, float]:
    return TARGET | changed
