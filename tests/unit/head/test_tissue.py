import numpy as np
from heads import SHAPE, dice, ellipsoid, head
from reperfuse.diffusion.adc import fit_adc
from reperfuse.head.tissue import csf_mask, normal_tissue, vessel_mask


def test_normal_tissue_is_the_other_side_without_fluid_and_vessels():
    _, brain, lesion = head()
    half = np.zeros(SHAPE, bool)
    half[: SHAPE[0] // 2] = True  # the lesion's side
    cbv = np.where(brain, 4.0, np.nan)
    cbv[80, 60, 15] = 40.0
    csf = ellipsoid((12, 5, 5), (8, 30, 14))
    for side in (half, ~half):
        normal = normal_tissue(brain, lesion, side, csf=csf, cbv=cbv)
        expected = brain & ~half & ~csf
        expected[80, 60, 15] = False
        np.testing.assert_array_equal(normal, expected)
    both = normal_tissue(brain, lesion | lesion[::-1], half)
    np.testing.assert_array_equal(both, brain & ~lesion & ~lesion[::-1])
    np.testing.assert_array_equal(normal_tissue(brain, np.zeros(SHAPE, bool), half), brain)


def test_csf_by_adc_or_by_the_perfusion_reference():
    series, brain, _ = head(snr=100)
    fluid = ellipsoid((12, 5, 5), (8, 30, 14)) | ellipsoid((-12, 5, 5), (8, 30, 14))
    adc = fit_adc(series, [0, 1000]).adc
    assert dice(csf_mask(brain, adc=adc), fluid) > 0.97
    assert dice(csf_mask(brain, reference=series[..., 0]), fluid) > 0.97


def test_vessels_stand_out_by_their_blood_volume():
    brain = ellipsoid((0, 0, 0), (70, 88, 60))
    sinus = ellipsoid((0, -70, 10), (4, 8, 20))
    cbv = np.where(sinus, 40.0, 3.0).astype(np.float32)
    cbv[50, 60, 15] = np.nan
    np.testing.assert_array_equal(vessel_mask(brain, cbv, 4.0), brain & sinus)
    assert not vessel_mask(brain, np.full(SHAPE, np.nan), 4.0).any()
