"""Damage to what an image holds: a step finds it, when it reads the data."""

import nibabel as nib
import numpy as np

from damages import Damage
from damages.patient import Patient


def _random(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(500, 50, shape)


def _nan(data: np.ndarray) -> np.ndarray:
    return np.full(data.shape, np.nan, np.float32)


def _one_value(data: np.ndarray) -> np.ndarray:
    return np.full_like(data, 700)


def _still(data: np.ndarray) -> np.ndarray:
    return np.broadcast_to(data[..., :1], data.shape).copy()


def _slices_for_frames(data: np.ndarray) -> np.ndarray:
    x, y, z, t = data.shape
    return data.transpose(0, 1, 3, 2).reshape(x, y, t * z, order="F").reshape(x, y, z, t, order="F")


def _no_diffusion(data: np.ndarray) -> np.ndarray:
    return np.broadcast_to(data[..., :1], data.shape).copy()


def _saturated(data: np.ndarray) -> np.ndarray:
    return np.minimum(data, np.quantile(data, 0.6).astype(data.dtype))


def _slab(patient: Patient, slices: int) -> None:
    """Keep so many slices in the middle of the diffusion series."""
    middle = nib.load(patient.scan("dwi")).shape[2] // 2
    affine = nib.load(patient.scan("dwi")).affine.copy()
    first = middle - slices // 2
    affine[:3, 3] += first * affine[:3, 2]
    patient.image(lambda data: data[:, :, first : first + slices], "dwi", affine=affine)


def _half(data: np.ndarray) -> np.ndarray:
    return data[: data.shape[0] // 2]


def _swapped(data: np.ndarray) -> np.ndarray:
    return np.roll(data, data.shape[2] // 2, axis=2)


def _trace_as_adc(patient: Patient) -> None:
    patient.scanner_adc()
    patient.scan("adc").write_bytes(patient.scan("trace").read_bytes())


DAMAGES = [
    Damage("perfusion of zeros", lambda p: p.image(np.zeros_like), "dsc", "every frame of the series is empty or constant",
           found="step"),
    Damage("perfusion of one value", lambda p: p.image(_one_value), "dsc", "every frame of the series is empty or constant",
           found="step"),
    Damage("perfusion of NaN", lambda p: p.image(_nan), "dsc", "every frame of the series is empty or constant", found="step"),
    Damage("perfusion of infinity", lambda p: p.image(lambda d: np.full(d.shape, np.inf, np.float32)), "dsc",
           "every frame of the series is empty or constant", found="step"),
    Damage("perfusion of noise", lambda p: p.image(lambda d: _random(d.shape).astype(d.dtype)), "dsc", "no bolus", found="step"),
    Damage("perfusion of negative values", lambda p: p.image(lambda d: -d), "dsc", "of the image is negative", found="step"),
    Damage("perfusion without a bolus", lambda p: p.image(_still), "dsc", "no bolus", found="step"),
    Damage("slices stored as frames", lambda p: p.image(_slices_for_frames), "dsc", "slices are more alike than one slice is from frame to frame",
           found="step"),
    Damage("saturated series", lambda p: p.image(_saturated), "dsc", "no bolus", found="step"),
    Damage("frames in reverse", lambda p: p.image(lambda d: d[..., ::-1]), "dsc", "the frames are in reverse order",
           found="step"),
    Damage("half a head", lambda p: p.image(_half), "dsc", "the image shows a part of the head only", found="step"),
    Damage("half a head of diffusion", lambda p: p.image(_half, "dwi"), "dwi", "the image shows a part of the head only",
           found="step"),
    Damage("halves of diffusion swapped", lambda p: p.image(_swapped, "dwi"), "dwi", "are not in their order", found="step"),
    Damage("diffusion of one slice", lambda p: _slab(p, 1), "dwi", "too little to measure a lesion's volume", found="step"),
    Damage("diffusion of three slices", lambda p: _slab(p, 3), "dwi", "too little to measure a lesion's volume", found="step"),
    Damage("diffusion of four slices", lambda p: _slab(p, 4), says="volumes count this part only", found="step"),
    Damage("diffusion of zeros", lambda p: p.image(np.zeros_like, "dwi"), "dwi", "the same value everywhere",
           found="step"),
    Damage("diffusion of NaN", lambda p: p.image(_nan, "dwi"), "dwi", "the same value everywhere", found="step"),
    Damage("diffusion that weights nothing", lambda p: p.image(_no_diffusion, "dwi"), "dwi", "the map is not the ADC of a brain",
           found="step"),
    Damage("trace image given as ADC", _trace_as_adc, "adc", "is not that of a brain in mm²/s", found="step"),
    Damage("ADC of zeros", lambda p: (p.scanner_adc(), p.image(np.zeros_like, "adc")), "adc", "empty", found="step"),
    Damage("ADC of NaN", lambda p: (p.scanner_adc(), p.image(_nan, "adc")), "adc", "empty", found="step"),
]  # fmt: skip
