"""Whether objects stand out: against scipy's own distance, and on objects taken out."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import ks_2samp
from support.followed_patient import grid_around, imaged

from volsweep.follow.presence import is_gone, stands_out


def test_it_is_the_distance_of_kolmogorov_and_smirnov(baseline):
    volume, labels = baseline
    mask = labels.mask_zyx(3)
    away = distance_transform_edt(~mask, sampling=volume.grid.spacing_zyx_mm)
    ring = (away > 1.5 * 1.5) & (away <= 1.5 * 1.5 + 6)
    expected = ks_2samp(volume.array_zyx[mask], volume.array_zyx[ring]).statistic
    assert abs(stands_out(volume, mask) - expected) < 1e-9
    assert expected > 0.5


def test_an_object_that_was_taken_out_is_gone_and_one_that_shrank_is_not(patient, baseline):
    volume, labels = baseline
    mask = labels.mask_zyx(3)
    before = stands_out(volume, mask)
    without, _ = imaged(patient, grid_around(), np.eye(4), None)
    assert is_gone(before, stands_out(without, mask))
    smaller, truth = imaged(patient, grid_around(), np.eye(4), (8.0, 6.0, 7.0))
    assert not is_gone(before, stands_out(smaller, truth))


def test_what_never_stood_out_is_not_said_to_be_gone():
    assert not is_gone(0.3, 0.0)


def test_nothing_stands_out_of_nothing(baseline):
    volume, _ = baseline
    assert stands_out(volume, np.zeros(volume.shape_zyx, dtype=bool)) == 0
