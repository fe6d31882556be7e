"""The block and the planes show what lies there, however far apart slices are; bodies are cut where windows lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
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

from volsweep.engine.body.space import (
    BLOCK_ANCHOR,
    PLANES_ANCHOR,
    PLANES_PER_SIDE,
    PLANES_ZOOM,
    Block,
    Body,
    Planes,
    nearest_slices,
)
from volsweep.engine.network import refiner
from volsweep.engine.network.body_net import DEPTH, FINE, SIDE
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import Frames
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
        assert block.plane(index) == pytest.approx(BLOCK_ANCHOR + (height - HEIGHTS[anchor]) / plane_mm)


@pytest.mark.parametrize("thin", [1.0, 0.25])
def test_planes_show_what_lies_at_their_height(thin):
    heights = HEIGHTS * thin
    frames = stack_of(heights)
    block = Block.around(BOX, 10, frames)
    grey, inside = block.grey(frames)[:, :, 32, 32].numpy()
    height = heights[10] + (np.arange(DEPTH) - BLOCK_ANCHOR) * block.crop.width / 32
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
        assert block.plane(index) == pytest.approx(BLOCK_ANCHOR + (index - 20) * 5.0 / gap_mm)
        assert block.holds(index) == (-0.5 <= block.plane(index) < DEPTH - 0.5)
    assert [block.holds(i) for i in (9, 10, 29, 30)] == [False, True, True, False]


WIDE_XYXY = (45.0, 35.0, 84.0, 44.0)
"""40 mm wide on pixels of 1.5 x 1 mm: a window of 92 mm."""


def wide_frames(slice_mm, slices):
    z, y, x = np.ogrid[:slices, :100, :140]
    grey = 0.5 + 0.3 * np.sin(0.05 * (x + 0.5)) * np.cos(0.06 * (y + 0.5)) + 0.2 * np.sin(0.04 * (z + 0.5) * slice_mm)
    volume = Volume(grey.astype(np.float32), Grid.axis_aligned(grey.shape, (slice_mm, 1.5, 1.0)), modality="MR")
    return Frames(volume, "axial", Window(0.5, 1.0))


@pytest.mark.parametrize(("slice_mm", "slices"), [(0.5, 300), (5.0, 40)], ids=["thin", "thick"])
def test_they_show_what_lies_there(slice_mm, slices):
    anchor = slices // 2
    planes = Planes.around(WIDE_XYXY, anchor, wide_frames(slice_mm, slices))
    assert planes.crop.width == pytest.approx(40 * PLANES_ZOOM, abs=1)
    grey, inside = planes.shown(wide_frames(slice_mm, slices))
    side_mm = planes.crop.width
    z = (anchor + 0.5) * slice_mm + (np.arange(refiner.DEPTH) - PLANES_ANCHOR) * side_mm / PLANES_PER_SIDE
    cells = (np.arange(refiner.SIDE) + 0.5) / refiner.SIDE
    x, y = planes.crop.left + cells * side_mm, planes.crop.top + cells * planes.crop.height
    expected = 0.5 + 0.3 * np.sin(0.05 * x) * np.cos(0.06 * y)[:, None] + 0.2 * np.sin(0.04 * z)[:, None, None]
    there = (z > slice_mm) & (z < (slices - 1) * slice_mm)
    assert there.sum() > 20
    shown = inside[there].numpy() > 0
    assert np.abs((grey[there].numpy() - expected[there])[shown]).max() < 0.04


def test_beyond_the_volume_there_is_nothing():
    grey, inside = Planes.around(WIDE_XYXY, 2, wide_frames(5.0, 8)).shown(wide_frames(5.0, 8))
    assert 0 < inside.mean() < 0.5
    assert (grey[inside == 0] == 0).all()


def test_places_are_counted_from_the_anchor_and_the_corner():
    planes = Planes.around(WIDE_XYXY, 20, wide_frames(5.0, 40))
    gap_mm = planes.crop.width / PLANES_PER_SIDE
    assert planes.plane(20) == PLANES_ANCHOR
    assert planes.plane(22) == pytest.approx(PLANES_ANCHOR + 10 / gap_mm)
    assert planes.holds(20)
    assert not planes.holds(39)
    crop = planes.crop
    np.testing.assert_allclose(planes.pixels((crop.left, crop.top)), 0)
    np.testing.assert_allclose(planes.pixels((crop.left + crop.width, crop.top + crop.height)), refiner.SIDE)


def linear_body(block, slice_mm):
    """A body whose logits are a linear function of place, and that function."""

    def logits(z_mm, y_mm, x_mm):
        return 0.03 * x_mm - 0.05 * y_mm + 0.07 * z_mm

    coarse = places_mm(SIDE)
    z = planes_mm(block.anchor, slice_mm)
    values = logits(z[:, None, None], CENTRE_MM[1] + coarse[:, None], CENTRE_MM[0] + coarse)
    return Body(block, torch.from_numpy(values.astype(np.float32))), logits


@pytest.mark.parametrize(
    "crop",
    [
        Crop(27, 18, 66, 44, 128),  # its own
        Crop(27, 18, 66, 44, 256),
        Crop(40, 22, 30, 20, 128),  # inside it
        Crop(10, 30, 66, 44, 128),  # moved
        Crop(-20, -10, 150, 100, 64),  # larger
    ],
)
@pytest.mark.parametrize("index", [20, 22, 14, 2, 39])
def test_a_section_is_cut_where_its_window_lies(crop, index):
    slice_mm = 5.0
    body, linear = linear_body(block_at(20, slice_mm), slice_mm)
    side = crop.size // 4
    x = (crop.left + (np.arange(side) + 0.5) * crop.width / side) * COLUMN_MM
    y = (crop.top + (np.arange(side) + 0.5) * crop.height / side) * ROW_MM
    z = (index + 0.5) * slice_mm
    # Beyond the block, what lies on its border.
    coarse, planes = places_mm(SIDE), planes_mm(20, slice_mm)
    x = np.clip(x, CENTRE_MM[0] + coarse[0], CENTRE_MM[0] + coarse[-1])
    y = np.clip(y, CENTRE_MM[1] + coarse[0], CENTRE_MM[1] + coarse[-1])
    z = np.clip(z, planes[0], planes[-1])
    section = body.section(index, crop)
    assert section.dtype == torch.float32
    np.testing.assert_allclose(section, linear(z, y[:, None], x), atol=1e-3)
