"""A head of ellipsoids with a lesion, as diffusion and perfusion scans see it."""

import numpy as np

VOXEL = np.array([2.0, 2.0, 5.0])
SHAPE = (104, 120, 30)
LESION_CENTRE, LESION_RADII = (-38.0, 5.0, 10.0), (16.0, 22.0, 17.0)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def volume_ml(mask, voxel=VOXEL):
    return mask.sum() * np.prod(voxel) / 1000


def ellipsoid(centre, radii, voxel=VOXEL, shape=SHAPE):
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, voxel, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True)) < 1


def head(lesion=True, snr=40.0, seed=0, bias=0.0, lesion_adc=0.45e-3, voxel=VOXEL, shape=SHAPE):
    """b = 0 and b = 1000 of a head; the x axis runs across its mirror plane."""
    rng = np.random.default_rng(seed)
    outer = ellipsoid((0, 0, 0), (84, 102, 74), voxel, shape)
    skull = ellipsoid((0, 0, 0), (78, 96, 68), voxel, shape)
    brain = ellipsoid((0, 0, 0), (70, 88, 60), voxel, shape)
    fluid = ellipsoid((12, 5, 5), (8, 30, 14), voxel, shape) | ellipsoid((-12, 5, 5), (8, 30, 14), voxel, shape)
    core = ellipsoid(LESION_CENTRE, LESION_RADII, voxel, shape) & brain & ~fluid if lesion else np.zeros(shape, bool)
    s0 = np.where(outer & ~skull, 300.0, 0.0)
    s0[brain], s0[fluid], s0[core] = 800.0, 2000.0, 850.0
    adc = np.where(brain, 0.8e-3, 1.2e-3)
    adc[fluid], adc[core] = 3.0e-3, lesion_adc
    axis = (np.arange(shape[0]) - shape[0] / 2) * voxel[0]
    shading = 1 + bias * (axis / 90)[:, None, None]
    images = [s0 * np.exp(-b * adc) * shading for b in (0, 1000)]
    sigma = 800 / snr
    noisy = [np.hypot(im + rng.normal(0, sigma, shape), rng.normal(0, sigma, shape)) for im in images]
    return np.stack(noisy, axis=-1), brain, core
