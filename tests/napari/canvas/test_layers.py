"""Layers of volumes and labels: in millimetres, and as radiologists look at them."""

from __future__ import annotations

import numpy as np

import volsweep
from volsweep.napari.canvas.layers import camera_orientation


def test_head_and_front_are_up_and_the_right_is_on_the_left():
    lps = volsweep.Grid.axis_aligned((4, 5, 6))
    assert camera_orientation(lps, volsweep.Plane.AXIAL) == ("down", "right")
    assert camera_orientation(lps, volsweep.Plane.CORONAL) == ("up", "right")
    assert camera_orientation(lps, volsweep.Plane.SAGITTAL) == ("up", "right")
    ras = volsweep.Grid((4, 5, 6), np.array([[0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    assert camera_orientation(ras, volsweep.Plane.AXIAL) == ("up", "left")
