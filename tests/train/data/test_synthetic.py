from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from volsweep.train.data.case import Case, find_targets
from volsweep.train.data.synthetic import add_lesion, smooth_noise, synthetic_case, synthetic_image


@pytest.mark.parametrize("style", ["CT", "MR", "PT"])
def test_an_object_differs_from_what_is_beside_it(rng, style):
    told_apart = 0
    for _ in range(20):
        image, mask = synthetic_image(rng, (16, 48, 48), style)
        assert image.shape == mask.shape == (16, 48, 48)
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert mask.any()
        ring = ndimage.binary_dilation(mask, iterations=3) & ~ndimage.binary_dilation(mask)
        if mask.sum() < 30 or not ring.any():
            continue
        told_apart += abs(np.median(image[mask]) - np.median(image[ring])) > 0.02
    assert told_apart >= 12


def test_most_objects_end_inside_the_volume(rng):
    extents = [synthetic_case(rng).targets[0].extents[0] for _ in range(40)]
    ends_inside = [first > 0 or last < 19 for first, last in extents]
    assert np.mean(ends_inside) > 0.7


def test_the_same_seed_makes_the_same_volume():
    first, second = (synthetic_case(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.image_zyx, second.image_zyx)
    np.testing.assert_array_equal(first.labels_zyx, second.labels_zyx)


def test_smooth_noise_is_smooth_and_about_standard(rng):
    noise = smooth_noise(rng, (32, 32, 32), (6, 6, 6))
    assert abs(noise.mean()) < 0.5
    assert 0.5 < noise.std() < 1.5
    assert np.abs(np.diff(noise, axis=0)).max() < noise.std() * 2


def test_a_made_lesion_changes_its_own_place_and_labels_nothing_else(rng):
    background = rng.normal(40, 5, (40, 120, 120)).astype(np.int16)
    labels = np.zeros(background.shape, np.uint8)
    labels[0, 0, 0] = 1
    case = Case(background, labels, (3.0, 1.0, 1.0), "CT", find_targets(labels, [1]))
    for _ in range(10):
        made = add_lesion(rng, case)
        mask = made.labels_zyx == 1
        assert mask.any()
        assert made.targets[0].areas[0].sum() == mask.sum()
        far = ~ndimage.binary_dilation(mask, iterations=12)
        if far.any():
            # Whole numbers as in the source: nothing was blended there.
            np.testing.assert_array_equal(made.image_zyx[far], np.round(made.image_zyx[far]))
        assert made.percentiles is case.percentiles


@pytest.mark.slow
def test_a_hundred_volumes_a_second(rng):
    started = time.process_time()
    for _ in range(100):
        synthetic_case(rng)
    assert time.process_time() - started < 1.0
