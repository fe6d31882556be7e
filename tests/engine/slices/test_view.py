"""What the network sees of a plane: its slices in the window, cut, encoded once, kept within a number of bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

from volsweep.engine.network import inference
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import ByteCache, Frames, model_input
from volsweep.geometry import Grid, mask_box_xyxy
from volsweep.intensity import Window
from volsweep.volume import Volume


@pytest.fixture
def encoded(monkeypatch):
    """How many slices were encoded, call by call."""
    counts, encode = [], inference.encode
    monkeypatch.setattr(inference, "encode", lambda net, grey: counts.append(len(grey)) or encode(net, grey))
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


@pytest.mark.parametrize(
    ("plane", "axis", "spacing"),
    [("axial", 0, (3.0, 2.0, 0.5)), ("coronal", 1, (2.0, 3.0, 0.5)), ("sagittal", 2, (0.5, 3.0, 2.0))],
)
def test_frames_are_slices_in_the_window(rng, plane, axis, spacing):
    stored = rng.integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    volume = Volume(stored, Grid.axis_aligned(stored.shape, (3.0, 2.0, 0.5)), modality="CT")
    frames = Frames(volume, plane, Window(50, 400))
    assert len(frames) == frames.count == stored.shape[axis]
    assert (frames.spacing_mm, *frames.spacing_yx_mm) == spacing
    for index in range(len(frames)):
        taken = stored.take(index, axis)
        assert frames[index].shape == frames.shape_yx == taken.shape
        np.testing.assert_allclose(frames[index], ((taken - (50 - 200)) / 400.0).clip(0, 1), atol=1e-6)


def test_a_crop_of_the_models_size_is_not_resampled(rng):
    frame = rng.random((40, 40)).astype(np.float32)
    made = model_input(frame, Crop(left=5, top=8, width=32, height=32, size=32))
    np.testing.assert_array_equal(made[0, 0].numpy(), frame[8:40, 5:37])


def test_merged_pixels_are_averaged_not_sampled(rng):
    """Noise over four times four pixels falls to about a quarter; sampled it would stay."""
    frame = rng.normal(0.5, 0.1, (128, 128)).astype(np.float32)
    made = model_input(frame, Crop.whole(frame.shape, 32))
    assert made.shape == (1, 1, 32, 32)
    assert made.dtype == torch.float32
    assert float(made.mean()) == pytest.approx(frame.mean(), abs=0.002)
    assert float(made.std()) < 0.035


@dataclass(frozen=True)
class Block:
    nbytes: int


def kept(cache: ByteCache[Block], keys: str) -> str:
    return "".join(key for key in keys if cache.get(key) is not None)


def test_the_least_recently_used_goes_first():
    cache = ByteCache[Block](30)
    for key in "abc":
        cache.put(key, Block(10))
    assert cache.get("a") == Block(10)
    cache.put("d", Block(10))
    assert kept(cache, "abcd") == "acd"
    assert (cache.nbytes, len(cache)) == (30, 3)


def test_a_large_item_drops_as_many_as_it_needs_room():
    cache = ByteCache[Block](30)
    for key in "abc":
        cache.put(key, Block(10))
    cache.put("d", Block(15))
    assert kept(cache, "abcd") == "cd"
    assert cache.nbytes == 25


def test_an_item_larger_than_all_the_room_is_not_kept():
    cache = ByteCache[Block](30)
    cache.put("a", Block(31))
    assert cache.get("a") is None
    assert (cache.nbytes, len(cache)) == (0, 0)


def test_the_number_is_bounded_too():
    cache = ByteCache[Block](1000, max_items=2)
    for key in "abc":
        cache.put(key, Block(1))
    assert kept(cache, "abc") == "bc"


@pytest.mark.parametrize("size", [5, 20])
def test_another_item_under_the_same_key_takes_its_place(size):
    cache = ByteCache[Block](30)
    cache.put("a", Block(10))
    cache.put("a", Block(size))
    assert cache.get("a") == Block(size)
    assert (cache.nbytes, len(cache)) == (size, 1)


def test_cleared_it_has_all_its_room_again():
    cache = ByteCache[Block](30)
    cache.put("a", Block(30))
    cache.clear()
    assert (cache.get("a"), cache.nbytes, len(cache)) == (None, 0, 0)
