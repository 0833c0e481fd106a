# Needs: the configuration.
# Gives: PLAN, which answers what a rule asks; CATALOGUE and DICTIONARIES; OUTPUT_DIR; and the names of results and logs.
import gc
import inspect
import sys

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError

from reperfuse import interfaces
from reperfuse.study import absences, delivery, demo, facts, options, overview, results, settings, start, summary
from reperfuse.study.fingerprint import fingerprint
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.names import Names
from reperfuse.study.plan import Plan
from reperfuse.study.setup import set_up
from reperfuse.study.yaml_lines import read_yaml

# the graph of a large study is millions of objects that live to the end; looking for garbage would take a tenth of the time
gc.set_threshold(100_000, 50, 100)

CONDA = str(options.ROOT / "envs" / "reperfuse.yaml")
BRIDGE = options.ROOT / "workflow" / "scripts" / "run_interface.py"


wildcard_constraints:
    subject="[a-zA-Z0-9]+",
    session="[a-zA-Z0-9]+",
    datatype="perf|dwi|anat",


# of another workflow, in whose folder Snakemake's records lie
IS_MODULE = not workflow.modifier.is_main_snakefile()

try:
    files = [Path(file) for file in workflow.configfiles]
    # paths are those of the command, also to the steps of a job of a cluster, which are in the folder of the results
    is_there = workflow.is_main_process or IS_MODULE
    is_demo = settings.complete(config, files, Path.cwd() if is_there else start.started_in())
    OUTPUT_DIR = Path(config["output_dir"])
    SETUP = set_up(config, files)
    if workflow.is_main_process:
        asks = workflow.output_settings.dryrun or start.only_asks(sys.argv)
        MANIFEST = start.begin(config, is_demo=is_demo, cores=workflow.cores or 1, asks=asks, has_records=not IS_MODULE)
        if absent := SETUP.absent_columns():
            raise StudyError("\n  ".join(absent))
    else:  # a job reads what the main process found
        MANIFEST = Manifest.read(OUTPUT_DIR / "logs" / "manifest.tsv")
    if not IS_MODULE:
        start.enter(OUTPUT_DIR, workflow.snakemake_tmp_dir, is_dry=workflow.output_settings.dryrun)
        # a step that is interrupted while it loads would say so where the run is told; the bridge ends this deafness
        shell.prefix("trap '' INT; ")
    PLAN = SETUP.plan(MANIFEST, Names(str(OUTPUT_DIR) if IS_MODULE else ""))
    # a question is asked of a demo study that is not there: its tables are not there either
    is_missing = is_demo and not Path(config["bids_dir"]).exists()
    if workflow.is_main_process and (workflow.output_settings.dryrun or not asks) and MANIFEST.scans and not is_missing:
        overview.tell(PLAN)
except (settings.ConfigError, StudyError) as fault:
    # the sentence alone, and a status of its own: it is about the study, not about a line of the workflow
    print(fault, file=sys.stderr)
    raise SystemExit(2) from None
CATALOGUE, DEFINITIONS, DICTIONARIES = SETUP.catalogue, SETUP.definitions, SETUP.dictionaries
result, ROOT = PLAN.names.pattern, PLAN.names.root
WAS_STOPPED = start.watch_for_stop()
#: Priority of the steps to the deficit: the chain that a patient waits for is not to wait for others.
LONGEST_CHAIN = 1
#: What RegisterImages takes for a good fit.
FIT_LIMITS = {key: config["registration"][key] for key in ("min_brain_dice", "min_edge_agreement")}


def session_log(rule):
    """Return the pattern of the log of a rule that runs once a session."""
    return f"{ROOT}logs/{rule}/sub-{{subject}}_ses-{{session}}.log"


def subject_log(rule):
    """Return the pattern of the log of a rule that runs once a patient."""
    return f"{ROOT}logs/{rule}/sub-{{subject}}.log"


def step(interface, **settings):
    """Return what names a step in params, with a hash of its source, so that a change of that runs it again.

    Its settings are values, or functions of the wildcards. They are one parameter: of each parameter Snakemake keeps
    several objects in every job.
    """

    def answers(wildcards):
        return {name: value(wildcards) if callable(value) else value for name, value in sorted(settings.items())}

    overwrite_function_params(answers, ANSWER)
    return {
        "interface": interface,
        "fingerprint": fingerprint(interfaces.module_of(interface), BRIDGE),
        "settings": answers,
    }


def ask(question, *given, **more):
    """Return an input or params function that asks PLAN, with those of the rule's wildcards that the question takes."""
    taken = set(inspect.signature(question).parameters) & {"subject", "session", "datatype"} - set(more)

    def answer(wildcards):
        known = {name: value for name in taken if (value := wildcards.get(name)) is not None}
        return question(PLAN, *given, **known, **more)

    # Snakemake asks for the parameters at each of a large study's million calls
    overwrite_function_params(answer, ANSWER)
    return answer


def ask_all(**questions):
    """Return an input function of the files that are there, by name.

    Of a file that is not there Snakemake keeps an empty list in every job, and each question is a call of its own.
    """

    def answers(wildcards):
        found = {name: question(wildcards) for name, question in questions.items()}
        return {name: files for name, files in found.items() if files}

    overwrite_function_params(answers, ANSWER)
    return unpack(answers)


ANSWER = inspect.signature(lambda wildcards: None).parameters
