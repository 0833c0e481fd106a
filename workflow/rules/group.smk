# Needs: the rows of every session and patient.
# Gives: group/sessions.tsv, patients.tsv, thresholds.tsv, stability.tsv, reflow.tsv and failures.tsv with their data
#        dictionaries.

#: None of their own where those of an earlier run are given.
TABLES = expand(
    f"{ROOT}group/{{table}}.tsv",
    table=[] if config["group_tables"] else ["sessions", "patients", "thresholds", "stability", "failures", "reflow"],
)


rule tabulate_study:
    input:
        sessions=ask(Plan.tabulated_sessions),
        patients=ask(Plan.tabulated_patients),
    output:
        sessions=f"{ROOT}group/sessions.tsv",
        patients=f"{ROOT}group/patients.tsv",
        thresholds=f"{ROOT}group/thresholds.tsv",
        stability=f"{ROOT}group/stability.tsv",
        reflow=f"{ROOT}group/reflow.tsv",
        failures=f"{ROOT}group/failures.tsv",
    log:
        f"{ROOT}logs/tabulate_study.log",
    conda:
        CONDA
    params:
        **step("TabulateStudy"),
        left_out=ask(absences.left_out),
        dictionaries=DICTIONARIES,
    script:
        "../scripts/run_interface.py"
