"""Volumes whose grey values are a function of place, and blocks in them whose place is known in millimetres."""

from __future__ import annotations

import numpy as np

from volsweep.engine.body.space import BLOCK_ANCHOR, Block
from volsweep.engine.network.body_net import DEPTH, SIDE
from volsweep.engine.slices.view import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.masks import trim
from volsweep.prompts.kinds import Box
from volsweep.volume import Volume

ROW_MM, COLUMN_MM = 1.5, 1.0
SHAPE_YX = (100, 120)
# 30 mm wide: the block's window is 66 mm, whole voxels both ways, centred on (59.5, 39.5).
BOX_XYXY = (45.0, 35.0, 74.0, 44.0)
SIDE_MM = 66.0
CENTRE_MM = (60.0 * COLUMN_MM, 40.0 * ROW_MM)
"""From the volume's edge, (x, y)."""


def smooth(z_mm, y_mm, x_mm):
    """Grey values by place, mm from the volume's edge."""
    return 0.5 + 0.3 * np.sin(0.05 * x_mm + 0.2) * np.cos(0.04 * y_mm) + 0.15 * np.sin(0.06 * z_mm)


def frames_of(slice_mm, slices, shape_yx=SHAPE_YX):
    z, y, x = np.ogrid[:slices, : shape_yx[0], : shape_yx[1]]
    array = smooth((z + 0.5) * slice_mm, (y + 0.5) * ROW_MM, (x + 0.5) * COLUMN_MM).astype(np.float32)
    return Frames(
        Volume(array, Grid.axis_aligned(array.shape, (slice_mm, ROW_MM, COLUMN_MM)), modality="MR"),
        "axial",
        Window(0.5, 1.0),
    )


def places_mm(count, side_mm=SIDE_MM):
    """Middles of a block's voxels along one axis, from the block's middle."""
    return (np.arange(count) + 0.5) * side_mm / count - side_mm / 2


def planes_mm(anchor, slice_mm):
    """Where a block's planes lie, from the volume's edge."""
    return (anchor + 0.5) * slice_mm + (np.arange(DEPTH) - BLOCK_ANCHOR) * SIDE_MM / SIDE


def box_at(index=20, box_xyxy=BOX_XYXY):
    return Box(label=1, slice=index, box_xyxy=box_xyxy)


def mask_at(index, mask_yx):
    logits = np.where(mask_yx, 5, -5).astype(np.float32)
    return trim(logits, slice=index, shape_yx=mask_yx.shape, iou=1.0, object_score=5.0)


def disc_mm(radius_mm, centre_mm=CENTRE_MM, shape_yx=SHAPE_YX):
    y, x = np.ogrid[: shape_yx[0], : shape_yx[1]]
    y, x = (y + 0.5) * ROW_MM - centre_mm[1], (x + 0.5) * COLUMN_MM - centre_mm[0]
    return y**2 + x**2 < radius_mm**2


def block_at(index, slice_mm=5.0, slices=40):
    return Block.around(BOX_XYXY, index, frames_of(slice_mm, slices))
