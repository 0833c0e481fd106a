# Needs: the tables of a study, made here or by an earlier run (group_tables), and its participants.tsv.
# Gives: the analysis table, the ratings of the sessions, the tables and figures of a paper, and a paragraph on how they were made.

#: The folder that the analysis finds its tables in.
TABULATED = config["group_tables"] or f"{ROOT}group"
ANALYSIS = {
    "analysis": f"{ROOT}group/analysis.tsv",
    "ratings": f"{ROOT}group/ratings.tsv",
    "imr": f"{ROOT}group/imr.tsv",
    "tables": f"{ROOT}group/tables",
    "figures": f"{ROOT}group/figures",
    "citation": f"{ROOT}group/CITATION.md",
    "references": f"{ROOT}group/CITATION.bib",
}
#: The settings that the methods paragraph tells.
METHODS = "motion concentration aif deconvolution core hypoperfusion registration growth imr analysis".split()


rule analyze_study:
    input:
        **{name: f"{TABULATED}/{name}.tsv" for name in ("sessions", "patients", "reflow")},
        people=ask(facts.people),
    output:
        analysis=report(ANALYSIS["analysis"], caption="../report/analysis.rst", category="Study", subcategory="Tables"),
        ratings=report(ANALYSIS["ratings"], caption="../report/ratings.rst", category="Study", subcategory="Tables"),
        imr=report(ANALYSIS["imr"], caption="../report/definitions.rst", category="Study", subcategory="Tables"),
        tables=report(
            directory(ANALYSIS["tables"]),
            patterns=["{table}.tsv"],
            caption="../report/paper_tables.rst",
            category="Study",
            subcategory="Tables of a paper",
        ),
        figures=report(
            directory(ANALYSIS["figures"]),
            patterns=["{figure}.png"],
            caption="../report/paper_figures.rst",
            category="Study",
            subcategory="Figures of a paper",
        ),
        citation=report(ANALYSIS["citation"], caption="../report/methods.rst", category="Study", subcategory="Methods"),
        references=ANALYSIS["references"],
    log:
        f"{ROOT}logs/analyze_study.log",
    conda:
        CONDA
    params:
        **step(
            "AnalyzeStudy",
            dictionaries=DICTIONARIES,
            statistics=read_yaml(options.STATISTICS),
            columns=config["columns"],
            choices=config["analysis"],
            definition=REFLOW | {"name": "study" if "study" in DEFINITIONS else config["imr"]["preset"]},
            presets=DEFINITIONS,
            methods={name: config[name] for name in METHODS},
            all_enrolled=not (config["participants"] or config["exclude_participants"]),
            ratings=ask(facts.rated),
            unused_ratings=ask(facts.unused_ratings),
        ),
    message:
        "computing the statistics of the study"
    script:
        "../scripts/run_interface.py"
