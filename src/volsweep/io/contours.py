"""Masks as closed polygons and polygons as masks, at pixel accuracy.

Polygons of one object are united (`unite`), as CLOSED_PLANAR asks, or taken by the even-odd rule (`fill`). Polygon
vertices are (x, y) = (column, row), pixel centres at integers. A pixel belongs to a
polygon if its centre does, so that tracing a mask and filling the outline gives the mask back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.geometry import mask_box_xyxy

Outline = NDArray[np.float64]
"""(vertices, 2) as (x, y); the last vertex is joined to the first."""

_EDGES_AT_ONCE = 2048
_POINTS_AT_ONCE = 256
_ON_THE_LINE = 0.05
"""In pixels: a vertex of an inner outline may lie this far outside the outer one, as rounding leaves it."""
_SAME_LINE = 0.5
"""In pixels: outlines that nowhere lie further apart are one, drawn twice and rounded or sampled in another way; a wall
between them would be too thin for a pixel."""

_Vertex = tuple[int, int]
_Loop = list[_Vertex]
"""Vertices in half pixels, (2y, 2x): midpoints of pixel edges are whole numbers."""


def fill(outlines: Iterable[ArrayLike], shape_yx: tuple[int, int]) -> NDArray[np.bool_]:
    """Rasterise polygons by the even-odd rule: one within another is a hole, and keyholes cancel out.

    Parameters
    ----------
    outlines
        Polygons of one slice, (vertices, 2) each; parts beyond the slice are cut off.
    shape_yx
        Rows and columns.

    Returns
    -------
    ndarray of bool, (rows, columns)
        True where a pixel's centre lies inside an odd number of polygons.
    """
    rows, columns = shape_yx
    crossings = np.zeros((rows, columns + 1), dtype=np.int32)
    for outline in outlines:
        start = np.asarray(outline, dtype=np.float64)
        end = np.roll(start, -1, axis=0)
        for first in range(0, len(start), _EDGES_AT_ONCE):
            part = slice(first, first + _EDGES_AT_ONCE)
            _cross(crossings, start[part], end[part])
    return np.asarray(np.cumsum(crossings[:, :columns], axis=1) % 2, dtype=bool)


def unite(outlines: Iterable[ArrayLike], shape_yx: tuple[int, int]) -> NDArray[np.bool_]:
    """Rasterise the closed planar contours of one object on one slice.

    Contours that are equal or overlap are united. One that lies wholly within another is a hole in it, one within
    the hole an island, and so on; a keyhole is a hole by itself.

    Parameters, Returns
    -------------------
    As `fill`.
    """
    known = [np.asarray(outline, dtype=np.float64) for outline in outlines]
    alone, met = _apart(known)
    out = fill((known[i] for i in alone), shape_yx)
    masks = {i: fill([known[i]], shape_yx) for i in met}
    sizes = {i: int(mask.sum()) for i, mask in masks.items()}
    within = {i: {j for j in met if sizes[j] > sizes[i] and _is_hole(i, j, known, masks)} for i in met}
    regions: dict[int, NDArray[np.bool_]] = {}
    for i in sorted(met, key=lambda i: sizes[i]):  # whatever lies within comes first
        regions[i] = masks[i]
        for j in met:
            if i in within[j] and not any(i in within[k] for k in within[j]):
                regions[i] = regions[i] & ~regions[j]
        if not within[i]:
            out |= regions[i]
    return out


def _apart(outlines: list[Outline]) -> tuple[list[int], list[int]]:
    """Outlines whose boxes touch no other's, and the rest."""
    low = np.array([outline.min(axis=0) for outline in outlines]).reshape(-1, 2)
    high = np.array([outline.max(axis=0) for outline in outlines]).reshape(-1, 2)
    touching = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2).sum(axis=1)
    return np.flatnonzero(touching == 1).tolist(), np.flatnonzero(touching > 1).tolist()


def _is_hole(inner: int, outer: int, outlines: list[Outline], masks: dict[int, NDArray[np.bool_]]) -> bool:
    """Whether an outline lies wholly within another: its pixels do, and its vertices, if only on the other's line."""
    if (masks[inner] & ~masks[outer]).any():
        return False
    points, start = outlines[inner], outlines[outer]
    end = np.roll(start, -1, axis=0)
    for some in _in_parts(points):
        x, y = some[:, :, None].swapaxes(0, 1)
        crossed = (start[:, 1] <= y) != (end[:, 1] <= y)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = start[:, 0] + (y - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end[:, 0] - start[:, 0])
        outside = np.count_nonzero(crossed & (at > x), axis=1) % 2 == 0
        if outside.any() and _distance(some[outside], start) > _ON_THE_LINE:
            return False
    return not (_follows(points, start) and _follows(start, points))


def _follows(points: Outline, outline: Outline) -> bool:
    """Whether the vertices of an outline all lie on another's line, or so near that no pixel fits between them."""
    return all(_distance(some, outline) <= _SAME_LINE for some in _in_parts(points))


def _in_parts(points: Outline) -> Iterator[Outline]:
    return (points[first : first + _POINTS_AT_ONCE] for first in range(0, len(points), _POINTS_AT_ONCE))


