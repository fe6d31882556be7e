"""One object on one slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from volsweep.masks import trim


def test_only_keeps_what_lies_within_another_mask():
    rng = np.random.default_rng(0)
    logits = np.where(rng.random((9, 12)) > 0.5, rng.random((9, 12)) * 5, -5.0).astype(np.float32)
    logits[:2] = logits[:, 10:] = -5.0
    whole = trim(logits, slice=3, shape_yx=(9, 12), iou=0.5, object_score=2.0)
    when = np.arange(whole.logits.size, dtype=np.int32).reshape(whole.logits.shape)
    whole = replace(whole, drawn=when, prompted=True)
    keep = np.zeros((9, 12), bool)
    keep[4:8, 3:7] = True
    part = whole.only(keep)
    np.testing.assert_array_equal(part.mask_yx(), whole.mask_yx() & keep)
    told = np.zeros((2, 9, 12), np.int64)
    for into, mask in zip(told, (part, whole), strict=True):
        into[mask.bounds] = np.where(mask.inner, mask.drawn, 0)
    np.testing.assert_array_equal(told[0], np.where(part.mask_yx(), told[1], 0))
    assert (part.slice, part.iou, part.object_score, part.prompted) == (3, 0.5, 2.0, True)
    assert whole.only(np.ones((9, 12), bool)) is whole
    assert whole.only(np.zeros((9, 12), bool)).is_empty
