"""Damage to the b-values and directions of diffusion."""

from collections.abc import Callable

from damages import Damage
from damages.patient import Patient

NO_ROW = "not a row of numbers"


def _bvals(text: str | None = None, scale: float = 1.0, join: str = " ") -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        path = patient.beside("dwi", "bval")
        values = [f"{float(word) * scale:g}" for word in path.read_text().split()]
        path.write_text(join.join(values) + "\n" if text is None else text)

    return do


def _all(value: float) -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        path = patient.beside("dwi", "bval")
        path.write_text(" ".join(f"{value:g}" for _ in path.read_text().split()))

    return do


def _first(word: str) -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        path = patient.beside("dwi", "bval")
        path.write_text(" ".join([word, *path.read_text().split()[1:]]))

    return do


def _last(word: str) -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        path = patient.beside("dwi", "bval")
        path.write_text(" ".join([*path.read_text().split()[:-1], word]))

    return do


def _inherited(patient: Patient) -> None:
    for ending in ("bval", "bvec"):
        patient.beside("dwi", ending).rename(patient.folder / f"sub-{patient.label}_dwi.{ending}")


def _of_scanner(patient: Patient) -> None:
    """The series has no b = 0, and the scanner's ADC lies beside it."""
    kept = {name: patient.beside("dwi", name).read_bytes() for name in ("nii.gz", "bvec", "json")}
    patient.scanner_adc()
    for name, content in kept.items():
        patient.beside("dwi", name).write_bytes(content)
    patient.beside("dwi", "bval").write_text("1000 1000 1000 1000")


DAMAGES = [
    Damage("b-values missing", lambda p: p.beside("dwi", "bval").unlink(), "dwi", "missing, so the b-values"),
    Damage("b-values empty", _bvals(""), "dwi", "0 b-values for the"),
    Damage("one b-value too few", lambda p: p.beside("dwi", "bval").write_text("0 1000 1000"), "dwi", "3 b-values for the"),
    Damage("one b-value too many", _first("0 0"), "dwi", "b-values for the"),
    Damage("b-values with commas", _bvals(join=","), "dwi", NO_ROW),
    Damage("b-values in a column", _bvals(join="\n")),
    Damage("b-values with tabs", _bvals(join="\t")),
    Damage("b-values as text", _first("b0"), "dwi", NO_ROW),
    Damage("b-value of NaN", _first("nan"), "dwi", NO_ROW),
    Damage("b-value of NaN at the end", _last("nan"), "dwi", NO_ROW),
    Damage("b-value of infinity", _last("inf"), "dwi", NO_ROW),
    Damage("negative b-value", _first("-5"), "dwi", NO_ROW),
    Damage("b-values with a byte order mark", lambda p: p.beside("dwi", "bval").write_bytes(
        b"\xef\xbb\xbf" + p.beside("dwi", "bval").read_bytes()), found="step"),
    Damage("b-values in UTF-16", lambda p: p.beside("dwi", "bval").write_bytes(
        p.beside("dwi", "bval").read_text().encode("utf-16")), "dwi", NO_ROW),
    Damage("b-values of bytes", lambda p: p.beside("dwi", "bval").write_bytes(bytes(range(256))), "dwi", NO_ROW),
    Damage("b-values all 0", _all(0), "dwi", "it has b = 0 s/mm²"),
    Damage("b-values all 1000", _all(1000), "dwi", "it has b = 1000 s/mm²"),
    Damage("b-values of 5 in place of 0", _first("5")),
    Damage("b-values in ms/µm²", _bvals(scale=1e-3), "dwi", "it has b = 0 to 1 s/mm²"),
    Damage("b-values in s/m²", _bvals(scale=1e6), "dwi", "check that it is in s/mm²"),
    Damage("b-value with a decimal comma", _last("1000,0"), "dwi", NO_ROW),
    Damage("b-values in the patient's folder", _inherited),
    Damage("directions missing", lambda p: p.beside("dwi", "bvec").unlink()),
    Damage("directions as text", lambda p: p.beside("dwi", "bvec").write_text("none"), "dwi", "not a table of numbers", found="step"),
    Damage("directions with a byte order mark", lambda p: p.beside("dwi", "bvec").write_bytes(
        b"\xef\xbb\xbf" + p.beside("dwi", "bvec").read_bytes()), found="step"),
    Damage("no b = 0 in the series, scanner's ADC beside it", _of_scanner, "dwi", "it has b = 1000 s/mm²"),
]  # fmt: skip
