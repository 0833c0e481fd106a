"""Damage to the bytes of a file, and what stands in the place of one."""

import bz2
import gzip
import os
import shutil

from damages import Damage
from damages.patient import Patient

CUT, BROKEN, UNFETCHED = "it is cut off", "its compressed data are damaged", "not fetched"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 1400000\n"


def _flip(patient: Patient, share: float = -1.0, byte: int = 0, bit: int = 4, kind: str = "dsc") -> None:
    """Flip a bit, at a share of the file or so many bytes from its start or end."""
    path = patient.scan(kind)
    content = bytearray(path.read_bytes())
    content[int(share * len(content)) if share >= 0 else byte] ^= 1 << bit
    path.write_bytes(content)


def _cut(patient: Patient, keep: float, kind: str = "dsc") -> None:
    path = patient.scan(kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])


def _cut_inside(patient: Patient) -> None:
    patient.rewrite(patient.scan("dsc"), lambda content: content.__delitem__(slice(len(content) // 2, None)))


def _two_members(patient: Patient) -> None:
    path = patient.scan("dsc")
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:5000], 1) + gzip.compress(content[5000:], 1))


def _put(patient: Patient, content: bytes, kind: str = "dsc") -> None:
    patient.scan(kind).write_bytes(content)


def _folder(patient: Patient) -> None:
    patient.scan("dsc").unlink()
    patient.scan("dsc").mkdir()


def _pipe(patient: Patient) -> None:
    patient.scan("dsc").unlink()
    os.mkfifo(patient.scan("dsc"))


def _pipe_for_sidecar(patient: Patient) -> None:
    patient.beside("dsc").unlink()
    os.mkfifo(patient.beside("dsc"))


def _uncompressed(patient: Patient) -> None:
    path = patient.scan("dsc")
    path.write_bytes(gzip.decompress(path.read_bytes()))


