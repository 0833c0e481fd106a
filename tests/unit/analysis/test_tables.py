"""The tables of a paper: what can be derived by hand, and what cannot be estimated."""

import math

import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.agreements import agreement_of_raters, agreements, lesion_agreement
from reperfuse.analysis.characteristics import characteristics
from reperfuse.analysis.factors import factors_of_imr
from reperfuse.analysis.frequency import frequency
from reperfuse.analysis.outcomes import disability_models, linear_models
from reperfuse.analysis.profiles import profile_effects
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.options import CRITERIA, TABLES
from reperfuse.study.yaml_lines import read_yaml

DICTIONARY = table_dictionaries(TABLES, read_yaml(CRITERIA), {})["analysis"]
NO_REFLOW = pd.DataFrame(columns=["participant_id", "role", "preset", "threshold", "imr_ml"])


def published() -> pd.DataFrame:
    """Return 33 patients with the counts of doi:10.3389/fneur.2025.1478240, and three who cannot be judged."""
    frame = pd.DataFrame({"participant_id": [f"sub-{n:02d}" for n in range(36)]})
    frame["mtici"] = ["2c"] * 11 + ["3"] * 22 + ["2b", "3", None]
    frame["imr_evaluable"] = [1.0] * 33 + [0.0] * 3
    impaired = np.zeros(36)
    impaired[[0, 1, 2, 3, 11, 12, 13, 14]] = 1
    frame["imr_significant"] = np.where(frame["imr_evaluable"] == 1, impaired, np.nan)
    frame["imr_ml"] = np.where(impaired == 1, 8.0, 1.0)
    return frame


def test_published_frequencies() -> None:
    rows = frequency(published(), NO_REFLOW, "valls2025")
    shown = {
        row["group"]: [row["k"], row["n"], *(round(row[key], 1) for key in ("percent", "low", "high"))] for row in rows
    }
    assert shown == {
        "all": [8, 33, 24.2, 12.8, 41.0],
        "mTICI 2c": [4, 11, 36.4, 15.2, 64.6],
        "mTICI 3": [4, 22, 18.2, 7.3, 38.5],
    }


def test_frequency_at_other_thresholds_and_cuts() -> None:
    frame = published()
    volumes = {0.10: 12.0, 0.15: 8.0, 0.30: 4.0}
    reflow = pd.DataFrame(
        [
            {"participant_id": name, "role": "post", "preset": preset, "threshold": at, "imr_ml": ml if ill else 0.5}
            for preset in ("valls2025", "ng2022")
            for at, ml in volumes.items()
            for name, ill in zip(frame["participant_id"], frame["imr_ml"] == 8, strict=True)
        ]
    )
    rows = pd.DataFrame(frequency(frame, reflow, "valls2025"))
    found = rows[rows.group == "all"].dropna(subset="threshold").set_index(["threshold", "cut_ml"]).k
    assert found.to_dict() == {
        **{(0.10, cut): 8 for cut in (3, 5, 10)},
        **{(0.15, cut): 8 if cut < 10 else 0 for cut in (3, 5, 10)},
        **{(0.30, cut): 8 if cut < 4 else 0 for cut in (3, 5, 10)},
    }
    assert set(rows.n[rows.group == "all"]) == {33}


def test_characteristics_by_hand() -> None:
    frame = pd.DataFrame(
        {
            "imr_evaluable": [1.0] * 8 + [0.0],
            "imr_significant": [0, 0, 0, 0, 1, 1, 1, 1, np.nan],
            "age": [60, 62, 64, 66, 70, 72, 74, np.nan, 20],
            "sex": ["female", "male", "male", None, "female", "female", "female", "male", "female"],
            "tpa": [1, 0, 0, 0, 1, 1, 1, 0, 1],
            "mtici": ["3", "3", "2c", "3", "2c", "2c", "2c", "3", "0"],
            "glucose": [np.nan] * 9,
        }
    )
    rows = characteristics(frame, ["age", "sex", "tpa", "mtici", "glucose"], DICTIONARY)
    by = {(row["variable"], row.get("level")): row for row in rows}
    assert list(by) == [
        ("age", None), ("sex", "female"), ("sex", "male"), ("tpa", "yes"), ("mtici", "2c"), ("mtici", "3"),
    ]  # fmt: skip
    age = by["age", None]
    assert (age["all"], age["imr_no"], age["imr_yes"]) == ("66 [63–71]", "63 [61.5–64.5]", "72 [71–73]")
    assert (age["n_all"], age["n_no"], age["n_yes"], age["missing"]) == (7, 4, 3, 1)
    assert age["p"] == pytest.approx(2 / 35)  # all of 3 above all of 4, both ways
    assert age["smd"] == pytest.approx((72 - 63) / math.sqrt((20 / 3 + 4) / 2))
    assert by["sex", "female"]["imr_no"] == "1 (33 %)"
    assert by["tpa", "yes"]["imr_yes"] == "3 (75 %)"
    assert by["tpa", "yes"]["p"] == pytest.approx(34 / 70)  # Fisher's test of 1 of 4 against 3 of 4
    assert "p" not in by["sex", "male"]  # one test a variable


