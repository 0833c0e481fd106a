"""The flow of patients adds up."""

import numpy as np
import pandas as pd
from reperfuse.analysis.flow import patient_flow


def study() -> pd.DataFrame:
    """Return ten patients, of whom four are analysed."""
    frame = pd.DataFrame({"participant_id": [f"sub-{n}" for n in range(10)]})
    frame["rejected"] = None
    frame["post_status"] = ["ok"] * 9 + [None]
    frame["post_tmax6_ml"] = [1.0] * 8 + [np.nan] * 2
    frame["infarct_followup_ml"] = 10.0
    frame["imr_exclusion"] = [None] * 4 + [
        "not recanalised (mTICI 2b, at least 2c)",
        "carotid occlusion; reocclusion",
        "scanned 5.0 h after treatment, not within 0 to 2 h",
        "only 30 % of the lesion can be compared with its mirror image",
        "no session post",
        "no session post",
    ]
    frame["imr_evaluable"] = [1.0] * 4 + [0.0] * 6
    frame["ica_occlusion"], frame["hemorrhagic_transformation"], frame["reocclusion"] = np.nan, 0.0, 0.0
    frame.loc[5, ["ica_occlusion", "reocclusion"]] = 1.0
    frame.loc[0, "hemorrhagic_transformation"] = 1.0  # not an exclusion of the definition in use: 0 is evaluable
    frame["baseline_status"] = "ok"
    frame["core_baseline_ml"] = frame["tmax6_baseline_ml"] = 1.0
    frame["reperfused"] = [1.0] * 9 + [np.nan]
    frame["growth_ml"] = 1.0
    return frame


def test_the_flow_adds_up() -> None:
    flow = pd.DataFrame(patient_flow(study()))
    for _, steps in flow.groupby("analysis"):
        assert steps.n.iloc[0] == 10
        out = steps.groupby("step", sort=False).agg({"n": "first", "left_out": "sum"})
        assert (out.n.shift(fill_value=10) - out.left_out == out.n).all()
    reflow = flow[flow.analysis == "reflow"].set_index("step")
    assert reflow.n["analysed"].iloc[-1] == study().imr_evaluable.sum()
    assert reflow.reason["no exclusion"] == "carotid occlusion"
    assert set(reflow.reason["analysed"]) == {
        "scanned too early or too late after treatment",
        "lesion not comparable with its mirror image",
    }
    assert flow[flow.analysis == "growth"].n.iloc[-1] == 9


def test_whom_a_rater_rejects_is_left_out_first() -> None:
    frame = study()
    frame.loc[0, "rejected"] = "session post rejected by rater A"  # would be analysed
    frame.loc[9, "rejected"] = "session baseline rejected by rater B"  # has no session after treatment
    flow = pd.DataFrame(patient_flow(frame))
    for analysis, steps in flow.groupby("analysis"):
        first = steps[steps.step == "no session rejected by a rater"]
        assert list(first.reason) == ["session baseline rejected by rater B", "session post rejected by rater A"]
        assert set(first.n) == {8}, analysis
    reached = {name: steps.n.iloc[-1] for name, steps in flow.groupby("analysis")}
    assert reached == {"reflow": 3, "growth": 8}


def test_nobody() -> None:
    flow = patient_flow(study().iloc[:0])
    assert {row["n"] for row in flow} == {0}
