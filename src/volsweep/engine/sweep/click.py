"""How a correcting click moves an outline: by twice its distance, and its surroundings with it; and what it may change.

People click in the middle of what is wrong, so the wrong part reaches about as far beyond the
click as the outline is before it. The shift fades sideways, over a few times that distance:
what is wrong is mostly a strip along the outline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.masks import ABSENT_LOGIT, SliceMask, trim
from volsweep.operations.distance import signed_distance
from volsweep.prompts.kinds import Click

_SIDEWAYS = 3.0
"""Standard deviation of the shift's fading, in distances of the click from the outline."""
_DEEP = 0.5
"""Clicks further from the outline than this share of the mask's depth may mean a part of any size."""
_STEEPNESS = 2.0
"""Logits per pixel of distance from the outline."""
_SUREST = 4.0
_CORE = 1.0
"""Voxels around a click that are as it says."""
_TOLD = 0.5
"""Least logit of voxels that a click changes against the network."""

_Voxels = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns."""


def moved_outline(logits: Tensor, point_xy: NDArray[np.floating], positive: bool) -> Tensor | None:
    """Move a mask's outline for a click.

    Parameters
    ----------
    logits
        (1, 1, S/4, S/4) of the mask that is corrected.
    point_xy
        The click, model pixels.
    positive
        Whether the object is there.

    Returns
    -------
    Tensor
        As `logits`: the distance from the new outline, held to logits of +-4. None for clicks that
        do not say how far the outline is off: on its right side, or deep within the mask.
    """
    mask = (logits[0, 0] > 0).cpu().numpy()
    if not mask.any():
        return None
    signed = signed_distance(mask)
    x, y = _on_grid(point_xy)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    here = signed[_nearest(point_xy, mask.shape[0])]
    if (here > 0) == positive or abs(here) > _DEEP * signed.max():
        return None
    away = (columns - x) ** 2 + (rows - y) ** 2
    signed = signed - 2 * here * np.exp(-away / (2 * (_SIDEWAYS * here) ** 2))
    held = np.clip(_STEEPNESS * signed, -_SUREST, _SUREST).astype(np.float32)
    return torch.from_numpy(held)[None, None].to(logits.device)


@dataclass(frozen=True)
class Where:
    """A slice's spacing, and how far from a click anything on it changes, in voxels."""

    spacing_yx_mm: tuple[float, float]
    reach: float


def logit_at(logits: Tensor, point_xy: NDArray[np.floating]) -> float:
    """The logit of a mask (1, 1, S/4, S/4) nearest to a point in model pixels."""
    return float(logits[0, 0][_nearest(point_xy, logits.shape[-1])])


def _on_grid(point_xy: NDArray[np.floating]) -> tuple[float, float]:
    x, y = (point_xy + 0.5) / LOGIT_STRIDE - 0.5
    return float(x), float(y)


def _nearest(point_xy: NDArray[np.floating], side: int) -> tuple[int, int]:
    """Row and column."""
    x, y = (min(max(round(v), 0), side - 1) for v in _on_grid(point_xy))
    return y, x


def changed_by(before: SliceMask, proposed: SliceMask, click: Click, where: Where) -> SliceMask:
    """What a click makes of a mask: a positive one only adds, a negative one only takes away, and only by itself.

    Parameters
    ----------
    before
        The mask that is corrected.
    proposed
        What the network makes of it.
    click
        The last one.
    where
        The slice's spacing, and how far from the click anything changes.

    Returns
    -------
    SliceMask
        Differs from `before` in voxels that hang together with the click, and lie within its reach.
    """
    old, new = before.mask_yx(), proposed.mask_yx()
    told = _voxels(click, before.shape_yx, where.spacing_yx_mm)
    found = _grown(old, new, told, where.reach) if click.positive else ~_grown(~old, ~new, told, where.reach)
    return _as_told(proposed, found)


def held_to(mask: SliceMask, clicks: Sequence[Click], spacing_yx_mm: tuple[float, float]) -> SliceMask:
    """The same mask, with the voxels that were clicked in it or not, as the last click at each says."""
    found = mask.mask_yx()
    wrong = False
    for click in clicks:
        at = _voxels(click, mask.shape_yx, spacing_yx_mm)
        wrong |= bool((found[at] != click.positive).any())
        found[at] = click.positive
    return _as_told(mask, found) if wrong else mask


def _grown(old: NDArray[np.bool_], new: NDArray[np.bool_], told: _Voxels, reach: float) -> NDArray[np.bool_]:
    """A mask, and what a new one adds to it around a click that lies in both afterwards."""
    far = math.ceil(max(reach, _CORE))  # beyond it nothing changes
    near = tuple(slice(max(0, int(at.min()) - far), int(at.max()) + far + 1) for at in told)
    was, wanted = old[near], new[near]
    here = told[0] - near[0].start, told[1] - near[1].start
    away = _away(here, (was.shape[0], was.shape[1]))
    wanted = (wanted & (away <= reach)) | (away <= _CORE)
    # Together with the click: through what is added, and through what was there within the same reach.
    parts, _ = ndimage.label(wanted | (was & (away <= reach)), np.ones((3, 3), dtype=bool))
    found = old.copy()
    found[near] |= wanted & np.isin(parts, np.unique(parts[here]))
    return found


def _away(told: _Voxels, shape_yx: tuple[int, int]) -> NDArray[np.floating]:
    """Distance in voxels from the nearest voxel of a click."""
    if len(told[0]) == 1:
        rows, columns = np.ogrid[: shape_yx[0], : shape_yx[1]]
        return np.asarray(np.hypot(rows - told[0][0], columns - told[1][0]))
    elsewhere = np.ones(shape_yx, dtype=bool)
    elsewhere[told] = False
    return np.asarray(ndimage.distance_transform_edt(elsewhere))


def _as_told(mask: SliceMask, found: NDArray[np.bool_]) -> SliceMask:
    """A mask of these voxels, with the logits of another where that says the same."""
    logits = np.full(mask.shape_yx, ABSENT_LOGIT, dtype=np.float32)
    logits[mask.bounds] = mask.logits
    logits = np.where(found, np.maximum(logits, _TOLD), np.minimum(logits, -_TOLD))
    made = trim(logits, slice=mask.slice, shape_yx=mask.shape_yx, iou=mask.iou, object_score=mask.object_score)
    return replace(mask, top=made.top, left=made.left, logits=made.logits)


def _voxels(click: Click, shape_yx: tuple[int, int], spacing_yx_mm: tuple[float, float]) -> _Voxels:
    """Rows and columns of the voxels that a click lies in, or a stroke's core; at the edge those nearest to it."""
    rows, columns = np.clip(click.core_yx(spacing_yx_mm), 0, np.array(shape_yx) - 1).T
    return rows, columns
