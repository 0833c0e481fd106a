"""A patient of a small study, and the ways in which what is known of one can be damaged."""

import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

#: The folder in which a kind of scan lies.
FOLDERS = {"dsc": "perf", "dwi": "dwi", "adc": "dwi", "trace": "dwi", "flair": "anat"}
SUFFIXES = {"dsc": "dsc", "dwi": "dwi", "adc": "ADC", "trace": "trace", "flair": "FLAIR"}
#: What participants.tsv says of everyone.
COLUMNS = ("age", "side", "onset_time", "mtici", "nihss_baseline", "ica_occlusion")


class Patient:
    """A patient with perfusion and diffusion at baseline, diffusion at follow-up and an expert's lesion there.

    Parameters
    ----------
    root : Path
        The study.
    label : str
    """

    def __init__(self, root: Path, label: str) -> None:
        self.root, self.label = root, label
        self.masks = root / "derivatives" / "lesions"
        #: What the study's config says, beside the shipped one.
        self.config: dict[str, Any] = {}

    @classmethod
    def copied(cls, template: Path, root: Path, label: str) -> "Patient":
        """Put a copy of the template's only patient into a study, under another label."""
        for top in (Path(), Path("derivatives") / "lesions"):
            for path in sorted((template / top / "sub-01").rglob("*")):
                if path.is_file():
                    name = str(path.relative_to(template)).replace("sub-01", f"sub-{label}")
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, root / name)
        table = root / f"sub-{label}" / f"sub-{label}_sessions.tsv"
        table.write_text(table.read_text().replace("sub-01", f"sub-{label}"))
        return cls(root, label)

    @property
    def folder(self) -> Path:
        return self.root / f"sub-{self.label}"

    @property
    def participants(self) -> Path:
        return self.root / "participants.tsv"

    @property
    def visits(self) -> Path:
        return self.folder / f"sub-{self.label}_sessions.tsv"

    def scan(self, kind: str, session: str = "baseline") -> Path:
        """Return where a scan lies."""
        name = f"sub-{self.label}_ses-{session}_{SUFFIXES[kind]}.nii.gz"
        return self.folder / f"ses-{session}" / FOLDERS[kind] / name

    def beside(self, kind: str, ending: str = "json", session: str = "baseline") -> Path:
        """Return a file that goes with a scan."""
        path = self.scan(kind, session)
        return path.with_name(path.name.replace("nii.gz", ending))

    def mask(self) -> Path:
        """Return where the expert's lesion lies."""
        path = self.scan("dwi", "followup").relative_to(self.root)
        return (self.masks / path).with_name(path.name.replace("_dwi", "_label-L_mask"))

    # --- sidecars and tables ---------------------------------------------------------------------

    def say(self, kind: str = "dsc", *without: str, **values: Any) -> None:
        """Change a sidecar: keys that it loses, and values that it gets."""
        path = self.beside(kind)
        content = {key: value for key, value in json.loads(path.read_text()).items() if key not in without}
        path.write_text(json.dumps(content | values))

    def row(self, **cells: str) -> None:
        """Change the patient's cells in participants.tsv."""
        head, *rows = (line.split("\t") for line in self.participants.read_text().splitlines())
        for row in rows:
            if row[0] == f"sub-{self.label}":
                row[:] = [cells.get(name, cell) for name, cell in zip(head, row, strict=True)]
        self.participants.write_text("".join("\t".join(row) + "\n" for row in (head, *rows)))

    def visit(self, **cells: str) -> None:
        """Change the baseline's cells in sessions.tsv."""
        head, *rows = (line.split("\t") for line in self.visits.read_text().splitlines())
        for row in rows:
            if row[0] == "ses-baseline":
                row[:] = [cells.get(name, cell) for name, cell in zip(head, row, strict=True)]
        self.visits.write_text("".join("\t".join(row) + "\n" for row in (head, *rows)))

    # --- bytes and headers -----------------------------------------------------------------------

    def rewrite(self, path: Path, change: Callable[[bytearray], object]) -> None:
        """Change the bytes of a compressed file in place, and compress them again."""
        content = bytearray(gzip.decompress(path.read_bytes()))
        change(content)
        path.write_bytes(gzip.compress(bytes(content), 1, mtime=0))

    def header(self, kind: str = "dsc", path: Path | None = None, **fields: Any) -> None:
        """Change fields of a NIfTI-1 header, whatever they become; ``dim_4=3`` is an element of a field."""

        def change(content: bytearray) -> None:
            header = np.frombuffer(content, nib.Nifti1Header.template_dtype, count=1)[0:1]
            for field, value in fields.items():
                name, _, number = field.rpartition("_")
                if number.isdigit():
                    header[name][0][int(number)] = value
                else:
                    header[field] = value

        with np.errstate(over="ignore", invalid="ignore"):
            self.rewrite(path or self.scan(kind), change)

    def image(
        self,
        change: Callable[[np.ndarray], np.ndarray] = np.asarray,
        kind: str = "dsc",
        path: Path | None = None,
        affine: np.ndarray | None = None,
        dtype: Any = None,
        form: type = nib.Nifti1Image,
    ) -> None:
        """Change what an image holds, its affine or its type; `path` defaults to the scan at baseline."""
        path = path or self.scan(kind)
        old = nib.load(path)
        data = change(np.asarray(old.dataobj))
        new = form(data.astype(dtype or data.dtype), old.affine if affine is None else affine)
        new.header.set_xyzt_units("mm", "sec")
        if data.ndim > 3 and len(old.header.get_zooms()) > 3:
            new.header.set_zooms((*new.header.get_zooms()[:3], old.header.get_zooms()[3], *[1.0] * (data.ndim - 4)))
        nib.save(new, path)

    def affine(self, change: Callable[[np.ndarray], np.ndarray], kind: str = "dsc") -> None:
        """Change the geometry of a scan alone."""
        self.image(kind=kind, affine=change(nib.load(self.scan(kind)).affine.copy()))

    # --- scans in place of others ----------------------------------------------------------------

    def scanner_adc(self, scale: float = 1e6, sidecar: Mapping[str, Any] | None = None) -> None:
        """Put a scanner's ADC map and trace image in the place of the diffusion series at baseline."""
        series, weights = nib.load(self.scan("dwi")), np.loadtxt(self.beside("dwi", "bval"))
        data = np.maximum(np.asarray(series.dataobj, float), 1)
        plain, weighted = data[..., weights < 50].mean(-1), data[..., weights > 500].mean(-1)
        adc = np.clip(np.where(plain > 20, np.log(plain / weighted) / 1000, 0), 0, 4e-3)
        for path in self.scan("dwi").parent.glob(f"sub-{self.label}_*"):
            path.unlink()
        for kind, image in (("adc", adc * scale), ("trace", weighted)):
            self.add_image(self.scan(kind), image.astype(np.float32), series.affine)
        self.beside("adc").write_text(json.dumps(dict(sidecar or {})))

    def add_flair(self) -> None:
        """Add a FLAIR image to the baseline."""
        series = nib.load(self.scan("dwi"))
        self.add_image(self.scan("flair"), np.asarray(series.dataobj)[..., 0], series.affine)

    def add_image(self, path: Path, data: np.ndarray, affine: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(data, affine), path)

    def rename(self, old: Path, new: str) -> Path:
        """Give a file or folder another name."""
        return old.rename(old.with_name(new))

    def link(self, path: Path, target: str = "../../../.git/annex/objects/aB/cD/MD5E-s123--0.nii.gz") -> None:
        """Put a link in the place of a file, by default to nowhere."""
        path.unlink(missing_ok=True)
        path.symlink_to(target)
