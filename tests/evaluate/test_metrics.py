"""DSC, NSD and ends, against geometry and DeepMind's own package."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import ndimage

from volsweep import read_labels
from volsweep.evaluate.metrics import dice, end_errors, summarise, surface_dice

SPACING = (1.5, 0.8, 1.0)


def ball(shape, spacing, radius_mm, middle_mm):
    places = np.moveaxis(np.indices(shape), 0, -1) * np.array(spacing)
    return np.linalg.norm(places - middle_mm, axis=-1) <= radius_mm


def blob(rng, shape=(20, 30, 26), sigma=2.5):
    return ndimage.gaussian_filter(rng.normal(size=shape), sigma) > 0.03


def test_dice_by_hand():
    a, b = np.zeros((2, 3, 3), dtype=bool), np.zeros((2, 3, 3), dtype=bool)
    assert dice(a, b) == 1
    a[0, 0, :] = True
    assert dice(a, b) == 0
    b[0, 0, 1:], b[1, 0, 0] = True, True
    assert dice(a, b) == pytest.approx(2 * 2 / 6)


@pytest.mark.parametrize("offset_mm", [0.0, 1.5, 4.0, 6.0, 8.0])
@pytest.mark.parametrize("tolerance_mm", [2.0, 3.0])
def test_nsd_of_two_balls_apart_is_the_zone_that_is_near(offset_mm, tolerance_mm):
    """A point on one ball lies |distance to the other's centre - r| from the other's surface."""
    spacing, radius = (0.37, 0.31, 0.29), 9.0
    shape = (72, 84, 72)
    here = np.array([10.0, 10.0, 10.0])
    a = ball(shape, spacing, radius, here)
    b = ball(shape, spacing, radius, here + np.array([2, 2, 1]) / 3 * offset_mm)
    expected = 1.0
    if offset_mm:
        cosine = (radius**2 + offset_mm**2 - (radius + np.array([1, -1]) * tolerance_mm) ** 2) / (
            2 * radius * offset_mm
        )
        low, high = np.clip(cosine, -1, 1)
        expected = (high - low) / 2
    # Elements lie anywhere in cubes of 0.56 mm diagonal: where the zone ends is that uncertain.
    assert surface_dice(a, b, spacing, tolerance_mm) == pytest.approx(expected, abs=0.28 / max(offset_mm, 2.8))


def test_nsd_of_concentric_balls_switches_at_the_tolerance():
    spacing, middle = (0.7, 0.7, 0.7), np.full(3, 16.0)
    a = ball((46, 46, 46), spacing, 8, middle)
    near, far = ball((46, 46, 46), spacing, 9, middle), ball((46, 46, 46), spacing, 12, middle)
    assert surface_dice(a, near, spacing) == 1
    assert surface_dice(a, far, spacing) == 0


def test_nsd_of_empty_masks():
    empty, full = np.zeros((4, 4, 4), dtype=bool), np.ones((4, 4, 4), dtype=bool)
    assert surface_dice(empty, empty, (1, 1, 1)) == 1
    assert surface_dice(empty, full, (1, 1, 1)) == surface_dice(full, empty, (1, 1, 1)) == 0


def reference_nsd(truth, found, spacing):
    reference = pytest.importorskip("surface_distance", reason="DeepMind's surface-distance is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        distances = reference.compute_surface_distances(truth, found, spacing)
    return reference.compute_surface_dice_at_tolerance(distances, 2.0)


def test_nsd_is_that_of_surface_distance(rng):
    """Bent pieces of surface may be split into other triangles there, hence the third digit."""
    for _ in range(10):
        truth, found = blob(rng), blob(rng)
        assert surface_dice(truth, found, SPACING) == pytest.approx(reference_nsd(truth, found, SPACING), abs=3e-3)


@pytest.mark.cases
@pytest.mark.parametrize("name", ["sarcoma/sts_025_t1", "sarcoma/sts_023_pet", "hippocampus/hippocampus_158"])
def test_nsd_is_that_of_surface_distance_on_real_labels(cases, name):
    labels = read_labels(cases / "dev" / name / "label.nii.gz")
    spacing = labels.grid.spacing_zyx_mm
    for value in labels.values():
        truth = labels.mask_zyx(value)
        for found in (
            ndimage.binary_erosion(truth),
            np.roll(truth, (1, 2, 2), (0, 1, 2)),
            ndimage.binary_dilation(truth, iterations=3),
        ):
            expected = reference_nsd(truth, found, spacing)
            assert surface_dice(truth, found, spacing) == pytest.approx(expected, abs=2e-3)


def test_end_errors_are_signed_and_an_empty_mask_is_wrong_at_both_ends():
    truth, found = np.zeros((12, 2, 2), dtype=bool), np.zeros((12, 2, 2), dtype=bool)
    truth[3:8, 0, 0] = True
    found[1:7, 1, 1] = True
    errors = end_errors(truth, found)
    assert (errors.first, errors.last) == (-2, -1)
    missed = end_errors(truth, np.zeros_like(truth))
    assert (missed.first, missed.last) == (5, -5)


def test_a_summary_draws_whole_cases(rng):
    values = {f"case {i}": rng.normal(0.8, 0.05, 1).tolist() for i in range(40)}
    once = summarise(values)
    assert once.count == 40
    assert once.mean == pytest.approx(np.mean([v[0] for v in values.values()]))
    standard_error = np.std([v[0] for v in values.values()]) / np.sqrt(40)
    assert once.mean_interval[1] - once.mean_interval[0] == pytest.approx(2 * 1.96 * standard_error, rel=0.15)
    # Ten copies of a label within each case tell nothing new: the interval stays.
    copied = summarise({case: some * 10 for case, some in values.items()})
    assert copied.count == 400
    assert copied.mean_interval == pytest.approx(once.mean_interval)
    assert summarise(values) == once
    with pytest.raises(ValueError, match="nothing"):
        summarise({})
