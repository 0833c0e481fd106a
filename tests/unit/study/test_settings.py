import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from reperfuse.study.settings import ConfigError, check_config, complete, fill_in_paths, keep_labels_as_written

ROOT = Path(__file__).parents[3]
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
        ("hypoperfusion.vessel_ratio", 0.5, "hypoperfusion.vessel_ratio: 0.5 should be above 1"),
        ("hypoperfusion.symptomatic_side_only", "no", "should be of type boolean"),
        ("stability.tmax", 3, "stability.tmax: 3 should be below 2"),
        ("criteria", None, "criteria: None should be of type object"),
        ("core.adc_threshold", 620, "core.adc_threshold: 620 should be below 0.002"),
        ("imr.min_mtici", "2d", "imr.min_mtici: '2d' should be one of 2a or 2b or 2b50 or 2b67 or 2c or 3 or None"),
        ("imr.significant_ml", float("inf"), "imr.significant_ml: inf is not a finite number"),
    ],
)
def test_a_fault_is_named_with_its_key(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        check_config(changed(key, value), SCHEMA)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("core.adc_threshold", "6e-4", 6e-4),
        ("hypoperfusion.vessel_ratio", "null", None),
        ("hypoperfusion.vessel_ratio", "4", 4.0),
        ("hypoperfusion.symptomatic_side_only", "false", False),
        ("quality.brain_median_adc", ["0.7e-3", "0.9e-3"], [0.7e-3, 0.9e-3]),
        ("sessions.post", "02", "02"),
        ("bids_dir", "null", "null"),
        ("intervals.resamples", "0", 0),
    ],
)
def test_text_of_the_command_line_is_read_as_what_the_schema_asks(key: str, text: Any, value: Any) -> None:
    found: Any = check_config(changed(key, text), SCHEMA)
    for part in key.split("."):
        found = found[part]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("core.adc_threshold", "low"),
        ("core.adc_threshold", "null"),
        ("core.adc_threshold", "true"),
        ("hypoperfusion.symptomatic_side_only", "1"),
    ],
)
def test_other_text_is_refused(key: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: '{text}' should be of type"):
        check_config(changed(key, text), SCHEMA)


def test_the_file_and_line_of_a_fault_are_named(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("bids_dir: x\ncore:\n  adc_treshold: 6.0e-4\nimr: {significant_ml: much}\n", encoding="utf-8")
    files = [ROOT / "config" / "config.yaml", study]
    config = changed("imr.significant_ml", "much")
    config["core"]["adc_treshold"] = 6.0e-4
    config["stability"]["tmax"] = 7  # given on the command line: no file is to blame
    with pytest.raises(ConfigError) as caught:
        check_config(config, SCHEMA, written_in=files)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "study.yaml, line 3: core.adc_treshold: unknown key; did you mean adc_threshold?",
        "study.yaml, line 4: imr.significant_ml: 'much' should be of type number or null",
        "stability.tmax: 7 should be below 2",
    ]


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        "core: {}\ncriteria:\n  mine: {title: A}\n  other: {title: B}\n  mine: {title: C}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"study\.yaml, line 5: criteria\.mine: already given in line 3"):
        check_config(CONFIG, SCHEMA, written_in=[ROOT / "config" / "config.yaml", study])


def test_every_schema_key_has_a_value_and_a_place() -> None:
    """Schema, defaults and use are kept in step."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(CONFIG)
    study = ROOT / "workflow" / "reperfuse" / "study"
    files = [
        ROOT / "Snakefile",
        *(ROOT / "workflow" / "rules").glob("*.smk"),
        study / "plan.py",
        study / "delivery.py",
        study / "index.py",
        study / "given.py",
        study / "setup.py",
    ]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    for key in CONFIG:
        assert f'"{key}"' in text, f"nothing uses {key}"
    for section, part in schema["properties"].items():
        if "properties" in part and section != "inputs":
            assert set(part["properties"]) == set(CONFIG[section])


def test_every_section_is_explained() -> None:
    text = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    assert [section for section in CONFIG if f"`{section}`" not in text] == []


@pytest.mark.parametrize("output_dir", ["study", "study/.", ".", "study/../study"])
def test_results_are_never_written_over_the_study(tmp_path: Path, output_dir: str) -> None:
    config = CONFIG | {"bids_dir": str(tmp_path / "study"), "output_dir": str(tmp_path / output_dir)}
    with pytest.raises(ConfigError, match="holds the study itself"):
        fill_in_paths(config)


def test_paths_left_open_are_filled_in(tmp_path: Path) -> None:
    config = CONFIG | {"bids_dir": str(tmp_path)}
    assert not fill_in_paths(config)
    assert config["output_dir"] == str(tmp_path / "derivatives" / "reperfuse")
    demo = dict(CONFIG)
    assert fill_in_paths(demo)
    assert (demo["bids_dir"], demo["lesion_masks"]) == (
        str(Path("demo").absolute()),
        str(Path("demo/derivatives/lesions").absolute()),
    )


def test_a_config_file_that_names_no_study_does_not_run_the_demo(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("participants: ['01']\n")
    with pytest.raises(ConfigError, match="names no study"):
        complete({"participants": ["01"]}, [study])
    study.write_text("participants: ['01']\nbids_dir: null\n")
    assert complete({"participants": ["01"], "bids_dir": None}, [study])


def test_paths_are_those_of_the_folder_a_run_starts_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config: dict[str, Any] = {"bids_dir": "a/../study", "brain_masks": "masks", "core": {"adc_threshold": 6e-4}}
    assert not complete(config, [])
    assert config["bids_dir"] == str(tmp_path / "study")
    assert config["brain_masks"] == str(tmp_path / "masks")
    assert config["core"] == CONFIG["core"] | {"adc_threshold": 6e-4}


def test_labels_stay_as_they_are_written(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("participants: [010, 08, a1]\nsessions: {baseline: 01, post: [02, 2]}\ninclude_sessions: 07\n")
    config = copy.deepcopy(CONFIG)
    said = yaml.safe_load(study.read_text())
    config |= {"participants": said["participants"], "include_sessions": said["include_sessions"]}
    config["sessions"] |= said["sessions"]
    keep_labels_as_written(config, [ROOT / "config" / "config.yaml", study])
    assert config["participants"] == ["010", "08", "a1"]
    assert config["include_sessions"] == "07"
    assert config["sessions"] == {"baseline": "01", "post": ["02", "2"], "late": None, "followup": "followup"}
    check_config(config, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "participants: &all [*all]",
        "participants: [01, &some [02, *some]]",
        "core: &core {adc_threshold: 6.0e-4, again: *core}",
        "&all\nbids_dir: x\ncriteria: {mine: *all}",
    ],
)
def test_what_holds_itself_is_named(tmp_path: Path, text: str) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"study\.yaml, line \d: this entry contains itself by an alias"):
        complete(yaml.safe_load(text), [study])


def test_an_alias_of_another_entry_is_no_fault(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("bids_dir: x\nparticipants: &some [01]\ninclude_sessions: *some\n", encoding="utf-8")
    config = yaml.safe_load(study.read_text(encoding="utf-8"))
    complete(config, [study])
    assert config["include_sessions"] == ["01"]


def test_relative_paths_are_those_of_the_command(tmp_path: Path) -> None:
    config: dict[str, Any] = {"bids_dir": "study", "output_dir": "out", "ratings": ["A", "/B/../C"]}
    fill_in_paths(config, folder=tmp_path)
    folders = {"bids_dir": str(tmp_path / "study"), "output_dir": str(tmp_path / "out")}
    assert config == folders | {"ratings": [str(tmp_path / "A"), "/C"]}
