"""The step that turns the tables of a study into those of a paper."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from reperfuse.files.sidecars import write_json
from reperfuse.files.tables import format_cell, read_rows, table_text
from reperfuse.interfaces.base import Step, StepInputSpec, folder, isdefined, table, text
from reperfuse.study.clinical import ClinicalData


class AnalyzeStudyInputSpec(StepInputSpec):
    """Inputs of `AnalyzeStudy`."""

    sessions = File(exists=True, mandatory=True, desc="table of the sessions")
    patients = File(exists=True, mandatory=True, desc="table of the patients")
    reflow = File(exists=True, mandatory=True, desc="table of the volumes impaired by each definition")
    people = InputMultiObject(File(exists=True, of_study=True), desc="the study's participants.tsv and sessions.tsv")
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")
    statistics = traits.Dict(mandatory=True, desc="title and columns of each table of a paper")
    columns = traits.Dict(desc="what the study calls its clinical columns")
    choices = traits.Dict(mandatory=True, desc="what is analysed (config, analysis)")
    definition = traits.Dict(mandatory=True, desc="what counts as impaired reflow")
    presets = traits.Dict(mandatory=True, desc="definitions of impaired reflow")
    methods = traits.Dict(mandatory=True, desc="settings that the methods paragraph tells")
    ratings = traits.List(usedefault=True, desc="what readers say of the sessions, a row of ratings.tsv each")
    unused_ratings = traits.List(usedefault=True, desc="[participant_id, what, reason] of ratings that are not used")
    all_enrolled = traits.Bool(True, usedefault=True, desc="people of participants.tsv without a scan count too")


class AnalyzeStudyOutputSpec(TraitedSpec):
    """Outputs of `AnalyzeStudy`."""

    analysis = table("a row a patient: clinical columns and results")
    ratings = table("what readers say of the sessions")
    imr = table("how often reflow is impaired by every definition, threshold, cut and set of exclusions")
    tables = folder("tables of a paper")
    figures = folder("figures of a paper")
    citation = text("how the study was analysed, to be pasted into a paper", ".md")
    references = text("what it cites, as BibTeX", ".bib")


class AnalyzeStudy(Step):
    """Write the tables, figures and methods paragraph of a paper."""

    input_spec = AnalyzeStudyInputSpec
    output_spec = AnalyzeStudyOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        from reperfuse.analysis.paper import Choices
        from reperfuse.analysis.study import analyze

        paper = analyze(
            {name: read_rows(getattr(self.inputs, name)) for name in ("patients", "sessions", "reflow")},
            ClinicalData(self._study(), self.inputs.columns if isdefined(self.inputs.columns) else {}),
            Choices(**self.inputs.choices),
            self.inputs.dictionaries,
            definition=self.inputs.definition,
            presets=self.inputs.presets,
            methods=self.inputs.methods,
            all_enrolled=self.inputs.all_enrolled,
            ratings=self.inputs.ratings,
        )
        paper.tables["not_done"] += [
            {"what": f"{what} of {name}" if name != "n/a" else what, "reason": reason}
            for name, what, reason in self.inputs.unused_ratings
        ]
        own = {name: {"Description": "Column of the study's own"} for name in paper.frame.columns}
        people = ({str(key): value for key, value in row.items()} for row in paper.frame.to_dict("records"))
        self.save_rows("analysis", people, own | self.inputs.dictionaries["analysis"])
        self.save_rows("ratings", self.inputs.ratings, self.inputs.dictionaries["ratings"])
        self.save_rows("imr", paper.definitions, self.inputs.dictionaries["imr"])
        self._save_tables(paper.tables)
        self._save_drawings(paper.drawings)
        self._path("citation").write_text(paper.methods, encoding="utf-8")
        self._path("references").write_text(paper.references, encoding="utf-8")

    def _study(self) -> Path:
        """Return the folder of the study, by its tables of people."""
        first = Path(self.inputs.people[0]) if isdefined(self.inputs.people) and self.inputs.people else Path("none")
        return first.parent if first.name == "participants.tsv" else first.parent.parent

    def _save_tables(self, tables: Mapping[str, list[dict[str, Any]]]) -> None:
        place = self._path("tables")
        place.mkdir()
        for name, rows in tables.items():
            about = self.inputs.statistics[name]
            cells = ([format_cell(row.get(column)) for column in about["columns"]] for row in rows)
            (place / f"{name}.tsv").write_text(table_text(about["columns"], cells), encoding="utf-8")
            write_json(place / f"{name}.json", {"Description": about["title"], **about["columns"]})

    def _save_drawings(self, drawings: Mapping[str, Any]) -> None:
        from reperfuse.analysis.figures.style import save

        place = self._path("figures")
        place.mkdir()
        for name, drawing in drawings.items():
            save(drawing, place / name)
            write_json(place / f"{name}.json", {"Description": drawing.caption, "AlternativeText": drawing.alt})

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self.inputs, name) for name in ("choices", "definition", "all_enrolled")}
