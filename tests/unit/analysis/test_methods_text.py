"""The methods text says what was done, with the numbers of the configuration, and cites what it has a source of."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from reperfuse.analysis import references
from reperfuse.analysis.methods_text import STEPS, methods_text, versions
from reperfuse.study.options import CONFIG, CRITERIA, REFLOW_PRESETS, ROOT
from reperfuse.study.yaml_lines import read_yaml

SETTINGS = read_yaml(CONFIG)
PRESETS = read_yaml(REFLOW_PRESETS)
COUNTS = {"patients": 60, "rejected": 2, "growth": 58, "reperfusion": 57, "judged": 36, "impaired": 8}
VERSIONS = {"reperfuse": "1.2.3", "snakemake": "9.8.7", "antspyx": "0.6.5", "numpy": "2.2.2", "scipy": "1.1.1"}
ALL = {name: ("age", "mtici") if name in ("nihss", "mrs", "profile") else () for name in STEPS}


def definition(settings: dict[str, Any]) -> dict[str, Any]:
    own = settings["imr"]
    return PRESETS[own["preset"]] | {key: value for key, value in own.items() if value is not None}


def write(settings: dict[str, Any] = SETTINGS, done: dict[str, Any] = ALL, counts: dict[str, int] = COUNTS) -> str:
    return methods_text(settings, definition(settings), counts, VERSIONS, done)


def changed(section: str, key: str, value: Any) -> dict[str, Any]:
    settings = copy.deepcopy(SETTINGS)
    settings[section][key] = value
    return settings


def prose_of(text: str) -> str:
    return text.partition("# How to cite")[0]


VARIANTS = [
    *[changed("imr", "preset", name) for name in PRESETS],
    changed("deconvolution", "method", "ssvd"),
    changed("deconvolution", "method", "csvd"),
    changed("analysis", "reperfused", "reperfused_90"),
    changed("analysis", "profile", "severe"),
    changed("concentration", "leakage_correction", True),
    changed("registration", "distortion_axis", "sidecar"),
    *[changed("analysis", "profile", name) for name in read_yaml(CRITERIA)],
]
TEXTS = [write(settings) for settings in VARIANTS] + [write(), write(done={}), write(done={"reflow": ()})]


@pytest.mark.parametrize("text", TEXTS)
def test_sentences_are_short_and_hold_no_gap(text: str) -> None:
    prose = prose_of(text)
    for sentence in re.split(r"(?<=\.)\s+", prose):
        assert len(sentence.split()) <= 30, sentence
    assert not re.search(r"None|null|nan\b|\{|\}|n/a|  |,,|\.\.|True|False", prose)
    assert str(ROOT) not in text
    assert not re.search(r"(?<![\w/])/\w+/\w+", prose)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_cited_has_an_entry_and_what_has_an_entry_is_cited(text: str) -> None:
    keys = set(re.findall(r"@(\w+)", prose_of(text)))
    listed = set(re.findall(r"^- \[@(\w+)\]: \S", text, re.M))
    written = set(re.findall(r"^@\w+\{(\w+),", references.bibliography(text), re.M))
    assert keys == listed == written
    assert "reperfuse" in keys


NUMBERS = [
    ("motion", "max_gap_s", 4.5),
    ("concentration", "smoothing_fwhm_mm", 5.5),
    ("concentration", "motion_signal_per_mm", 0.034),
    ("concentration", "window_s", 61.0),
    ("aif", "min_score", 0.33),
    ("deconvolution", "oscillation_index", 0.065),
    ("deconvolution", "oscillation_spacing_s", 1.7),
    ("deconvolution", "latest_tmax_s", 21.5),
    ("core", "adc_threshold", 600e-6),
    ("core", "relative_intensity", 0.87),
    ("core", "peak_intensity", 1.33),
    ("core", "min_volume_ml", 0.73),
    ("hypoperfusion", "smoothing_mm", 4.4),
    ("hypoperfusion", "opening_mm", 1.9),
    ("hypoperfusion", "min_volume_ml", 3.7),
    ("hypoperfusion", "csf_adc", 1.7e-3),
    ("hypoperfusion", "csf_ratio", 1.9),
    ("hypoperfusion", "vessel_ratio", 2.9),
    ("registration", "min_brain_dice", 0.77),
    ("registration", "min_edge_agreement", 0.27),
    ("imr", "asymmetry_threshold", 0.23),
    ("imr", "significant_ml", 7.5),
    ("imr", "noise_limit", 0.081),
    ("imr", "min_volume_ml", 0.93),
    ("imr", "min_covered_share", 0.57),
    ("imr", "min_one_sided_share", 0.83),
]


@pytest.mark.parametrize(("section", "key", "value"), NUMBERS)
def test_a_number_is_that_of_the_configuration(section: str, key: str, value: float) -> None:
    shown = "|".join(re.escape(one) for one in (f"{value:g}", f"{100 * value:g} %", f"{1e6 * value:g} × 10⁻⁶"))
    before, after = (prose_of(write(one)) for one in (SETTINGS, changed(section, key, value)))
    assert not re.search(rf"(?<![\d.])({shown})(?![\d])", before)
    assert re.search(rf"(?<![\d.])({shown})(?![\d])", after)


def test_every_number_of_the_text_is_known() -> None:
    """Take away what the configuration, counts and versions say, and what papers define: nothing is left."""
    prose = re.sub(r"\[@[^\]]+\]|et al\. \d+|\d+ patients|impaired in 8", "", prose_of(write()))
    for number in VERSIONS.values():
        prose = prose.replace(number, "")
    defined = ("R2*", "Tmax above 6 s", "95 %", "HC3", "90 days", "24 h", "day 5", "0–1", "0–2", "ICC(A,1)")
    for words in (*defined, "8 or more, or was 0 or 1", "50 %", "per 5 events", "defuse2", "10⁻⁶", "2c", "0 to 2 h"):
        prose = prose.replace(words, "")
    values = {one for section, key, _ in NUMBERS for one in shown_as(section, key)}
    assert set(re.findall(r"\d+(?:\.\d+)?", prose)) <= values


def shown_as(section: str, key: str) -> set[str]:
    value = SETTINGS[section][key] if SETTINGS[section][key] is not None else PRESETS["valls2025"][key]
    return {f"{value:g}", f"{100 * value:g}", f"{1e6 * value:g}"}


def test_what_was_switched_off_or_not_done_is_not_told() -> None:
    off = copy.deepcopy(SETTINGS)
    off["hypoperfusion"] |= dict.fromkeys(("smoothing_mm", "opening_mm", "min_volume_ml"), 0.0)
    off["hypoperfusion"] |= dict.fromkeys(("csf_adc", "csf_ratio", "vessel_ratio"), None)
    off["hypoperfusion"]["symptomatic_side_only"] = False
    off["aif"]["scale_to_vof"] = off["growth"]["undo_swelling"] = False
    words = ("The mask was", "The mask left out", "opposite side", "venous output", "swelling", "Vessels")
    assert all(word in write() for word in words)
    assert not any(word in write(off) for word in words)
    for step, word in {
        "perfusion": "residue function", "diffusion": "diffusion coefficient", "growth": "Growth,",
        "reflow": "mirror plane", "brant": "Brant", "frequency": "Wilson", "nihss": "HC3", "mrs": "Rankin",
        "profile": "interaction", "flow": "STROBE",
        "growth_groups": "Hodges", "agreement": "Bland", "agreement_of_classes": "of classes was measured by kappa",
        "agreement_of_masks": "Dice coefficient", "transitions": "second scan", "characteristics": "Mann",
        "agreement_of_raters": "readers who rated",
        "expert_lesions": "experts", "automatic_lesions": "automatically.", "factors": "per 5 events",
        "reperfusion": "Reperfusion,", "favourable_day5": "at day 5 [@lansberg2012]",
    }.items():  # fmt: skip
        assert word in write(), step
        assert word not in write(done={name: said for name, said in ALL.items() if name != step}), step


def test_what_the_study_chose_for_itself_is_told() -> None:
    assert "its own settings" not in write()
    own = changed("imr", "asymmetry_threshold", 0.2)
    assert "its own settings for the threshold." in write(own)
    own["imr"]["exclusions"] = ["reocclusion"]
    text = write(own)
    assert "its own settings for the threshold and the exclusions." in text
    assert "Patients with reocclusion were not judged." in text
    assert "mTICI below" not in text


def test_how_a_preset_differs_from_its_publication_is_told() -> None:
    differs = "the publication asks for ASL; here it is rCBF of the bolus"
    text = methods_text(SETTINGS, definition(SETTINGS) | {"differs": differs}, COUNTS, VERSIONS, ALL)
    assert "The publication asks for ASL. Here it is rCBF of the bolus." in text
    assert "The definition was applied as published, but for the smoothing that keeps noise out." in write()


def test_a_step_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no such step: frequencies"):
        write(done={"frequencies": ()})


def test_counts_and_versions_are_those_given() -> None:
    text = write(counts=COUNTS | {"patients": 1, "judged": 41, "impaired": 9})
    assert "Results of 1 patient were analysed." in text
    assert "judged in 41 patients and impaired in 9." in text
    for name, number in VERSIONS.items():
        assert number in text, name
    assert set(versions()) >= {"reperfuse", "numpy", "scipy", "snakemake", "antspyx"}


def test_links_are_those_of_the_catalogue_and_the_repository() -> None:
    entries = references.entries()
    criteria = read_yaml(CRITERIA)
    assert set(references.OF_CRITERION) == set(criteria)
    for name, key in references.OF_CRITERION.items():
        assert f"doi = {{{criteria[name]['doi']}}}" in entries[key]
    for name, preset in PRESETS.items():
        assert set(re.findall(r"doi:(\S+)", preset["title"])) <= set(re.findall(r"doi = \{(.*)\}", entries[name]))
    folders = [path for name in ("config", "docs", "workflow") for path in (ROOT / name).rglob("*")]
    elsewhere = "".join(path.read_text(encoding="utf-8") for path in folders if path.suffix in (".yaml", ".md", ".py"))
    for doi in re.findall(r"doi = \{(.*)\}", Path(ROOT / "config" / "references.bib").read_text(encoding="utf-8")):
        assert doi in elsewhere, doi
