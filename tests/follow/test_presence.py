"""Whether objects stand out: against scipy's own distance, and on objects taken out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import ks_2samp
from support.followed_patient import grid_around, imaged, object_of, someone

from volsweep.follow.carry import carry
from volsweep.follow.presence import Alike, Standing, is_gone, stands_out
from volsweep.registration.register import Registration


def bright(by: float) -> Standing:
    return Standing(by, 0.0)


def test_it_is_the_distance_of_kolmogorov_and_smirnov(baseline):
    volume, labels = baseline
    mask = labels.mask_zyx(3)
    away = distance_transform_edt(~mask, sampling=volume.grid.spacing_zyx_mm)
    ring = (away > 1.5 * 1.5) & (away <= 1.5 * 1.5 + 6)
    inside, around = volume.array_zyx[mask], volume.array_zyx[ring]
    found = stands_out(volume, mask)
    assert abs(found.distance - ks_2samp(inside, around).statistic) < 1e-9
    assert abs(found.above - ks_2samp(inside, around, alternative="less", method="asymp").statistic) < 1e-9
    assert abs(found.below - ks_2samp(inside, around, alternative="greater", method="asymp").statistic) < 1e-9
    assert found.distance > 0.5


def test_an_object_that_was_taken_out_is_gone_and_one_that_shrank_is_not(patient, baseline):
    volume, labels = baseline
    mask = labels.mask_zyx(3)
    before = stands_out(volume, mask)
    without, _ = imaged(patient, grid_around(), np.eye(4), None)
    assert is_gone(before, stands_out(without, mask))
    smaller, truth = imaged(patient, grid_around(), np.eye(4), (8.0, 6.0, 7.0))
    assert not is_gone(before, stands_out(smaller, truth))


def test_what_is_there_now_may_stand_out_to_the_other_side():
    dark = Standing(0.1, 0.7)
    assert is_gone(bright(0.8), dark)
    assert not is_gone(bright(0.8), Standing(0.7, 0.1))
    assert not is_gone(dark, Standing(0.0, 0.6))


def test_what_never_stood_out_is_gone_only_where_the_inside_is_another_and_the_surroundings_the_same():
    assert not is_gone(bright(0.3), bright(0.0))
    assert is_gone(bright(0.3), bright(0.3), Alike(0.2, 0.95, 4))
    assert not is_gone(bright(0.3), bright(0.0), Alike(0.9, 0.95, 1.5))
    assert not is_gone(bright(0.3), bright(0.0), Alike(0.1, 0.4, 1))  # nothing is as it was: the studies do not compare


def test_where_all_around_is_as_it_was_a_change_of_the_inside_alone_is_enough():
    assert is_gone(bright(0.38), bright(0.0), Alike(0.88, 1.0, 6.1))
    assert not is_gone(bright(0.38), bright(0.0), Alike(0.99, 1.0, 3.2))  # it shrank, and is the same
    assert not is_gone(bright(0.38), bright(0.0), Alike(0.88, 1.0, 1.7))
    assert not is_gone(bright(0.38), bright(0.0), Alike(0.8, 0.88, 3.0))


def test_what_is_as_it_was_within_a_place_that_is_as_it_was_is_there_however_it_stands_out():
    assert is_gone(bright(0.41), bright(0.2), Alike(0.9, 0.99, 4.0))
    assert not is_gone(bright(0.41), bright(0.2), Alike(0.995, 0.996, 0.7))


def test_what_still_stands_out_may_have_changed_within():
    assert not is_gone(bright(0.8), bright(0.7), Alike(0.0, 0.95, 5))
    assert is_gone(bright(0.8), bright(0.42), Alike(0.0, 0.95, 5))
    assert not is_gone(bright(0.85), bright(0.53), Alike(0.43, 0.98, 4.2))  # of btp10: an expert drew it


def test_tissue_of_the_same_brightness_in_the_place_of_an_object(move):
    """A lesion that is as bright as what surrounds it: its texture is found again if it shrank, not without it."""
    flat = replace(someone(smooth=1.0), contrast=0.0, radii=(18.0, 15.0, 17.0))
    before, mask = imaged(flat, grid_around(), np.eye(4), flat.radii)
    shrunk, _ = imaged(flat, grid_around(), move, tuple(0.8 * r for r in flat.radii))
    other = replace(flat, tissue=np.where(object_of(flat), someone(8, smooth=1.0).tissue, flat.tissue))
    without, _ = imaged(other, grid_around(), move, flat.radii)
    registration = Registration(move, "rigid")
    there, away = (carry(mask, before, later, registration) for later in (shrunk, without))
    assert stands_out(before, mask).distance < 0.4
    assert not is_gone(stands_out(before, mask), stands_out(shrunk, there.mask_zyx), there.alike)
    assert is_gone(stands_out(before, mask), stands_out(without, away.mask_zyx), away.alike)


def test_nothing_stands_out_of_nothing(baseline):
    volume, _ = baseline
    assert stands_out(volume, np.zeros(volume.shape_zyx, dtype=bool)).distance == 0
