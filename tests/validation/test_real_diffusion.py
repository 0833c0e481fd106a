"""Brain, core and follow-up lesion on real scans of three patients (testing data outside the repository).

The comparison for two of them is a network's prediction: a second opinion, not the truth.
"""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import yaml
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.core import core_finder
from reperfuse.diffusion.units import convert_adc
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.head.brain import brain_mask
from reperfuse.interfaces import ExtractBrain, SegmentLesion
from reperfuse.registration.rigid import register
from reperfuse.serial.lesion import followup_lesion
from reperfuse.volumes.image import Image
from scipy import ndimage, optimize

pytestmark = pytest.mark.external


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def volume_ml(mask, scan):
    return mask.sum() * np.prod(scan.voxel) / 1000


def mirror_image(trace, image, brain, affine):
    """Reflect `trace` at the plane about which `image` is most symmetric, tilts and shift searched for."""
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    smooth = ndimage.gaussian_filter(np.sqrt(np.clip(image, 0, None)) * brain, 3 / voxel)
    voxels = np.argwhere(brain)[::37]
    points = voxels @ affine[:3, :3].T + affine[:3, 3]
    inverse = np.linalg.inv(affine)

    def reflection(parameters):
        yaw, roll = np.array(parameters[:2]) / 20
        normal = np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw) * np.cos(roll), np.sin(roll)])
        matrix = np.eye(4)
        matrix[:3, :3] -= 2 * np.outer(normal, normal)
        matrix[:3, 3] = 2 * (normal @ points.mean(axis=0) + parameters[2]) * normal
        return inverse @ matrix @ affine

    def mismatch(parameters):
        matrix = reflection(parameters)
        there = voxels @ matrix[:3, :3].T + matrix[:3, 3]
        sampled = ndimage.map_coordinates(smooth, there.T, order=1)
        return -np.corrcoef(sampled, smooth[tuple(voxels.T)])[0, 1]

    starts = [(yaw, 0.0, shift) for yaw in (-2.0, 0.0, 2.0) for shift in (-3.0, 3.0)]
    fits = [optimize.minimize(mismatch, start, method="Nelder-Mead") for start in starts]
    matrix = reflection(min(fits, key=lambda fit: fit.fun).x)
    return ndimage.affine_transform(trace, matrix[:3, :3], matrix[:3, 3], order=1, cval=np.nan)


@cache
def load(folder, subject):
    """Maps and masks of a subject."""
    stem = f"sub-{subject}/ses-baseline/dwi/sub-{subject}_ses-baseline_"
    raw = folder / "real-bids"
    if (raw / f"{stem}dwi.nii.gz").exists():
        image = nib.load(raw / f"{stem}dwi.nii.gz")
        maps = fit_adc(np.asarray(image.dataobj), np.loadtxt(raw / f"{stem}dwi.bval"))
        adc, trace, reference = maps.adc, maps.trace, maps.b0
    else:
        image = nib.load(raw / f"{stem}trace.nii.gz")
        trace = reference = np.asarray(image.dataobj, np.float32)
        adc, factor, _ = convert_adc(np.asarray(nib.load(raw / f"{stem}ADC.nii.gz").dataobj))
        assert factor == 1e-3
    voxel = np.array(image.header.get_zooms()[:3], float)
    brain = brain_mask(reference, voxel)
    scan = SimpleNamespace(
        voxel=voxel, adc=adc, trace=trace, brain=brain, reference=np.asarray(reference), affine=image.affine
    )
    scan.mirrored = mirror_image(trace, reference, brain, image.affine)
    for name in ("brain", "L"):
        path = raw / "derivatives" / "network" / f"{stem}label-{name}_mask.nii.gz"
        setattr(scan, f"network_{name}", np.asarray(nib.load(path).dataobj) > 0 if path.exists() else None)
    return scan


def core_of(scan, adc_threshold=620e-6, **options):
    find = core_finder(scan.adc, scan.trace, scan.brain, scan.voxel, mirrored_trace=scan.mirrored, **options)
    return find(adc_threshold)


