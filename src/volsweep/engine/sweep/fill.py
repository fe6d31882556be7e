"""Fill skipped slices from their neighbours by shape-based interpolation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from volsweep.engine.slices.view import Frames
from volsweep.geometry import union_box_xyxy
from volsweep.masks import SliceMask, trim
from volsweep.operations.between import mixed_outlines

SUREST = 6.0
"""Logits of filled slices are held to this: surer than the network at an outline, less sure than what was drawn."""


def between(a: SliceMask, b: SliceMask, frames: Frames) -> list[SliceMask]:
    """Masks of the slices strictly between two, from the lower to the higher.

    As `mixed_outlines` has it, all distances in mm. Nothing is drawn towards a slice without the object.
    """
    a, b = sorted((a, b), key=lambda mask: mask.slice)
    box_a, box_b = a.box_xyxy, b.box_xyxy
    if box_a is None or box_b is None:
        return []
    x0, y0, x1, y1 = (int(v) for v in union_box_xyxy([box_a, box_b]))
    inner = (slice(y0, y1 + 1), slice(x0, x1 + 1))
    spacing = frames.spacing_yx_mm
    between = range(a.slice + 1, b.slice)
    shares = [share_of_way(frames, a.slice, b.slice, index) for index in between]
    outlines = mixed_outlines(a.mask_yx()[inner], b.mask_yx()[inner], shares, spacing)
    filled = []
    for index, mixed in zip(between, outlines, strict=True):
        mask = trim(
            np.clip(mixed, -SUREST, SUREST).astype(np.float32),
            slice=index,
            shape_yx=a.shape_yx,
            origin_yx=(y0, x0),
            iou=min(a.iou, b.iou),
            object_score=min(a.object_score, b.object_score),
        )
        told = [one.expected_dice for one in (a, b) if one.expected_dice is not None and not mask.is_empty]
        filled.append(replace(mask, expected_dice=min(told, default=None)))
    return filled


def share_of_way(frames: Frames, start: int, end: int, index: int) -> float:
    """How much of the way from one slice to another lies before a third, in mm: 0 at `start`, 1 at `end`."""
    if frames.is_even:
        return (index - start) / (end - start)
    at = frames.positions_mm
    return float((at[index] - at[start]) / (at[end] - at[start]))
