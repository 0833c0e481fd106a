# Needs: the configuration.
# Gives: CATALOGUE, MANIFEST, OUTPUT_DIR, DICTIONARIES, and the functions that name the files of the other rules.
import gc
import inspect
import json
import sys

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError

from reperfuse import interfaces
from reperfuse.faults import DataFault
from reperfuse.study import options, results, settings
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.fingerprint import fingerprint
from reperfuse.study.index import index_study
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.yaml_lines import read_yaml

# the graph of a large study is millions of objects that live to the end; looking for garbage would take a tenth of the time
gc.set_threshold(100_000, 50, 100)

BASE = Path(workflow.basedir)
TABLES_OF_RESULTS = BASE / "workflow" / "schemas" / "tables.yaml"
CONDA = str(BASE / "envs" / "reperfuse.yaml")


wildcard_constraints:
    subject="[a-zA-Z0-9]+",
    session="[a-zA-Z0-9]+",
    datatype="perf|dwi|anat",


def prepare_study():
    """Check the configuration and fill in its paths; without a study, simulate the demo study."""
    schema = BASE / "workflow" / "schemas" / "config.schema.yaml"
    config.update(settings.check_config(config, schema, written_in=map(Path, workflow.configfiles)))
    if config["bids_dir"] is None:
        config["bids_dir"] = "demo"
        config["lesion_masks"] = "demo/derivatives/lesions"
        if workflow.is_main_process and not Path("demo").exists():
            simulate_demo(Path("demo"))
    if config["output_dir"] is None:
        config["output_dir"] = str(Path(config["bids_dir"]) / "derivatives" / "reperfuse")


def read_catalogue():
    """Read the catalogue of criteria, with the study's own."""
    return settings.read_criteria(
        BASE / "config" / "criteria.yaml",
        config["criteria"],
        BASE / "workflow" / "schemas" / "criteria.schema.yaml",
        taken=read_yaml(TABLES_OF_RESULTS)["sessions"],
        written_in=[Path(file) for file in workflow.configfiles],
    )


