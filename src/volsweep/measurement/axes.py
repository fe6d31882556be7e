"""The two axes of a mask on a slice, as RECIST 1.1 asks for them, and where a slice's points lie in mm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.geometry import FloatArray, Grid, Plane

LineXYXY = tuple[float, float, float, float]
"""Two ends, (x0, y0, x1, y1), in voxels of a slice as its plane shows it."""

_HALF_VOXEL_STEPS = np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]])


@dataclass(frozen=True)
class Diameters:
    """Long and perpendicular short axis of one slice's mask.

    Parameters
    ----------
    long_mm, short_mm
        Their lengths.
    long_xyxy, short_xyxy
        Their ends in voxels, (x, y) = (column, row).
    """

    long_mm: float
    short_mm: float
    long_xyxy: LineXYXY
    short_xyxy: LineXYXY


def recist_diameters(mask_yx: NDArray[np.bool_], in_plane_mm: ArrayLike) -> Diameters | None:
    """Longest diameter of a mask, and the longest one perpendicular to it.

    Parameters
    ----------
    mask_yx
        One slice, (rows, columns). Of several separate parts, the one with the longest diameter
        is measured: a line does not leave the lesion.
    in_plane_mm
        (3, 2) steps in mm along rows and columns, which need not be at right angles (see
        `Grid.in_plane_vectors_mm`); or the spacing between rows and between columns.

    Returns
    -------
    Diameters or None
        None where the mask is empty.

    Notes
    -----
    Exact for the outline that runs half-way between voxel centres, so that a row of n voxels is
    n voxels long; both axes are chords of its convex hull (Eisenhauer et al., Eur J Cancer
    2009;45:228-247).
    """
    mask = np.asarray(mask_yx, dtype=bool)
    steps = np.asarray(in_plane_mm, dtype=np.float64)
    place = InPlane.regular(np.diag(steps) if steps.ndim == 1 else steps)
    return diameters_of(mask, place) if mask.any() else None


_Map = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class InPlane:
    """Where the points of a slice lie, in mm along two right-angled axes of its own.

    Parameters
    ----------
    to_mm, to_yx
        Points (n, 2), from (row, column) to mm and back; fractions, and points just beyond the slice, too.
    """

    to_mm: _Map
    to_yx: _Map

    @staticmethod
    def regular(steps_mm: FloatArray) -> InPlane:
        """Of slices whose rows and columns are the same everywhere: steps (3, 2) or (2, 2) in mm along both."""
        # R of QR keeps every length and angle of the steps.
        matrix = np.linalg.qr(steps_mm)[1].T
        inverse = np.linalg.inv(matrix)
        return InPlane(lambda points_yx: points_yx @ matrix, lambda points_mm: points_mm @ inverse)

    @staticmethod
    def of(grid: Grid, plane: Plane | str) -> InPlane:
        """Of any slice of a plane; a row that is cut out of slices of an uneven stack lies where its slice does."""
        origins, steps = grid.slice_origins_mm, grid.in_plane_vectors_mm(plane)
        if origins is None or grid.plane_axis(plane) == 0 or len(origins) < 2:
            return InPlane.regular(steps)
        length = float(np.linalg.norm(steps[:, 1]))
        column = steps[:, 1] / length
        across = origins[-1] - origins[0]
        up = across - (across @ column) * column
        # An outline runs half-way between slices, and as far beyond the first and the last one.
        origins = np.concatenate([[2 * origins[0] - origins[1]], origins, [2 * origins[-1] - origins[-2]]])
        heights, aside, rows = origins @ (up / np.linalg.norm(up)), origins @ column, np.arange(len(origins)) - 1.0

        def to_mm(points_yx: FloatArray) -> FloatArray:
            row, x = points_yx.T
            return np.stack([np.interp(row, rows, heights), np.interp(row, rows, aside) + x * length], axis=1)

        def to_yx(points_mm: FloatArray) -> FloatArray:
            row = np.interp(points_mm[:, 0], heights, rows)
            return np.stack([row, (points_mm[:, 1] - np.interp(row, rows, aside)) / length], axis=1)

        return InPlane(to_mm, to_yx)


def diameters_of(mask_yx: NDArray[np.bool_], place: InPlane) -> Diameters:
    """As `recist_diameters`, of a mask that is not empty."""
    from scipy import ndimage  # half a second to import

    parts, _ = ndimage.label(mask_yx, structure=np.ones((3, 3)))
    found = []
    for i, box in enumerate(ndimage.find_objects(parts), start=1):
        points = _outline_yx(parts[box] == i) + [s.start for s in box]
        found.append(_hull_diameters(place.to_mm(points), place.to_yx))
    return max(found, key=lambda d: d.long_mm)


def _outline_yx(mask_yx: NDArray[np.bool_]) -> FloatArray:
    """Points (y, x) of the outline among which are all corners of its convex hull."""
    rows = np.flatnonzero(mask_yx.any(axis=1))
    left = mask_yx[rows].argmax(axis=1)
    right = mask_yx.shape[1] - 1 - mask_yx[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, left], axis=1), np.stack([rows, right], axis=1)])
    return np.asarray((ends[:, None] + _HALF_VOXEL_STEPS).reshape(-1, 2))


def _hull_diameters(points_mm: FloatArray, to_yx: _Map) -> Diameters:
    from scipy.spatial import ConvexHull

    hull = points_mm[ConvexHull(points_mm).vertices]
    squared = ((hull[:, None] - hull[None]) ** 2).sum(axis=-1)
    a, b = np.unravel_index(int(squared.argmax()), squared.shape)
    length = float(np.sqrt(squared[a, b]))
    along = (hull[b] - hull[a]) / length
    short = _longest_chord(hull, np.array([-along[1], along[0]]))
    return Diameters(
        long_mm=length,
        short_mm=float(np.linalg.norm(short[1] - short[0])),
        long_xyxy=_xyxy(to_yx(hull[[a, b]])),
        short_xyxy=_xyxy(to_yx(short)),
    )


def _longest_chord(hull: FloatArray, direction: FloatArray) -> FloatArray:
    """Ends (2, 2) of the longest chord of a convex polygon in a direction.

    A chord's length, as it moves across, is concave and bends only at corners: the longest
    passes through one.
    """
    across = hull @ np.array([direction[1], -direction[0]])
    height = hull @ direction
    order = np.roll(np.arange(len(hull)), -int(across.argmin()))
    turn = int(across[order].argmax())
    one, other = order[: turn + 1], np.append(order[turn:], order[0])[::-1]
    spans = [np.interp(across, across[side], height[side]) for side in (one, other)]
    best = int(np.abs(spans[0] - spans[1]).argmax())
    normal = np.array([direction[1], -direction[0]])
    return np.array([across[best] * normal + span[best] * direction for span in spans])


def _xyxy(ends_yx: FloatArray) -> LineXYXY:
    (y0, x0), (y1, x1) = ends_yx
    return float(x0), float(y0), float(x1), float(y1)
