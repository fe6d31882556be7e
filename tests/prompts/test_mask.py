"""Masks survive packing, damaged ones are refused, and they are voxels alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydantic import ValidationError

from volsweep.prompts.mask import Mask


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)), st.booleans())
def test_mask_survives_packing(mask, verbatim):
    packed = Mask.from_array(mask, label=3, slice=2, verbatim=verbatim)
    again = Mask.model_validate_json(packed.model_dump_json())
    np.testing.assert_array_equal(again.to_array(), mask)
    assert again == packed
    assert (again.extent_xyxy() is None) == (not mask.any())


def test_damaged_mask_bits_are_refused():
    good = Mask.from_array(np.ones((4, 30), dtype=bool), label=1, slice=0).model_dump()
    for bits in ("", "!!!!", good["bits"][:-8], "AAAA"):
        with pytest.raises(ValidationError, match="mask"):
            Mask(**{**good, "bits": bits})


def test_a_mask_has_no_vertices_but_voxels():
    mask = Mask.from_array(np.eye(40, 60, dtype=bool), label=2, slice=3)
    assert mask.is_painted
    assert mask.vertices_xy().shape == mask.points_xy().shape == (0, 2)
