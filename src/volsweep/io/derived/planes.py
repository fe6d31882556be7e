"""Which slice a contour belongs to, and what the contours of one object fill there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from volsweep.geometry import FloatArray, Grid
from volsweep.io.contours import fill, unite
from volsweep.io.overlaps import LabelledObject

_COPLANAR = 0.25
"""In slices: how far the points of one contour may lie from a plane parallel to the slices."""

_SAME_PLANE = 0.05
"""In slices: contours closer than this lie in one plane, as files round it, and one within another is a hole."""

_IN_STEP = 0.1
"""In slices: contours that all lie this nearly as far from the next slice as each other are in step with the slices."""

_ROUNDED = 0.02
"""In slices: what coordinates lose in a file; a contour half a slice from two slices lies between them still."""

_PAST_EDGE = 1.0
"""In pixels from the centre of an outermost one: contours that go further lose what lies there."""

_WORTH_TELLING = 0.1
_EVERY_SLICE = 1.25
"""In slices: contours further apart than this, most of them, were drawn on a coarser series."""


@dataclass(frozen=True, eq=False)
class Area:
    """One closed contour."""

    points_mm: FloatArray
    """LPS points, (vertices, 3)."""
    exclusive: bool = False
    """Whether it is of the type CLOSEDPLANAR_XOR: what lies in two of them lies in none."""


@dataclass(frozen=True, eq=False)
class _OnSlices:
    """A contour in the indices of a grid."""

    along: float
    """Its position, in slices."""
    outline_xy: FloatArray
    exclusive: bool


def draw(one: LabelledObject, areas: Sequence[Area], grid: Grid) -> list[str]:
    """Fill an object's contours on their slices; return what was left out, and what the user should know."""
    placed, notes = _placed(areas, grid)
    if not placed:
        return notes
    planes: dict[float, list[_OnSlices]] = defaultdict(list)
    for contour in sorted(placed, key=lambda contour: contour.along):
        last = next(reversed(planes), None)
        same = last is not None and contour.along - last < _SAME_PLANE
        planes[last if same and last is not None else contour.along].append(contour)
    positions = np.array(list(planes))
    slices = slices_of(positions, grid.shape_zyx[0])
    nearest: dict[int, float] = {}
    for index, plane in sorted(zip(slices.tolist(), positions.tolist(), strict=True), key=lambda p: abs(p[1] - p[0])):
        nearest.setdefault(index, plane)
    for index, plane in nearest.items():
        one.add(index, _filled(planes[plane], grid.shape_zyx[1:]))
    between = zip(slices.tolist(), positions.tolist(), strict=True)
    return [*notes, *_join(one, [(i, planes[p]) for i, p in between if p != nearest[i]], grid), *_remarks(one, nearest)]


def _join(one: LabelledObject, others: Sequence[tuple[int, list[_OnSlices]]], grid: Grid) -> list[str]:
    """Add to a slice what further planes have beside its own; return what became of them."""
    joined = left_out = 0
    for index, contours in others:
        pieces, count = ndimage.label(_filled(contours, grid.shape_zyx[1:]), np.ones((3, 3)))
        top, left, patch = one.patches.get(index, (0, 0, np.zeros((1, 1), dtype=bool)))
        met = pieces[top : top + patch.shape[0], left : left + patch.shape[1]][patch]
        beside = sorted(set(range(1, count + 1)) - set(met.tolist()))
        if beside:
            one.add(index, np.isin(pieces, beside))
            joined += len(beside)
        else:
            left_out += len(contours)
    told = (
        (joined, "pieces in other planes were drawn on the slice whose slab holds them, beside what is there"),
        (left_out, "contours between slices that have one of their own left out"),
    )
    return [f"{count} {what}" for count, what in told if count]


