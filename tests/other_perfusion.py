"""A bolus that passes through the head of `other_head`: its own arterial curve, residues, vessels and noise.

Nothing here is the simulator's. Tissue is late in proportion to a severity that fades at the deficit's edge; tissue of
the core has little flow besides. Every millimetre is in one of a few hundred states, each with a curve of its own.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from other_head import SHAPE, Array, Head, Mask, X, Y, Z, draw_pose, places_in
from reperfuse.perfusion.deconvolution import deconvolve
from scipy import ndimage
from scipy.special import gammaincc

STEP_S, ARRIVAL_S, FRAMES, WINDOW_S = 0.1, 15.0, 50, 50.0
#: ρ/kH, of tissue and blood, over 6000: CBF in mL/100 g/min gives the share of blood that passes in a second.
PASSING = 1.04 / 0.733 / 6000
#: CBF (mL/100 g/min) and MTT (s) of normal grey and white matter.
NORMAL = ((60.0, 4.0), (25.0, 4.8))
LEVELS = 21
RESIDUES = (
    lambda x: np.exp(-x),
    lambda x: np.clip(1 - x / 2, 0, None),
    lambda x: gammaincc(2.0, 2.0 * x),
)
#: Paths of a middle cerebral artery on the right and of the upper sinus, mm, and their radii.
ARTERY, ARTERY_MM = np.array([(4, 10, -26), (22, 6, -22), (40, 4, -10), (46, -12, 8), (48, -32, 20)], float), 1.5
SINUS, SINUS_MM = np.array([(0, 72, 24), (0, 40, 46), (0, 0, 51), (0, -44, 45), (0, -76, 18)], float), 3.0


@dataclass(frozen=True)
class Course:
    """How late the tissue of the worst severity is, its MTT and flow against normal, and what the residues are."""

    delay_s: float
    transit: float
    flow: float
    residue: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Course":
        return cls(rng.uniform(4.5, 9), rng.uniform(1.3, 2.2), rng.uniform(0.4, 0.65), int(rng.integers(len(RESIDUES))))


@dataclass(frozen=True)
class Series:
    """A DSC series (x, y, z, t), and the tissue that is late: Tmax above 6 s, each millimetre's own, without noise."""

    series: Array
    affine: Array
    brain: Mask
    arterial: Array
    tr_s: float
    te_s: float
    late: Mask


def arterial(time_s: Array, delay_s: float = 0.0) -> Array:
    """Return ΔR2* of arterial blood, s⁻¹: a gamma variate, a second passage, and what stays."""
    since = time_s - ARRIVAL_S - delay_s

    def passage(at: float, shape: float, scale_s: float) -> Array:
        ratio = np.clip(since - at, 0, None) / (shape * scale_s)
        return ratio**shape * np.exp(shape * (1 - ratio))

    stays = 1 - np.exp(-np.clip(since - 6, 0, None) / 6)
    return 420 * (passage(0, 3.2, 1.4) + 0.13 * passage(12, 3.5, 2.6) + 0.04 * stays)


