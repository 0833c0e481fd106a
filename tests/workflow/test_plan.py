"""Whatever a study has: what a rule asks for is made by another, once, and what is not made has a reason."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reperfuse.study import absences, delivery
from reperfuse.study.manifest import Manifest, Scan
from reperfuse.study.plan import Plan
from running import ROOT
from snakemake.api import SnakemakeApi
from snakemake.io import get_flag_value, is_flagged
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

ROLES = ("baseline", "post", "followup")
#: Scans of a second session after treatment, where there is one.
LATE = (None, (), ("dsc",), ("dsc", "dwi"))
SOURCES = ("followup", "core", "deficit")
KINDS = ("dsc", "dwi", "flair")
#: Sessions with CT perfusion.
CT_SESSIONS = (("ctp",), ("ctp", "dwi"), ("ctp", "flair"))
#: A session that is absent, or has any of the scans.
SESSIONS = [None, *(kinds for n in range(4) for kinds in itertools.combinations(KINDS, n))]


@contextmanager
def rules_of(folder: Path, scans: list[Scan]) -> Iterator[Any]:
    """Read the rules of a study of these scans, as Snakemake reads them."""
    (folder / "study").mkdir()
    (folder / "study" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}')
    with pytest.MonkeyPatch.context() as patch, SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        patch.setattr("reperfuse.study.start.begin", lambda *_, **__: Manifest(scans))
        read = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config={"bids_dir": str(folder / "study"), "output_dir": "out"}),
            snakefile=ROOT / "Snakefile",
            workdir=folder,
        )
        yield read._workflow


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The rules of a study that needs them all."""
    scans = [scan(session, kind) for session, kind in zip(ROLES, ("dsc", "ctp", "asl"), strict=True)]
    with rules_of(tmp_path_factory.mktemp("plan"), scans) as read:
        yield read


def scan(session: str, kind: str, **settings_: str) -> Scan:
    return Scan("01", session, session, kind, f"raw/{session}/{kind}", json.dumps(settings_), "")


def planned(workflow: Any, scans: list[Scan], source: str = "followup", swelling: bool = True) -> Plan:
    """Make the rules answer for a patient with these scans, and for sessions that hold none."""
    plan = workflow.globals["PLAN"]
    sessions = plan.config["sessions"] | {"late": "late"}
    config = plan.config | {"growth": {"undo_swelling": swelling}, "sessions": sessions}
    settings_ = plan.reflow_settings | {"lesion_source": source}
    plan = replace(plan, manifest=Manifest(scans), config=config, reflow_settings=settings_)
    workflow.globals["PLAN"] = plan
    return plan


def is_for(rule: Any, target: str) -> bool:
    """Tell whether a rule is for the session of a file: in another it asks for what is never there."""
    return not any(path.startswith("no ") for path in rule.expand_input(rule.get_wildcards(target))[0])


def walk(workflow: Any, plan: Plan) -> None:
    """Follow every file from the results back to the scans."""
    scans = {scan.path for scan in plan.manifest.scans}
    rules = [rule for rule in workflow.rules if rule.output]
    targets = ["sub-01.html", *delivery.tabulated_patients(plan), *delivery.tabulated_sessions(plan)]
    targets += [path for session in plan.sessions("01") for path, _ in delivery.delivered(plan, "01", session)]
    assert len(set(targets)) == len(targets)
    seen: set[str] = set()
    while targets:
        target = targets.pop()
        if target in seen:
            continue
        producers = [rule for rule in rules if rule.is_producer(target) and is_for(rule, target)]
        before = [one for one in producers if any(workflow._ruleorder.compare(one, other) < 0 for other in producers)]
        producers = [one for one in producers if one not in before]
        assert len(producers) == 1, f"{target} is made by {[rule.name for rule in producers]}"
        (rule,) = producers
        wildcards = rule.get_wildcards(target)
        seen.update(map(str, rule.expand_output(wildcards)[0]))
        inputs = [str(path) for path in rule.expand_input(wildcards)[0]]
        assert len(set(inputs)) == len(inputs), f"{rule.name} asks twice: {inputs}"
        # every job needs something to work on: a scan, or what another job makes of one
        assert inputs or rule.name in ("measure_session", "measure_patient", "plot_patient"), rule.name
        targets += [path for path in inputs if path not in scans]


def check_reasons(plan: Plan) -> None:
    for session in plan.sessions("01"):
        said = dict(absences.absent_scans(plan, "01", session))
        assert ("perfusion" in said) is not plan.has("01", session, "dsc|ctp|asl")
        assert ("diffusion" in said) is not plan.has("01", session, "dwi|adc")
    said = dict(absences.absent_comparisons(plan, "01"))
    assert all(said.values())
    for what, comparison in (("reperfusion", "deficits"), *((name, name) for name in ("lesion", "growth", "reflow"))):
        assert (what in said) is not plan.compares("01", comparison)
    assert ("reflow_late" in said) is not plan.compares("01", "reflow", "late")


