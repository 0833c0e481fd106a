"""Steps that write the pages."""

from pathlib import Path

from nipype.interfaces.base import Directory, File, InputMultiObject, TraitedSpec, traits

from reperfuse import __version__
from reperfuse.interfaces.base import Step, StepInputSpec, isdefined, page


class ReportPatientInputSpec(StepInputSpec):
    """Inputs of `ReportPatient`."""

    patient = File(exists=True, mandatory=True, desc="measures of the patient")
    sessions = InputMultiObject(File(exists=True), desc="measures of each session, in the order they are shown")
    figures = Directory(exists=True, mandatory=True, desc="figures of the sessions")
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")
    criteria = traits.Dict(desc="title of each criterion in the tables")


class PageOutputSpec(TraitedSpec):
    """Outputs of `ReportPatient` and `ReportStudy`."""

    page = page("a page that needs no other file")


class ReportPatient(Step):
    """Write the page of a patient."""

    input_spec = ReportPatientInputSpec
    output_spec = PageOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        from reperfuse.reports.page import render_patient

        text = render_patient(
            Path(self.inputs.patient),
            [Path(path) for path in self.inputs.sessions] if isdefined(self.inputs.sessions) else [],
            sorted(Path(self.inputs.figures).glob("*.png")),
            dictionaries=self.inputs.dictionaries,
            criteria=self.inputs.criteria if isdefined(self.inputs.criteria) else {},
            version=__version__,
        )
        self._path("page").write_text(text, encoding="utf-8")


class ReportStudyInputSpec(StepInputSpec):
    """Inputs of `ReportStudy`."""

    sessions = File(exists=True, mandatory=True, desc="table of the sessions")
    patients = File(exists=True, mandatory=True, desc="table of the patients")
    failures = File(exists=True, mandatory=True, desc="table of what was not computed")
    tables = Directory(exists=True, mandatory=True, desc="tables of a paper")
    figures = Directory(exists=True, mandatory=True, desc="figures of a paper")
    pictures = InputMultiObject(Directory(exists=True), desc="figures of each patient")
    name = traits.Str("", usedefault=True, desc="of the dataset")
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
            name=self.inputs.name,
            limits=self.inputs.limits,
            has_pages=self.inputs.has_pages,
            dictionaries=self.inputs.dictionaries,
            version=__version__,
        )
        self._path("page").write_text(text, encoding="utf-8")
