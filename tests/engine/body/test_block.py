"""Blocks over stacks whose slices are not evenly spaced: everything lies where it truly is."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.body.block import ANCHOR, Block, nearest_slices
from volsweep.engine.network.body_net import DEPTH
from volsweep.engine.slices.frames import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.volume import Volume

HEIGHTS = np.cumsum([0.0] + [1.5] * 8 + [4.5] * 5 + [1.5] * 8)
BOX = (30, 30, 69, 69)


def frames_of(heights: np.ndarray) -> Frames:
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
    block = Block.around(BOX, anchor, frames_of(HEIGHTS))
    plane_mm = block.crop.width / 32
    for index, height in enumerate(HEIGHTS):
        assert block.plane(index) == pytest.approx(ANCHOR + (height - HEIGHTS[anchor]) / plane_mm)


@pytest.mark.parametrize("thin", [1.0, 0.25])
def test_planes_show_what_lies_at_their_height(thin):
    heights = HEIGHTS * thin
    frames = frames_of(heights)
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
    assert frames_of(HEIGHTS).is_even is False


def test_the_nearest_slice_of_every_plane():
    places = [0.2, 1.1, 2.4, 7.0]
    assert nearest_slices(places, 10) == [0, 1, 2, 2, 2, 3, 3, 3, 3, 3]
    assert nearest_slices([3.0], 6) == [None, None, None, 0, None, None]
    assert nearest_slices([0.0, 0.3, 0.6], 3) == [0, 2, None]
