"""Masks in the bits of one volume."""

import numpy as np
import pytest
from reperfuse.volumes.bits import MOST, bit_field, masks_of


def test_each_mask_is_a_bit() -> None:
    masks = list(np.random.default_rng(0).random((MOST, 3, 4, 5)) > 0.5)
    field = bit_field(masks)
    assert field.dtype == np.uint32
    for bit, mask in enumerate(masks):
        np.testing.assert_array_equal(field & np.uint32(2**bit) > 0, mask)


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_what_does_not_go_in_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"^{count} masks"):
        bit_field([np.ones((1, 1, 1), bool)] * count)


def test_the_masks_come_back() -> None:
    masks = [np.random.default_rng(seed).random((3, 4, 5)) > 0.5 for seed in range(MOST)]
    np.testing.assert_array_equal(masks_of(bit_field(masks), MOST), masks)
