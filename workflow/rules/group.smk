# Needs: the rows of every session and patient.
# Gives: group/sessions.tsv, patients.tsv, thresholds.tsv, stability.tsv and failures.tsv with their data dictionaries.

TABLES = expand(
    f"{OUTPUT_DIR}/group/{{table}}.tsv", table=["sessions", "patients", "thresholds", "stability", "failures"]
)


rule tabulate_study:
    input:
        sessions=ask(Plan.tabulated_sessions),
        patients=ask(Plan.tabulated_patients),
    output:
        sessions=f"{OUTPUT_DIR}/group/sessions.tsv",
        patients=f"{OUTPUT_DIR}/group/patients.tsv",
        thresholds=f"{OUTPUT_DIR}/group/thresholds.tsv",
        stability=f"{OUTPUT_DIR}/group/stability.tsv",
        failures=f"{OUTPUT_DIR}/group/failures.tsv",
    log:
        f"{OUTPUT_DIR}/logs/tabulate_study.log",
    conda:
        CONDA
    params:
        **step("TabulateStudy"),
        left_out=ask(absences.left_out),
        dictionaries=DICTIONARIES,
    script:
        "../scripts/run_interface.py"