def models() -> pd.DataFrame:
    """Return 40 patients whose day-5 NIHSS is 3 + 0.5 per mL of IMR, plus what baseline NIHSS explains."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"imr_evaluable": np.ones(40)})
    frame["imr_ml"] = rng.gamma(1, 6, 40)
    frame["imr_significant"] = (frame["imr_ml"] > 5).astype(float)
    frame["nihss_baseline"] = rng.integers(4, 24, 40).astype(float)
    frame["age"] = rng.normal(70, 10, 40)
    frame["nihss_day5"] = 3 + 0.5 * frame["imr_ml"] + 0.2 * frame["nihss_baseline"] + rng.normal(0, 0.01, 40)
    frame["mrs_90d"] = (rng.logistic(size=40) + 0.15 * frame["imr_ml"]).clip(-2.9, 2.9).round() + 3
    for name, most in (("mrs_0_1", 1), ("mrs_0_2", 2)):
        frame[name] = (frame["mrs_90d"] <= most).astype(float)
    frame["death_90d"] = (frame["mrs_90d"] == 6).astype(float)
    return frame


def test_linear_models_find_the_slope() -> None:
    rows = linear_models(models(), ["nihss_day5"], ["imr_ml", "imr_significant"], ["nihss_baseline"])
    assert [(row["exposure"], row["model"]) for row in rows] == [
        (name, model) for name in ("imr_ml", "imr_significant") for model in ("unadjusted", "adjusted")
    ]
    adjusted = rows[1]
    assert adjusted["beta"] == pytest.approx(0.5, abs=0.002)
    assert adjusted["low"] < 0.5 < adjusted["high"]
    assert (adjusted["n"], adjusted["covariates"], adjusted["unit"]) == (40, "nihss_baseline", "for each mL")
    assert rows[0]["r2"] < adjusted["r2"]


def test_a_covariate_is_not_its_own_outcome() -> None:
    rows = linear_models(models(), ["nihss_baseline"], ["imr_ml"], ["nihss_baseline"])
    assert [row["model"] for row in rows] == ["unadjusted"]


def test_disability_goes_up_with_imr() -> None:
    rows = {(row["outcome"], row["model"]): row for row in disability_models(models(), ["imr_ml"], ["age"])}
    assert len(rows) == 8
    shift = rows["mrs_90d", "unadjusted"]
    assert shift["odds_ratio"] > 1
    assert shift["method"] == "proportional odds"
    assert rows["mrs_0_2", "adjusted"]["odds_ratio"] < 1  # fewer are independent
    assert rows["mrs_0_2", "adjusted"]["events"] == int(models()["mrs_0_2"].sum())
    assert shift["proportional_odds_p"] >= 0 or "proportional odds not tested" in shift["note"]


def test_profile_by_hand() -> None:
    # 2×2 of favourable response: 30 of 40 and 8 of 24 with a target profile, 6 of 12 and 7 of 12 without one
    table = {("target", 1): (30, 40), ("target", 0): (8, 24), ("no target", 1): (6, 12), ("no target", 0): (7, 12)}
    frame = pd.DataFrame(
        [
            {"profile": profile, "reperfused": float(opened), "favourable_response": float(n < good)}
            for (profile, opened), (good, all_) in table.items()
            for n in range(all_)
        ]
    )
    frame["mrs_0_2"] = np.nan
    frame["growth_ml"] = np.where(frame["reperfused"] == 1, 5.0, 30.0) + np.arange(len(frame)) / 100
    frame["age"] = np.arange(len(frame)) % 7
    rows = {(row["outcome"], row["profile"], row["model"]): row for row in profile_effects(frame, ["age"], {})}
    target, other = (rows["favourable_response", name, "unadjusted"] for name in ("target", "no target"))
    assert (target["reperfused"], target["not_reperfused"]) == ("30 of 40", "8 of 24")
    assert target["value"] == pytest.approx(30 * 16 / (10 * 8))
    assert other["value"] == pytest.approx(6 * 5 / (6 * 7))
    woolf = 1.959964 * math.sqrt(1 / 30 + 1 / 16 + 1 / 10 + 1 / 8)
    assert (target["low"], target["high"]) == pytest.approx((6 * math.exp(-woolf), 6 * math.exp(woolf)), rel=1e-5)
    interaction = rows["favourable_response", "interaction", "unadjusted"]
    assert interaction["value"] == pytest.approx(target["value"] / other["value"])
    assert rows["favourable_response", "target", "adjusted"]["covariates"] == "age"
    growth = rows["growth_ml", "target", "unadjusted"]
    assert growth["value"] == pytest.approx(-25 - 0.32)
    assert growth["reperfused"].endswith("40 patients")
    assert rows["mrs_0_2", "target", "unadjusted"]["note"].startswith("not estimable")


def test_factors_are_no_more_than_events_allow() -> None:
    frame = models().assign(sex=["female", "male"] * 20, site=["M1", "M2", "ICA", "M1"] * 10)
    frame["imr_significant"] = 0.0
    frame.loc[:7, "imr_significant"] = 1.0  # 8 patients
    rows = factors_of_imr(frame, ["age", "nihss_baseline", "sex", "site"])
    assert [(row["factor"], row["model"]) for row in rows] == [
        ("age", "alone"), ("nihss_baseline", "alone"), ("sex male", "alone"), ("site M1", "alone"),
        ("site M2", "alone"), ("", "together"),
    ]  # fmt: skip
    assert all(row["events"] == 8 for row in rows)
    assert "only 8 patients with IMR, at least 10 needed" in rows[-1]["note"]
    frame.loc[:14, "imr_significant"] = 1.0  # 15, so three factors, in their order
    together = [
        row for row in factors_of_imr(frame, ["age", "nihss_baseline", "sex", "site"]) if row["model"] == "together"
    ]
    assert [row["factor"] for row in together] == ["age", "nihss_baseline", "sex male"]
    assert together[0]["covariates"] == "nihss_baseline, sex male"


def test_agreement_by_hand() -> None:
    ours = np.array([10.0, 20, 40, 69, 90, np.nan])
    frame = pd.DataFrame({"core_baseline_ml": ours, "rapid_core_ml": ours + np.array([2, -2, 4, 8, -2, 0])})
    rows = {row["measure"]: row for row in agreements(frame, {"rapid_core_ml": "core_baseline_ml"})}
    assert rows["bias, mL"]["value"] == pytest.approx(2)
    sd = np.std([2, -2, 4, 8, -2], ddof=1)
    assert rows["upper limit of agreement, mL"]["value"] == pytest.approx(2 + 1.959964 * sd)
    assert rows["patients who change between below and above 70 mL"]["value"] == 1
    assert rows["bias, mL"]["n"] == 5
    assert rows["ICC(A,1)"]["value"] > 0.95


@pytest.mark.parametrize(("impaired", "tested"), [(1, False), (2, False), (3, True), (18, False)])
def test_no_p_from_nothing(impaired: int, tested: bool) -> None:
    frame = pd.DataFrame({"imr_evaluable": np.ones(20), "age": np.arange(50.0, 70), "tpa": [1.0, 0.0] * 10})
    frame["imr_significant"] = (np.arange(20) < impaired).astype(float)
    for row in characteristics(frame, ["age", "tpa"], DICTIONARY):
        assert math.isfinite(row["p"]) == math.isfinite(row["smd"]) == tested, row
        assert tested or "patients in one group, at least 3 needed" in row["note"]


def test_an_experts_lesion_and_the_automatic_one_by_hand() -> None:
    frame = pd.DataFrame({
        "lesion_source": ["expert", "expert", "expert", "expert", "expert", "automatic", None],
        "infarct_followup_ml": [10.0, 20, 40, 60, 80, 50, np.nan],
        "lesion_automatic_ml": [12.0, 18, 44, 68, np.nan, 500, np.nan],
        "lesion_dice": [0.5, 0.7, 0.8, 0.9, np.nan, 0.0, np.nan],
    })  # fmt: skip
    rows = {row["measure"]: row for row in lesion_agreement(frame)}
    assert {(row["other"], row["ours"], row["n"]) for row in rows.values()} == {
        ("lesion_automatic_ml", "infarct_followup_ml", 4)
    }
    assert list(rows) == [
        "bias, mL", "lower limit of agreement, mL", "upper limit of agreement, mL", "ICC(A,1)", "Dice, median",
    ]  # fmt: skip
    differences = [2, -2, 4, 8]
    assert rows["bias, mL"]["value"] == pytest.approx(3)
    sd = np.std(differences, ddof=1)
    assert rows["lower limit of agreement, mL"]["value"] == pytest.approx(3 - 1.959964 * sd)
    overlap = rows["Dice, median"]
    assert [overlap[name] for name in ("value", "low", "high")] == pytest.approx([0.75, 0.65, 0.825])
    assert overlap["note"] == "low and high are the quartiles"
    assert math.isnan(overlap["p"])
    assert lesion_agreement(frame[5:]) == []
    (few, *_, last) = lesion_agreement(frame[:2].assign(lesion_dice=np.nan))
    assert few["note"].startswith("not estimable: only 2 patients")
    assert last["note"] == "not estimable: both lesions are empty in every patient"


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_patients_are_no_estimate(n: int) -> None:
    frame = models().iloc[:n].assign(mtici="3", sex="female", profile="target", reperfused=1.0, growth_ml=1.0)
    frame = frame.assign(favourable_response=1.0, rapid_core_ml=1.0, core_baseline_ml=1.0, participant_id="sub-1")
    rows = [
        *linear_models(frame, ["nihss_day5"], ["imr_ml"], ["age"]),
        *disability_models(frame, ["imr_significant"], ["age"]),
        *factors_of_imr(frame, ["age", "sex"]),
        *profile_effects(frame, ["age"], {}),
    ]
    assert rows
    for row in rows:
        assert row["note"].startswith("not estimable: "), row
        assert not math.isfinite(row["p"]), row
    characteristics(frame, ["age", "sex"], DICTIONARY)
    agreements(frame, {"rapid_core_ml": "core_baseline_ml"})
    assert [row["n"] for row in frequency(frame, NO_REFLOW, "valls2025") if row["group"] == "all"] == [n]


def rated(rater: str, words: str) -> list[dict[str, str]]:
    """Return a rater's ratings of sessions, one a letter; none for a dash."""
    names = {"a": "accept", "d": "doubt", "r": "reject"}
    return [
        {"participant_id": f"sub-{number:02d}", "session_id": "ses-post", "rater": rater, "rating": names[letter]}
        for number, letter in enumerate(words)
        if letter != "-"
    ]


