# From the raw scans of a BIDS study of stroke MRI to the tables and reports of a paper.
#   snakemake --cores all                                    the embedded demo study
#   snakemake --cores all --config bids_dir=/data/study      a study
# Every setting has its default in config/config.yaml.
from datetime import datetime
from pathlib import Path

from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.19")


STARTED = datetime.now()


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/perfusion.smk"
include: "workflow/rules/diffusion.smk"
include: "workflow/rules/mismatch.smk"
include: "workflow/rules/serial.smk"
include: "workflow/rules/group.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"


# the rules of scans that no session has would be tried in vain, for each result anew
if PLAN.manifest.has_any("asl"):

    include: "workflow/rules/labelling.smk"


if PLAN.manifest.has_any("ctp"):

    include: "workflow/rules/ct.smk"


rule all:
    default_target: True
    input:
        TABLES,
        ANALYSIS.values(),
        PAGES,
        STUDY_PAGE,
        ask(delivery.missing_results),
    message:
        "checking that all results are there"


rule participants:
    input:
        PAGES,
    message:
        "checking that all pages are there"


rule group:
    input:
        TABLES,
        ANALYSIS.values(),
        STUDY_PAGE,
    message:
        "checking that the tables are there"


# for the progress, which is told in words
words = {rule.name: rule.message for rule in workflow.rules if rule.message}
logger.info("", extra={"words": words, "patients": len(PLAN.subjects)})


if config["benchmarks"]:
    for task in workflow.rules:
        if task.log:
            task.benchmark_modifier = task.log_modifier
            task.benchmark = task.log[0].replace(f"{ROOT}logs", config["benchmarks"]).replace(".log", ".tsv")


onstart:
    # of whom each job is, too: on a cluster Snakemake tells jobs by number alone
    steps = [
        (job.jobid, job.rule.name, job.wildcards_dict, group and group.jobid)
        for job in workflow.dag.needrun_jobs()
        for group in [workflow.dag.get_job_group(job)]
    ]
    logger.info("", extra={"steps": steps})


onsuccess:
    asked = {job.rule.name for job in workflow.dag.jobs}
    tables = Path(TABULATED) if config["group_tables"] or "tabulate_study" in asked else None
    took = datetime.now() - STARTED
    logger.info(summary.finished(OUTPUT_DIR, tables, took, has_pages="report_patient" in asked))
    if crashes := results.crashes(OUTPUT_DIR):
        raise WorkflowError(
            "\n  ".join(
                [
                    "the program failed; what hangs on it is n/a, and the same command computes these patients anew:",
                    *crashes,
                ]
            )
        )


onerror:
    logger.info(summary.unfinished(OUTPUT_DIR, has_failed=bool(workflow.scheduler.failed) and not WAS_STOPPED()))
