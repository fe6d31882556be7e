"""Regions of a volume that stand out all around, found without anybody's help.

Bones, cysts, cavities and glands do. A region is one where its border hardly moves as a grey threshold does: a
maximally stable extremal region (Matas et al. 2002, doi:10.5244/C.16.36) in 3D. Training learns from them, and they are
what a ranking finder chooses from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LEVELS = 28
"""Thresholds between the darkest and the brightest tissue, of modalities without a unit."""
HOUNSFIELD = (-400, -300, -200, *range(-150, 251, 25), 300, 400, 500, 600, 700)
"""Thresholds in CT: closer where soft tissues lie."""
_OPENINGS = ((1, 1, 1), (3, 3, 3), (3, 5, 5))
"""Voxels that must fit into a region everywhere: what touches by a thinner bridge is two."""
_STABLE = 0.45
"""How much a region may grow, of its own size, over two steps of the threshold."""
_ALIKE = 0.6
"""Overlap (IoU) above which two regions are one."""
_SMALLEST, _THINNEST = 200, 6
"""Voxels in all, and across the second of the three extents."""
_LARGEST, _SPARSEST = 0.35, 0.22
"""Largest share of the volume, and smallest share of its own bounding box."""
_ENOUGH_VOXELS, _COARSEST = 600_000, 3
"""Voxels of a volume above which every second or third row and column is searched; still larger ones are not."""


@dataclass(frozen=True, eq=False)
class Region:
    """A region of a volume.

    Parameters
    ----------
    box
        Where it lies.
    mask_zyx
        Its voxels, within the box.
    open_ended
        Whether it leaves the volume at an end of axis 0.
    """

    box: tuple[slice, ...]
    mask_zyx: NDArray[np.bool_]
    open_ended: bool


def step_of(size: int) -> int | None:
    """Every how many rows and columns of so many voxels are searched; None where they are too many."""
    step = max(1, round(np.sqrt(size / _ENOUGH_VOXELS)))
    return None if step > _COARSEST else step


def extremal_regions(
    image_zyx: NDArray[np.generic],
    levels: NDArray[np.float64],
    step: int = 1,
    unwanted: Callable[[Region], bool] = lambda _: False,
) -> list[Region]:
    """Regions brighter or darker than all around them, the surest first.

    Parameters
    ----------
    image_zyx
        The image.
    levels
        Thresholds.
    step
        Every how many rows and columns are searched.
    unwanted
        Asked of every region of the rows and columns that are searched, the surest first.
    """
    blurred = ndimage.gaussian_filter(image_zyx.astype(np.float32), (0.6, 0.6 * step, 0.6 * step))
    smooth = blurred[:, ::step, ::step]
    found = []
    for sign in (1, -1):
        for size in _OPENINGS:
            found += _stable(ndimage.grey_opening(sign * smooth, size), np.sort(sign * levels))
    kept: list[Region] = []
    for _, region in sorted(found, key=lambda pair: pair[0]):
        if not unwanted(region) and all(_overlap(region, other) < _ALIKE for other in kept):
            kept.append(region)
    return [_at_full_size(region, step, image_zyx.shape) for region in kept]


def _stable(image: NDArray[np.float32], levels: NDArray[np.float64]) -> list[tuple[float, Region]]:
    """Regions above a threshold that hardly change with it, and how much they do."""
    parts = [ndimage.label(image > level)[0] for level in levels]
    sizes = [np.bincount(p.reshape(-1)) for p in parts]
    firsts = [_first_voxels(p, len(s)) for p, s in zip(parts, sizes, strict=True)]
    found = []
    for k in range(1, len(levels) - 1):
        parents = parts[k - 1].reshape(-1)[firsts[k]]
        # Of what is left of a region at the next threshold, the largest piece.
        left = np.zeros(len(sizes[k]), dtype=np.int64)
        np.maximum.at(left, parts[k].reshape(-1)[firsts[k + 1]][1:], sizes[k + 1][1:])
        growth = (sizes[k - 1][parents] - left) / np.maximum(sizes[k], 1)
        fits = (growth < _STABLE) & (sizes[k] >= _SMALLEST) & (sizes[k] < _LARGEST * image.size)
        fits[0] = False
        boxes = ndimage.find_objects(parts[k]) if fits.any() else []
        for label in np.flatnonzero(fits):
            region = _region(parts[k], int(label), boxes[label - 1])
            if region is not None:
                found.append((float(growth[label]), region))
    return found


def _first_voxels(parts: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Flat index of some voxel of every part, and 0 for the background."""
    flat = parts.reshape(-1)
    first = np.zeros(count, dtype=np.int64)
    at = np.flatnonzero(flat)
    first[flat[at]] = at
    return first


def _region(parts: NDArray[np.int32], label: int, box: tuple[slice, ...]) -> Region | None:
    extents = [s.stop - s.start for s in box]
    leaves = [(s.start == 0, s.stop == n) for s, n in zip(box, parts.shape, strict=True)]
    # Cut off at the sides it would be no whole object; cut off at the ends it is a long one, seen in part.
    if sorted(extents)[1] < _THINNEST or any(a or b for a, b in leaves[1:]):
        return None
    mask = np.asarray(ndimage.binary_fill_holes(parts[box] == label))
    if mask.mean() < _SPARSEST:
        return None
    return Region(box, mask, any(leaves[0]))


def _at_full_size(region: Region, step: int, shape: tuple[int, ...]) -> Region:
    """A region of every `step`th row and column, in all of them."""
    if step == 1:
        return region
    z, *rest = region.box
    box = (z, *(slice(s.start * step, min(s.stop * step, n)) for s, n in zip(rest, shape[1:], strict=True)))
    mask = region.mask_zyx.repeat(step, 1).repeat(step, 2)
    return Region(box, mask[:, : box[1].stop - box[1].start, : box[2].stop - box[2].start], region.open_ended)


def _overlap(one: Region, other: Region) -> float:
    """Intersection over union."""
    shared = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one.box, other.box, strict=True))
    if any(s.stop <= s.start for s in shared):
        return 0.0
    both = (_within(one, shared) & _within(other, shared)).sum()
    return float(both / (one.mask_zyx.sum() + other.mask_zyx.sum() - both))


def _within(region: Region, box: tuple[slice, ...]) -> NDArray[np.bool_]:
    return region.mask_zyx[
        tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(box, region.box, strict=True))
    ]
