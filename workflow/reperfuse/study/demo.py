"""The demo study before it is there: what simulating it will write."""

import json
from pathlib import Path

from reperfuse.study.manifest import Manifest, Scan

#: Where the simulator puts each kind of scan.
_PLACES = {"dsc": ("perf", "dsc"), "dwi": ("dwi", "dwi"), "flair": ("anat", "FLAIR")}


def planned_demo(study: Path) -> Manifest:
    """Return the manifest that the demo study will have once it is simulated in a folder.

    Parameters
    ----------
    study : Path
        There need be no such folder.
    """
    from reperfuse.simulation.patients import DEMO_PATIENTS
    from reperfuse.simulation.protocols import DEMO

    timing: dict[str, object] = {"repetition_time_s": DEMO.dsc.tr_s, "echo_time_s": DEMO.dsc.te_s}
    scans = []
    for patient in DEMO_PATIENTS:
        for session, kinds in patient.scans.items():
            stem, below = f"sub-{patient.label}_ses-{session}", f"sub-{patient.label}/ses-{session}"
            for kind in kinds:
                folder, ending = _PLACES[kind]
                path = study / below / folder / f"{stem}_{ending}"
                said = timing if kind == "dsc" else {}
                if kind == "dwi":
                    said = {"bvals": f"{path}.bval", "bvecs": f"{path}.bvec"}
                scans.append(_scan(patient.label, session, kind, f"{path}.nii.gz", said))
            if session == "followup" and patient.expert_mask and "dwi" in kinds:
                path = study / "derivatives" / "lesions" / below / "dwi" / f"{stem}_label-L_mask.nii.gz"
                scans.append(_scan(patient.label, session, "lesion", str(path), {"datatype": "dwi"}))
    return Manifest(scans)


def files_of(manifest: Manifest) -> list[str]:
    """Return the files of a planned demo study that rules ask for."""
    paths = [scan.path for scan in manifest.scans]
    gradients = [json.loads(scan.settings) for scan in manifest.scans if scan.kind == "dwi"]
    return paths + [path for said in gradients for path in said.values()]


def _scan(patient: str, session: str, kind: str, path: str, said: dict[str, object]) -> Scan:
    return Scan(patient, session, session, kind, path, json.dumps(said, sort_keys=True))
