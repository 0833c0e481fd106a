"""Damage to a lesion that an expert has drawn."""

import json
import shutil
from collections.abc import Callable

import nibabel as nib
import numpy as np

from damages import Damage
from damages.patient import Patient

NOT_USED = "is not used: a file should lie in"


def _as(change: Callable[[np.ndarray], np.ndarray], dtype: type = np.float32) -> Callable[[Patient], object]:
    return lambda patient: patient.image(change, path=patient.mask(), dtype=dtype)


def _at(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Patient], object]:
    return lambda patient: patient.image(path=patient.mask(), affine=change(nib.load(patient.mask()).affine.copy()))


def _shifted(affine: np.ndarray, mm: float) -> np.ndarray:
    affine[0, 3] += mm
    return affine


def _mirrored(affine: np.ndarray) -> np.ndarray:
    return np.diag([-1.0, 1, 1, 1]) @ affine


def _named(change: Callable[[str], str]) -> Callable[[Patient], object]:
    return lambda patient: patient.rename(patient.mask(), change(patient.mask().name))


def _in(folder: str) -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        parent = patient.mask().parent
        parent.rename(parent.with_name(folder))

    return do


def _of_session(session: str) -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        name = patient.mask().name.replace("ses-followup", f"ses-{session}")
        patient.rename(patient.mask(), name)

    return do


def _beside(name: str) -> Callable[[Patient], object]:
    """Return a damage that adds a file beside the mask, which stays good."""
    return lambda patient: (patient.mask().parent / name.format(patient.label)).write_bytes(patient.mask().read_bytes())


def _elsewhere(label: str) -> Callable[[Patient], object]:
    """Return a damage that adds the mask of a patient who is not in the study."""

    def do(patient: Patient) -> None:
        path = patient.masks / f"sub-{label}" / "ses-followup" / "dwi" / f"sub-{label}_ses-followup_label-L_mask.nii.gz"
        path.parent.mkdir(parents=True)
        shutil.copy(patient.mask(), path)

    return do


def _probabilities(mask: np.ndarray) -> np.ndarray:
    return mask * np.linspace(0.1, 0.4, mask.size).reshape(mask.shape)


def _labels(mask: np.ndarray) -> np.ndarray:
    return mask * (1 + np.arange(mask.shape[0]) % 3)[:, None, None]


def _hole(mask: np.ndarray) -> np.ndarray:
    return np.where(mask > 0, mask, np.nan)


def _table(content: str) -> Callable[[Patient], object]:
    return lambda patient: patient.mask().with_name(patient.mask().name.replace("nii.gz", "json")).write_text(content)


def _found_late(name: str, do: Callable[[Patient], object], says: str) -> Damage:
    return Damage(name, do, "lesion", says, found="step")


DAMAGES = [
    _found_late("four dimensions", _as(lambda m: m[..., None].repeat(2, 3)), "three dimensions"),
    Damage("fourth dimension of one", _as(lambda m: m[..., None])),
    _found_late("NaN outside the lesion", _as(_hole), "missing values"),
    _found_late("probabilities", _as(_probabilities), "probabilities"),
    _found_late("several labels", _as(_labels), "more than one label"),
    _found_late("negative", _as(lambda m: -m.astype(float)), "more than one label"),
    _found_late("all ones", _as(np.ones_like), "too much for a lesion"),
    _found_late("inverted", _as(lambda m: 1 - m), "too much for a lesion"),
    Damage("empty", _as(np.zeros_like), says="empty", found="step"),
    _found_late("geometry lost: identity", _at(lambda _: np.eye(4)), "the matrix of the scan it was drawn on"),
    _found_late("moved by 30 mm", _at(lambda a: _shifted(a, 30)), "the matrix of the scan it was drawn on"),
    _found_late("far away", _at(lambda a: _shifted(a, 900)), "the matrix of the scan it was drawn on"),
    _found_late("mirrored", _at(_mirrored), "the matrix of the scan it was drawn on"),
    _found_late("cropped, and moved", lambda p: (_as(lambda m: m[4:])(p), _at(lambda a: _shifted(a, 200))(p)), "lie on the brain"),
    _found_late("truncated", lambda p: p.mask().write_bytes(p.mask().read_bytes()[:500]), "it is cut off"),
    _found_late("text", lambda p: p.mask().write_text("see Anna"), "it is another kind of file"),
    _found_late("pointer of Git LFS", lambda p: p.mask().write_text("version https://git-lfs.github.com/spec/v1\n"), "not fetched"),
    _found_late("link to nowhere", lambda p: p.link(p.mask()), "not fetched"),
    _found_late("folder in its place", lambda p: (p.mask().unlink(), p.mask().mkdir()), "is a folder"),
    Damage("link to nowhere beside it", lambda p: p.link(p.mask().with_name(p.mask().name.replace("label-L", "acq-b_label-L"))),
           says="not fetched"),
    Damage("a value of 255", _as(lambda m: m * 255)),
    Damage("sidecar broken", _table("{"), found="step"),
    Damage("sidecar of nested lists", _table(5000 * "[" + 5000 * "]"), found="step"),
    Damage("sidecar with reasons of another program", _table(json.dumps({"Reasons": ["x"]})), found="step"),
    Damage("named as another program names it", _named(lambda n: n.replace("label-L_mask", "desc-lesion_mask")), "lesion", NOT_USED),
    Damage("named _roi", _named(lambda n: n.replace("label-L_mask", "label-L_roi")), "lesion", NOT_USED),
    Damage("named in small letters", _named(lambda n: n.replace("label-L", "label-l")), "lesion", NOT_USED),
    Damage("named after nobody", _named(lambda n: n.partition("_")[2]), "lesion", NOT_USED),
    Damage("named after another patient", _named(lambda n: "sub-99" + n[n.index("_"):]), "lesion", "lies in the folder sub-"),
    Damage("of another session", _of_session("baseline"), "lesion", "lies in the folder ses-"),
    Damage("in a folder that holds no masks", _in("masks"), "lesion", NOT_USED),
    Damage("in a folder in capitals", _in("DWI"), "lesion", NOT_USED),
    Damage("two of them", _beside("sub-{0}_ses-followup_acq-b_label-L_mask.nii.gz"), says="is used instead"),
    Damage("a note beside it", _beside("readme.txt")),
    Damage("an unnamed image beside it", _beside("new image.nii.gz"), says=NOT_USED),
    Damage("file of the Finder beside it", _beside("._sub-{0}_ses-followup_label-L_mask.nii.gz")),
    Damage("line break in the name of another", _beside("a\nb.nii.gz"), says=NOT_USED),
    Damage("link to itself beside it", lambda p: (p.mask().parent / "x.nii.gz").symlink_to("x.nii.gz"), says=NOT_USED),
    Damage("mask of a patient who is not in the study", _elsewhere("77"), says="the study has no patient sub-77", alone=True),
]  # fmt: skip
