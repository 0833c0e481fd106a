# Needs: finished maps, masks, curves and measures, and the tables of the study with its analysis.
# Gives: the figures of every patient, a page for each and one for the study.

PAGES = expand(f"{ROOT}sub-{{subject}}.html", subject=PLAN.subjects)
STUDY_PAGE = f"{ROOT}group.html"
FIGURES = f"{ROOT}sub-{{subject}}/figures"


rule plot_patient:
    input:
        ask_all(
            trace=ask(Plan.each, "trace"),
            adc=ask(Plan.each, "adc"),
            dwiref=ask(Plan.each, "dwiref"),
            diffusion_brain=ask(Plan.each, "brain", datatype="dwi"),
            core=ask(Plan.each, "core"),
            adc_sweep=ask(Plan.each, "adc_sweep"),
            lesion=ask(Plan.with_lesion, "lesion"),
            growth=ask(Plan.of_role, "baseline", "change"),
            flair=ask(Plan.flair_drawn_on, "image"),
            flair_brain=ask(Plan.flair_drawn_on, "brain"),
            reference=ask(Plan.each, "dscref"),
            perfusion_brain=ask(Plan.each, "brain", datatype="perf"),
            cbf=ask(Plan.each, "cbf"),
            cbv=ask(Plan.each, "cbv"),
            rcbf=ask(Plan.each, "rcbf"),
            rcbv=ask(Plan.each, "rcbv"),
            att=ask(Plan.each, "att"),
            lowflow40=ask(Plan.each, "lowflow40"),
            mtt=ask(Plan.each, "mtt"),
            tmax=ask(Plan.each, "tmax"),
            tmax6=ask(Plan.each, "tmax6"),
            tmax_sweep=ask(Plan.each, "tmax_sweep"),
            rcbf_sweep=ask(Plan.each, "rcbf_sweep"),
            trace_dscref=ask(Plan.each, "trace_dscref"),
            core_dscref=ask(Plan.cores_in_perfusion),
            penumbra=ask(Plan.each, "penumbra"),
            motion=ask(Plan.each, "motion"),
            curves=ask(Plan.each, "aif"),
            earlier_tmax=ask(Plan.of_role, "post", "earlier_tmax"),
            deficits=ask(Plan.of_role, "post", "deficits"),
            mirror=ask(Plan.each, "mirror", datatype="perf"),
            reflow_lesion=ask(Plan.reflow_lesions),
            mirrored=ask(Plan.each, "mirrored"),
            asymmetry=ask(Plan.each, "asymmetry"),
            imr=ask(Plan.each, "imr"),
            asymmetry_sweep=ask(Plan.each, "asymmetry_sweep"),
            swelling=ask(Plan.of_role, "baseline", "swelling"),
            to_diffusion=ask(Plan.each, "dwi_to_dscref"),
            to_baseline=ask(Plan.each, "baseline_to_dscref"),
            to_followup=ask(Plan.followed_up),
        ),
    output:
        figures=report(
            directory(FIGURES),
            patterns=["{figure}.png"],
            caption="../report/patient_figures.rst",
            category="Patients",
            subcategory="sub-{subject}",
            labels={"figure": "{figure}"},
        ),
    log:
        subject_log("plot_patient"),
    conda:
        CONDA
    params:
        **step(
            "PlotPatient",
            participant=lambda wildcards: wildcards.subject,
            sessions=ask(Plan.sessions),
            roles=ask(Plan.roles),
        ),
    message:
        "drawing the figures"
    script:
        "../scripts/run_interface.py"


rule report_patient:
    input:
        patient=result("patient"),
        sessions=ask(Plan.each, "measures"),
        figures=FIGURES,
        results=ask(delivery.told_results),
    output:
        page=report(
            f"{ROOT}sub-{{subject}}.html",
            caption="../report/patient_page.rst",
            category="Patients",
            subcategory="sub-{subject}",
            labels={"figure": "page"},
        ),
    log:
        subject_log("report_patient"),
    conda:
        CONDA
    params:
        **step(
            "ReportPatient",
            dictionaries=DICTIONARIES,
            criteria={name: entry["title"] for name, entry in CATALOGUE.items()},
            profile=config["analysis"]["profile"],
            clinical=ask(facts.clinical_values),
            ratings=ask(facts.rated),
        ),
    message:
        "writing the page of the patient"
    script:
        "../scripts/run_interface.py"


rule report_study:
    input:
        sessions=f"{TABULATED}/sessions.tsv",
        patients=f"{TABULATED}/patients.tsv",
        failures=f"{TABULATED}/failures.tsv",
        ratings=ANALYSIS["ratings"],
        tables=ANALYSIS["tables"],
        figures=ANALYSIS["figures"],
        pictures=([] if config["group_tables"] else lambda wildcards: expand(FIGURES, subject=delivery.tabulated(PLAN))),
    output:
        page=report(STUDY_PAGE, caption="../report/study_page.rst", category="Study", subcategory="Page"),
    log:
        f"{ROOT}logs/report_study.log",
    conda:
        CONDA
    params:
        **step(
            "ReportStudy",
            name=results.dataset_name(Path(config["bids_dir"])),
            limits=config["quality"],
            has_pages=not config["group_tables"],
            dictionaries=DICTIONARIES,
        ),
    message:
        "writing the page of the study"
    script:
        "../scripts/run_interface.py"