def _plain_nifti(patient: Patient) -> None:
    path = patient.scan("dsc")
    path.with_name(path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()


def _linked(patient: Patient) -> None:
    store = patient.root / "derivatives" / f"store-{patient.label}"
    store.mkdir(parents=True)
    shutil.move(patient.scan("dsc"), store / "series")
    patient.scan("dsc").symlink_to(store / "series")


def _dicom(patient: Patient) -> None:
    _put(patient, 128 * b"\0" + b"DICM" + 600 * b"\1")


DAMAGES = [
    *(
        Damage(f"cut off after {where}", lambda p, keep=keep: _cut(p, keep), "dsc", CUT, found=found)
        for where, keep, found in (
            ("half of the header", 60, "indexing"),
            ("a tenth", 0.1, "step"),
            ("half", 0.5, "step"),
            ("all but ten bytes", 0.99999, "step"),
        )
    ),
    Damage("diffusion cut off after half", lambda p: _cut(p, 0.5, "dwi"), "dwi", CUT, found="step"),
    Damage("cut off and compressed again", _cut_inside, "dsc", CUT, found="step"),
    Damage("checksum lost", lambda p: _cut(p, p.scan("dsc").stat().st_size - 8), "dsc", CUT, found="step"),
    Damage("bit flipped in the data, at a third", lambda p: _flip(p, 0.33), "dsc", BROKEN, found="step"),
    Damage("bit flipped in the data, at two thirds", lambda p: _flip(p, 0.67), "dsc", BROKEN, found="step"),
    Damage("bit flipped in diffusion", lambda p: _flip(p, 0.6, kind="dwi"), "dwi", BROKEN, found="step"),
    Damage("bit flipped in the checksum", lambda p: _flip(p, byte=-6), "dsc", BROKEN, found="step"),
    Damage("bit flipped in the length", lambda p: _flip(p, byte=-2), "dsc", BROKEN, found="step"),
    Damage("bit flipped in the method of compression", lambda p: _flip(p, byte=2, bit=2), "dsc", BROKEN),
    Damage("bit flipped in the mark of compression", lambda p: _flip(p, byte=0, bit=0), "dsc", "not a readable NIfTI image"),
    Damage("compressed in two members", _two_members),
    Damage("zeros after the end", lambda p: p.scan("dsc").write_bytes(p.scan("dsc").read_bytes() + bytes(512))),
    Damage("other bytes after the end", lambda p: p.scan("dsc").write_bytes(p.scan("dsc").read_bytes() + b"trailing"),
           "dsc", BROKEN, found="step"),
    Damage("empty file", lambda p: _put(p, b""), "dsc", "it is empty"),
    Damage("empty, but compressed", lambda p: _put(p, gzip.compress(b"")), "dsc", "it is empty"),
    Damage("file of zeros", lambda p: _put(p, bytes(5000)), "dsc", "it is another kind of file"),
    Damage("text called .nii.gz", lambda p: _put(p, b"see the other folder\n"), "dsc", "it is another kind of file"),
    Damage("page of a login called .nii.gz", lambda p: _put(p, b"<!DOCTYPE html><title>Log in</title>" * 40), "dsc",
           "it is another kind of file"),
    Damage("text, compressed", lambda p: _put(p, gzip.compress(b"see the other folder\n" * 99)), "dsc", "not a readable"),
    Damage("DICOM called .nii.gz", _dicom, "dsc", "it is another kind of file"),
    Damage("zip archive called .nii.gz", lambda p: _put(p, b"PK\3\4" + 900 * b"x"), "dsc", "it is another kind of file"),
    Damage("compressed twice", lambda p: _put(p, gzip.compress(p.scan("dsc").read_bytes())), "dsc", "compressed twice"),
    Damage("compressed by another program", lambda p: _put(p, bz2.compress(p.scan("dsc").read_bytes())), "dsc",
           "it is another kind of file"),
    Damage("not compressed, called .nii.gz", _uncompressed, "dsc", "it is not compressed); name it .nii"),
    Damage("compressed, called .nii", lambda p: p.rename(p.scan("dsc"), p.scan("dsc").name.removesuffix(".gz")), "dsc",
           "it is compressed); name it .nii.gz"),
    Damage("not compressed, called .nii", _plain_nifti),
    Damage("pointer of Git LFS", lambda p: _put(p, LFS.encode()), "dsc", UNFETCHED),
    Damage("pointer of git-annex", lambda p: _put(p, b"/annex/objects/MD5E-s123456--0123456789abcdef.nii.gz\n"), "dsc",
           UNFETCHED),
    Damage("link of git-annex to nowhere", lambda p: p.link(p.scan("dsc")), "dsc", UNFETCHED),
    Damage("sidecar is a link to nowhere", lambda p: p.link(p.beside("dsc")), "dsc", UNFETCHED),
    Damage("sidecar is a pointer of Git LFS", lambda p: p.beside("dsc").write_text(LFS), "dsc", UNFETCHED),
    Damage("b-values are a link to nowhere", lambda p: p.link(p.beside("dwi", "bval")), "dwi", UNFETCHED),
    Damage("b-values are a pointer of git-annex", lambda p: p.beside("dwi", "bval").write_text("/annex/objects/MD5E-s1--0.bval"),
           "dwi", UNFETCHED),
    Damage("directions are a link to nowhere", lambda p: p.link(p.beside("dwi", "bvec"))),
    Damage("link to itself", lambda p: p.link(p.scan("dsc"), p.scan("dsc").name), "dsc", ""),
    Damage("link to the file elsewhere", _linked),
    Damage("folder in place of the file", _folder, "dsc", "is a folder"),
    Damage("pipe in place of the file", _pipe, "dsc", "it is a pipe or a device"),
    Damage("pipe in place of the sidecar", _pipe_for_sidecar, "dsc", "it is a pipe or a device"),
]  # fmt: skip
