"""From prompts and starts to masks: what is added, what is taken as it is, and what is given back to the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

from volsweep.engine.body.spheroid import Outline
from volsweep.engine.network.decode import GIVEN_LOGIT, Clicks, adopt, decode, prior_from_mask, taken, unconditioned
from volsweep.geometry import mask_box_xyxy


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


def test_of_a_batch_some_take_their_start_for_their_mask(nano, ball):
    features, _, clicks = ball
    with nano.running():
        one = decode(nano, features, unconditioned(nano, features), clicks)
    start = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    kept, whole = taken(one, start, [False]), taken(one, start)
    torch.testing.assert_close(kept.logits, one.logits)
    torch.testing.assert_close(kept.object_score, one.object_score)
    torch.testing.assert_close(whole.logits, start)
    assert whole.object_score.item() == pytest.approx(start.max().item())
    assert whole.input_logits.shape == one.input_logits.shape
