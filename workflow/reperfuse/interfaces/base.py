"""What every step shares: load, one call, save; and what a fault of the data becomes."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, Directory, File, SimpleInterface, isdefined, traits
from numpy.typing import NDArray

from reperfuse import __version__
from reperfuse.faults import DataFault
from reperfuse.files import nifti, sidecars
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.files.tables import format_cell, table_text
from reperfuse.study import options
from reperfuse.study.dictionaries import public_entry
from reperfuse.study.options import Option
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.bits import bit_field
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Transform

#: Patient and session that a file's name begins with.
_LABELS = re.compile(r"sub-[^_]+_(ses-[^_]+_)?")


def image(desc: str, units: str | None = None, **metadata: Any) -> File:
    """Return an output trait for an image; ``units`` goes into its sidecar.

    So does ``caplex``, code to name of the quantity in OSIPI's lexicon of perfusion (doi:10.1002/mrm.29840).
    """
    return File(desc=f"{desc} ({units})" if units else desc, units=units, ending=".nii.gz", **metadata)


def sweep(desc: str) -> File:
    """Return an output trait for the masks that several thresholds give, see `Step.save_sweep`."""
    return image(f"{desc} each of the thresholds: bit i, of value 2^i, is set where the mask at the i-th holds a voxel")


def table(desc: str) -> File:
    """Return an output trait for a TSV table."""
    return File(desc=desc, ending=".tsv")


def document(desc: str) -> File:
    """Return an output trait for a JSON document, which is its own sidecar."""
    return File(desc=desc, ending=".json")


def folder(desc: str) -> Directory:
    """Return an output trait for a folder of files."""
    return Directory(desc=desc, ending="")


def text(desc: str, ending: str) -> File:
    """Return an output trait for a file of text."""
    return File(desc=desc, ending=ending)


def page(desc: str) -> File:
    """Return an output trait for an HTML page."""
    return File(desc=desc, ending=".html")


def transform_file(desc: str) -> File:
    """Return an output trait for an ITK transform."""
    return File(desc=desc, ending=".txt")


class StepInputSpec(BaseInterfaceInputSpec):
    """Inputs of a step: a ``File`` trait is a file, every other trait a parameter.

    What another program wrote beside a file that is ``of_study`` is no reason of ours, and is not read for one.
    """


def takes(section: str, *names: str) -> Callable[[type[StepInputSpec]], type[StepInputSpec]]:
    """Return a decorator that gives a step options of a section of config/config.yaml, with the defaults there.

    Parameters
    ----------
    section : str
    *names : str
        The options; all of the section by default.
    """

    def add(spec: type[StepInputSpec]) -> type[StepInputSpec]:
        found = options.options(section)
        for name in names or found:
            spec.add_class_trait(name, _trait(found[name], section))
        return spec

    return add


def _trait(option: Option, section: str) -> Any:
    about = {"usedefault": True, "desc": option.explanation, "section": section}
    if "enum" in option.schema:
        return traits.Enum(option.default, option.schema["enum"], **about)
    of_type = {
        "boolean": traits.Bool,
        "integer": traits.Int,
        "number": traits.Float,
        "array": traits.List,
    }
    kinds = option.schema["type"]
    if isinstance(kinds, str):
        return of_type[kinds](option.default, **about)
    (kind,) = set(kinds) - {"null"}
    return traits.Union(None, of_type[kind](), default_value=option.default, **about)


class Step(SimpleInterface):
    """A step of the workflow.

    A subclass writes ``_compute``: load its inputs, call one piece of science, save its results
    under the names of its output traits. The files are written into the working directory.

    A fault of the data (`DataFault`, or an input that carries a reason itself) is no crash: every
    output becomes a file without a value (an image of NaN, a table without rows) whose sidecar
    says why, and so on down the chain. It is printed, too.

    Outputs are named after an input file that the step needs: by its patient and session, else by its whole name.
    """

    #: A step that reports on faults looks at its inputs' reasons itself.
    tolerates_faults = False
    #: Inputs whose reason the step does not inherit: it can do without them, and says so.
    does_without: tuple[str, ...] = ()
    #: It takes a file of the study's own in place of what it would find: where that cannot be read, it has no result.
    takes_given = False

    def __init__(self, **inputs: Any) -> None:
        super().__init__(**inputs)
        #: The files that each output was made of, once `run_by` has made it.
        self.sources: dict[str, list[str]] = {}

    def _compute(self) -> None:
        raise NotImplementedError

    def run(self, cwd: str | Path | None = None, **inputs: Any) -> Any:
        """Run the step in a folder, the present one by default, in which its outputs lie afterwards."""
        self.inputs.trait_set(**inputs)
        for name, paths in self._input_files().items():
            is_one = not isinstance(getattr(self.inputs, name), list)
            whole = [str(Path(path).absolute()) for path in paths]
            setattr(self.inputs, name, whole[0] if is_one else whole)
        folder = Path(cwd or ".").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return super().run(cwd=str(folder))

    def run_by(self, run: Callable[["Step", Path], Mapping[str, Any]], folder: Path) -> dict[str, Any]:
        """Run the step, or each that it consists of, in a folder the way a function does; return the outputs."""
        outputs = dict(run(self, folder))
        self.sources = dict.fromkeys(outputs, self.used())
        return outputs

    def used(self) -> list[str]:
        """Return the files that the step was given."""
        return [path for paths in self._input_files().values() for path in paths]

    def fail(self, folder: Path, reason: str) -> dict[str, Any]:
        """Save every output as one without a value, and return their paths."""
        self._folder = folder
        self._save_faults([reason])
        return dict(self._results)

    def _save_faults(self, reasons: list[str]) -> None:
        self._results.clear()
        for name in self.output_spec().copyable_trait_names():
            self.save_fault(name, reasons)

    def _run_interface(self, runtime: Any) -> Any:
        self._folder = Path(runtime.cwd)
        inherited: list[str] = []
        try:
            inherited = [] if self.tolerates_faults else self._inherited_reasons()
            if inherited:
                raise DataFault("; ".join(inherited))
            self._compute()
        except DataFault as fault:
            print(f"{type(self).__name__}: {fault}", file=sys.stderr)
            self._save_faults(inherited or [str(fault)])
        return runtime

    def _input_files(self) -> dict[str, list[str]]:
        files = {}
        for name, trait in self.inputs.traits(transient=None).items():
            value = getattr(self.inputs, name)
            if trait.is_trait_type((File, Directory)) and isdefined(value):
                files[name] = [str(value)]
            elif isinstance(value, list) and trait.inner_traits and trait.inner_traits[0].is_trait_type(File):
                files[name] = [str(item) for item in value]
        return files

    def _good(self, name: str) -> str | None:
        """Return the path of an input that is given and carries no reason, else None."""
        path = getattr(self.inputs, name)
        return str(path) if isdefined(path) and not sidecars.reasons(path) else None

    def _refuse_faults(self, *needed: str) -> None:
        """Fail with the reasons that inputs carry, in a step that tolerates those of others."""
        reasons = [reason for name in needed for reason in sidecars.reasons(getattr(self.inputs, name))]
        if reasons:
            raise DataFault("; ".join(dict.fromkeys(reasons)))

    def _inherited_reasons(self) -> list[str]:
        without = {*self.does_without, *self.inputs.trait_names(of_study=True)}
        needed = [paths for name, paths in self._input_files().items() if name not in without]
        return list(dict.fromkeys(reason for paths in needed for path in paths for reason in sidecars.reasons(path)))

    def _options(self, section: str, *without: str) -> dict[str, Any]:
        """Return the values of the options the step takes from a section of the configuration."""
        names = self.inputs.trait_names(section=section)
        return {name: getattr(self.inputs, name) for name in names if name not in without}

    def _parameters(self) -> dict[str, Any]:
        files = self._input_files()
        values = {name: getattr(self.inputs, name) for name in self.inputs.copyable_trait_names()}
        return {name: value for name, value in values.items() if name not in files and isdefined(value)}

    def _path(self, name: str) -> Path:
        ending = self.output_spec().trait(name).ending
        path = self._folder / f"{self._named_after()}{name}{ending}"
        self._results[name] = str(path)
        return path

    def _named_after(self) -> str:
        files, needed = self._input_files(), self.inputs.traits(mandatory=True)
        first = min(files, key=lambda name: (name not in needed, name), default=None)
        given = Path(files[first][0]).name if first else ""
        labels = _LABELS.match(given)
        return labels[0] if labels else f"{given.partition('.')[0]}_".lstrip("_")

    def _sidecar(self, name: str, extra: dict[str, Any]) -> dict[str, Any]:
        trait = self.output_spec().trait(name)
        content: dict[str, Any] = {
            "Description": trait.desc,
            "GeneratedBy": [{"Name": "reperfuse", "Version": __version__, "Step": type(self).__name__}],
            "Parameters": self._parameters(),
        }
        if trait.units:
            content["Units"] = trait.units
        if trait.caplex:
            content["OSIPICAPLEX"] = [{"Code": code, "Name": named} for code, named in trait.caplex.items()]
        if trait.whole_head:
            content["SkullStripped"] = False  # BIDS requires it of an anatomical or diffusion map
        return content | extra

    def save_image(
        self,
        name: str,
        data: NDArray[Any],
        like: Image,
        frame_spacing_s: float | None = None,
        **extra: Any,
    ) -> None:
        """Save an output image on the grid of another, ``extra`` going into its sidecar."""
        sidecar = self._sidecar(name, extra)
        nifti.save(self._path(name), data, like.affine, sidecar=sidecar, frame_spacing_s=frame_spacing_s)

    def save_sweep(self, name: str, masks: Mapping[float, Mask], like: Image, units: str, own: float) -> None:
        """Save the masks found at several thresholds, in ``units``, as a field of bits; ``own`` is the study's."""
        extra: dict[str, Any] = {"Thresholds": list(masks), "ThresholdUnits": units, "OwnThreshold": own}
        self.save_image(name, bit_field(list(masks.values())), like, **extra)

    def save_table(self, name: str, columns: Mapping[str, Iterable[Any]], **extra: Any) -> None:
        """Save an output table, a column an entry; a missing value is ``n/a``."""
        path = self._path(name)
        rows = zip(*(map(format_cell, values) for values in columns.values()), strict=True)
        path.write_text(table_text(columns, rows), encoding="utf-8")
        write_json(sidecar_path(path), self._sidecar(name, extra))

    def save_rows(
        self, name: str, rows: Iterable[Mapping[str, Any]], dictionary: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Save an output table of rows with the columns of a data dictionary, which goes into its sidecar."""
        listed = list(rows)
        columns = {column: [row.get(column) for row in listed] for column in dictionary}
        self.save_table(name, columns, **{column: public_entry(entry) for column, entry in dictionary.items()})

    def save_transform(self, name: str, transform: Transform, **extra: Any) -> None:
        """Save an output transform."""
        path = self._path(name)
        write_itk(path, transform)
        write_json(sidecar_path(path), self._sidecar(name, extra))

    def save_document(self, name: str, content: dict[str, Any]) -> None:
        """Save an output document."""
        write_json(self._path(name), self._sidecar(name, content))

    def save_fault(self, name: str, reasons: list[str]) -> None:
        """Save an output without a value, which says why there is none."""
        path = self._path(name)
        sidecar = self._sidecar(name, {"Reasons": reasons})
        if path.name.endswith(".nii.gz"):
            nifti.save(path, np.full((1, 1, 1), np.nan), np.eye(4), sidecar=sidecar)
            return
        if not path.suffix:
            path.mkdir(exist_ok=True)
            return
        if path.suffix != ".json":
            path.write_text("", encoding="utf-8")
        write_json(sidecar_path(path), sidecar)
