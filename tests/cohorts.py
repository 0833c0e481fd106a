"""Simulated cohorts with known effects, for what is made of a study's tables."""

from collections.abc import Collection
from dataclasses import replace
from functools import cache

from reperfuse.analysis.example import shipped_rules
from reperfuse.simulation.cohort.draw import Cohort, draw_cohort
from reperfuse.simulation.cohort.effects import Effects, Rules

#: Patients of the published cohort by mTICI and by IMR above 5 mL (doi:10.3389/fneur.2025.1478240).
PUBLISHED = {("2c", True): 4, ("2c", False): 7, ("3", True): 4, ("3", False): 18}


@cache
def quick_rules() -> Rules:
    """Return the rules with DEFUSE 2 alone and one preset: a cohort of hundreds is drawn in a second."""
    rules = shipped_rules()
    criteria = {"defuse2": rules.criteria["defuse2"]}
    return replace(rules, criteria=criteria, presets={"valls2025": rules.presets["valls2025"]})


def published_cohort(seed: int = 33, effects: Effects | None = None, rules: Rules | None = None) -> Cohort:
    """Return 33 patients in whom reflow is judged, as many by mTICI and IMR as were published, nothing missing."""
    whole = replace(effects or Effects(), missing=0.0, without_post=0.0)
    drawn, wanted = draw_cohort(400, seed, rules or quick_rules(), whole), dict(PUBLISHED)
    chosen = []
    for person, row in zip(drawn.participants, drawn.tables["patients"], strict=True):
        kind = (str(person["mtici"]), bool(row["imr_significant"]))
        if row["imr_evaluable"] and wanted.get(kind, 0):
            wanted[kind] -= 1
            chosen.append(row["participant_id"])
    assert not any(wanted.values())
    return select(drawn, chosen)


def select(cohort: Cohort, labels: Collection[str]) -> Cohort:
    """Return a cohort of some patients."""
    wanted = set(labels)

    def rows(table: list) -> list:
        return [row for row in table if row["participant_id"] in wanted]

    tables = {name: rows(table) for name, table in cohort.tables.items()}
    return Cohort(rows(cohort.participants), tables, cohort.effects)
