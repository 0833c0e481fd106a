"""Steps that write the pages."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, TraitedSpec, traits

from reperfuse import __version__, interfaces
from reperfuse.files.sidecars import read_sidecar
from reperfuse.interfaces.base import Step, StepInputSpec, isdefined, page


class ReportPatientInputSpec(StepInputSpec):
    """Inputs of `ReportPatient`."""

    patient = File(exists=True, mandatory=True, desc="measures of the patient")
    sessions = InputMultiObject(File(exists=True), desc="measures of each session, in the order they are shown")
    figures = Directory(exists=True, mandatory=True, desc="figures of the sessions")
    results = InputMultiObject(File(exists=True), desc="what was made of the sessions: the page says how")
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")
    criteria = traits.Dict(desc="title of each criterion in the tables")
    profile = traits.Str(desc="the criterion that the page's first sentence names")
    clinical = traits.Dict(desc="what the study's tables say of the patient; None: not understood")
    ratings = traits.List(usedefault=True, desc="what raters say of the patient's sessions, a row of ratings.tsv each")


class PageOutputSpec(TraitedSpec):
    """Outputs of `ReportPatient` and `ReportStudy`."""

    page = page("a page that needs no other file")


class ReportPatient(Step):
    """Write the page of a patient."""

    input_spec = ReportPatientInputSpec
    output_spec = PageOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        from reperfuse.reports.patient import Study, render_patient
        from reperfuse.reports.provenance import environment, origins

        given = self.inputs
        study = Study(
            given.dictionaries,
            given.criteria if isdefined(given.criteria) else {},
            given.profile if isdefined(given.profile) else "",
            given.clinical if isdefined(given.clinical) else {},
            given.ratings,
        )
        files = [*self._paths("results"), *self._paths("sessions"), Path(given.patient)]
        text = render_patient(
            Path(given.patient),
            self._paths("sessions"),
            sorted(Path(given.figures).glob("*.png")),
            study,
            made=origins(files, _Settings()),
            viewer=next(map(read_sidecar, Path(given.figures).glob("*_desc-viewer_maps.json")), None),
            environment=environment(),
            version=__version__,
        )
        self._path("page").write_text(text, encoding="utf-8")

    def _paths(self, name: str) -> list[Path]:
        return [Path(path) for path in self._input_files().get(name, [])]


class _Settings(dict[str, dict[str, Any]]):
    """The settings a step takes from the configuration, with their defaults, by its name; looked up when asked for."""

    def __missing__(self, step: str) -> dict[str, Any]:
        spec = getattr(interfaces, step).input_spec()
        names = spec.trait_names(section=lambda section: section is not None) + spec.trait_names(is_setting=True)
        self[step] = {name: getattr(spec, name) for name in names}
        return self[step]


class ReportStudyInputSpec(StepInputSpec):
    """Inputs of `ReportStudy`."""

    sessions = File(exists=True, mandatory=True, desc="table of the sessions")
    patients = File(exists=True, mandatory=True, desc="table of the patients")
    failures = File(exists=True, mandatory=True, desc="table of what was not computed")
    ratings = File(exists=True, desc="table of what raters say of the sessions")
    tables = Directory(exists=True, mandatory=True, desc="tables of a paper")
    figures = Directory(exists=True, mandatory=True, desc="figures of a paper")
    pictures = InputMultiObject(Directory(exists=True), desc="figures of each patient")
    name = traits.Str("", usedefault=True, desc="name of the dataset")
    limits = traits.Dict(mandatory=True, desc="section `quality` of the configuration")
    has_pages = traits.Bool(True, usedefault=True, desc="each patient has a page")
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")


class ReportStudy(Step):
    """Write the page of the study, with a link to each patient's."""

    input_spec = ReportStudyInputSpec
    output_spec = PageOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        from reperfuse.reports.study import render_study

        text = render_study(
            Path(self.inputs.sessions),
            Path(self.inputs.patients),
            Path(self.inputs.failures),
            statistics=(Path(self.inputs.tables), Path(self.inputs.figures)),
            figures=[Path(folder) for folder in self.inputs.pictures] if isdefined(self.inputs.pictures) else [],
            ratings=Path(self.inputs.ratings) if isdefined(self.inputs.ratings) else None,
            name=self.inputs.name,
            limits=self.inputs.limits,
            has_pages=self.inputs.has_pages,
            dictionaries=self.inputs.dictionaries,
            version=__version__,
        )
        self._path("page").write_text(text, encoding="utf-8")
