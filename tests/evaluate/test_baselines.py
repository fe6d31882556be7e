"""Ellipses give the figures measured when the project was set up; the watershed finds a ball."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from volsweep import Grid, Plane
from volsweep.evaluate import read_cases
from volsweep.evaluate.baselines import BASELINES, copied_ellipse, ellipsoid, single_ellipse, spheroid
from volsweep.evaluate.metrics import dice
from volsweep.evaluate.targets import Target


@pytest.mark.cases
def test_ellipses_reproduce_what_was_measured_on_dev(cases):
    measured = {  # copied over the true range, ellipsoid, spheroid, prompted slice alone
        "sarcoma": (0.68, 0.77, 0.737, 0.886),
        "ctlesion": (0.70, 0.80, 0.77, 0.94),
        "hippocampus": (0.48, 0.55, 0.466, 0.835),
    }
    found = defaultdict(list)
    for case in read_cases(cases, "dev", measured):
        _, labels = case.load()
        for value in labels.values():
            target = Target.of(case.name, value, labels.mask_zyx(value), Plane.AXIAL, labels.grid)
            truth, box, index = target.masks_nyx, target.box(), target.prompted_slice
            frames = np.zeros(truth.shape, dtype=np.float32)
            masks = [
                baseline(target, box, frames) for baseline in (copied_ellipse, ellipsoid, spheroid, single_ellipse)
            ]
            assert not masks[3][np.arange(len(truth)) != index].any()
            dices = [dice(truth, mask) for mask in masks[:3]]
            found[case.family].append((*dices, dice(truth[index], masks[3][index])))
    for family, expected in measured.items():
        assert np.mean(found[family], axis=0) == pytest.approx(expected, abs=0.006)


def test_an_ellipsoid_is_found_by_the_ellipsoid():
    z, y, x = np.indices((31, 60, 60))
    mask = ((z - 15) / 10) ** 2 + ((y - 30) / 20) ** 2 + ((x - 25) / 14) ** 2 <= 1
    target = Target.of("ball", 1, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape))
    frames = np.where(mask, 0.8, 0.3).astype(np.float32)
    assert dice(mask, ellipsoid(target, target.box(), frames)) > 0.94
    assert 0.7 < dice(mask, copied_ellipse(target, target.box(), frames)) < 0.9


def test_a_spheroid_is_told_how_far_apart_slices_are():
    z, y, x = np.indices((31, 60, 60))
    mask = ((z - 15) * 3 / 28) ** 2 + ((y - 30) / 20) ** 2 + ((x - 25) / 20) ** 2 <= 1
    target = Target.of("ball", 1, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape, (3, 1, 1)))
    found = spheroid(target, target.box(), np.zeros(mask.shape, dtype=np.float32))
    assert dice(mask, found) > 0.95


def test_every_baseline_stays_on_the_grid_with_a_box_at_the_corner(rng):
    mask = np.zeros((5, 12, 10), dtype=bool)
    mask[:3, :4, :3] = True
    target = Target.of("corner", 1, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape))
    frames = rng.uniform(size=mask.shape).astype(np.float32)
    for baseline in BASELINES.values():
        found = baseline(target, target.box(), frames)
        assert found.shape == mask.shape
        assert found.dtype == bool
