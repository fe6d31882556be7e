"""Blocks show what lies where they say, also over stacks whose slices are not evenly spaced."""

from __future__ import annotations

import numpy as np
import pytest
from support.known_blocks import (
    BOX_XYXY,
    CENTRE_MM,
    COLUMN_MM,
    ROW_MM,
    SIDE_MM,
    block_at,
    frames_of,
    places_mm,
    planes_mm,
    smooth,
)

from volsweep.engine.body.block import ANCHOR, Block, nearest_slices
from volsweep.engine.network.body_net import DEPTH, FINE, SIDE
from volsweep.engine.slices.frames import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.volume import Volume

HEIGHTS = np.cumsum([0.0] + [1.5] * 8 + [4.5] * 5 + [1.5] * 8)
BOX = (30, 30, 69, 69)


def stack_of(heights: np.ndarray) -> Frames:
    """Slices as bright as they are high."""
    count = len(heights)
    origins = np.zeros((count, 3))
    origins[:, 2] = heights
    affine = Grid.axis_aligned((count, 100, 100)).affine.copy()
    affine[2, 0] = (heights[-1] - heights[0]) / (count - 1)
    array = np.broadcast_to(heights[:, None, None], (count, 100, 100)).astype(np.float32)
    return Frames(
        Volume(array, Grid(array.shape, affine, origins), "CT"), "axial", Window(heights[-1] / 2, heights[-1])
    )


@pytest.mark.parametrize("anchor", [4, 10, 17])
def test_slices_lie_at_their_heights(anchor):
    block = Block.around(BOX, anchor, stack_of(HEIGHTS))
    plane_mm = block.crop.width / 32
    for index, height in enumerate(HEIGHTS):
        assert block.plane(index) == pytest.approx(ANCHOR + (height - HEIGHTS[anchor]) / plane_mm)


@pytest.mark.parametrize("thin", [1.0, 0.25])
def test_planes_show_what_lies_at_their_height(thin):
    heights = HEIGHTS * thin
    frames = stack_of(heights)
    block = Block.around(BOX, 10, frames)
    grey, inside = block.grey(frames)[:, :, 32, 32].numpy()
    height = heights[10] + (np.arange(DEPTH) - ANCHOR) * block.crop.width / 32
    within = (height > heights[0]) & (height < heights[-1])
    assert (inside[within] == 1).all()
    assert (inside[(height < heights[0] - 2) | (height > heights[-1] + 2)] == 0).all()
    np.testing.assert_allclose(grey[within] * heights[-1], height[within], atol=1.6)


def test_even_stacks_are_as_they_were():
    even = Frames(
        Volume(np.zeros((9, 100, 100), np.float32), Grid.axis_aligned((9, 100, 100), (3, 1, 1)), "CT"),
        "axial",
        Window(0, 1),
    )
    assert Block.around(BOX, 4, even).at is None
    assert stack_of(HEIGHTS).is_even is False


def test_the_nearest_slice_of_every_plane():
    places = [0.2, 1.1, 2.4, 7.0]
    assert nearest_slices(places, 10) == [0, 1, 2, 2, 2, 3, 3, 3, 3, 3]
    assert nearest_slices([3.0], 6) == [None, None, None, 0, None, None]
    assert nearest_slices([0.0, 0.3, 0.6], 3) == [0, 2, None]


@pytest.mark.parametrize(("slice_mm", "slices"), [(0.4, 300), (2.0, 60), (5.0, 30)], ids=["thin", "like", "thick"])
def test_a_block_shows_what_lies_there(slice_mm, slices):
    """Cubes of 66/32 mm across the slices and of half that in plane, whatever the slices and pixels."""
    anchor = slices // 2
    frames = frames_of(slice_mm, slices)
    block = Block.around(BOX_XYXY, anchor, frames)
    grey, inside = block.grey(frames)
    fine = places_mm(FINE)
    z = planes_mm(anchor, slice_mm)
    expected = smooth(z[:, None, None], CENTRE_MM[1] + fine[:, None], CENTRE_MM[0] + fine)
    reached = (z > slice_mm) & (z < (slices - 1) * slice_mm)
    assert reached.sum() > 40
    assert (inside[reached] == 1).all()
    np.testing.assert_allclose(grey[reached], expected[reached], atol=0.012)


@pytest.mark.parametrize("slice_mm", [0.4, 5.0], ids=["thin", "thick"])
def test_there_is_no_image_beyond_the_volume(slice_mm):
    slices, anchor = (60, 10) if slice_mm < 1 else (12, 2)
    frames = frames_of(slice_mm, slices, (45, 70))
    block = Block.around(BOX_XYXY, anchor, frames)
    grey, inside = block.grey(frames)
    fine, z = places_mm(FINE), planes_mm(anchor, slice_mm)
    y, x = CENTRE_MM[1] + fine, CENTRE_MM[0] + fine
    # A block's voxel or a slice may be seen as a whole where half of it is there.
    for shift, compared in ((-0.51, np.less_equal), (0.51, np.greater_equal)):
        near = shift * SIDE_MM / FINE
        in_z = (z > -near) & (z < slices * slice_mm + near)
        in_y, in_x = (y < 45 * ROW_MM + near), (x < 70 * COLUMN_MM + near)
        there = in_z[:, None, None] & in_y[:, None] & in_x
        assert compared(there, inside.numpy() > 0).all()
    assert 0.05 < inside.mean() < 0.6
    assert (grey[inside == 0] == 0).all()


def test_planes_are_counted_from_the_anchor():
    block = block_at(20, slice_mm=5.0)
    gap_mm = SIDE_MM / SIDE
    for index in (0, 19, 20, 23, 31):
        assert block.plane(index) == pytest.approx(ANCHOR + (index - 20) * 5.0 / gap_mm)
        assert block.holds(index) == (-0.5 <= block.plane(index) < DEPTH - 0.5)
    assert [block.holds(i) for i in (9, 10, 29, 30)] == [False, True, True, False]