def pass_bolus(
    head: Head,
    severity: Array,
    core: Mask,
    course: Course,
    voxel: tuple[float, float, float],
    *,
    snr: float,
    tr_s: float,
    te_s: float,
    seed: int,
) -> Series:
    """Scan the head while the bolus passes; the head lies still."""
    rng = np.random.default_rng(seed + 4000)
    time_s = np.arange(FRAMES) * tr_s
    curves = _tissue_curves(time_s, course)
    used = slice(0, int(ARRIVAL_S / tr_s) + round(WINDOW_S / tr_s))
    is_late = deconvolve(curves[:, used].astype(np.float32), arterial(time_s)[used], tr_s).tmax > 6
    level = np.rint(np.clip(severity, 0, 1) * (LEVELS - 1)).astype(int)
    state = (level * 2 + core) * 2 + ~head.grey
    late = head.tissue & is_late[state]
    brightness = np.tile([1.0, rng.uniform(0.75, 0.95)], 2 * LEVELS)
    others = _others(time_s, course.delay_s / 2 * late.any())
    signals = brightness[:, None] * np.exp(-te_s * curves)
    fluid = np.full((1, FRAMES), rng.uniform(1.2, 2.3))
    signals = np.concatenate([signals, fluid, 0.8 * np.exp(-te_s * others), np.zeros((1, FRAMES))])
    state[head.fluid] = 4 * LEVELS
    tubes = ((ARTERY, ARTERY_MM), (ARTERY * (-1, 1, 1), ARTERY_MM), (SINUS, SINUS_MM))
    for number, (path, radius_mm) in enumerate(tubes, 4 * LEVELS + 1):
        blood = _tube(path, radius_mm)
        state[blood], late = number, late & ~blood
    state[~head.inside] = len(signals) - 1
    shares, affine = _shares(state, len(signals), voxel, draw_pose(rng))
    clean = ndimage.gaussian_filter(np.float32(shares @ signals.astype(np.float32)), (0.35, 0.35, 0, 0))
    noise = rng.standard_normal((2, *clean.shape), dtype=np.float32) / snr
    brain = shares[..., :-1].sum(axis=-1) > 0.5
    return Series(np.hypot(clean + noise[0], noise[1]), affine, brain, arterial(time_s), tr_s, te_s, late)


def _tissue_curves(time_s: Array, course: Course) -> Array:
    """Return ΔR2* of each state of tissue: of the levels of severity; healthy and core; grey and white matter."""
    fine = np.arange(0, time_s[-1] + STEP_S, STEP_S)
    blood, found = arterial(fine), []
    for severity in np.linspace(0, 1, LEVELS):
        for survives in (1.0, 0.35):
            for flow, transit_s in NORMAL:
                longer = transit_s * (1 + (course.transit - 1) * severity)
                residue = RESIDUES[course.residue](fine / longer)
                flows = flow * survives * (1 - (1 - course.flow) * severity)
                curve = PASSING * flows * STEP_S * np.convolve(blood, residue)[: len(fine)]
                found.append(np.interp(time_s - 0.8 - course.delay_s * severity, fine, curve, left=0))
    return np.array(found)


def _others(time_s: Array, delay_s: float) -> Array:
    """Return ΔR2* of the arteries, right and left (the side of the deficit, late), and of the sinus."""
    fine = np.arange(0, time_s[-1] + STEP_S, STEP_S)
    passes = np.exp(-fine / 4.5)
    venous = np.convolve(arterial(fine, 1.5), passes / passes.sum())[: len(fine)]
    return np.stack([arterial(time_s), arterial(time_s, delay_s), np.interp(time_s, fine, venous)])


def _tube(path: Array, radius_mm: float) -> Mask:
    """Return the millimetres within a tube along a path."""
    inside = np.zeros(SHAPE, bool)
    for start, end in pairwise(path):
        x, y, z = (axis - at for axis, at in zip((X, Y, Z), start, strict=True))
        along = end - start
        share = np.clip((x * along[0] + y * along[1] + z * along[2]) / (along @ along), 0, 1)
        away = (x - share * along[0]) ** 2 + (y - share * along[1]) ** 2 + (z - share * along[2]) ** 2
        inside |= away < radius_mm**2
    return inside


def _shares(state: Array, states: int, voxel: tuple[float, float, float], pose: Array) -> tuple[Array, Array]:
    """Return the share of each voxel that is in each state, (x, y, z, states), and the affine."""
    places, split, affine = places_in(voxel, pose)
    index = np.rint(places).astype(int)
    within = ((index >= 0) & (index < np.array(SHAPE)[:, None])).all(axis=0)
    seen = np.full(len(within), states - 1)
    seen[within] = state[tuple(index[:, within])]
    number = np.arange(np.prod(split[::2])).reshape(split[::2])[:, None, :, None, :, None]
    voxels = np.broadcast_to(number, split).ravel()
    counts = np.bincount(voxels * states + seen, minlength=number.size * states)
    return (counts / np.prod(split[1::2])).reshape(*split[::2], states).astype(np.float32), affine