def followup_of(scan):
    return followup_lesion(scan.trace, scan.brain, scan.voxel, mirrored=scan.mirrored, adc=scan.adc)


@pytest.mark.parametrize("subject", ["ads01", "ads02"])
def test_brain_agrees_with_the_network(external_data, subject):
    scan = load(external_data, subject)
    assert dice(scan.brain, scan.network_brain) >= 0.93


@pytest.mark.parametrize("count", [1, 2, 6, 12])
@pytest.mark.parametrize("subject", ["ads01", "ads02"])
def test_brain_of_a_slab_through_the_orbits_agrees_with_the_network(external_data, subject, count):
    """Its lobes are separate pieces, and eyes are the brightest in it."""
    scan = load(external_data, subject)
    slabs = [slice(first, first + count) for first in (8, 10, 12)]
    overlaps = [
        dice(brain_mask(scan.reference[..., slab], scan.voxel), scan.network_brain[..., slab]) for slab in slabs
    ]
    assert min(overlaps) >= 0.83
    assert np.mean(overlaps) >= 0.9


def test_a_stripped_brain_is_kept_whole(external_data):
    scan = load(external_data, "isles01")
    assert dice(scan.brain, scan.trace != 0) >= 0.99


@pytest.mark.parametrize("subject", ["ads02", "isles01"])
def test_no_false_core_where_there_is_hardly_any(external_data, subject):
    scan = load(external_data, subject)
    with np.errstate(invalid="ignore"):
        raw = scan.brain & (scan.adc < 620e-6)
    assert volume_ml(raw, scan) > 30
    assert volume_ml(core_of(scan), scan) <= 2


def test_the_small_bright_lesion_is_kept(external_data):
    scan = load(external_data, "isles01")
    labels, _ = ndimage.label(core_of(scan))
    inside = labels[66:71, 53:58, 49:54]
    assert inside.any()
    assert 0.1 < volume_ml(np.isin(labels, np.unique(inside[inside > 0])), scan) < 0.5
    assert volume_ml(labels > 0, scan) < 0.5  # and nothing else is: no lining of a ventricle


def test_followup_lesion_agrees_with_the_network(external_data):
    scan = load(external_data, "ads01")
    assert dice(followup_of(scan), scan.network_L) >= 0.75


def test_no_false_followup_lesion(external_data):
    scan = load(external_data, "ads02")
    assert volume_ml(followup_of(scan), scan) <= 3


@pytest.mark.parametrize("subject", ["ads01", "ads02"])
def test_followup_lesion_by_the_steps_of_the_workflow(external_data, tmp_path, subject):
    """The same through the steps a follow-up session goes through, with the mirror plane they find."""
    scan = load(external_data, subject)
    affine = nib.load(next((external_data / "real-bids").glob(f"sub-{subject}/ses-*/dwi/*_dwi.nii.gz"))).affine
    files = {}
    for name in ("trace", "adc", "brain"):
        files[name] = str(tmp_path / f"{name}.nii.gz")
        nifti.save(files[name], getattr(scan, name), affine, sidecar={})
    plane = ExtractBrain(reference=files["trace"], given=files["brain"]).run(cwd=str(tmp_path)).outputs.mirror
    step = SegmentLesion(reference=files["trace"], brain=files["brain"], adc=files["adc"], mirror=plane)
    lesion = nifti.load(step.run(cwd=str(tmp_path)).outputs.lesion).mask
    if subject == "ads01":
        assert dice(lesion, scan.network_L) >= 0.75
    else:
        assert volume_ml(lesion, scan) <= 3


def test_two_patients_are_refused_or_doubted(external_data):
    """What the session's status says when one patient's diffusion lies with another's perfusion."""
    limits = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text(encoding="utf-8"))[
        "quality"
    ]
    fixed, moving = (load(external_data, subject) for subject in ("ads01", "isles01"))
    images_of = (Image(scan.reference, scan.affine) for scan in (fixed, moving))
    try:
        margin = register(*images_of, fixed.brain, moving.brain).edge_margin
    except DataFault:
        margin = -np.inf  # refused: the session has failed
    assert margin < limits["min_edge_margin"]
