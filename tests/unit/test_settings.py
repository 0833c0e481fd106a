import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from reperfuse.settings import ConfigError, check_config

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def changed(keys: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parents, last = keys.split(".")
    place = config
    for key in parents:
        place = place[key]
    place[last] = value
    return config


def test_shipped_config_is_valid() -> None:
    check_config(CONFIG, SCHEMA)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sesions", {}, "sesions: unknown key; did you mean sessions?"),
        ("core.adc_treshold", 6e-4, "core.adc_treshold: unknown key; did you mean adc_threshold?"),
        ("imr.significant_ml", "five", "imr.significant_ml: 'five' should be of type number"),
        ("deconvolution.method", "svd", "should be one of osvd or csvd or ssvd"),
        ("sessions.post", "../x", "should be a BIDS label"),
        ("hypoperfusion.vessel_ratio", 0.5, "hypoperfusion.vessel_ratio: 0.5 should have"),
        ("hypoperfusion.symptomatic_side_only", "no", "should be of type boolean"),
        ("stability.tmax", 3, "stability.tmax: 3 should have"),
        ("criteria", None, "criteria: None should be of type object"),
        ("core.adc_threshold", 620, "core.adc_threshold: 620 should have"),
    ],
)
def test_a_fault_is_named_with_its_key(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        check_config(changed(key, value), SCHEMA)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_every_schema_key_has_a_value_and_a_place() -> None:
    """Schema, defaults and use are kept in step."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(schema["required"]) == set(CONFIG)
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    for key in CONFIG:
        assert f'config["{key}"]' in rules, f"no rule uses {key}"
    for section, part in schema["properties"].items():
        if "properties" in part and section != "inputs":
            assert set(part["properties"]) == set(part["required"]) == set(CONFIG[section])