def slices_of(positions: FloatArray, count: int) -> NDArray[np.intp]:
    """The slice of each of an object's planes: the one whose slab, half a slice to either side, holds it.

    Where all planes lie equally far from the slices, half a slice too, they are moved together, so that neighbours
    stay neighbours; a plane midway between two slices belongs to the upper one, or, if that is beyond the
    series for any of them, to the lower one.

    Parameters
    ----------
    positions
        In slices, in any order.
    count
        How many slices there are.
    """
    turn = np.exp(2j * np.pi * positions)
    shift = float(np.angle(turn.mean())) / (2 * np.pi)
    off = np.abs((positions - shift + 0.5) % 1 - 0.5)
    if off.max() > _IN_STEP:
        shift = 0.0
        slices = np.floor(positions + 0.5 + _ROUNDED)
    else:
        slices = np.rint(positions - shift)
        midway = abs(abs(shift) - 0.5) <= _ROUNDED
        if midway and shift > 0:
            slices += 1
        if midway and slices.max() >= count:
            slices -= 1
    return np.clip(slices, 0, count - 1).astype(np.intp)


def _placed(areas: Sequence[Area], grid: Grid) -> tuple[list[_OnSlices], list[str]]:
    """Contours in indices of the grid, without those that do not lie on its slices, and notes about these."""
    out, beyond, askew, cut = [], 0, [], 0
    last_xy = np.array(grid.shape_zyx[:0:-1]) - 1
    for area in areas:
        index = grid.to_index_zyx(area.points_mm)
        along = index[:, 0]
        if np.ptp(along) > 2 * _COPLANAR:
            askew.append((float(along.min()), float(along.max())))
            continue
        # Where slices are unevenly spaced, indices end with the stack, and what lies beyond seems to be in it.
        away_mm = float(np.linalg.norm(grid.to_lps_mm(index) - area.points_mm, axis=1).max())
        middle, edge = float(along.mean()), 0.5 + _ROUNDED
        if not -edge <= middle <= grid.shape_zyx[0] - 1 + edge or away_mm > grid.spacing_zyx_mm[0] / 2:
            beyond += 1
            continue
        outline_xy = index[:, :0:-1]
        cut += bool(((outline_xy < -_PAST_EDGE) | (outline_xy > last_xy + _PAST_EDGE)).any())
        out.append(_OnSlices(middle, outline_xy, area.exclusive))
    notes = [f"{beyond} contours beyond the series' slices left out"] if beyond else []
    if cut:
        notes.append(f"{cut} contours reach beyond the image's edge, and are cut off there")
    if askew:
        low, high = min(first for first, _ in askew), max(last for _, last in askew)
        notes.append(
            f"{len(askew)} contours run through slices {low:.1f} to {high:.1f}, not parallel to the slices of this "
            "series, left out"
        )
    return out, notes


def _filled(contours: Sequence[_OnSlices], shape_yx: tuple[int, int]) -> NDArray[np.bool_]:
    united = unite((c.outline_xy for c in contours if not c.exclusive), shape_yx)
    exclusive = [c.outline_xy for c in contours if c.exclusive]
    return united | fill(exclusive, shape_yx) if exclusive else united


def _remarks(one: LabelledObject, nearest: dict[int, float]) -> list[str]:
    out = []
    if not one.patches:
        out.append("its contours enclose no voxel's centre")
    off = max((abs(plane - index) for index, plane in nearest.items()), default=0.0)
    if off > _WORTH_TELLING:
        out.append(f"its contours lie up to {off:.2f} slices from the slice they were drawn on")
    steps = np.diff(sorted(nearest))
    apart = float(np.median(np.diff(sorted(nearest.values())))) if len(steps) else 0.0
    if len(steps) > 1 and steps.min() > 1:
        out.append(f"it has contours on one slice in {steps.min()} only; it is empty between them")
    elif len(steps) > 1 and apart > _EVERY_SLICE:
        out.append(f"its contours lie {apart:.2f} slices apart, and slices between them are empty")
    return out
