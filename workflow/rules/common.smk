# Needs: the configuration.
# Gives: PLAN, which answers what a rule asks; CATALOGUE and DICTIONARIES; OUTPUT_DIR; and the names of results and logs.
import gc
import inspect

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError

from reperfuse import interfaces
from reperfuse.study import absences, options, results, settings
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.fingerprint import fingerprint
from reperfuse.study.index import index_configured
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.names import Names
from reperfuse.study.plan import Plan
from reperfuse.study.yaml_lines import read_yaml

# the graph of a large study is millions of objects that live to the end; looking for garbage would take a tenth of the time
gc.set_threshold(100_000, 50, 100)

CONDA = str(Path(workflow.basedir) / "envs" / "reperfuse.yaml")


wildcard_constraints:
    subject="[a-zA-Z0-9]+",
    session="[a-zA-Z0-9]+",
    datatype="perf|dwi|anat",


try:
    files = [Path(file) for file in workflow.configfiles]
    settings.keep_labels_as_written(config, files)
    config.update(settings.check_config(config, options.CONFIG_SCHEMA, written_in=files))
    is_demo = settings.fill_in_paths(config)
    OUTPUT_DIR = Path(config["output_dir"])
    CATALOGUE = settings.read_criteria(
        options.CRITERIA,
        config["criteria"],
        options.CRITERIA_SCHEMA,
        taken=read_yaml(options.TABLES)["sessions"],
        written_in=files,
    )
    CLINICAL = ClinicalData(Path(config["bids_dir"]), config["columns"])
    if workflow.is_main_process:
        if is_demo and not Path(config["bids_dir"]).exists():
            from reperfuse.simulation.study import simulate_demo

            simulate_demo(Path(config["bids_dir"]), workflow.cores or 1)
        MANIFEST = index_configured(config)
        CLINICAL.check_columns(options.defaults("columns"))
    else:  # a job reads what the main process found
        MANIFEST = Manifest.read(OUTPUT_DIR / "logs" / "manifest.tsv")
    PLAN = Plan(
        MANIFEST,
        Names(str(OUTPUT_DIR)),
        CLINICAL,
        config,
        options.read_reflow(options.REFLOW_PRESETS, config["imr"]),
    )
except (settings.ConfigError, StudyError) as fault:
    raise WorkflowError(str(fault)) from None
DICTIONARIES = table_dictionaries(options.TABLES, CATALOGUE)
result = PLAN.names.pattern
#: What RegisterImages takes for a good fit.
FIT_LIMITS = {key: config["registration"][key] for key in ("min_brain_dice", "min_edge_agreement")}


def session_log(rule):
    """Return the pattern of the log of a rule that runs once a session."""
    return f"{OUTPUT_DIR}/logs/{rule}/sub-{{subject}}_ses-{{session}}.log"


def subject_log(rule):
    """Return the pattern of the log of a rule that runs once a patient."""
    return f"{OUTPUT_DIR}/logs/{rule}/sub-{{subject}}.log"


def step(interface):
    """Return what names a step in params, with a hash of its source, so that a change of that runs it again."""
    return {"interface": interface, "fingerprint": fingerprint(interfaces.module_of(interface))}


def ask(question, *given, **more):
    """Return an input or params function that asks PLAN, with those of the rule's wildcards that the question takes."""
    taken = set(inspect.signature(question).parameters) & {"subject", "session", "datatype", "source"} - set(more)

    def answer(wildcards):
        known = {name: value for name in taken if (value := wildcards.get(name)) is not None}
        return question(PLAN, *given, **known, **more)

    # Snakemake asks for the parameters at each of a large study's million calls
    overwrite_function_params(answer, ANSWER)
    return answer


ANSWER = inspect.signature(lambda wildcards: None).parameters
