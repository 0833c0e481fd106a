import numpy as np
from reperfuse.volumes import morphology


def test_distances_are_mm_and_do_not_reach_across_thick_slices():
    mask = np.zeros((21, 21, 7), bool)
    mask[5:16, 5:16, 3] = True
    eroded = morphology.eroded(mask, 2.5, np.array([1.0, 1.0, 5.0]))
    assert eroded[..., 3].sum() == 7 * 7
    dilated = morphology.dilated(mask, 2.5, np.array([1.0, 1.0, 5.0]))
    assert not dilated[..., [2, 4]].any()
    assert dilated[10, :, 3].sum() == 11 + 4


def test_surrounded_is_what_most_of_its_neighbours_are():
    mask = np.zeros((5, 5, 5), bool)
    mask[:2] = True
    mask[2, 2, 2] = True
    assert morphology.surrounded(mask).sum() == 2 * 25
    mask[2, 1:4, 1:3] = True
    assert morphology.surrounded(mask)[2, 2, 2]
    mask[1, 2, 2] = False
    assert morphology.surrounded(mask)[1, 2, 2]