def check_subset(workflow: Any, sessions: dict[str, tuple[str, ...] | None], source: str) -> None:
    # a scan that cannot be used still makes its session known
    scans = [
        scan(role, kind) if kind in kinds else replace(scan(role, kind), reason="broken")
        for role, kinds in sessions.items()
        if kinds is not None
        for kind in dict.fromkeys((*KINDS, *kinds))
    ]
    if scans:
        plan = planned(workflow, scans, source)
        walk(workflow, plan)
        check_reasons(plan)


@pytest.mark.parametrize("source", SOURCES)
def test_every_subset_of_scans(workflow: Any, source: str) -> None:
    for sessions in itertools.product(SESSIONS, repeat=3):
        check_subset(workflow, dict(zip(ROLES, sessions, strict=True)), source)


@pytest.mark.parametrize("source", SOURCES)
def test_every_subset_of_the_scans_that_a_second_one_after_treatment_is_compared_with(
    workflow: Any, source: str
) -> None:
    before = (None, ("dsc",), ("dsc", "dwi"))
    for first, post, late, last in itertools.product(before, LATE, LATE, (None, ("dwi",), ("flair",))):
        check_subset(workflow, {"baseline": first, "post": post, "late": late, "followup": last}, source)


@pytest.mark.parametrize("source", SOURCES)
def test_every_subset_of_scans_with_ct(workflow: Any, source: str) -> None:
    after = (None, ("dsc", "dwi"), *CT_SESSIONS[:2])
    for first, post, last in itertools.product(CT_SESSIONS, after, (None, ("dwi",), ("flair",), ("ctp", "dwi"))):
        check_subset(workflow, {"baseline": first, "post": post, "followup": last}, source)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from((*ROLES, "late", "other")),
            st.sampled_from((*KINDS, "adc", "trace", "aif", "brain_dwi", "brain_perf", "brain_anat")),
        ),
        min_size=1,
        unique=True,
    ),
    expert=st.sampled_from(("", "dwi", "anat", "perf")),
    source=st.sampled_from(SOURCES),
    swelling=st.booleans(),
)
def test_any_scans_and_settings(
    workflow: Any, kinds: list[tuple[str, str]], expert: str, source: str, swelling: bool
) -> None:
    scans = [replace(scan(session, kind), role="" if session == "other" else session) for session, kind in kinds]
    if expert:
        scans.append(scan("followup", "lesion", datatype=expert))
    plan = planned(workflow, scans, source, swelling)
    walk(workflow, plan)
    check_reasons(plan)


@pytest.mark.parametrize(
    ("kinds", "left_out"),
    [
        (
            ("dsc", "dwi"),
            {"map_reflow_by_labelling", "measure_ct_mismatch", "measure_perfusion", "quantify_flow_growth"},
        ),
        (("dsc",), {"map_reflow_by_labelling", "measure_ct_mismatch", "quantify_flow_growth"}),
        (("ctp",), {"map_reflow_by_labelling"}),
    ],
)
def test_the_rules_of_other_scans_are_left_out_and_not_missed(
    tmp_path: Path, kinds: tuple[str, ...], left_out: set[str]
) -> None:
    optional = {"map_reflow_by_labelling", "measure_ct_mismatch", "measure_perfusion", "quantify_flow_growth"}
    scans = [scan(session, kind) for session in ("baseline", "post") for kind in kinds]
    with rules_of(tmp_path, [*scans, scan("followup", "flair")]) as workflow:
        walk(workflow, workflow.globals["PLAN"])
        assert optional - {rule.name for rule in workflow.rules} == left_out


def test_a_session_that_nothing_is_known_of_has_no_result(workflow: Any) -> None:
    plan = planned(workflow, [scan("baseline", "dsc")])
    assert plan.of_role("post", "cbf", "01") == []
    assert plan.own("cbf", "01", "baseline") == "sub-01/ses-baseline/perf/sub-01_ses-baseline_cbf.nii.gz"
    assert plan.own("core", "01", "baseline") == []
    assert Path(plan.names.path("measures", "01", "baseline")).name == "sub-01_ses-baseline_measures.json"


def test_what_a_report_holds_has_a_caption_and_a_category(workflow: Any) -> None:
    found = {
        (rule.name, name): get_flag_value(path, "report")
        for rule in workflow.rules
        for name, path in rule.output.items()
        if is_flagged(path, "report")
    }
    made = {(rule.name, name) for rule in workflow.rules for name, _ in rule.output.items()}
    of_group = {key for key in made if key[0] in ("tabulate_study", "analyze_study", "report_study")}
    assert set(found) == of_group - {("analyze_study", "references")} | {
        ("plot_patient", "figures"),
        ("report_patient", "page"),
    }
    captions = {Path(one.caption.get_path_or_uri(secret_free=True)).resolve() for one in found.values()}
    there = set((ROOT / "workflow" / "report").glob("*.rst"))
    assert captions == {path.resolve() for path in there} - {ROOT / "workflow" / "report" / "workflow.rst"}
    assert {one.category for one in found.values()} == {"Patients", "Study"}
    assert all(one.subcategory for one in found.values())


def test_every_rule_says_in_words_what_it_does(workflow: Any) -> None:
    words = [rule.message for rule in workflow.rules]
    assert all(words)
    assert len(set(words)) == len(words)
    assert not [one for one in words if "_" in one or "{" in one or one[0].isupper() or len(one) > 60]
