# From the raw scans of a BIDS study of stroke MRI to the tables and reports of a paper.
#   snakemake --cores all                                    the embedded demo study
#   snakemake --cores all --config bids_dir=/data/study      a study
# Every setting has its default in config/config.yaml.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/perfusion.smk"
include: "workflow/rules/diffusion.smk"
include: "workflow/rules/mismatch.smk"
include: "workflow/rules/serial.smk"
include: "workflow/rules/group.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        TABLES,
        ANALYSIS.values(),
        PAGES,
        STUDY_PAGE,
        ask(Plan.missing_results),


rule participants:
    input:
        PAGES,


rule group:
    input:
        TABLES,
        ANALYSIS.values(),
        STUDY_PAGE,


if config["benchmarks"]:
    for task in workflow.rules:
        if task.log:
            task.benchmark_modifier = task.log_modifier
            task.benchmark = task.log[0].replace(f"{ROOT}logs", config["benchmarks"]).replace(".log", ".tsv")


onsuccess:
    print(f"Finished. The results are in {OUTPUT_DIR}")
    print(f"  pages   {OUTPUT_DIR / 'group.html'}{' and a sub-<label>.html for each patient' if PAGES else ''}")
    print(f"  tables  {OUTPUT_DIR / 'group'}")
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
    print(f"Some jobs failed; their logs are in {OUTPUT_DIR / 'logs'}.")
    for crash in results.crashes(OUTPUT_DIR):
        print(f"  {crash}")
    print("What was finished is kept: the same command resumes where it stopped.")
