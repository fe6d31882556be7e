"""The part of a volume that an operation looks at."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import GeometryError
from volsweep.geometry import Grid
from volsweep.operations.block import block_around, checked_mask, margin_of


def test_a_block_holds_the_mask_and_its_margin_and_ends_with_the_volume():
    mask = np.zeros((5, 8, 9), bool)
    mask[1:3, 4, 6:9] = True
    assert block_around(mask) == np.s_[1:3, 4:5, 6:9]
    assert block_around(mask, (2, 1, 3)) == np.s_[0:5, 3:6, 3:9]
    assert block_around(np.zeros((5, 8, 9), bool), (1, 1, 1)) is None


def test_a_mask_of_another_shape_is_refused_with_both():
    with pytest.raises(GeometryError, match=r"\(2, 3, 4\) and its grid \(2, 3, 5\)"):
        checked_mask(np.zeros((2, 3, 4)), Grid.axis_aligned((2, 3, 5)))


def test_a_margin_spans_the_nearest_slices_of_an_uneven_stack():
    even = Grid.axis_aligned((4, 5, 5), (5, 0.5, 2))
    assert margin_of(even, 4) == (2, 9, 3)
    origins = np.array([[0, 0, z] for z in (0, 1, 6, 11)], float)
    assert margin_of(Grid(even.shape_zyx, even.affine, origins), 4) == (5, 9, 3)
