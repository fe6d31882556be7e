"""Where the frames of a segmentation lie: on the slices of a series, or on a grid of their own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from volsweep.errors import GeometryError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.geometry import arrange

_NEAR_SLICE = 0.05
"""In slices: how far a frame may lie from the slice it was drawn on."""

_MAX_SLICES = 20_000


def slice_of(frame: Frame, grid: Grid) -> int:
    """Slice of a grid that a frame lies on, corner on corner."""
    if frame.shape_yx != grid.shape_zyx[1:]:
        raise GeometryError(
            f"the segments have {frame.shape_yx} rows and columns, and the slices of the series {grid.shape_zyx[1:]}"
        )
    index = round(float(grid.to_index_zyx(_corners(frame)[0])[0]))
    if not 0 <= index < grid.shape_zyx[0]:
        raise GeometryError(f"a segment lies on slice {index} of the series, which has {grid.shape_zyx[0]} slices")
    away = away_mm(frame, grid, index)
    if away > _NEAR_SLICE * float(grid.spacing_zyx_mm.min()):
        raise GeometryError(f"a segment lies {away:.3g} mm from slice {index}, the nearest of the series")
    return index


def away_mm(frame: Frame, grid: Grid, index: int) -> float:
    """The largest distance of a frame's corner from the same corner of a slice."""
    rows, columns = grid.shape_zyx[1] - 1, grid.shape_zyx[2] - 1
    corners = np.array([[index, 0, 0], [index, rows, 0], [index, 0, columns]], dtype=np.float64)
    return float(np.linalg.norm(grid.to_lps_mm(corners) - _corners(frame), axis=1).max())


def _corners(frame: Frame) -> FloatArray:
    """LPS positions of three corners of a frame, as its own header has them."""
    along_columns, along_rows = np.reshape(np.asarray(frame.orientation, dtype=np.float64), (2, 3))
    row_mm, column_mm = np.asarray(frame.pixel_spacing_mm, dtype=np.float64)
    origin = np.asarray(frame.position_mm, dtype=np.float64)
    rows, columns = frame.shape_yx[0] - 1, frame.shape_yx[1] - 1
    return np.array([origin, origin + along_rows * row_mm * rows, origin + along_columns * column_mm * columns])


def own_grid(frames: tuple[Frame, ...]) -> Grid:
    """Grid of the slices that hold a segment, the empty ones between them filled in."""
    distinct: dict[tuple[float, ...], Frame] = {}
    for frame in frames:
        distinct.setdefault(tuple(round(v, 3) for v in frame.position_mm or ()), replace(frame, distinguishing=()))
    arrangement = arrange(list(distinct.values()), "keep")
    grid = arrangement.grid
    if len(distinct) < 2:
        return grid
    origins = np.array([f.position_mm for f in arrangement.frames], dtype=np.float64)
    along = np.linalg.norm(origins - origins[0], axis=1)
    stated = arrangement.frames[0].thickness_mm
    for spacing in (stated, float(np.diff(along).min())):
        if not spacing or not math.isfinite(spacing):
            continue
        multiples = along / spacing
        if np.abs(multiples - np.rint(multiples)).max() > _NEAR_SLICE or multiples[-1] > _MAX_SLICES:
            continue
        count = round(float(multiples[-1])) + 1
        affine = grid.affine.copy()
        affine[:3, 0] = (origins[-1] - origins[0]) / (count - 1)
        even = origins[0] + np.rint(multiples)[:, None] * affine[:3, 0]
        if np.abs(even - origins).max() <= _NEAR_SLICE * spacing:
            return Grid((count, *grid.shape_zyx[1:]), affine)
    return grid
