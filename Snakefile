# From the raw scans of a BIDS study of stroke MRI to the tables and reports of a paper.
#   snakemake --cores all                                    the embedded demo study
#   snakemake --cores all --config bids_dir=/data/study      a study
from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")


configfile: Path(workflow.basedir) / "config" / "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/perfusion.smk"
include: "workflow/rules/diffusion.smk"
include: "workflow/rules/mismatch.smk"
include: "workflow/rules/serial.smk"
include: "workflow/rules/group.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        TABLES,
        PAGES,
        STUDY_PAGE,
        ask(Plan.missing_results),


rule participants:
    input:
        PAGES,


rule group:
    input:
        TABLES,
        STUDY_PAGE,


if config["benchmarks"]:
    for task in workflow.rules:
        if task.log:
            task.benchmark_modifier = task.log_modifier
            task.benchmark = task.log[0].replace(f"{OUTPUT_DIR}/logs", config["benchmarks"]).replace(".log", ".tsv")


onstart:
    try:
        results.begin(OUTPUT_DIR, Path(config["bids_dir"]), MANIFEST)
    except StudyError as fault:
        raise WorkflowError(str(fault)) from None


onsuccess:
    print(f"Finished. The results are in {OUTPUT_DIR}")
    print(f"  pages   {OUTPUT_DIR / 'group.html'} and a sub-<label>.html for each patient")
    print(f"  tables  {OUTPUT_DIR / 'group'}")


onerror:
    print(f"Some jobs failed; their logs are in {OUTPUT_DIR / 'logs'}.")
    print("What was finished is kept: the same command resumes where it stopped.")
