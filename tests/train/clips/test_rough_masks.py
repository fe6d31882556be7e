from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

from volsweep.train.clips.rough_masks import RoughMasks
from volsweep.train.losses import dsc_of


def _discs(clips, radius, size=128):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return ((y - 60) ** 2 + (x - 66) ** 2 < radius**2).expand(clips, size, size).clone()


def _as_large(logits, size=128):
    return F.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def test_they_are_near_the_truth_and_wrong_in_the_same_places(rng):
    pretended = RoughMasks(rng, 200)
    truth = _discs(200, 28)
    first, score = pretended.logits(truth)
    second, _ = pretended.logits(truth)
    assert first.shape == (200, 1, 32, 32)
    assert (score > 0).all()
    near = dsc_of(_as_large(first), truth.float())
    assert 0.25 < (near > 0.97).float().mean() < 0.6
    assert 0.8 < near.mean() < 0.95
    assert near.quantile(0.02) > 0.4
    # Wrong as a sweep is wrong: two slices' masks are more alike than either is like the truth.
    wrong = near < 0.9
    alike = dsc_of(_as_large(first)[wrong], (_as_large(second)[wrong] > 0).float())
    assert alike.mean() > near[wrong].mean()
    # Nothing far from the object.
    assert (first[:, 0, :4, :4] < 0).all()


def test_some_hold_on_to_an_object_that_has_ended(rng):
    pretended = RoughMasks(rng, 200)
    pretended.logits(_discs(200, 20))
    nothing = torch.zeros(200, 128, 128, dtype=torch.bool)
    for _ in range(2):
        masks, score = pretended.logits(nothing)
        held = score[:, 0] > 0
        assert 0.3 < held.float().mean() < 0.6
        assert not (masks[~held] > 0).any()
        assert (masks[held] > 0).flatten(1).any(1).float().mean() > 0.9


def test_small_objects_are_remembered(rng):
    masks, _ = RoughMasks(rng, 100).logits(_discs(100, 5))
    assert (masks > 0).flatten(1).any(1).float().mean() > 0.6
