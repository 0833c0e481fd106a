import numpy as np
import pytest
from heads import VOXEL, dice, head, volume_ml
from reperfuse.head.brain import brain_mask
from reperfuse.head.mirror import Mirror, reflect, reflection_matrix
from reperfuse.serial.lesion import followup_lesion
from reperfuse.simulation.anatomy import Head, Region
from reperfuse.simulation.geometry import sample_points
from reperfuse.simulation.physiology import Injury
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import FlairProtocol, acquire_flair
from reperfuse.simulation.truth import is_inside
from scipy import ndimage


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_followup_lesion_needs_no_low_adc(bias):
    series, brain, lesion = head(bias=bias)
    image = series[..., 1]  # the lesion is 1.5 times as bright as its mirror
    adc = np.where(brain, 0.8e-3, np.nan)  # pseudo-normal
    found = followup_lesion(image, brain, VOXEL, mirrored=image[::-1], adc=adc)
    assert dice(found, lesion) > 0.9


def test_fluid_in_a_voxel_hides_no_infarct():
    """A voxel of half infarct, half fluid has the ADC of fluid, and still half of the infarct's brightness."""
    series, brain, lesion = head()
    image, adc = series[..., 1].copy(), np.where(brain, 0.8e-3, np.nan)
    inside = np.argwhere(ndimage.binary_erosion(lesion, iterations=2))
    half, mostly = (tuple(inside[len(inside) // 3 :: 40].T), tuple(inside[len(inside) // 3 + 20 :: 40].T))
    adc[half], adc[mostly] = 1.8e-3, 2.5e-3
    image[half] *= 0.6
    image[mostly] *= 0.2
    found = followup_lesion(image, brain, VOXEL, mirrored=series[::-1, ..., 1], adc=adc)
    assert found[half].all()
    assert not found[mostly].any()


def test_followup_of_a_healthy_head_is_empty():
    series, brain, _ = head(lesion=False, bias=0.3)
    image = series[..., 1]
    assert not followup_lesion(image, brain, VOXEL, mirrored=image[::-1]).any()


@pytest.mark.parametrize("lesion_ml", [40.0, 0.0])
def test_followup_lesion_on_flair_reaches_the_white_matter_beside_cortex(lesion_ml):
    """Cortex is half as bright again as white matter there, so infarcted white matter is only as bright as cortex."""
    grid, head_ = make_grid(Matrix((80, 96, 24), (2.5, 2.5, 5.0))), Head()
    region = Region("left", (36.0, -10.0, 18.0), (1.0, 1.45, 1.15), 40.0)
    injuries = (Injury(region, adc=0.52e-3, t2_ratio=1.45),) if lesion_ml else ()
    image = acquire_flair(head_, injuries, grid, np.eye(4), FlairProtocol(), seed=1)
    points = sample_points(grid, np.eye(4), head_, (1, 1, 1))
    lesion = is_inside(points, region).reshape(grid.shape)
    brain = brain_mask(image, grid.voxel_mm)
    plane = Mirror(np.array([1.0, 0, 0]), 0.0, reflection_matrix(np.array([1.0, 0, 0]), 0.0), 1.0)
    mirrored = reflect(image, grid.affine, plane)
    found = followup_lesion(image, brain, grid.voxel_mm, mirrored=mirrored, rim_mm=4.0)
    assert volume_ml(found, grid.voxel_mm) == pytest.approx(volume_ml(lesion, grid.voxel_mm) * bool(lesion_ml), rel=0.1)
    if lesion_ml:
        assert dice(found, lesion) > 0.9
