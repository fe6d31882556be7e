"""Distances to an outline, in pixels and in mm."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.operations.distance import signed_distance


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 0.7), (5.0, 0.7), (0.7, 3.0)])
def test_a_half_plane_is_as_far_as_its_edge(spacing):
    for axis, shape in ((0, (24, 400)), (1, (400, 24))):
        mask = np.zeros(shape, bool)
        mask[(slice(None),) * axis + (slice(0, 18),)] = True
        found = np.moveaxis(signed_distance(mask, spacing), axis, 0)[10:24, 200]
        np.testing.assert_allclose(found, (17.5 - np.arange(10, 24)) * spacing[axis])


def test_a_disc_in_mm_is_a_disc():
    rows, columns = np.mgrid[:60, :240]
    away = np.hypot((rows - 30) * 4.0, columns - 120)
    found = signed_distance(away <= 80, (4.0, 1.0))
    near = np.abs(away - 80) < 40
    assert np.abs(found - (80 - away))[near].max() < 4.0
    assert np.abs(found - (80 - away))[near].mean() < 1.0