def _distance(points: Outline, outline: Outline) -> float:
    """The largest distance of points from the nearest edge of an outline."""
    along = np.roll(outline, -1, axis=0) - outline
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    there = points[:, None] - outline
    share = np.clip((there * along).sum(axis=2) / length, 0, 1)
    return float(np.linalg.norm(there - share[..., None] * along, axis=2).min(axis=1).max())


def _cross(crossings: NDArray[np.int32], start: Outline, end: Outline) -> None:
    """Count, for every row of pixel centres, the edges that cross it, at the first pixel behind each."""
    rows, columns = crossings.shape
    # Each edge from its upper end to its lower one: both directions of a keyhole then round alike.
    down = (start[:, 1] <= end[:, 1])[:, None]
    upper, lower = np.where(down, start, end), np.where(down, end, start)
    first = np.clip(np.ceil(upper[:, 1]), 0, rows).astype(np.intp)
    last = np.clip(np.ceil(lower[:, 1]), 0, rows).astype(np.intp)  # the lower end itself is left out
    count = last - first
    edge = np.repeat(np.arange(len(start)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (x0, y0), (x1, y1) = upper[edge].T, lower[edge].T
    x = x0 + (row - y0) / (y1 - y0) * (x1 - x0)
    np.add.at(crossings, (row, np.clip(np.ceil(x), 0, columns - 1).astype(np.intp)), 1)


def trace(mask_yx: NDArray[np.bool_]) -> list[Outline]:
    """Outline a mask by marching squares, one polygon per 4-connected piece.

    Holes are joined to the outline by a keyhole (a channel of no width, entered and left along
    one line), as DICOM asks of CLOSED_PLANAR contours (PS3.3 C.8.8.6.3).
    """
    mask = np.asarray(mask_yx, dtype=bool)
    box = mask_box_xyxy(mask)
    if box is None:
        return []
    left, top, right, bottom = (int(v) for v in box)
    loops = _loops(mask[top : bottom + 1, left : right + 1])
    outlines = [loop for loop in loops if _area(loop) > 0]
    # Leftmost first: whatever a keyhole meets on its way to the left is part of an outline already.
    holes = sorted((loop for loop in loops if _area(loop) < 0), key=_leftmost)
    keyholes = _join(outlines, holes)
    return [np.array(_corners_of(loop, keyholes), dtype=np.float64)[:, ::-1] / 2 + [left, top] for loop in outlines]


def _loops(mask: NDArray[np.bool_]) -> list[_Loop]:
    """Follow the edges between pixels inside and outside, keeping the inside on the left hand."""
    padded = np.pad(mask, 1).astype(np.int8)
    # Each pixel edge is one vertex, its midpoint, with the direction (dy, dx) in which it is walked along.
    heads: dict[_Vertex, _Vertex] = {}
    for y, x in np.argwhere(np.diff(padded, axis=1)[1:-1]).tolist():
        heads[2 * y, 2 * x - 1] = (1, 0) if padded[y + 1, x + 1] else (-1, 0)
    for y, x in np.argwhere(np.diff(padded, axis=0)[:, 1:-1]).tolist():
        heads[2 * y - 1, 2 * x] = (0, -1) if padded[y + 1, x + 1] else (0, 1)
    loops: list[_Loop] = []
    seen: set[_Vertex] = set()
    for start in heads:
        loop, here = [], start
        while here not in seen:
            seen.add(here)
            loop.append(here)
            here = _next(here, heads)
        if loop:
            loops.append(loop)
    return loops


def _next(here: _Vertex, heads: dict[_Vertex, _Vertex]) -> _Vertex:
    dy, dx = heads[here]
    corner = here[0] + dy, here[1] + dx
    # Left first: pixels that touch only at a corner are two pieces.
    for turn in ((-dx, dy), (dy, dx), (dx, -dy)):
        following = corner[0] + turn[0], corner[1] + turn[1]
        if heads.get(following) == turn:
            return following
    raise AssertionError("the edge of a mask has no end")


def _area(loop: _Loop) -> float:
    """Signed area: positive for outlines, negative for holes."""
    y, x = np.array(loop, dtype=np.float64).T
    return float(np.sum(np.roll(x, -1) * y - x * np.roll(y, -1)))


def _leftmost(loop: _Loop) -> int:
    return min(x for _, x in loop)


def _join(outlines: list[_Loop], holes: list[_Loop]) -> set[_Vertex]:
    """Splice every hole into the outline left of it; return the ends of the keyholes."""
    owner = {vertex: outline for outline in outlines for vertex in outline}
    ends: set[_Vertex] = set()
    for hole in holes:
        start = min(range(len(hole)), key=lambda i: hole[i][1])
        inner = hole[start]
        outer = inner[0], inner[1] - 2
        while outer not in owner:
            outer = outer[0], outer[1] - 2
        outline = owner[outer]
        at = outline.index(outer) + 1
        outline[at:at] = [*hole[start:], *hole[:start], inner, outer]
        owner.update(dict.fromkeys(hole, outline))
        ends |= {inner, outer}
    return ends


def _corners_of(loop: _Loop, keep: set[_Vertex]) -> _Loop:
    """Leave out the vertices on straight stretches, except those to be kept."""
    out = []
    for before, here, after in zip([loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True):
        straight = (here[0] - before[0], here[1] - before[1]) == (after[0] - here[0], after[1] - here[1])
        if here in keep or not straight:
            out.append(here)
    return out
