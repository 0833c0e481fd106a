"""Damage to the JSON beside a scan."""

import json
import math
from collections.abc import Callable

from damages import Damage
from damages.patient import Patient

JSON, NUMBER = "not readable as JSON", "not a plausible number of seconds"


def _recoded(change: Callable[[str], bytes], kind: str = "dsc") -> Callable[[Patient], object]:
    """Return a damage that writes a sidecar's text in another way."""

    def do(patient: Patient) -> None:
        path = patient.beside(kind)
        path.write_bytes(change(path.read_text()))

    return do


def _with_umlaut(text: str) -> str:
    return json.dumps(json.loads(text) | {"InstitutionName": "Tübingen"}, ensure_ascii=False)


def _root(name: str, **content: object) -> Callable[[Patient], object]:
    return lambda patient: (patient.folder / f"sub-{patient.label}_{name}").write_text(json.dumps(content))


def _contradictory_parents(patient: Patient) -> None:
    """The nearest sidecar counts, as BIDS says."""
    _root("dsc.json", EchoTime=0.3, RepetitionTime=99)(patient)


def _inherited(patient: Patient) -> None:
    content = json.loads(patient.beside("dsc").read_text())
    patient.beside("dsc").write_text("{}")
    _root("dsc.json", **content)(patient)


def _broken_parent(patient: Patient) -> None:
    (patient.folder / f"sub-{patient.label}_dsc.json").write_text("{,}")


def _missing(patient: Patient) -> None:
    patient.beside("dsc").unlink()


def _of_two_spellings(patient: Patient) -> None:
    text = patient.beside("dsc").read_text().replace('"EchoTime"', '"echotime"')
    patient.beside("dsc").write_text(text)


def _twice(patient: Patient) -> None:
    path = patient.beside("dsc")
    path.write_text('{"EchoTime": 0.3,' + path.read_text().lstrip()[1:])


def _said(key: str, value: object) -> Callable[[Patient], object]:
    return lambda patient: patient.say("dsc", **{key: value})


WRONG = {
    "as text": "2.0",
    "in ms": 2000,
    "negative": -2.0,
    "0": 0,
    "null": None,
    "true": True,
    "NaN": math.nan,
    "infinity": math.inf,
    "a list": [2.0],
    "an object": {"value": 2.0},
    "of 400 digits": 10**400,
    "far too long": 300.0,
}
DEEP = 10_000


def _flair_at(echo_s: float) -> Callable[[Patient], object]:
    def do(patient: Patient) -> None:
        patient.add_flair()
        patient.beside("flair").write_text(json.dumps({"EchoTime": echo_s}))

    return do


