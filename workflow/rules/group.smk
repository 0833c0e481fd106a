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
        sessions=ask(delivery.tabulated_sessions),
        patients=ask(delivery.tabulated_patients),
    output:
        sessions=report(
            f"{ROOT}group/sessions.tsv", caption="../report/sessions.rst", category="Study", subcategory="Tables"
        ),
        patients=report(
            f"{ROOT}group/patients.tsv", caption="../report/patients.rst", category="Study", subcategory="Tables"
        ),
        thresholds=report(
            f"{ROOT}group/thresholds.tsv", caption="../report/thresholds.rst", category="Study", subcategory="Tables"
        ),
        stability=report(
            f"{ROOT}group/stability.tsv", caption="../report/stability.rst", category="Study", subcategory="Tables"
        ),
        reflow=report(f"{ROOT}group/reflow.tsv", caption="../report/reflow.rst", category="Study", subcategory="Tables"),
        failures=report(
            f"{ROOT}group/failures.tsv", caption="../report/failures.rst", category="Study", subcategory="Tables"
        ),
    log:
        f"{ROOT}logs/tabulate_study.log",
    conda:
        CONDA
    params:
        **step(
            "TabulateStudy",
            dictionaries=DICTIONARIES,
            left_out=ask(absences.left_out),
        ),
    message:
        "writing the tables of the study"
    script:
        "../scripts/run_interface.py"
