"""A BIDS study whose scans hold nothing, for what is decided before any is opened."""

from pathlib import Path
from typing import Any

import numpy as np
from reperfuse.files import nifti
from reperfuse.files.sidecars import sidecar_path
from reperfuse.study.index import index_study
from reperfuse.study.manifest import Manifest

INPUTS = {
    "dsc": {"datatype": "perf", "suffix": "dsc"},
    "ctp": {"suffix": "ctp"},
    "asl": {"datatype": "perf", "suffix": "asl"},
    "m0scan": {"datatype": "perf", "suffix": "m0scan"},
    "dwi": {"datatype": "dwi", "suffix": "dwi"},
    "adc": {"datatype": "dwi", "suffix": "ADC"},
    "trace": {"datatype": "dwi", "suffix": "trace"},
    "flair": {"datatype": "anat", "suffix": "FLAIR"},
}


ROLES = {"baseline": "baseline", "post": "post", "followup": "followup"}


GOOD = {"RepetitionTime": 1.5, "EchoTime": 0.03}


class Study:
    """A study of scans as wide as a head."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}')

    def add(
        self,
        name: str,
        sidecar: dict[str, Any] | None = None,
        frames: int | None = None,
        spacing_s: float = 1.5,
    ) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (40, 40, 1) if frames is None else (40, 40, 1, frames)
        nifti.save(
            path, np.ones(shape), np.diag([3.0, 3.0, 5.0, 1.0]), sidecar=sidecar or {}, frame_spacing_s=spacing_s
        )
        if sidecar is None:
            sidecar_path(path).unlink()
        return path

    def dsc(self, subject: str, session: str, sidecar: dict[str, Any] | None, extra: str = "", **kw: Any) -> Path:
        name = f"sub-{subject}/ses-{session}/perf/sub-{subject}_ses-{session}{extra}_dsc.nii.gz"
        return self.add(name, sidecar, **{"frames": 20} | kw)

    def ctp(self, subject: str, session: str, sidecar: dict[str, Any] | None, **kw: Any) -> Path:
        name = f"sub-{subject}/ses-{session}/ct/sub-{subject}_ses-{session}_ctp.nii.gz"
        return self.add(name, sidecar, **{"frames": 20} | kw)

    def index(self, **kw: Any) -> Manifest:
        return index_study(self.root, inputs=INPUTS, roles=ROLES, **kw)


def reason(manifest: Manifest) -> str:
    """Return the reason of the only scan."""
    (scan,) = manifest.scans
    return scan.reason