def test_two_raters_by_hand() -> None:
    one, other = "aaaaddddrrrr-aa", "aaaddddrrrrad--"
    rows = {row["measure"]: row for row in agreement_of_raters([*rated("A", one), *rated("B", other)])}
    percent, weighted = rows["sessions rated alike, %"], rows["weighted kappa of the ratings"]
    assert {(row["other"], row["ours"], row["n"]) for row in rows.values()} == {("rater B", "rater A", 12)}
    assert percent["value"] == pytest.approx(100 * 9 / 12)
    # seen by both: (a,a) 3, (a,d) 1, (d,d) 3, (d,r) 1, (r,r) 3, (r,a) 1; the squared distance weighs 1, 1 and 4
    observed = (1 * 1 + 1 * 1 + 4 * 1) / 12
    expected = (4 * 4 * 1 + 4 * 4 * 4 + 4 * 4 * 1 + 4 * 4 * 1 + 4 * 4 * 4 + 4 * 4 * 1) / 12**2
    assert weighted["value"] == pytest.approx(1 - observed / expected)
    assert weighted["low"] < weighted["value"] < weighted["high"]
    assert "independent" in weighted["note"]


def test_every_two_raters_and_what_is_too_few() -> None:
    rows = agreement_of_raters(
        [*rated("A", "adr" * 4), *rated("B", "adrad"), *rated("C", "adr" * 4), *rated("D", "-" * 20 + "a")]
    )
    notes = {(row["other"], row["ours"], row["n"]): row["note"] for row in rows}
    few = "not estimable: only 5 sessions are rated by both, at least 10 needed"
    assert notes[("rater B", "rater A", 5)] == notes[("rater C", "rater B", 5)] == few
    assert "not estimable" not in notes[("rater C", "rater A", 12)]
    assert len(notes) == 3, "nobody shares a session with D"
    assert all(np.isnan(row["value"]) for row in rows if row["n"] == 5)
    (_, same) = agreement_of_raters([*rated("A", "a" * 12), *rated("B", "adr" * 4)])
    assert same["note"] == "not estimable: one of the two puts all patients in one class"