def simulate_demo(folder):
    """Simulate the demo study; it gets its name only when it is whole."""
    import shutil

    from reperfuse.simulation.study import simulate_study

    print("No study is named, so the demo study is simulated (about a minute) ...", file=sys.stderr)
    unfinished = folder.with_name(f".{folder.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    simulate_study(unfinished, processes=workflow.cores or 1)
    unfinished.rename(folder)


def read_manifest():
    """Index the study in the main process; every other process reads what that found."""
    if not workflow.is_main_process:
        return Manifest.read(Path(config["output_dir"]) / "logs" / "manifest.tsv")
    masks, arteries, brains = config["lesion_masks"], config["arterial_inputs"], config["brain_masks"]
    return index_study(
        Path(config["bids_dir"]),
        inputs=config["inputs"],
        roles=config["sessions"],
        participants=labels(config["participants"]),
        sessions=labels(config["include_sessions"]),
        lesion_masks=Path(masks) if masks else None,
        arterial_inputs=Path(arteries) if arteries else None,
        brain_masks=Path(brains) if brains else None,
        acquisition=config["acquisition"],
    )


def labels(wanted):
    """Return a list of labels, which a command line gives as 01,02."""
    if isinstance(wanted, list):
        return wanted
    return wanted.split(",") if isinstance(wanted, str) else [wanted]


def claim_results():
    """Before the first job: keep other runs out of the results, describe them, and write what the jobs read."""
    try:
        results.claim(OUTPUT_DIR)
        results.describe_results(OUTPUT_DIR, Path(config["bids_dir"]))
        MANIFEST.write(OUTPUT_DIR / "logs" / "manifest.tsv")
    except (StudyError, OSError) as fault:
        raise WorkflowError(f"output_dir: {fault}") from None


try:
    prepare_study()
    CATALOGUE = read_catalogue()
    MANIFEST = read_manifest()
    CLINICAL = ClinicalData(Path(config["bids_dir"]))
    REFLOW = options.read_reflow(options.REFLOW_PRESETS, config["imr"])
except (settings.ConfigError, StudyError) as fault:
    raise WorkflowError(str(fault)) from None
OUTPUT_DIR = Path(config["output_dir"])
SUBJECTS = sorted(MANIFEST.sessions)


# --- names -----------------------------------------------------------------------------------


def session_file(datatype, ending):
    """Return the pattern of a session's result."""
    folder = f"{OUTPUT_DIR}/sub-{{subject}}/ses-{{session}}"
    return f"{folder}/{datatype}/sub-{{subject}}_ses-{{session}}_{ending}"


def subject_file(ending):
    """Return the pattern of a patient's result."""
    return f"{OUTPUT_DIR}/sub-{{subject}}/sub-{{subject}}_{ending}"


#: A session's row of the tables.
SESSION_MEASURES = session_file("", "measures.json").replace("//", "/")


def session_log(rule):
    """Return the pattern of the log of a rule that runs once a session."""
    return f"{OUTPUT_DIR}/logs/{rule}/sub-{{subject}}_ses-{{session}}.log"


def subject_log(rule):
    """Return the pattern of the log of a rule that runs once a patient."""
    return f"{OUTPUT_DIR}/logs/{rule}/sub-{{subject}}.log"


def step(interface):
    """Return the params of a rule that runs a step: its name, and a hash of its source, so that a change reruns it."""
    return {"interface": interface, "fingerprint": fingerprint(interfaces.module_of(interface))}


def of_wildcards(function):
    """State the parameters of an input function; Snakemake asks for them at each of a large study's million calls."""
    overwrite_function_params(function, OF_WILDCARDS)
    return function


OF_WILDCARDS = inspect.signature(lambda wildcards: None).parameters


# --- what a session has ----------------------------------------------------------------------


def has(wildcards, *kinds):
    """Tell whether the session has a usable scan of one of these kinds."""
    return MANIFEST.has(wildcards.subject, wildcards.session, *kinds)


def has_each(subject, session, kinds):
    """Tell whether a session has a usable scan of each kind; alternatives are written with a bar, as in "dwi|adc"."""
    return all(MANIFEST.has(subject, session, *kind.split("|")) for kind in kinds)


def anchor(subject, session):
    """Return the datatype a session is registered to others by, None if it has no image for that."""
    for datatype, kinds in (("dwi", ("dwi", "adc")), ("perf", ("dsc",)), ("anat", ("flair",))):
        if session and MANIFEST.has(subject, session, *kinds):
            return datatype
    return None


def lesion_anchor(subject):
    """Return the datatype the follow-up lesion is drawn on: dwi, anat, or None."""
    session = MANIFEST.session_of(subject, "followup")
    if session and MANIFEST.has(subject, session, "dwi", "adc"):
        return "dwi"
    return "anat" if session and MANIFEST.has(subject, session, "flair") else None


def raw(kind, unless=None):
    """Return an input function: the session's raw scan of a kind, nothing if there is none.

    Nothing either if the session has a scan of the kind ``unless``, which is used in its place.
    """

    @of_wildcards
    def find(wildcards):
        scan = MANIFEST.find(wildcards.subject, wildcards.session, kind)
        return scan.path if scan and not (unless and has(wildcards, unless)) else []

    return find


def setting(kind, key, default=None):
    """Return an input or params function: what the manifest says of the session's scan."""

    @of_wildcards
    def find(wildcards):
        scan = MANIFEST.find(wildcards.subject, wildcards.session, kind)
        return json.loads(scan.settings).get(key, default) if scan else default

    return find


def if_has(pattern, *kinds):
    """Return an input function: the session's file if it has a scan of each of these kinds."""

    @of_wildcards
    def find(wildcards):
        return pattern.format(**wildcards) if has_each(wildcards.subject, wildcards.session, kinds) else []

    return find


def of_sessions(pattern, *kinds):
    """Return an input function: the file of each of the patient's sessions that has a scan of each of these kinds."""

    @of_wildcards
    def find(wildcards):
        subject = wildcards.subject
        sessions = [session for session in MANIFEST.sessions[subject] if has_each(subject, session, kinds)]
        return [pattern.format(subject=subject, session=session) for session in sessions]

    return find


@of_wildcards
def reference(wildcards):
    """Return the image that stands for a datatype of a session."""
    if wildcards.datatype == "anat":
        return MANIFEST.find(wildcards.subject, wildcards.session, "flair").path
    ending = {"perf": "dscref.nii.gz", "dwi": "dwiref.nii.gz"}[wildcards.datatype]
    return session_file(wildcards.datatype, ending).format(**wildcards)


#: What RegisterImages takes for a good fit.
FIT_LIMITS = {key: config["registration"][key] for key in ("min_brain_dice", "min_edge_agreement")}


@of_wildcards
def distortion_axis(wildcards):
    """Return the voxel axis along which the session's diffusion is distorted: none if that is not to be undone."""
    asked = config["registration"]["distortion_axis"]
    if asked != "sidecar":
        return asked
    scan = MANIFEST.find(wildcards.subject, wildcards.session, "dwi", "adc")
    return json.loads(scan.settings).get("phase_encoding_axis", "unknown")


@of_wildcards
def given_brain(wildcards):
    """Return the study's own brain mask of a datatype of a session, nothing if there is none."""
    scan = MANIFEST.find(wildcards.subject, wildcards.session, f"brain_{wildcards.datatype}")
    return scan.path if scan else []


# --- the follow-up session of a patient ------------------------------------------------------


def followup_file(ending):
    """Return an input function: a file of the patient's follow-up session, on the lesion's grid; nothing without one."""

    @of_wildcards
    def find(wildcards):
        subject = wildcards.subject
        session, datatype = MANIFEST.session_of(subject, "followup"), lesion_anchor(subject)
        return session_file(datatype, ending).format(subject=subject, session=session) if datatype else []

    return find


#: The follow-up lesion, in the folder of the scan it is drawn on.
followup_lesion = followup_file("desc-lesion_mask.nii.gz")


@of_wildcards
def followup_reference(wildcards):
    """Return the image the follow-up lesion is drawn on."""
    subject = wildcards.subject
    session = MANIFEST.session_of(subject, "followup")
    if lesion_anchor(subject) == "anat":
        return MANIFEST.find(subject, session, "flair").path
    return session_file("dwi", "dwiref.nii.gz").format(subject=subject, session=session)


def if_drawn_on_flair(find):
    """Return an input function: what another finds, if the follow-up lesion is drawn on FLAIR."""

    @of_wildcards
    def find_there(wildcards):
        return find(wildcards) if lesion_anchor(wildcards.subject) == "anat" else []

    return find_there


@of_wildcards
def lesion_reference(wildcards):
    """Return the image in which an automatic lesion is looked for: the trace image, else FLAIR."""
    if wildcards.datatype == "dwi":
        return session_file("dwi", "trace.nii.gz").format(**wildcards)
    return MANIFEST.find(wildcards.subject, wildcards.session, "flair").path


@of_wildcards
def expert_datatype(wildcards):
    """Return the datatype of the session's expert mask, empty if it has none."""
    scan = MANIFEST.find(wildcards.subject, wildcards.session, "lesion")
    return json.loads(scan.settings)["datatype"] if scan else ""


@of_wildcards
def expert_transform(wildcards):
    """Return the transform between the lesion's grid and an expert's mask drawn on another scan."""
    drawn_on = expert_datatype(wildcards)
    if lesion_anchor(wildcards.subject) == "dwi":
        if drawn_on == "anat" and has(wildcards, "flair"):
            return session_file("anat", "from-flair_to-dwi_mode-image_xfm.txt").format(**wildcards)
        if drawn_on == "perf" and has(wildcards, "dsc"):
            return session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt").format(**wildcards)
    return []


@of_wildcards
def chain_to_followup(wildcards):
    """Return the transforms from a session's perfusion space to the follow-up lesion."""
    via_diffusion = has(wildcards, "dwi", "adc")
    first = [session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt")] if via_diffusion else []
    last = session_file("dwi" if via_diffusion else "perf", "from-followup_to-anchor_mode-image_xfm.txt")
    return [pattern.format(**wildcards) for pattern in (*first, last)]


def role_file(role, datatype, ending, *kinds):
    """Return an input function: a file of the patient's session with a role, if it can be made."""

    @of_wildcards
    def find(wildcards):
        subject = wildcards.subject
        session = MANIFEST.session_of(subject, role)
        possible = session and has_each(subject, session, kinds)
        return session_file(datatype, ending).format(subject=subject, session=session) if possible else []

    return find


def growth_result(pattern):
    """Return an input function: a result on growth, if the patient has a baseline core and a follow-up lesion."""

    @of_wildcards
    def find(wildcards):
        subject = wildcards.subject
        baseline = MANIFEST.session_of(subject, "baseline")
        possible = baseline and MANIFEST.has(subject, baseline, "dwi", "adc") and lesion_anchor(subject)
        return pattern.format(subject=subject) if possible else []

    return find


#: What became of the baseline's core, on its own grid.
BASELINE_GROWTH = session_file("dwi", "desc-growth_dseg.nii.gz").replace("{session}", config["sessions"]["baseline"])
#: How far tissue has moved by the follow-up session, on the grid of the baseline's diffusion.
BASELINE_SWELLING = BASELINE_GROWTH.replace("desc-growth_dseg", "desc-swelling_xfm")


@of_wildcards
def swelling_file(wildcards):
    """Return the displacement that undoes swelling, if that is wanted and both sessions have a diffusion series.

    Of another pair, such as FLAIR and b0, the contrast is taken for displacement.
    """
    subject = wildcards.subject
    sessions = [MANIFEST.session_of(subject, role) for role in ("baseline", "followup")]
    wanted = config["growth"]["undo_swelling"] and all(MANIFEST.has(subject, session, "dwi") for session in sessions)
    return BASELINE_SWELLING.format(subject=subject) if wanted else []


#: The lesion in which reflow is judged, in the perfusion space after treatment.
REFLOW_LESION = "space-dscref_desc-{}_mask.nii.gz".format(
    {"followup": "lesion", "core": "baselinecore", "deficit": "baselinetmax6"}[REFLOW["lesion_source"]]
)
#: What of REFLOW the step itself takes.
REFLOW_PARAMETERS = """asymmetry_threshold rule noise_limit min_volume_ml min_covered_share
    min_one_sided_share""".split()


@of_wildcards
def baseline_mask(wildcards):
    """Return the baseline's core or deficit in its own perfusion space."""
    datatype, ending = {
        "core": ("dwi", "space-dscref_desc-core_mask.nii.gz"),
        "tmax6": ("perf", "desc-tmax6_mask.nii.gz"),
    }[wildcards.source]
    return role_file("baseline", datatype, ending)(wildcards)


def has_reflow(subject):
    """Tell whether a patient has what reflow is judged from: perfusion after treatment, and the lesion."""
    baseline, post = (MANIFEST.session_of(subject, role) for role in ("baseline", "post"))
    if not (post and MANIFEST.has(subject, post, "dsc")):
        return False
    if REFLOW["lesion_source"] == "followup":
        return lesion_anchor(subject) is not None
    kinds = ("dsc", "dwi|adc") if REFLOW["lesion_source"] == "core" else ("dsc",)
    return bool(baseline) and has_each(subject, baseline, kinds)


def reflow_result(ending):
    """Return an input function: a result on the patient's reflow, if it can be judged."""
    after = role_file("post", "perf", ending)

    @of_wildcards
    def find(wildcards):
        return after(wildcards) if has_reflow(wildcards.subject) else []

    return find


#: What is measured of the patient's reflow.
reflow_document = reflow_result("desc-imr_measures.json")


def deficits_result(ending):
    """Return an input function: a result on the patient's deficit before and after treatment, if both were scanned."""
    before, after = role_file("baseline", "perf", ending, "dsc"), role_file("post", "perf", ending, "dsc")

    @of_wildcards
    def find(wildcards):
        return after(wildcards) if before(wildcards) else []

    return find


def measures(role):
    """Return an input function: the measures of the patient's session with a role."""

    @of_wildcards
    def find(wildcards):
        session = MANIFEST.session_of(wildcards.subject, role)
        return SESSION_MEASURES.format(subject=wildcards.subject, session=session) if session else []

    return find


@of_wildcards
def post_measures(wildcards):
    """Return the measures of the session after treatment if this is the baseline session."""
    is_baseline = MANIFEST.role(wildcards.subject, wildcards.session) == "baseline"
    return measures("post")(wildcards) if is_baseline else []


@of_wildcards
def own_reflow(wildcards):
    """Return the reflow document if this is the session after treatment."""
    is_post = MANIFEST.role(wildcards.subject, wildcards.session) == "post"
    return reflow_document(wildcards) if is_post else []


@of_wildcards
def patient_measures(wildcards):
    """List the measures of a patient's sessions."""
    subject = wildcards.subject
    return [SESSION_MEASURES.format(subject=subject, session=session) for session in MANIFEST.sessions[subject]]


def is_tabulated(subject):
    """Tell whether a patient goes into the tables: all do, unless those that are not finished are to be left out."""
    finished = subject_file("measures.json").format(subject=subject)
    return config["group_over"] == "all" or Path(finished).exists()


@of_wildcards
def tabulated_patients(wildcards):
    """List the measures of the patients that go into the tables."""
    return [subject_file("measures.json").format(subject=subject) for subject in SUBJECTS if is_tabulated(subject)]


@of_wildcards
def tabulated_sessions(wildcards):
    """List the measures of the sessions that go into the tables."""
    return [
        SESSION_MEASURES.format(subject=subject, session=session)
        for subject in SUBJECTS
        if is_tabulated(subject)
        for session in MANIFEST.sessions[subject]
    ]


@of_wildcards
def left_out(wildcards):
    """List [participant_id, what, reason] of the patients that are left out, and of scans that belong to no session."""
    unfinished = [subject for subject in SUBJECTS if not is_tabulated(subject)]
    return [[f"sub-{subject}", "patient", "not finished; the next run resumes"] for subject in unfinished] + [
        [f"sub-{scan.participant}", scan.kind, scan.reason] for scan in MANIFEST.scans if not scan.session
    ]


def criterion_column(criterion):
    """Return a criterion's entry in the data dictionary: where it is from, and each class with its rules."""
    levels = {}
    for candidate in criterion["classes"]:
        rules = " and ".join(candidate["all"]) if "all" in candidate else " or ".join(candidate["any"])
        levels.setdefault(candidate["name"], []).append(rules)
    compared = f"deficit {criterion.get('deficit', 'tmax6_ml')}, core {criterion.get('core', 'core_ml')}"
    source = "" if criterion["doi"] == "none" else f", doi:{criterion['doi']}"
    return {
        "Description": f"Class of a baseline session by {criterion['title']}{source}; {compared}",
        "Levels": {name: "; or ".join(rules) for name, rules in levels.items()}
        | {criterion["otherwise"]: "none of the others"},
    }


def table_dictionaries():
    """Return the data dictionary of each table, with a column for every criterion of the catalogue."""
    tables = read_yaml(TABLES_OF_RESULTS)
    columns = {}
    for name, entry in tables.pop("sessions").items():
        columns[name] = entry
        if name == "hir":
            for criterion, definition in CATALOGUE.items():
                columns[criterion] = criterion_column(definition)
    return {"sessions": columns, **tables}


DICTIONARIES = table_dictionaries()


# --- what is delivered -----------------------------------------------------------------------

#: Results of a session with perfusion, with diffusion, with both, and after treatment with a follow-up lesion.
DELIVERED = {
    "perf": """desc-moco_dsc.nii.gz dscref.nii.gz desc-motion_timeseries.tsv from-dscref_to-dsc_mode-points_xfm.tsv
        desc-brain_mask.nii.gz desc-aif_timeseries.tsv cbf.nii.gz cbv.nii.gz mtt.nii.gz tmax.nii.gz ttp.nii.gz
        desc-rel_cbf.nii.gz desc-rel_cbv.nii.gz desc-tmax4_mask.nii.gz desc-tmax6_mask.nii.gz
        desc-tmax8_mask.nii.gz desc-tmax10_mask.nii.gz""".split(),
    "dwi": "ADC.nii.gz trace.nii.gz desc-core_mask.nii.gz".split(),
    "both": """space-dscref_ADC.nii.gz space-dscref_trace.nii.gz space-dscref_desc-core_mask.nii.gz
        from-dwi_to-dscref_mode-image_xfm.txt""".split(),
    "lesion": ["space-dscref_desc-lesion_mask.nii.gz"],
    "reflow": "desc-mirror_cbv.nii.gz desc-asymmetry_cbv.nii.gz desc-imr_mask.nii.gz".split(),
}


def chain_results(subject, session):
    """List the results of a session that its row of the tables hangs on, or that are made with those."""
    perfusion = MANIFEST.has(subject, session, "dsc")
    diffusion = MANIFEST.has(subject, session, "dwi", "adc")
    patterns = [session_file("perf", name) for name in DELIVERED["perf"] if perfusion]
    patterns += [session_file("dwi", name) for name in DELIVERED["dwi"] if diffusion]
    if perfusion and diffusion:
        patterns += [session_file("dwi", name) for name in DELIVERED["both"]]
        patterns.append(session_file("perf", "desc-penumbra_mask.nii.gz"))
    return [pattern.format(subject=subject, session=session) for pattern in patterns]


def comparison_results(subject, session):
    """List the results of a session that compare it with others."""
    role, patterns = MANIFEST.role(subject, session), []
    if role == "followup" and lesion_anchor(subject):
        patterns.append(session_file(lesion_anchor(subject), "desc-lesion_mask.nii.gz"))
    if role == "post" and MANIFEST.has(subject, session, "dsc") and lesion_anchor(subject):
        patterns += [session_file("perf", name) for name in DELIVERED["lesion"]]
    if role == "post" and has_reflow(subject):
        patterns += [session_file("perf", name) for name in DELIVERED["reflow"]]
    return [pattern.format(subject=subject, session=session) for pattern in patterns]


@of_wildcards
def missing_results(wildcards):
    """List the results that are not there, be it that one was deleted.

    Those of a chain are left to the session's row while that is not there either: a large study has a hundred
    thousand of them.
    """
    found = []
    for subject in SUBJECTS:
        for session in MANIFEST.sessions[subject]:
            is_measured = Path(SESSION_MEASURES.format(subject=subject, session=session)).exists()
            found += comparison_results(subject, session)
            found += chain_results(subject, session) if is_measured else []
    return [path for path in found if not Path(path).exists()]


# --- what is absent, and why -----------------------------------------------------------------


@of_wildcards
def absent_scans(wildcards):
    """List [what, reason] for the scans of a session that are missing or cannot be used."""
    subject, session = wildcards.subject, wildcards.session
    absences = [[kind, reason] for kind, reason in MANIFEST.reasons(subject, session)]
    for what, kinds in (("perfusion", ("dsc",)), ("diffusion", ("dwi", "adc"))):
        if not MANIFEST.has(subject, session, *kinds):
            absences.append([what, f"the session has no usable {' or '.join(kinds)} scan"])
    return absences


@of_wildcards
def absent_comparisons(wildcards):
    """List [what, reason] for the comparisons of sessions that a patient's scans do not allow."""
    subject = wildcards.subject
    sessions = {role: MANIFEST.session_of(subject, role) for role in config["sessions"]}
    missing = {role: f"no session {config['sessions'][role]}" for role, ses in sessions.items() if not ses}

    def lacks(role, what, *kinds):
        if role in missing:
            return missing[role]
        return "" if MANIFEST.has(subject, sessions[role], *kinds) else f"no {what} in session {sessions[role]}"

    lesion = lacks("followup", "diffusion or FLAIR scan", "dwi", "adc", "flair")
    diffusion, perfusion = lacks("baseline", "diffusion scan", "dwi", "adc"), lacks("baseline", "perfusion scan", "dsc")
    perfusion_after = lacks("post", "perfusion scan", "dsc")
    judged_in = {"followup": [lesion], "core": [diffusion, perfusion], "deficit": [perfusion]}
    needs = {
        "lesion": [lesion],
        "growth": [diffusion, lesion],
        "reperfusion": [perfusion, perfusion_after],
        "reflow": [perfusion_after, *judged_in[REFLOW["lesion_source"]]],
    }
    dated = [(role, CLINICAL.value(subject, ses, "acq_time")) for role, ses in sessions.items() if ses]
    dated = [(role, date) for role, date in dated if date]
    needs["order of sessions"] = [
        f"session {sessions[later]} ({later}) is dated before session {sessions[earlier]} ({earlier}); check `sessions`"
        for (earlier, first), (later, second) in zip(dated, dated[1:])
        if second < first
    ]
    return [[what, "; ".join(filter(None, faults))] for what, faults in needs.items() if any(faults)]


@of_wildcards
def imr_exclusions(wildcards):
    """List the reasons, from the clinical columns, why a patient's reflow cannot be judged."""
    subject = wildcards.subject
    post = MANIFEST.session_of(subject, "post")
    reasons = {
        "ica_occlusion": "carotid occlusion",
        "hemorrhagic_transformation": "haemorrhagic transformation",
        "reocclusion": "reocclusion",
    }
    wanted = [key for key in reasons if key in REFLOW["exclusions"]]
    found = [reasons[key] for key in wanted if CLINICAL.is_set(subject, post, config["columns"][key])]
    # where the artery never opened, the deficit says nothing of the microvessels
    grade = CLINICAL.grade(subject, post, config["columns"]["mtici"]) if "mtici" in REFLOW["exclusions"] else ""
    return found + ([f"not recanalised (mTICI {grade})"] if grade in ("0", "1", "2a") else [])


@of_wildcards
def hours_from_treatment(wildcards):
    """Return [hours from treatment to the scan after it, why they are not known]."""
    post = MANIFEST.session_of(wildcards.subject, "post")
    try:
        return [CLINICAL.hours_from_onset(wildcards.subject, post, config["columns"]["treatment_time"]), ""]
    except DataFault as fault:
        return [None, str(fault)]


@of_wildcards
def lesion_side(wildcards):
    """Return left, right or unknown: the symptomatic hemisphere."""
    side = CLINICAL.value(wildcards.subject, wildcards.session, config["columns"]["side"]).lower()
    return {"left": "left", "l": "left", "right": "right", "r": "right"}.get(side, "unknown")


@of_wildcards
def mirror_of_known_side(wildcards):
    """Return the mirror plane in perfusion space if only the symptomatic side is to count and is known."""
    wanted = config["hypoperfusion"]["symptomatic_side_only"] and lesion_side(wildcards) != "unknown"
    return session_file("perf", "desc-mirror_xfm.json").format(**wildcards) if wanted else []


@of_wildcards
def clinical_values(wildcards):
    """Return [value, why it is not known] of what criteria may ask of a patient."""
    subject, session, columns = wildcards.subject, wildcards.session, config["columns"]
    questions = {
        "age": lambda: CLINICAL.number(subject, session, columns["age"]),
        "nihss_baseline": lambda: CLINICAL.number(subject, session, columns["nihss_baseline"]),
        "hours_from_onset": lambda: CLINICAL.hours_from_onset(subject, session, columns["onset_time"]),
    }
    values = {}
    for name, ask in questions.items():
        try:
            values[name] = [ask(), ""]
        except DataFault as fault:
            values[name] = [None, str(fault)]
    return values
