"""Which slices a clip shows."""

from __future__ import annotations

import numpy as np
import torch

from volsweep.train.clips.clips import draw_clip
from volsweep.train.clips.slices import ClipShape
from volsweep.train.data.case import Case, find_targets


def _ball(shape=(24, 50, 50), centre=(12, 24, 25), radius=8, open_ended=()):
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    labels = ((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2).astype(np.uint8)
    image = np.random.default_rng(5).normal(0, 40, shape).astype(np.int16) + 100 * labels
    return Case(image, labels, (1.0, 1.0, 1.0), "CT", find_targets(labels, [1], open_ended))


def _clips(rng, case, shape, count=60):
    drawn = (draw_clip(rng, case, case.targets[0], shape) for _ in range(20 * count))
    found = [c for c, _ in zip((c for c in drawn if c is not None), range(count), strict=False)]
    assert len(found) == count
    return found


def test_objects_end_within_most_clips(rng):
    drawn = _clips(rng, _ball(), ClipShape(tuple(range(8)), size=64))
    present = torch.stack([c.masks.flatten(1).any(1) for c in drawn])
    assert 0.2 < (~present[:, -1]).float().mean() < 0.9
    assert all(c.scored.all() for c in drawn)


def test_sweeps_run_from_a_large_slice_past_the_end(rng):
    case = _ball()
    drawn = _clips(rng, case, ClipShape(tuple(range(12)), size=64, sweep=True), 120)
    present = torch.stack([c.masks.flatten(1).any(1) for c in drawn])
    areas = torch.stack([c.masks.flatten(1).float().sum(1) for c in drawn])
    assert present[:, 0].all()
    assert (~present[:, -1]).float().mean() > 0.75
    # It never comes back, and nearly always shrinks from its largest slices on.
    assert (present[:, 1:].int() <= present[:, :-1].int()).all()
    assert (areas[:, 0] > 0.6 * areas.max(1).values).float().mean() > 0.9


def test_a_sweep_that_is_longer_than_the_clip_may_take_thicker_slices(rng):
    drawn = _clips(rng, _ball((60, 50, 50), (30, 25, 25), 20), ClipShape(tuple(range(8)), size=64, sweep=True), 40)
    ended = torch.tensor([not bool(c.masks[-1].any()) for c in drawn])
    assert 0.1 < ended.float().mean() < 0.9
