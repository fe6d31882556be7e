"""The watershed finds a ball and stops where it ends."""

from __future__ import annotations

import numpy as np

from volsweep import Grid, Plane
from volsweep.evaluate.classical import carried_watershed
from volsweep.evaluate.metrics import dice, end_errors
from volsweep.evaluate.targets import Target


def test_the_watershed_follows_a_noisy_ball_and_stops_where_it_ends(rng):
    z, y, x = np.indices((31, 60, 60))
    mask = ((z - 15) / 10) ** 2 + ((y - 30) / 20) ** 2 + ((x - 25) / 14) ** 2 <= 1
    target = Target.of("ball", 1, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape))
    frames = (np.where(mask, 0.8, 0.3) + rng.normal(0, 0.05, mask.shape)).astype(np.float32)
    found = carried_watershed(target, target.box(), frames)
    assert dice(mask, found) > 0.93
    errors = end_errors(mask, found)
    assert max(abs(errors.first), abs(errors.last)) <= 2
    assert not carried_watershed(target, (0.0, 0.0, 0.0, 0.0), np.zeros_like(frames))[16:].any()
