"""Regions that stand out, in volumes where it is known what does."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.train.data import regions
from volsweep.train.data.case import Case, find_targets
from volsweep.train.data.regions import find_regions

SHAPE = (30, 60, 64)


def case_of(image, labels=None, modality="CT"):
    labels = np.zeros(image.shape, np.uint8) if labels is None else labels
    return Case(image.astype(np.int16), labels, (3.0, 1.0, 1.0), modality, find_targets(labels, [1]))


def ball(centre, radius, shape=SHAPE):
    return sum((at - c) ** 2 for at, c in zip(np.ogrid[tuple(map(slice, shape))], centre, strict=True)) <= radius**2


def full(region, shape=SHAPE):
    out = np.zeros(shape, bool)
    out[region.box] = region.mask_zyx
    return out


def dsc(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def tissue(rng, shape=SHAPE):
    return rng.normal(30, 8, shape)


@pytest.mark.parametrize("contrast", [250, -250])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_ball_that_stands_out_is_found_once(rng, contrast, modality):
    truth = ball((15, 30, 30), 8)
    (region,) = find_regions(case_of(tissue(rng) + contrast * truth, modality=modality))
    assert dsc(full(region), truth) > 0.9
    assert not region.open_ended
    case = regions.case_of(region, case_of(tissue(rng)))
    assert [t.value for t in case.targets] == [1]
    np.testing.assert_array_equal(case.labels_zyx > 0, full(region))


def test_noise_holds_no_regions(rng):
    assert find_regions(case_of(tissue(rng))) == []


def test_balls_that_touch_by_a_bridge_are_two(rng):
    first, second = ball((15, 30, 18), 8), ball((15, 30, 44), 8)
    bridge = np.zeros(SHAPE, bool)
    bridge[15, 30, 18:44] = True
    found = [full(r) for r in find_regions(case_of(tissue(rng) + 250 * (first | second | bridge)))]
    for truth in (first, second):
        assert max(dsc(mask, truth) for mask in found) > 0.85


def test_a_rod_through_the_volume_has_arbitrary_ends(rng):
    rod = np.broadcast_to(ball((0, 30, 30), 7, (1, *SHAPE[1:])), SHAPE)
    found = find_regions(case_of(tissue(rng) + 250 * rod))
    assert dsc(full(found[0]), rod) > 0.85
    for region in found:
        assert region.open_ended
        assert regions.case_of(region, case_of(tissue(rng))).targets[0].open_ended


def test_what_the_sides_cut_off_is_left_out(rng):
    assert find_regions(case_of(tissue(rng) + 250 * ball((15, 30, 2), 8))) == []


@pytest.mark.parametrize("radius", [12, 5])
def test_a_bright_part_or_the_halo_of_a_labelled_tumour_is_no_object(rng, radius):
    truth = ball((15, 30, 30), radius)
    assert find_regions(case_of(tissue(rng) + 250 * ball((15, 30, 30), 8), truth.astype(np.uint8))) == []


def test_large_volumes_are_searched_in_every_other_row_and_column(rng):
    shape = (20, 341, 351)
    truth = ball((10, 170, 170), 9, shape) | ball((10, 170, 200), 3, shape)
    region = find_regions(case_of(tissue(rng, shape) + 250 * truth))[0]
    assert dsc(full(region, shape), truth) > 0.85
