"""Damage to the header of an image."""

import nibabel as nib
import numpy as np

from damages import Damage
from damages.patient import Patient

NAN, DAMAGED = float("nan"), "not a readable NIfTI image"


def _big_endian(patient: Patient) -> None:
    image = nib.load(patient.scan("dsc"))
    nib.save(
        nib.Nifti1Image(image.get_fdata(dtype=np.float32), None, image.header.as_byteswapped(">")), patient.scan("dsc")
    )


def _scaled(affine: np.ndarray, by: float) -> np.ndarray:
    affine[:3] *= by
    return affine


def _sheared(affine: np.ndarray) -> np.ndarray:
    affine[:3, 1] = affine[:3, 0] + 0.1 * affine[:3, 1]
    return affine


def _micrometres(patient: Patient) -> None:
    patient.affine(lambda affine: _scaled(affine, 1000))


def _unoriented(patient: Patient, kind: str = "dsc") -> None:
    patient.header(kind, qform_code=0, sform_code=0)


DAMAGES = [
    Damage("qform mirrors the sform", lambda p: p.header(quatern_b=0.0, quatern_c=1.0, quatern_d=0.0), "dsc",
           "place the image differently"),
    Damage("qform lies elsewhere than sform", lambda p: p.header(qoffset_x=400.0), "dsc", "place the image differently"),
    Damage("quaternion that is none", lambda p: p.header(quatern_b=3.0, quatern_c=3.0, sform_code=0), "dsc",
           "position"),
    Damage("quaternion of NaN", lambda p: p.header(quatern_b=NAN, sform_code=0), "dsc", "position"),
    Damage("sform of NaN", lambda p: p.header(srow_x_0=NAN), "dsc", "affine"),
    Damage("sform of infinity", lambda p: p.header(srow_y_1=np.inf), "dsc", "affine"),
    Damage("sform of zeros", lambda p: p.header(srow_x=0, srow_y=0, srow_z=0), "dsc", "affine is singular"),
    Damage("sform with axes at a sharp angle", lambda p: p.affine(_sheared), "dsc", "angle"),
    Damage("sform lost, qform kept", lambda p: p.header(sform_code=0, srow_x=0, srow_y=0, srow_z=0)),
    Damage("qform lost, sform kept", lambda p: p.header(qform_code=0, quatern_b=0, qoffset_x=0)),
    Damage("codes for another space", lambda p: p.header(qform_code=2, sform_code=4)),
    Damage("both codes 0", _unoriented, says="which side is left", found="step"),
    Damage("both codes 0 in diffusion", lambda p: _unoriented(p, "dwi"), says="which side is left", found="step"),
    Damage("geometry in micrometres", _micrometres, "dsc", "not those of a head's scan"),
    Damage("geometry in metres", lambda p: p.affine(lambda a: _scaled(a, 0.001)), "dsc", "not those of a head's scan"),
    Damage("geometry lost: identity", lambda p: p.image(affine=np.eye(4)), "dsc", "too small for a head"),
    Damage("geometry of a phantom: 0.1 mm voxels", lambda p: p.affine(lambda a: _scaled(a, 0.03)), "dsc",
           "not those of a head's scan"),
    Damage("origin far away", lambda p: p.header(srow_x_3=9e3, qoffset_x=9e3), found="step"),
    Damage("origin beyond all numbers", lambda p: p.header(srow_x_3=np.inf, qoffset_x=np.inf), "dsc", "affine"),
    Damage("two dimensions", lambda p: p.header(dim_0=2), "dsc", "dimensions"),
    Damage("one frame only", lambda p: p.image(lambda d: d[..., 0]), "dsc", "a DSC series has four dimensions"),
    Damage("one slice only", lambda p: p.image(lambda d: d[:, :, 5:6]), "dsc", "no artery in the field of view", found="step"),
    Damage("five dimensions", lambda p: p.image(lambda d: d[..., None].repeat(2, 4)), "dsc", "three dimensions, or four"),
    Damage("frames in the fifth dimension", lambda p: p.image(lambda d: d[:, :, :, None]), "dsc", "three dimensions, or four"),
    Damage("five dimensions of diffusion", lambda p: p.image(lambda d: d[..., None].repeat(2, 4), "dwi"), "dwi",
           "three dimensions, or four"),
    Damage("trailing dimensions of one", lambda p: p.image(lambda d: d[..., None, None])),
    Damage("FLAIR with a fourth dimension of one", lambda p: (p.add_flair(), p.image(lambda d: d[..., None], "flair"))),
    Damage("FLAIR of several volumes", lambda p: (p.add_flair(), p.image(lambda d: d[..., None].repeat(3, 3), "flair")),
           "flair", "three dimensions"),
    Damage("scanner's ADC of several volumes", lambda p: (p.scanner_adc(), p.image(lambda d: d[..., None].repeat(3, 3), "adc")),
           "adc", "three dimensions"),
    Damage("dimension of 0", lambda p: p.header(dim_3=0), "dsc", "shape"),
    Damage("negative dimension", lambda p: p.header(dim_2=-40), "dsc", "shape"),
    Damage("number of dimensions is 0", lambda p: p.header(dim_0=0), "dsc", ""),
    Damage("number of dimensions is 9", lambda p: p.header(dim_0=9), "dsc", DAMAGED),
    Damage("more frames than the file holds", lambda p: p.header(dim_4=30000), "dsc", "cut off", found="step"),
    Damage("fewer frames than the sidecar's duration", lambda p: (p.say(AcquisitionDuration=80.0), p.header(dim_4=25)),
           "dsc", "AcquisitionDuration says 80 s"),
    Damage("wrong size of header", lambda p: p.header(sizeof_hdr=347)),
    Damage("magic of an image in two files", lambda p: p.header(magic=b"ni1")),
    Damage("magic of nothing", lambda p: p.header(magic=b"xyz"), "dsc", DAMAGED),
    Damage("data begin inside the header", lambda p: p.header(vox_offset=100), "dsc", DAMAGED),
    Damage("data begin past the end", lambda p: p.header(vox_offset=1e9), "dsc", "cut off", found="step"),
    Damage("offset of NaN", lambda p: p.header(vox_offset=NAN), "dsc", "where the data begin"),
    Damage("unknown data type", lambda p: p.header(datatype=77), "dsc", DAMAGED),
    Damage("data type of colours", lambda p: p.header(datatype=128, bitpix=24), "dsc", "colours"),
    Damage("data type of complex numbers", lambda p: p.image(dtype=np.complex64), "dsc", "complex"),
    Damage("bits that contradict the data type", lambda p: p.header(bitpix=8)),
    Damage("slope of NaN", lambda p: p.header(scl_slope=NAN)),
    Damage("slope of 0", lambda p: p.header(scl_slope=0)),
    Damage("slope of infinity", lambda p: p.header(scl_slope=np.inf)),
    Damage("intercept of NaN", lambda p: p.header(scl_slope=1, scl_inter=NAN), "dsc", "scaling"),
    Damage("intercept of infinity", lambda p: p.header(scl_slope=2, scl_inter=np.inf), "dsc", "scaling"),
    Damage("negative slope", lambda p: p.header(scl_slope=-1, scl_inter=0), "dsc", "scaling"),
    Damage("time unit is ms, spacing is in s", lambda p: p.header(xyzt_units=18), "dsc", "its header says 0.002 s"),
    Damage("time unit is ms, and so is the spacing", lambda p: p.header(xyzt_units=18, pixdim_4=2000)),
    Damage("time unit is Hz", lambda p: p.header(xyzt_units=34)),
    Damage("units unknown", lambda p: p.header(xyzt_units=0)),
    Damage("units that BIDS does not know", lambda p: p.header(xyzt_units=7)),
    Damage("spacing of 1 s, as converters write that know none", lambda p: p.header(pixdim_4=1)),
    Damage("spacing of NaN", lambda p: p.header(pixdim_4=NAN)),
    Damage("negative spacing", lambda p: p.header(pixdim_4=-2)),
    Damage("spacing of infinity", lambda p: p.header(pixdim_4=np.inf), "dsc", "its header says"),
    Damage("spacing that contradicts the sidecar", lambda p: p.header(pixdim_4=2.5), "dsc", "its header says 2.5 s"),
    Damage("negative voxel size", lambda p: p.header(pixdim_1=-3.0), "dsc", "header"),
    Damage("handedness of 7", lambda p: p.header(pixdim_0=7), "dsc", "header"),
    Damage("intent of statistics", lambda p: p.header(intent_code=3, intent_p1=5)),
    Damage("other byte order", _big_endian),
    Damage("NIfTI-2", lambda p: p.image(form=nib.Nifti2Image)),
    Damage("floating-point numbers of 64 bits", lambda p: p.image(dtype=np.float64)),
    Damage("unsigned bytes", lambda p: p.image(lambda d: d / d.max() * 255, dtype=np.uint8)),
]  # fmt: skip
