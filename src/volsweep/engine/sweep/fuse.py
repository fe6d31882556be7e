"""Fuse the two passes that meet between prompted slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from volsweep.engine.slices.crop import CropLogits
from volsweep.masks import ABSENT_LOGIT, SliceMask, trim

_CONFIDENT = 8.0
"""Logits are held to this before they are averaged, so that neither pass shouts the other down."""


def fuse(low: tuple[SliceMask, CropLogits], high: tuple[SliceMask, CropLogits], nearness_to_high: float) -> SliceMask:
    """Average two passes over one slice, masks and scores, by how near each is to the slice it started from.

    It does not matter which of them came first.

    Parameters
    ----------
    low, high
        What the pass from the lower prompted slice found, and that from the higher; their windows may differ.
    nearness_to_high
        0 at the lower prompted slice, 1 at the higher.

    Returns
    -------
    SliceMask
        With `agreement`, the IoU of the two masks, as a sign of how far to trust it.
    """
    mask, other = low[0], high[0]
    shares = (1 - nearness_to_high, nearness_to_high)
    a, b = (logits.over(mask.shape_yx) for _, logits in (low, high))
    from_low, from_high = a > 0, b > 0
    either = (from_low | from_high).sum()
    agreement = float((from_low & from_high).sum() / either) if either else 1.0
    mixed = shares[0] * np.clip(a, -_CONFIDENT, _CONFIDENT) + shares[1] * np.clip(b, -_CONFIDENT, _CONFIDENT)
    fused = trim(
        np.where(from_low | from_high, mixed, ABSENT_LOGIT).astype(np.float32),
        slice=mask.slice,
        shape_yx=mask.shape_yx,
        iou=shares[0] * mask.iou + shares[1] * other.iou,
        object_score=shares[0] * mask.object_score + shares[1] * other.object_score,
    )
    return replace(fused, agreement=agreement, expected_dice=_expected(fused, mask, other, agreement))


def _expected(fused: SliceMask, low: SliceMask, high: SliceMask, agreement: float) -> float | None:
    """What the passes expect in the mean, but no more than the overlap of the two."""
    told = [mask.expected_dice for mask in (low, high) if mask.expected_dice is not None]
    if fused.is_empty or not told:
        return None
    return min(sum(told) / len(told), 2 * agreement / (1 + agreement))
