"""How a correcting click moves an outline: by twice its distance, and its surroundings with it.

People click in the middle of what is wrong, so the wrong part reaches about as far beyond the
click as the outline is before it. The shift fades sideways, over a few times that distance:
what is wrong is mostly a strip along the outline.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.operations.distance import signed_distance

_SIDEWAYS = 3.0
"""Standard deviation of the shift's fading, in distances of the click from the outline."""
_DEEP = 0.5
"""Clicks further from the outline than this share of the mask's depth may mean a part of any size."""
_STEEPNESS = 2.0
"""Logits per pixel of distance from the outline."""
_SUREST = 4.0


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
