"""A ball in noise, and clips drawn from it."""

from __future__ import annotations

import numpy as np

from volsweep.train.clips.clips import draw_clip
from volsweep.train.data.case import Case, find_targets


def ball(shape=(24, 50, 50), centre=(12, 24, 25), radius=8, open_ended=()):
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    labels = ((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2).astype(np.uint8)
    image = np.random.default_rng(5).normal(0, 40, shape).astype(np.int16) + 100 * labels
    return Case(image, labels, (1.0, 1.0, 1.0), "CT", find_targets(labels, [1], open_ended))


def draw_clips(rng, case, shape, count=60):
    drawn = (draw_clip(rng, case, case.targets[0], shape) for _ in range(20 * count))
    found = [c for c, _ in zip((c for c in drawn if c is not None), range(count), strict=False)]
    assert len(found) == count
    return found
