"""Fill skipped slices from their neighbours by shape-based interpolation."""

from __future__ import annotations

import numpy as np

from volsweep.engine.slices.distance import signed_distance
from volsweep.geometry import union_box_xyxy
from volsweep.masks import SliceMask, trim


def between(a: SliceMask, b: SliceMask) -> list[SliceMask]:
    """Masks of the slices strictly between two, from the lower to the higher.

    Signed distances to the two outlines are mixed by distance and cut at zero (Raya & Udupa,
    IEEE Trans Med Imaging 1990;9:32-42). Nothing is drawn towards a slice without the object.
    """
    a, b = sorted((a, b), key=lambda mask: mask.slice)
    box_a, box_b = a.box_xyxy, b.box_xyxy
    if box_a is None or box_b is None:
        return []
    x0, y0, x1, y1 = (int(v) for v in union_box_xyxy([box_a, box_b]))
    inner = (slice(y0, y1 + 1), slice(x0, x1 + 1))
    from_a, from_b = signed_distance(a.mask_yx()[inner]), signed_distance(b.mask_yx()[inner])
    filled = []
    for index in range(a.slice + 1, b.slice):
        weight = (index - a.slice) / (b.slice - a.slice)
        filled.append(
            trim(
                ((1 - weight) * from_a + weight * from_b).astype(np.float32),
                slice=index,
                shape_yx=a.shape_yx,
                origin_yx=(y0, x0),
                iou=min(a.iou, b.iou),
                object_score=min(a.object_score, b.object_score),
            )
        )
    return filled
