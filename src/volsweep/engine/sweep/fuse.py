"""Fuse the two passes that meet between prompted slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from volsweep.engine.slices.crop import CropLogits
from volsweep.masks import ABSENT_LOGIT, SliceMask, trim

_CONFIDENT = 8.0
"""Logits are held to this before they are averaged, so that neither pass shouts the other down."""


def fuse(mask: SliceMask, logits: CropLogits, other: CropLogits, nearness: float) -> SliceMask:
    """Average two passes over one slice by how near each is to the slice it started from.

    Parameters
    ----------
    mask
        The later pass's mask, whose scores are kept.
    logits, other
        Of the later and the earlier pass; their windows may differ.
    nearness
        1 where the later pass has just started, 0 where it arrives at the other's start.

    Returns
    -------
    SliceMask
        With `agreement`, the IoU of the two masks, as a sign of how far to trust it.
    """
    a, b = logits.over(mask.shape_yx), other.over(mask.shape_yx)
    mine, theirs = a > 0, b > 0
    either = (mine | theirs).sum()
    agreement = float((mine & theirs).sum() / either) if either else 1.0
    mixed = nearness * np.clip(a, -_CONFIDENT, _CONFIDENT) + (1 - nearness) * np.clip(b, -_CONFIDENT, _CONFIDENT)
    fused = trim(
        np.where(mine | theirs, mixed, ABSENT_LOGIT).astype(np.float32),
        slice=mask.slice,
        shape_yx=mask.shape_yx,
        iou=mask.iou,
        object_score=mask.object_score,
    )
    return replace(fused, agreement=agreement)