DAMAGES = [
    Damage("FLAIR at the echo time of a T1 image", _flair_at(0.004), "flair", "as in a T1 or T2* image"),
    Damage("FLAIR at the echo time of a T2* image", _flair_at(0.025), "flair", "as in a T1 or T2* image"),
    Damage("FLAIR at its echo time", _flair_at(0.09)),
    Damage("missing", _missing, "dsc", "RepetitionTime is missing"),
    Damage("empty file", _recoded(lambda _: b""), "dsc", JSON),
    Damage("empty object", _recoded(lambda _: b"{}"), "dsc", "RepetitionTime is missing"),
    Damage("byte order mark", _recoded(lambda text: text.encode("utf-8-sig"))),
    Damage("UTF-16", _recoded(lambda text: text.encode("utf-16")), "dsc", "its text is not UTF-8"),
    Damage("UTF-16 without a mark", _recoded(lambda text: text.encode("utf-16-le")), "dsc", JSON),
    Damage("Latin-1", _recoded(lambda text: _with_umlaut(text).encode("latin-1")), "dsc", "its text is not UTF-8"),
    Damage("umlaut in UTF-8", _recoded(lambda text: _with_umlaut(text).encode())),
    Damage("lines that end as on Windows", _recoded(lambda text: text.replace("\n", "\r\n").encode())),
    Damage("trailing comma", _recoded(lambda text: text.rstrip().rstrip("}").encode() + b",}"), "dsc", JSON),
    Damage("single quotes", _recoded(lambda text: text.replace('"', "'").encode()), "dsc", JSON),
    Damage("comment", _recoded(lambda text: b"// from the scanner\n" + text.encode()), "dsc", JSON),
    Damage("cut off", _recoded(lambda text: text[:40].encode()), "dsc", JSON),
    Damage("two objects", _recoded(lambda text: 2 * text.encode()), "dsc", JSON),
    Damage("list", _recoded(lambda text: b"[" + text.encode() + b"]"), "dsc", "not a JSON object"),
    Damage("null", _recoded(lambda _: b"null"), "dsc", "not a JSON object"),
    Damage("nested 10,000 deep", _recoded(lambda _: b'{"a":' + DEEP * b"[" + DEEP * b"]" + b"}"), "dsc", JSON),
    Damage("nested 900 deep", lambda p: p.beside("dsc").write_text(
        p.beside("dsc").read_text().rstrip().rstrip("}") + ', "x": ' + 900 * "[" + 900 * "]" + "}")),
    Damage("control characters in a text", lambda p: p.say("dsc", ProtocolName="a\x07b\nc\x00")),
    Damage("unpaired surrogate", _recoded(lambda text: text.rstrip().rstrip("}").encode() + b', "x": "\\ud800"}')),
    Damage("cells of a megabyte", lambda p: p.say("dsc", Comment=1_000_000 * "x")),
    Damage("a key twice, with other values", _twice, "dsc", "EchoTime more than once"),
    Damage("keys in another case", _of_two_spellings, "dsc", "EchoTime is missing"),
    Damage("RepetitionTime missing", lambda p: p.say("dsc", "RepetitionTime"), "dsc", "RepetitionTime is missing"),
    Damage("EchoTime missing", lambda p: p.say("dsc", "EchoTime"), "dsc", "EchoTime is missing"),
    *(
        Damage(f"RepetitionTime {how}", _said("RepetitionTime", value), "dsc",
               "RepetitionTime is missing" if value is None else NUMBER)
        for how, value in WRONG.items()
    ),
    *(
        Damage(f"EchoTime {how}", _said("EchoTime", value), "dsc", "EchoTime is missing" if value is None else NUMBER)
        for how, value in (WRONG | {"in ms": 30, "far too long": 0.9}).items() if how != "as text"
    ),
    Damage("RepetitionTime of one excitation", lambda p: (p.say(RepetitionTime=0.065), p.header(pixdim_4=0)), "dsc",
           "is not plausible for a first passage"),
    Damage("RepetitionTime of one shot", lambda p: (p.say(RepetitionTime=1.0, AcquisitionDuration=80), p.header(pixdim_4=0)),
           "dsc", "AcquisitionDuration says 80 s"),
    Damage("AcquisitionDuration in ms", _said("AcquisitionDuration", 80_000), "dsc", "AcquisitionDuration says 80000 s"),
    Damage("AcquisitionDuration as text", _said("AcquisitionDuration", "80")),
    Damage("AcquisitionDuration of 400 digits", _said("AcquisitionDuration", 10**400), "dsc", "AcquisitionDuration says"),
    Damage("AcquisitionDuration of NaN", _said("AcquisitionDuration", math.nan)),
    Damage("AcquisitionDuration true", _said("AcquisitionDuration", True)),
    Damage("VolumeTiming in place of RepetitionTime",
           lambda p: p.say("dsc", "RepetitionTime", VolumeTiming=[2.0 * frame for frame in range(40)])),
    Damage("VolumeTiming of too few frames", lambda p: p.say("dsc", "RepetitionTime", VolumeTiming=[0.0, 2.0]), "dsc",
           "VolumeTiming should hold 40 times"),
    Damage("VolumeTiming that goes back", lambda p: p.say("dsc", "RepetitionTime", VolumeTiming=[-2.0 * f for f in range(40)]),
           "dsc", "VolumeTiming should increase from frame to frame"),
    Damage("VolumeTiming of NaN", lambda p: p.say("dsc", "RepetitionTime", VolumeTiming=40 * [math.nan]), "dsc", "VolumeTiming"),
    Damage("VolumeTiming of 400 digits", lambda p: p.say("dsc", "RepetitionTime", VolumeTiming=[f * 10**400 for f in range(40)]),
           "dsc", "VolumeTiming"),
    Damage("VolumeTiming in ms", lambda p: p.say("dsc", "RepetitionTime", VolumeTiming=[2000.0 * f for f in range(40)]),
           "dsc", "s between frames"),
    Damage("VolumeTiming as text", lambda p: p.say("dsc", "RepetitionTime", VolumeTiming="0,2,4"), "dsc", "VolumeTiming should hold"),
    Damage("SliceTiming of another number of slices", _said("SliceTiming", [0.0, 0.5]), "dsc", "SliceTiming should hold"),
    Damage("SliceTiming in ms", lambda p: p.say(SliceTiming=[100.0 * n for n in range(10)]), "dsc", "SliceTiming should hold"),
    Damage("SliceTiming of NaN", lambda p: p.say(SliceTiming=10 * [math.nan]), "dsc", "SliceTiming should hold"),
    Damage("SliceTiming of true", lambda p: p.say(SliceTiming=10 * [True]), "dsc", "SliceTiming should hold"),
    Damage("SliceTiming as text", _said("SliceTiming", "interleaved"), "dsc", "SliceTiming should hold"),
    Damage("SliceTiming negative", lambda p: p.say(SliceTiming=10 * [-0.1]), "dsc", "SliceTiming should hold"),
    Damage("SliceEncodingDirection of no axis", lambda p: p.say(SliceTiming=[0.0], SliceEncodingDirection="Mueller"), "dsc",
           "SliceEncodingDirection should be i, j or k"),
    Damage("SliceEncodingDirection empty", lambda p: p.say(SliceTiming=[0.0], SliceEncodingDirection=""), "dsc",
           "SliceEncodingDirection should be i, j or k"),
    Damage("SliceEncodingDirection a list", lambda p: p.say(SliceTiming=[0.0], SliceEncodingDirection=["k"]), "dsc",
           "SliceEncodingDirection should be i, j or k"),
    Damage("PhaseEncodingDirection a list", lambda p: p.say("dwi", PhaseEncodingDirection=["j"])),
    Damage("sidecar of diffusion missing", lambda p: p.beside("dwi").unlink()),
    Damage("sidecar of diffusion broken", lambda p: p.beside("dwi").write_text("{"), "dwi", JSON),
    Damage("reasons of another program", lambda p: (p.say("dsc", Reasons=["x"]), p.say("dwi", Reasons=["x"])), found="step"),
    Damage("inherited from the patient's folder", _inherited),
    Damage("inherited, and contradicted nearby", _contradictory_parents),
    Damage("broken in the patient's folder", _broken_parent, "dsc", JSON),
    Damage("Units of a scanner's ADC missing", lambda p: p.scanner_adc()),
    Damage("Units of a scanner's ADC not understood", lambda p: p.scanner_adc(sidecar={"Units": "Siemens units"})),
    Damage("Units of a scanner's ADC a number", lambda p: p.scanner_adc(sidecar={"Units": 1e-6})),
    Damage("Units of a scanner's ADC wrong", lambda p: p.scanner_adc(sidecar={"Units": "mm2/s"}), "adc",
           "correct Units in its sidecar", found="step"),
]  # fmt: skip
