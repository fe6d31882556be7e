"""Bodies and their sections against geometry in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.known_blocks import (
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
    planes_mm,
)

from volsweep.engine.body.block import ANCHOR, ZOOM
from volsweep.engine.body.predict import Body, BodyPredictor
from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.engine.body.spheroid import ELONGATION, SHORT_AXIS
from volsweep.engine.network.body_net import DEPTH, SIDE, BodyNet
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.frames import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.prompts.kinds import Line
from volsweep.volume import Volume


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


def test_a_block_around_a_line_is_as_large_whatever_the_pixels():
    """In a coronal plane rows are slices apart: a line along a row must not make a block five times too large."""
    array = np.zeros((30, 60, 200), np.float32)
    frames = Frames(Volume(array, Grid.axis_aligned(array.shape, (3, 5, 1)), modality="MR"), "axial", Window(0, 1))
    known = KnownSlice(10, Line(label=1, slice=10, line_xyxy=(80, 30, 119, 30)))
    found = BodyPredictor(BodyNet().eval(), frames).predict([known])
    assert found.block.crop.width == pytest.approx(ZOOM * 40, abs=2)
    # The ellipse along it, in mm: 40 long and 28 wide, in a block of 88.
    columns, rows = ((found.logits[ANCHOR] > 0).any(axis).sum() * 88 / SIDE for axis in (0, 1))
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
