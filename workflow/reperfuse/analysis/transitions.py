"""What became of impaired reflow (IMR) from the first scan after treatment to the second, a day later."""

from typing import Any

import pandas as pd

from reperfuse.analysis.estimates.proportions import wilson

#: What a patient had at the first and at the second scan, by its name.
STATES = {"never": (0, 0), "resolved": (1, 0), "late onset": (0, 1), "persistent": (1, 1)}


def transitions(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the patients in whom IMR resolved, came late or persisted.

    Parameters
    ----------
    frame : DataFrame
        The analysis table: ``imr_evaluable``, ``imr_significant`` and, where the study has a second scan after
        treatment, ``imr_late_evaluable`` and ``imr_late_significant``.

    Returns
    -------
    list of rows
        ``state``, ``k`` of ``n`` patients in whom both scans can be judged, ``percent`` with Wilson's 95 % interval
        ``low`` and ``high``, and ``note``. Empty where reflow was judged at no second scan.
    """
    if "imr_late_evaluable" not in frame or not (frame["imr_late_evaluable"] == 1).any():
        return []
    both = frame[(frame["imr_evaluable"] == 1) & (frame["imr_late_evaluable"] == 1)]
    rows = []
    for state, (first, second) in STATES.items():
        has_state = (both["imr_significant"] == first) & (both["imr_late_significant"] == second)
        found = wilson(int(has_state.sum()), len(both))
        shares = {"percent": 100 * found.value, "low": 100 * found.low, "high": 100 * found.high}
        rows.append({"state": state, "k": found.events, "n": found.n, **shares, "note": found.note})
    return rows
