"""Which slices a clip shows."""

from __future__ import annotations

import torch
from support.clips import ball, draw_clips

from volsweep.train.clips.slices import ClipShape


def test_objects_end_within_most_clips(rng):
    drawn = draw_clips(rng, ball(), ClipShape(tuple(range(8)), size=64))
    present = torch.stack([c.masks.flatten(1).any(1) for c in drawn])
    assert 0.2 < (~present[:, -1]).float().mean() < 0.9
    assert all(c.scored.all() for c in drawn)


def test_sweeps_run_from_a_large_slice_past_the_end(rng):
    case = ball()
    drawn = draw_clips(rng, case, ClipShape(tuple(range(12)), size=64, sweep=True), 120)
    present = torch.stack([c.masks.flatten(1).any(1) for c in drawn])
    areas = torch.stack([c.masks.flatten(1).float().sum(1) for c in drawn])
    assert present[:, 0].all()
    assert (~present[:, -1]).float().mean() > 0.75
    # It never comes back, and nearly always shrinks from its largest slices on.
    assert (present[:, 1:].int() <= present[:, :-1].int()).all()
    assert (areas[:, 0] > 0.6 * areas.max(1).values).float().mean() > 0.9


def test_a_sweep_that_is_longer_than_the_clip_may_take_thicker_slices(rng):
    drawn = draw_clips(rng, ball((60, 50, 50), (30, 25, 25), 20), ClipShape(tuple(range(8)), size=64, sweep=True), 40)
    ended = torch.tensor([not bool(c.masks[-1].any()) for c in drawn])
    assert 0.1 < ended.float().mean() < 0.9
