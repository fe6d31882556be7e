"""What was prompted, as the maps of the 3D network, and the body that it predicts from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.known_blocks import (
    BOX_XYXY,
    CENTRE_MM,
    COLUMN_MM,
    ROW_MM,
    SHAPE_YX,
    SIDE_MM,
    block_at,
    box_at,
    disc_mm,
    frames_of,
    mask_at,
    places_mm,
)

from volsweep.engine.body.predict import BodyPredictor, KnownSlice, paint_click, prompt_maps
from volsweep.engine.body.space import BLOCK_ANCHOR, BLOCK_ZOOM, Block
from volsweep.engine.body.spheroid import ELONGATION, SHORT_AXIS
from volsweep.engine.network.body_net import DEPTH, SIDE, BodyNet
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.prompts.kinds import Line, Point
from volsweep.prompts.mask import Mask
from volsweep.volume import Volume


def test_a_box_or_line_alone_needs_no_mask_and_clicks_do():
    box, line = box_at(), Line(label=1, slice=20, line_xyxy=(40, 40, 60, 50))
    click, negative = Point(label=1, slice=20, point_xy=(50, 40)), Point(label=1, slice=20, point_xy=(9, 9), positive=0)
    mask = mask_at(20, disc_mm(9))
    drawn = Mask.from_array(disc_mm(9), label=1, slice=20)
    assert KnownSlice.of([box], mask) == KnownSlice(20, box)
    assert KnownSlice.of([line], None) == KnownSlice(20, line)
    # With a click the box is not the last word: the mask is.
    assert KnownSlice.of([box, click, negative], mask) == KnownSlice(20, mask, (click, negative))
    assert KnownSlice.of([click], mask) == KnownSlice(20, mask, (click,))
    assert KnownSlice.of([drawn, negative], mask) == KnownSlice(20, mask, (negative,))
    assert KnownSlice.of([drawn], mask) == KnownSlice(20, mask)
    assert KnownSlice.of([box, click], None) is None
    assert KnownSlice.of([drawn], None) is None


def test_a_known_slice_knows_how_far_the_object_reaches():
    square = (1.0, 1.0)
    assert KnownSlice.of([box_at()], None).extent_xyxy(square) == BOX_XYXY
    rows, columns = np.nonzero(disc_mm(9))
    mask = KnownSlice(20, mask_at(20, disc_mm(9)))
    assert mask.extent_xyxy(square) == (columns.min(), rows.min(), columns.max(), rows.max())
    assert KnownSlice(20, mask_at(20, np.zeros(SHAPE_YX, bool))).extent_xyxy(square) is None
    assert KnownSlice(20, None, (Point(label=1, slice=20, point_xy=(1, 1)),)).extent_xyxy(square) is None
    line = KnownSlice(20, Line(label=1, slice=20, line_xyxy=(40, 30, 60, 30)))
    np.testing.assert_allclose(line.extent_xyxy(square), (40, 30 - 10 * SHORT_AXIS, 60, 30 + 10 * SHORT_AXIS))


def test_a_box_is_told_as_inside_and_beside_and_as_its_spheroid():
    slice_mm = 5.0
    known = KnownSlice(20, box_at())
    spheroid, masks, shapes, clicks = prompt_maps(block_at(20, slice_mm), [known])
    coarse = places_mm(SIDE)
    inside = (np.abs(coarse) < 7.5)[:, None] & (np.abs(coarse) < 15)
    np.testing.assert_array_equal(shapes[BLOCK_ANCHOR], np.where(inside, 1, -1))
    assert shapes.any((1, 2)).sum() == 1
    assert not masks.any()
    assert not clicks.any()
    # As deep as the ellipse's radius, the geometric mean of its half-axes, times ELONGATION.
    half_axis = ELONGATION * np.sqrt(15 * 7.5)
    depth = (np.arange(DEPTH) - BLOCK_ANCHOR) * SIDE_MM / SIDE
    z, y, x = depth[:, None, None] / half_axis, coarse[:, None] / 7.5, coarse / 15
    body = z**2 + y**2 + x**2 < 1
    np.testing.assert_array_equal(spheroid > 0, body)
    assert body.any((1, 2)).sum() == 15


def test_a_mask_lies_where_it_was_drawn():
    centre = (CENTRE_MM[0] + 6, CENTRE_MM[1] - 4)
    mask = mask_at(20, disc_mm(12, centre))
    spheroid, masks, shapes, clicks = prompt_maps(block_at(20), [KnownSlice(20, mask)])
    coarse = places_mm(SIDE)
    distance = np.hypot(coarse[:, None] + 4, coarse - 6)
    voxel = SIDE_MM / SIDE
    assert (masks[BLOCK_ANCHOR][distance < 12 - voxel] == 1).all()
    assert (masks[BLOCK_ANCHOR][distance > 12 + voxel] == -1).all()
    assert masks.any((1, 2)).sum() == 1
    assert not shapes.any()
    assert not clicks.any()
    planes = (spheroid > 0).any(2).any(1).nonzero()[:, 0].numpy() - BLOCK_ANCHOR
    assert planes.max() == -planes.min()
    assert planes.max() * voxel == pytest.approx(ELONGATION * 12, abs=1.2 * voxel)
    assert ((spheroid[BLOCK_ANCHOR] > 0) == (masks[BLOCK_ANCHOR] > 0)).float().mean() > 0.98


def test_a_line_is_told_as_a_line():
    """Aslant in voxels and in mm, which differ."""
    ends = (50.0, 34.0, 68.0, 46.0)
    _, _, shapes, _ = prompt_maps(block_at(20), [KnownSlice(20, Line(label=1, slice=20, line_xyxy=ends))])
    (x0, x1), (y0, y1) = (np.array(ends[i::2]) + 0.5 for i in (0, 1))
    shares = np.linspace(0, 1, 50)
    x = ((x0 + shares * (x1 - x0)) * COLUMN_MM - CENTRE_MM[0]) / SIDE_MM * SIDE + SIDE / 2
    y = ((y0 + shares * (y1 - y0)) * ROW_MM - CENTRE_MM[1]) / SIDE_MM * SIDE + SIDE / 2
    on = shapes[BLOCK_ANCHOR].numpy()
    assert set(np.unique(on)) == {0, 1}
    rows, columns = np.nonzero(on)
    away = np.hypot(columns[:, None] + 0.5 - x, rows[:, None] + 0.5 - y)
    assert away.min(1).max() < 1.1  # nothing beside the line
    assert away.min(0).max() < 1.1  # and no gap in it


def test_other_slices_say_what_they_know_and_nothing_of_the_spheroid():
    slice_mm = 5.0
    block = block_at(20, slice_mm)
    first, other = KnownSlice(20, box_at()), mask_at(23, disc_mm(8))
    outside, empty = KnownSlice(35, mask_at(35, disc_mm(8))), KnownSlice(16, mask_at(16, np.zeros(SHAPE_YX, bool)))
    alone = prompt_maps(block, [first])
    maps = prompt_maps(block, [first, KnownSlice(23, other), outside, empty])
    torch.testing.assert_close(maps[0], alone[0], rtol=0, atol=0)
    torch.testing.assert_close(maps[2], alone[2], rtol=0, atol=0)
    told = maps[1].any(2).any(1).nonzero()[:, 0].tolist()
    assert told == [BLOCK_ANCHOR + round(offset * slice_mm * SIDE / SIDE_MM) for offset in (-4, 3)]
    assert (maps[1, told[0]] == -1).all()  # the object is known not to be there
    area_mm = (maps[1, told[1]] > 0).sum() * (SIDE_MM / SIDE) ** 2
    assert area_mm == pytest.approx(np.pi * 8**2, rel=0.15)


def test_clicks_lie_where_they_were_given():
    mask = mask_at(22, disc_mm(12))
    clicks = (
        Point(label=1, slice=22, point_xy=(66.0, 39.5)),
        Point(label=1, slice=22, point_xy=(48.0, 33.0), positive=False),
    )
    _, _, _, told = prompt_maps(block_at(20), [KnownSlice(20, box_at()), KnownSlice(22, mask, clicks)])
    plane = BLOCK_ANCHOR + round(2 * 5.0 * SIDE / SIDE_MM)
    for click, place in zip(clicks, (told.argmax(), told.argmin()), strict=True):
        z, y, x = np.unravel_index(int(place), told.shape)
        assert z == plane
        for at, voxel, mm, middle in zip(click.point_xy, (x, y), (COLUMN_MM, ROW_MM), CENTRE_MM, strict=True):
            assert abs((at + 0.5) * mm - middle - places_mm(SIDE)[voxel]) <= 0.51 * SIDE_MM / SIDE


def test_a_click_lies_in_the_middle_of_its_voxel():
    """In a window of 24 x 16 voxels, where half a voxel is a whole one of the block."""
    block = Block.around((57, 38, 62, 41), 20, frames_of(5.0, 40))
    assert block.crop == Crop(48, 32, 24, 16, 128)
    click = Point(label=1, slice=20, point_xy=(58, 41))
    _, _, _, told = prompt_maps(block, [KnownSlice(20, mask_at(20, disc_mm(4)), (click,))])
    weights = told[BLOCK_ANCHOR].numpy()
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    assert (x * weights).sum() / weights.sum() == pytest.approx((58.5 - 48) / 24 * SIDE, abs=0.1)
    assert (y * weights).sum() / weights.sum() == pytest.approx((41.5 - 32) / 16 * SIDE, abs=0.1)


def test_a_click_is_a_small_ball_of_its_sign():
    shown = torch.zeros(16, 16, 16)
    paint_click(shown, (5, 6, 7), positive=True)
    assert shown[5, 6, 7] == shown.max() == 1
    assert shown.min() == 0
    z, y, x = torch.meshgrid(*(torch.arange(16) - at for at in (5, 6, 7)), indexing="ij")
    radius = (z**2 + y**2 + x**2).sqrt()
    assert (shown[radius <= 1] > 0.5).all()
    assert (shown[radius > 4] == 0).all()
    # A second one beside it does not take it away.
    paint_click(shown, (5, 6, 10), positive=False)
    assert shown[5, 6, 7] == 1
    assert shown[5, 6, 10] == -1
    assert shown[12, 12, 12] == 0


def test_clicks_are_painted_where_the_map_is():
    """Training paints on the device that it runs on; here one that has no numbers stands for it."""
    painted = torch.zeros(4, 4, 4, device="meta")
    paint_click(painted, (1, 2, 3), positive=True)
    assert painted.device.type == "meta"


def test_a_block_around_a_line_is_as_large_whatever_the_pixels():
    """In a coronal plane rows are slices apart: a line along a row must not make a block five times too large."""
    array = np.zeros((30, 60, 200), np.float32)
    frames = Frames(Volume(array, Grid.axis_aligned(array.shape, (3, 5, 1)), modality="MR"), "axial", Window(0, 1))
    known = KnownSlice(10, Line(label=1, slice=10, line_xyxy=(80, 30, 119, 30)))
    found = BodyPredictor(BodyNet().eval(), frames).predict([known])
    assert found.block.crop.width == pytest.approx(BLOCK_ZOOM * 40, abs=2)
    # The ellipse along it, in mm: 40 long and 28 wide, in a block of 88.
    columns, rows = ((found.logits[BLOCK_ANCHOR] > 0).any(axis).sum() * 88 / SIDE for axis in (0, 1))
    assert (columns, rows) == (pytest.approx(40, abs=4), pytest.approx(40 * SHORT_AXIS, abs=4))


class CountingFrames(Frames):
    read = 0

    def __getitem__(self, index):
        self.read += 1
        return super().__getitem__(index)


@torch.no_grad()
def test_what_was_predicted_is_remembered():
    array = np.random.default_rng(4).random((30, *SHAPE_YX)).astype(np.float32)
    grid = Grid.axis_aligned(array.shape, (5.0, ROW_MM, COLUMN_MM))
    frames = CountingFrames(Volume(array, grid, modality="MR"), "axial", Window(0.5, 1.0))
    net, runs = BodyNet().eval(), []
    net.register_forward_hook(lambda *_: runs.append(1))
    predictor = BodyPredictor(net, frames)
    first, mask = KnownSlice(20, box_at()), mask_at(22, disc_mm(8))
    found = predictor.predict([first])
    read = frames.read
    assert predictor.predict([KnownSlice(20, box_at())]) is found
    both = predictor.predict([first, KnownSlice(22, mask)])
    assert (len(runs), frames.read) == (2, read), "another known slice in the same block: no slice is read again"
    assert both.block == found.block
    assert predictor.predict([first, KnownSlice(22, mask)]) is both
    moved = predictor.predict([KnownSlice(21, box_at(21))])
    assert (len(runs), moved.block.anchor) == (3, 21)
    assert frames.read > read


@torch.no_grad()
def test_before_it_has_learned_the_body_is_the_spheroid():
    """Half-axes of the ellipsoid in mm, on slices 2 mm apart and pixels of 1.5 x 1 mm."""
    frames = frames_of(2.0, 60)
    body = BodyPredictor(BodyNet().eval(), frames).predict([KnownSlice(30, box_at(30))])
    assert body.logits.shape == (DEPTH, SIDE, SIDE)
    assert body.logits.dtype == torch.float32
    window = Crop(27, 18, 66, 44, 256)
    half_axis = ELONGATION * np.sqrt(15 * 7.5)
    for index in (30, 33, 26):
        shrunk = np.sqrt(1 - ((index - 30) * 2.0 / half_axis) ** 2)
        area_mm = (body.section(index, window) > 0).sum() * (SIDE_MM / 64) ** 2
        assert area_mm == pytest.approx(np.pi * 15 * 7.5 * shrunk**2, rel=0.07)
    assert not (body.section(30 + int(half_axis / 2 + 1.5), window) > 0).any()
