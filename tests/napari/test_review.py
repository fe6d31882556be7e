"""Trust follows a sweep, along its plane."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_fakes import draw


def test_sizes_and_marks_follow_a_sweep(controller, volume):
    sizes = []
    controller.measured.connect(sizes.append)
    draw(controller)
    controller.sweep()
    measured = sizes[-1][1]
    assert measured.voxels == 12 * 81
    assert measured.volume_ml == pytest.approx(12 * 81 * 4.0 / 1000)
    assert measured.diameters.long_mm == pytest.approx(np.hypot(9 * 1.0, 9 * 0.8), rel=0.15)
    assert set(controller.review.trust[1]) == set(range(12))
    assert controller.review.trust[1][5].prompted
    assert not any(mark.doubtful for mark in controller.review.trust[1].values())
