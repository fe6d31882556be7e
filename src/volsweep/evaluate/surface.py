"""The surface of a voxel mask as marching-cubes elements: where each lies, and its area.

Every cube between eight neighbouring voxel centres has a code of eight bits, one for each
corner inside the mask; the code alone says which piece of surface passes through the cube
(Lorensen & Cline, SIGGRAPH 1987), and the spacing how large it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid

_CORNERS = list(product((0, 1), repeat=3))
"""Corner i of a cube, as (z, y, x); its bit in a code is 1 << i."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Surface elements of a mask.

    Parameters
    ----------
    centres_mm
        (n, 3): centre of each element's cube, along the array's axes.
    areas_mm2
        (n,).
    """

    centres_mm: NDArray[np.float64]
    areas_mm2: NDArray[np.float64]


Step = float | NDArray[np.float64]
"""Along an axis of an array, in mm: the distance between voxel centres, or where each one lies."""


def steps_of(grid: Grid) -> list[Step]:
    """Steps (z, y, x) of a grid; of slices that are not equally spaced, where each one lies."""
    even: list[Step] = [float(step) for step in grid.spacing_zyx_mm]
    if grid.is_regular or grid.shape_zyx[0] < 2:
        return even
    return [grid.slice_positions_mm(grid.own_plane), *even[1:]]


def surface_of(mask: NDArray[np.bool_], steps_mm: Sequence[Step]) -> Surface:
    """Find the surface of a 3D mask; what lies beyond the array is background."""
    box = _bounding_box(mask)
    if box is None:
        return Surface(np.zeros((0, 3)), np.zeros(0))
    padded = np.pad(mask[box], 1)
    size = np.array(padded.shape) - 1
    codes = np.zeros(size, dtype=np.uint8)
    for bit, corner in enumerate(_CORNERS):
        part = padded[tuple(slice(c, c + n) for c, n in zip(corner, size, strict=True))]
        codes |= part.astype(np.uint8) << bit
    at = np.argwhere((codes != 0) & (codes != 255))
    # Cube i lies between the padded voxels i and i + 1, which are voxels i - 1 and i.
    cubes = at + [s.start for s in box]
    middles, sizes = zip(*(_along(step, i) for step, i in zip(steps_mm, cubes.T, strict=True)), strict=True)
    spacings, which = np.unique(np.stack(sizes, axis=1), axis=0, return_inverse=True)
    tables = np.array([_areas_by_code(tuple(spacing)) for spacing in spacings.tolist()]).reshape(-1, 256)
    return Surface(np.stack(middles, axis=1), tables[which.reshape(-1), codes[tuple(at.T)]])


def _along(step: Step, cubes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and size in mm, along one axis, of cubes that end with these voxels; half of one lies beyond the array."""
    if isinstance(step, float | int):
        return np.asarray((cubes - 0.5) * step), np.full(len(cubes), step, dtype=np.float64)
    ends = np.concatenate([[2 * step[0] - step[1]], step, [2 * step[-1] - step[-2]]])
    # To a thousandth of a millimetre, so that steps that are alike have one table of areas.
    sizes = np.round(ends[cubes + 1] - ends[cubes], 3)
    return np.asarray((ends[cubes] + ends[cubes + 1]) / 2), np.asarray(sizes)


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    box = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not hit.size:
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)


@lru_cache(maxsize=64)
def _areas_by_code(spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
    """Area in mm2 of the surface in a cube of each code."""
    return tuple(
        sum(_polygon_area(np.array(loop, dtype=np.float64) * spacing_mm) for loop in _loops(code))
        for code in range(256)
    )


def _polygon_area(points: NDArray[np.float64]) -> float:
    """Area of the fan of triangles from the first point of a polygon, which may be bent."""
    to_others = points[1:] - points[0]
    return float(np.linalg.norm(np.cross(to_others[:-1], to_others[1:]), axis=-1).sum() / 2)


def _loops(code: int) -> list[list[tuple[float, ...]]]:
    """Closed polygons, through the middles of crossed edges, that part a cube's corners.

    On each face the outline cuts off inside corners; where two of them face each other across
    a diagonal, each is cut off by itself.
    """
    ends: dict[tuple[float, ...], list[tuple[float, ...]]] = {}
    for axis, side in product(range(3), (0, 1)):
        for a, b in _face_segments(code, axis, side):
            ends.setdefault(a, []).append(b)
            ends.setdefault(b, []).append(a)
    loops = []
    while ends:
        loop = [next(iter(ends))]
        while True:
            following = ends.pop(loop[-1])
            onward = [point for point in following if point in ends]
            if not onward:
                break
            loop.append(onward[0])
        loops.append(loop)
    return loops


def _face_segments(code: int, axis: int, side: int) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Pieces of outline on one face of a cube."""
    ring = [tuple(np.insert(corner, axis, side).tolist()) for corner in ((0, 0), (0, 1), (1, 1), (1, 0))]
    inside = [bool(code >> _CORNERS.index(corner) & 1) for corner in ring]
    middles = [tuple(((np.array(ring[i]) + ring[(i + 1) % 4]) / 2).tolist()) for i in range(4)]
    crossed = [i for i in range(4) if inside[i] != inside[(i + 1) % 4]]
    if len(crossed) == 2:
        return [(middles[crossed[0]], middles[crossed[1]])]
    return [(middles[i - 1], middles[i]) for i in range(4) if inside[i]] if crossed else []
