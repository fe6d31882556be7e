"""Regions of an image that stand out; what training takes of them is in tests/train/data/test_regions.py."""

from __future__ import annotations

import numpy as np

from volsweep.finder.regions import HOUNSFIELD, extremal_regions, step_of

SHAPE = (24, 40, 44)
LEVELS = np.array(HOUNSFIELD, float)


def test_what_stands_out_is_found_and_what_is_unwanted_left_out():
    image = np.random.default_rng(0).normal(30, 5, SHAPE).astype(np.float32)
    image[8:16, 10:20, 10:20] = 300
    image[8:16, 10:20, 28:38] = -300
    bright, dark = sorted(extremal_regions(image, LEVELS), key=lambda region: region.box[2].start)
    for region, first in ((bright, 10), (dark, 28)):
        found = [(s.start, s.stop) for s in region.box]
        np.testing.assert_allclose(found, [(8, 16), (10, 20), (first, first + 10)], atol=1)
    (only,) = extremal_regions(image, LEVELS, unwanted=lambda region: region.box[2].start < 20)
    assert only.box == dark.box


def test_larger_volumes_are_searched_more_coarsely_and_the_largest_not():
    assert [step_of(size) for size in (1000, 600_000, 2_400_000, 60_000_000)] == [1, 1, 2, None]
