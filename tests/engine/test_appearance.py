"""Evidence from looks, on images whose tissues are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from volsweep.engine.appearance import Appearance, describe

SIDE = 128


def disc(radius, centre, size=SIDE):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def logit_grid(mask):
    return mask.reshape(SIDE // 4, 4, SIDE // 4, 4).mean((1, 3)) >= 0.5


def scene(rng, centre, tumour=0.6, muscle=0.45, fat=0.15):
    """A tumour in muscle, with fat on one side."""
    grey = np.full((SIDE, SIDE), muscle)
    grey[:, :30] = fat
    grey[disc(24, centre)] = tumour
    return (ndimage.gaussian_filter(grey, 1) + rng.normal(0, 0.03, grey.shape)).astype(np.float32)


def test_grey_and_its_spread_are_described(rng):
    flat = np.full((64, 64), 0.4, dtype=np.float32)
    np.testing.assert_allclose(describe(flat), [[[0.4]], [[0.4]], [[0.0]]] * np.ones((3, 16, 16)), atol=2e-3)
    noisy = (flat + rng.normal(0, 0.1, flat.shape)).astype(np.float32)
    assert describe(noisy)[2].mean() == pytest.approx(0.1, rel=0.1)
    # On each place what is there: a step is found where it is.
    step = np.zeros((64, 64), dtype=np.float32)
    step[:, 40:] = 1
    assert (describe(step)[0][:, :9] < 0.02).all()
    assert (describe(step)[0][:, 11:] > 0.98).all()


def test_a_tumour_that_moved_is_found_where_it_is(rng):
    here, there = (64, 70), (60, 78)
    look = Appearance.of(describe(scene(rng, here)), logit_grid(disc(24, here)))
    evidence = look.evidence(describe(scene(rng, there)))
    inside, outside = logit_grid(disc(20, there)), ~logit_grid(disc(30, there))
    assert (evidence[inside] > 0).mean() > 0.95
    assert (evidence[outside] < 0).mean() > 0.95


def test_slices_without_it_speak_against_it(rng):
    here = (64, 70)
    look = Appearance.of(describe(scene(rng, here)), logit_grid(disc(24, here)))
    gone = look.evidence(describe(scene(rng, here, tumour=0.45)))
    assert (gone < -1).mean() > 0.9
    # Evidence for counts half: what looks like a tumour may be another one.
    there = look.evidence(describe(scene(rng, here)))
    assert there.max() <= 1.5
    assert gone.min() >= -3


def test_what_lies_far_away_does_not_make_the_surroundings_look_like_the_object(rng):
    """In a tumour as grey as muscle nothing is claimed of muscle, however different fat is."""
    here = (64, 84)
    grey = scene(rng, here, tumour=0.45)
    evidence = Appearance.of(describe(grey), logit_grid(disc(24, here))).evidence(describe(grey))
    muscle = logit_grid(disc(40, here)) & ~logit_grid(disc(30, here))
    assert abs(evidence[muscle]).mean() < 0.5


def test_too_little_teaches_nothing(rng):
    described = describe(scene(rng, (64, 70)))
    assert Appearance.of(described, logit_grid(disc(2, (64, 70)))) is None
    assert Appearance.of(described, np.zeros((32, 32), dtype=bool)) is None
    assert Appearance.of(described, np.ones((32, 32), dtype=bool)) is None
