"""Union, intersection, difference."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import GeometryError
from volsweep.operations import intersect, subtract, union

A, B, C = (np.array([[[i >> bit & 1 for i in range(8)]]], bool) for bit in range(3))


def test_as_sets_have_it():
    sets = [{i for i in range(8) if mask[0, 0, i]} for mask in (A, B, C)]
    for found, expected in (
        (union(A, B, C), sets[0] | sets[1] | sets[2]),
        (intersect(A, B, C), sets[0] & sets[1] & sets[2]),
        (subtract(A, B, C), sets[0] - sets[1] - sets[2]),
        (subtract(A), sets[0]),
    ):
        assert set(np.flatnonzero(found).tolist()) == expected


@pytest.mark.parametrize("operation", [union, intersect, subtract])
def test_shapes_that_differ_are_named(operation):
    with pytest.raises(GeometryError, match=r"\(1, 1, 8\), \(1, 1, 7\)"):
        operation(A, B[..., :7])
