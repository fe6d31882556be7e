"""One plane as the network sees it: crops around targets, each slice encoded once, masks back on their slices."""

from __future__ import annotations

import numpy as np
import pytest
from engine.conftest import blob_volume, view_of

from volsweep.engine.network import features as features_module
from volsweep.engine.slices.crop import Crop
from volsweep.geometry import mask_box_xyxy


@pytest.fixture
def encoded(monkeypatch):
    """How many slices were encoded, call by call."""
    counts, encode = [], features_module.encode
    monkeypatch.setattr(features_module, "encode", lambda net, grey: counts.append(len(grey)) or encode(net, grey))
    return counts


@pytest.fixture(scope="module")
def scene():
    return blob_volume(160, 6)


def test_a_crop_is_as_many_times_the_target_as_the_view_is_zoomed(nano, scene):
    volume, truth = scene
    box = mask_box_xyxy(truth[3])
    crop = view_of(nano, volume, 2.2).crop_around(box)
    side = max(box[2] - box[0], box[3] - box[1]) + 1
    assert crop.width == pytest.approx(2.2 * side, abs=1)
    assert crop.left + crop.width / 2 == pytest.approx((box[0] + box[2] + 1) / 2, abs=1)
    assert view_of(nano, volume, None).crop_around(box) == Crop.whole((160, 160), nano.image_size)


def test_a_slice_in_a_crop_is_encoded_once(nano, scene, encoded):
    volume, _ = scene
    view = view_of(nano, volume, 2.2)
    one, other = Crop(10, 10, 60, 60, nano.image_size), Crop(20, 10, 60, 60, nano.image_size)
    first = view.features([(2, one), (3, one), (2, one)])
    assert first[0] is first[2]
    again = view.features([(3, one), (2, other), (2, one)])
    assert (again[0], again[2]) == (first[1], first[0])
    assert again[1] is not first[0]
    assert encoded == [2, 1]
    view_of(nano, volume, 2.2).features([(2, one)])
    assert encoded == [2, 1, 1], "another view's cache is its own"


def test_a_known_mask_comes_back_where_it_was(nano, scene):
    volume, truth = scene
    view = view_of(nano, volume, 2.2)
    box = mask_box_xyxy(truth[3])
    crop = view.crop_around(box)
    from volsweep.masks import trim

    logits = np.where(truth[3], 9.0, -9.0).astype(np.float32)
    mask = trim(logits, slice=3, shape_yx=truth[3].shape, iou=1.0, object_score=5.0)
    decoded = view.adopt(mask, crop)
    found = view.to_mask(view.logits(decoded, crop), 3, decoded)
    assert (found.slice, found.shape_yx) == (3, (160, 160))
    both = (found.mask_yx() & truth[3]).sum()
    assert 2 * both / (found.mask_yx().sum() + truth[3].sum()) > 0.97
