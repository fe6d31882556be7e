"""Measure a label without looking at the rest of a long volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid
from volsweep.masks import LabelMasks
from volsweep.measurement import Measurement, measure_label
from volsweep.volume import LabelVolume


def region_of(masks: LabelMasks, grid: Grid) -> tuple[slice, slice, slice] | None:
    """Smallest block (z, y, x) of the volume that holds the masks; None where all are empty."""
    axis = grid.plane_axis(masks.plane)
    corners = []
    for index, mask in masks.by_slice.items():
        if not mask.is_empty:
            rows, columns = mask.bounds
            corners.append(np.insert([rows.start, columns.start], axis, index))
            corners.append(np.insert([rows.stop - 1, columns.stop - 1], axis, index))
    if not corners:
        return None
    low, high = np.min(corners, axis=0), np.max(corners, axis=0) + 1
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def measure_part(labels_zyx: NDArray[Any], label: int, masks: LabelMasks, grid: Grid) -> Measurement | None:
    """Measure a label in its plane; None where it has no voxel (all are empty, or others won)."""
    region = region_of(masks, grid)
    if region is None:
        return None
    block = labels_zyx[region]
    block = np.where(block == label, block, 0)
    if not block.any():
        return None
    start = [s.start for s in region]
    affine = grid.affine.copy()
    affine[:3, 3] += grid.affine[:3, :3] @ start
    origins = grid.slice_origins_mm
    if origins is not None:
        affine[:3, 3] = origins[start[0]] + grid.affine[:3, 1:3] @ start[1:]
        origins = origins[region[0]] + grid.affine[:3, 1:3] @ start[1:] if block.shape[0] > 1 else None
    measured = measure_label(LabelVolume(block, Grid(block.shape, affine, origins)), label, plane=masks.plane)
    offset = start[grid.plane_axis(masks.plane)]
    return replace(
        measured,
        first_slice=measured.first_slice + offset,
        last_slice=measured.last_slice + offset,
        diameter_slice=measured.diameter_slice + offset,
    )
