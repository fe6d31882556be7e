"""Two passes over one slice, averaged by how near each is to where it started."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.sweep.fuse import fuse
from volsweep.masks import trim

SHAPE = (30, 40)


def found(level: float, iou: float, score: float, columns: slice = slice(10, 20), crop: Crop | None = None):
    crop = crop or Crop.whole(SHAPE, 128)
    whole = np.full(SHAPE, -5.0, np.float32)
    whole[8:16, columns] = level
    mask = trim(whole, slice=7, shape_yx=SHAPE, iou=iou, object_score=score)
    return mask, CropLogits(crop, crop.cut(whole))


@pytest.mark.parametrize("nearness", [0.0, 0.25, 0.5, 1.0])
def test_the_near_pass_weighs_more_in_masks_and_scores(nearness):
    low, high = found(4.0, 0.9, 6.0), found(-2.0, 0.3, -2.0)
    fused = fuse(low, high, nearness)
    level = (1 - nearness) * 4.0 + nearness * -2.0
    assert fused.is_empty == (level <= 0)
    assert fused.iou == pytest.approx((1 - nearness) * 0.9 + nearness * 0.3)
    assert fused.object_score == pytest.approx((1 - nearness) * 6.0 - nearness * 2.0)
    assert fused.agreement == 0
    if level > 0:
        np.testing.assert_allclose(fused.logits, level, rtol=1e-3)


def test_agreement_is_the_overlap():
    wide, narrow = found(3.0, 0.8, 1.0, slice(10, 20)), found(3.0, 0.8, 1.0, slice(10, 15))
    assert fuse(wide, narrow, 0.5).agreement == 0.5
    nothing = found(-3.0, 0.8, -1.0)
    assert fuse(nothing, nothing, 0.5).agreement == 1.0


def test_neither_shouts_the_other_down():
    assert not fuse(found(30.0, 1, 1), found(-7.9, 1, 1), 0.5).is_empty
    assert fuse(found(30.0, 1, 1), found(-7.9, 1, 1), 0.51).is_empty


def test_windows_may_differ():
    part = found(3.0, 0.5, 1.0, slice(10, 15), Crop(8, 4, 16, 16, 64))
    whole = found(3.0, 0.5, 1.0, slice(10, 20))
    for pair in ((part, whole), (whole, part)):
        assert fuse(*pair, 0.5).agreement == 0.5


def test_no_more_is_expected_than_the_passes_expect_or_agree_on():
    wide, narrow = found(3.0, 0.8, 1.0, slice(10, 20)), found(3.0, 0.8, 1.0, slice(10, 15))
    sure, unsure = replace(wide[0], expected_dice=0.9), replace(wide[0], expected_dice=0.5)
    fused = fuse((sure, wide[1]), (unsure, wide[1]), 0.3)
    assert fused.expected_dice == pytest.approx(0.7)
    assert fuse((unsure, wide[1]), (sure, wide[1]), 0.3).expected_dice == fused.expected_dice
    half = fuse((replace(sure, expected_dice=0.95), wide[1]), (replace(narrow[0], expected_dice=0.95), narrow[1]), 0.5)
    assert half.expected_dice == pytest.approx(2 / 3)  # a Dice of 10 and 5 columns
    assert fuse(wide, narrow, 0.5).expected_dice is None
