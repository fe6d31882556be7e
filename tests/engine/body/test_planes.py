"""Where planes lie and what they show, in millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.body.planes import ANCHOR, PLANES_PER_SIDE, ZOOM, Planes
from volsweep.engine.network.refiner import DEPTH, SIDE
from volsweep.engine.slices.frames import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.volume import Volume

BOX_XYXY = (45.0, 35.0, 84.0, 44.0)
"""40 mm wide on pixels of 1.5 x 1 mm: a window of 92 mm."""


def frames_of(slice_mm, slices):
    z, y, x = np.ogrid[:slices, :100, :140]
    grey = 0.5 + 0.3 * np.sin(0.05 * (x + 0.5)) * np.cos(0.06 * (y + 0.5)) + 0.2 * np.sin(0.04 * (z + 0.5) * slice_mm)
    volume = Volume(grey.astype(np.float32), Grid.axis_aligned(grey.shape, (slice_mm, 1.5, 1.0)), modality="MR")
    return Frames(volume, "axial", Window(0.5, 1.0))


@pytest.mark.parametrize(("slice_mm", "slices"), [(0.5, 300), (5.0, 40)], ids=["thin", "thick"])
def test_they_show_what_lies_there(slice_mm, slices):
    anchor = slices // 2
    planes = Planes.around(BOX_XYXY, anchor, frames_of(slice_mm, slices))
    assert planes.crop.width == pytest.approx(40 * ZOOM, abs=1)
    grey, inside = planes.shown(frames_of(slice_mm, slices))
    side_mm = planes.crop.width
    z = (anchor + 0.5) * slice_mm + (np.arange(DEPTH) - ANCHOR) * side_mm / PLANES_PER_SIDE
    cells = (np.arange(SIDE) + 0.5) / SIDE
    x, y = planes.crop.left + cells * side_mm, planes.crop.top + cells * planes.crop.height
    expected = 0.5 + 0.3 * np.sin(0.05 * x) * np.cos(0.06 * y)[:, None] + 0.2 * np.sin(0.04 * z)[:, None, None]
    there = (z > slice_mm) & (z < (slices - 1) * slice_mm)
    assert there.sum() > 20
    shown = inside[there].numpy() > 0
    assert np.abs((grey[there].numpy() - expected[there])[shown]).max() < 0.04


def test_beyond_the_volume_there_is_nothing():
    grey, inside = Planes.around(BOX_XYXY, 2, frames_of(5.0, 8)).shown(frames_of(5.0, 8))
    assert 0 < inside.mean() < 0.5
    assert (grey[inside == 0] == 0).all()


def test_places_are_counted_from_the_anchor_and_the_corner():
    planes = Planes.around(BOX_XYXY, 20, frames_of(5.0, 40))
    gap_mm = planes.crop.width / PLANES_PER_SIDE
    assert planes.plane(20) == ANCHOR
    assert planes.plane(22) == pytest.approx(ANCHOR + 10 / gap_mm)
    assert planes.holds(20)
    assert not planes.holds(39)
    crop = planes.crop
    np.testing.assert_allclose(planes.pixels((crop.left, crop.top)), 0)
    np.testing.assert_allclose(planes.pixels((crop.left + crop.width, crop.top + crop.height)), SIDE)
