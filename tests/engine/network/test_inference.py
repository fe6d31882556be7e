"""Slices to features, prompts to masks: alone as in batches, and from what the decoder starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

from volsweep.engine.body.spheroid import Outline
from volsweep.engine.network.inference import (
    GIVEN_LOGIT,
    Clicks,
    Features,
    adopt,
    decode,
    encode,
    encode_each,
    leaned,
    prior_from_mask,
    unconditioned,
)
from volsweep.geometry import mask_box_xyxy

NAMES = ("fine", "medium", "coarse", "attended")


@pytest.fixture(scope="module")
def grey(nano):
    side = nano.image_size
    return torch.rand(3, 1, side, side, generator=torch.Generator().manual_seed(2))


def test_slices_are_encoded_alone_as_they_are_together(nano, grey):
    together, each = encode(nano, grey), encode_each(nano, grey)
    joined = Features.stack(each)
    for name in NAMES:
        assert getattr(joined, name).shape == getattr(together, name).shape
        torch.testing.assert_close(getattr(joined, name), getattr(together, name), rtol=0, atol=0)
        alone = getattr(encode(nano, grey[1:2]), name)
        torch.testing.assert_close(getattr(each[1], name), alone, rtol=1e-3, atol=1e-3)


def test_levels_are_those_of_hiera_and_its_neck(nano, grey):
    """Strides 4, 8 and 16; the finer ones with an eighth and a quarter of the channels, as the decoder takes them."""
    found, side = encode(nano, grey[:2]), nano.image_size
    channels = found.coarse.shape[1]
    assert found.fine.shape == (2, channels // 8, side // 4, side // 4)
    assert found.medium.shape == (2, channels // 4, side // 8, side // 8)
    assert found.coarse.shape == (2, channels, side // 16, side // 16)
    assert found.attended.shape == (2, (side // 16) ** 2, channels)
    assert not found.coarse.requires_grad


def test_a_slice_keeps_no_other_alive(nano, grey):
    together = encode(nano, grey)
    one = together[1]
    assert one.nbytes * 3 == together.nbytes
    for name in NAMES:
        part = getattr(one, name)
        assert part.untyped_storage().nbytes() == part.numel() * part.element_size()
    assert Features.stack([one]) is one


def disc(radius, size=64, centre=(31.5, 30.0)):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def test_masks_and_scores_are_added_to_the_start(nano):
    volume, truth = blob_volume(200, 8)
    view = view_of(nano, volume, 2.2)
    (features,) = view.features([(4, view.crop_around(mask_box_xyxy(truth[4])))])
    section = Outline.of(disc(8, 32)).section(1.0)[None, None]
    with nano.running():
        conditioned = unconditioned(nano, features)
        alone = decode(nano, features, conditioned, prior_logits=section)
        both = decode(nano, features, conditioned, prior_logits=section, start=section)
    assert alone.object_score > 0
    torch.testing.assert_close(both.object_score - alone.object_score, section.max()[None, None])
    torch.testing.assert_close(both.logits - alone.logits, section, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def ball(nano):
    """The features of a slice with a ball, the ball in the network's pixels, and clicks on it."""
    volume, truth = blob_volume(200, 8)
    view = view_of(nano, volume, 2.2)
    crop = view.crop_around(mask_box_xyxy(truth[4]))
    (features,) = view.features([(4, crop)])
    shown = torch.nn.functional.interpolate(
        torch.from_numpy(crop.cut(truth[4].astype(np.float32)))[None, None], size=(128, 128), mode="area"
    )
    rows, columns = np.nonzero(np.asarray(shown[0, 0]) > 0.5)
    corners = [[columns.min(), rows.min()], [columns.max(), rows.max()]]
    return features, shown, Clicks(np.array(corners, np.float32), np.array([2, 3], np.int32))


def test_a_mask_fed_back_is_that_mask_at_a_quarter(ball):
    _, shown, _ = ball
    prior = prior_from_mask((shown > 0.5).float())
    assert prior.shape == (1, 1, 32, 32)
    assert prior.abs().max() == pytest.approx(GIVEN_LOGIT, abs=1e-4)
    quarter = torch.nn.functional.avg_pool2d(shown, 4)
    assert ((prior > 0) == (quarter > 0.5)).float().mean() > 0.99


def test_a_given_mask_is_adopted_verbatim(nano, ball):
    features, shown, _ = ball
    mask = (shown > 0.5).float()
    with nano.running():
        decoded = adopt(nano, features, mask)
    np.testing.assert_array_equal(decoded.input_logits[0, 0] > 0, mask[0, 0] > 0)
    assert decoded.iou[0] == 1
    assert decoded.object_score[0] > 0


def test_a_mask_fed_back_beyond_its_range_is_held_in_it(nano, ball):
    features, shown, clicks = ball
    prior = prior_from_mask((shown > 0.5).float()).sign()
    with nano.running():
        coarse = unconditioned(nano, features)
        held, wild = (decode(nano, features, coarse, clicks, prior_logits=scale * prior) for scale in (40, 4000))
    torch.testing.assert_close(held.logits, wild.logits)


def test_masks_lean_towards_what_they_started_from(nano, ball):
    features, _, clicks = ball
    with nano.running():
        one = decode(nano, features, unconditioned(nano, features), clicks)
    start = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    kept, half, whole = (leaned(one, start, [share]) for share in (0.0, 0.5, 1.0))
    assert torch.equal(kept.logits, one.logits)
    assert torch.equal(kept.object_score, one.object_score)
    assert torch.equal(whole.logits, start), "what clicks corrected is taken as it is"
    assert whole.object_score.item() == pytest.approx(start.max().item())
    torch.testing.assert_close(half.logits, (one.logits + start) / 2)
    assert half.input_logits.shape == whole.input_logits.shape == one.input_logits.shape
