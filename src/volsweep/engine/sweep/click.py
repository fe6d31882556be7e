"""How a correcting click moves an outline: by twice its distance, and its surroundings with it; and what it may change.

People click in the middle of what is wrong, so the wrong part reaches about as far beyond the
click as the outline is before it. The shift fades sideways, over a few times that distance:
what is wrong is mostly a strip along the outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.masks import ABSENT_LOGIT, SliceMask, trim
from volsweep.operations.distance import signed_distance
from volsweep.prompts.kinds import Point

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


def changed_by(before: SliceMask, proposed: SliceMask, click: Point, reach: float) -> SliceMask:
    """What a click makes of a mask: a positive one only adds, a negative one only takes away, and only by itself.

    Parameters
    ----------
    before
        The mask that is corrected.
    proposed
        What the network makes of it.
    click
        The last one.
    reach
        How far from it anything changes, in voxels.

    Returns
    -------
    SliceMask
        Differs from `before` in voxels that hang together with the click, and lie within its reach.
    """
    old, new = before.mask_yx(), proposed.mask_yx()
    found = _grown(old, new, click, reach) if click.positive else ~_grown(~old, ~new, click, reach)
    return _as_told(proposed, found)


def held_to(mask: SliceMask, clicks: Sequence[Point]) -> SliceMask:
    """The same mask, with the voxels that were clicked in it or not, as the last click at each says."""
    found = mask.mask_yx()
    wrong = False
    for click in clicks:
        at = _voxel(click, mask.shape_yx)
        wrong |= bool(found[at]) != click.positive
        found[at] = click.positive
    return _as_told(mask, found) if wrong else mask


def _grown(old: NDArray[np.bool_], new: NDArray[np.bool_], click: Point, reach: float) -> NDArray[np.bool_]:
    """A mask, and what a new one adds to it around a click that lies in both afterwards."""
    rows, columns = np.ogrid[: old.shape[0], : old.shape[1]]
    y, x = _voxel(click, (old.shape[0], old.shape[1]))
    away = (rows - y) ** 2 + (columns - x) ** 2
    wanted = (new & (away <= reach**2)) | (away <= _CORE**2)
    # Together with the click: through what is added, and through what was there within the same reach.
    parts, _ = ndimage.label(wanted | (old & (away <= reach**2)), np.ones((3, 3), dtype=bool))
    return np.asarray(old | (wanted & (parts == parts[y, x])))


def _as_told(mask: SliceMask, found: NDArray[np.bool_]) -> SliceMask:
    """A mask of these voxels, with the logits of another where that says the same."""
    logits = np.full(mask.shape_yx, ABSENT_LOGIT, dtype=np.float32)
    logits[mask.bounds] = mask.logits
    logits = np.where(found, np.maximum(logits, _TOLD), np.minimum(logits, -_TOLD))
    made = trim(logits, slice=mask.slice, shape_yx=mask.shape_yx, iou=mask.iou, object_score=mask.object_score)
    return replace(mask, top=made.top, left=made.left, logits=made.logits)


def _voxel(click: Point, shape_yx: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the voxel that a click lies in."""
    x, y = (min(max(round(v), 0), n - 1) for v, n in zip(click.point_xy, shape_yx[::-1], strict=True))
    return y, x
