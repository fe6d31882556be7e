"""Plain shapes in a box."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.evaluate.shapes import ellipse
from volsweep.geometry import mask_box_xyxy


@pytest.mark.parametrize("box", [(10, 5, 50, 25), (3, 4, 3, 39), (0, 0, 59, 39)])
def test_an_ellipse_fills_its_box(box):
    found = ellipse(box, (40, 60))
    assert mask_box_xyxy(found) == box


@pytest.mark.parametrize("scale", [1.0, 0.5, 1.3])
def test_its_area_is_that_of_an_ellipse(scale):
    found = ellipse((60, 70, 139, 109), (200, 220), scale)
    assert found.sum() == pytest.approx(np.pi / 4 * 80 * 40 * scale**2, rel=0.01)
    np.testing.assert_allclose(np.argwhere(found).mean(0), (89.5, 99.5))
