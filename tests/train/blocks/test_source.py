"""Objects cut out of their volumes: nothing lost, nothing moved, and as coarse as blocks are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from train.conftest import ellipsoid_case

from volsweep.train.blocks.source import BlockSource


def source_of(case):
    return BlockSource.of(case, case.targets[0])


@pytest.mark.parametrize(
    ("half_mm", "spacing", "shape"),
    [
        ((14, 14, 14), (2.0, 1.0, 1.0), (40, 80, 84)),
        ((20, 24, 28), (0.5, 0.4, 0.4), (100, 150, 170)),
        ((12, 30, 25), (5.0, 0.7, 0.7), (14, 130, 130)),
    ],
    ids=["as it is", "fine voxels", "thick slices"],
)
def test_the_object_keeps_its_size_and_its_place_in_the_image(half_mm, spacing, shape):
    case = ellipsoid_case(half_mm, spacing, shape)
    source = source_of(case)
    volume_mm = source.coverage_zyx.sum() / 255 * source.spacing_zyx_mm.prod()
    truth_mm = case.labels_zyx.sum() * np.prod(spacing)
    assert volume_mm == pytest.approx(truth_mm, rel=0.01)
    # The image is 100 brighter for all of a voxel that is object: both were averaged alike.
    image, covered = source.image_zyx.astype(np.float64).ravel(), source.coverage_zyx.ravel() / 255
    slope, level = np.polyfit(covered, image, 1)
    assert (slope, level) == (pytest.approx(100, abs=2), pytest.approx(0, abs=1))
    assert source.case is case


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_no_more_voxels_are_kept_than_blocks_can_show(scale):
    """Twice as fine a scan of the same object is no more to keep."""
    spacing = (2.0 / scale, 1.0 / scale, 1.0 / scale)
    case = ellipsoid_case((17, 18, 19), spacing, (22 * scale, 60 * scale, 60 * scale))
    source = source_of(case)
    across = [np.ptp(np.flatnonzero((source.coverage_zyx > 127).any(tuple({0, 1, 2} - {a})))) + 1 for a in range(3)]
    assert (source.spacing_zyx_mm >= np.array(spacing)).all()
    assert 29 <= across[1] <= 75
    assert 29 <= across[2] <= 75
    assert source.image_zyx.shape == source.coverage_zyx.shape


def test_blocks_around_the_object_stay_inside_as_far_as_the_volume_goes():
    """Half a block is 24 planes of its 32: three quarters of its side of 2.2 times the object's width."""
    case = ellipsoid_case((10, 10, 10), (1.0, 1.0, 1.0), (150, 150, 70), (75, 75, 20))
    source = source_of(case)
    places = np.argwhere(source.coverage_zyx > 127) * source.spacing_zyx_mm
    before, after = places.min(0), np.array(source.coverage_zyx.shape) * source.spacing_zyx_mm - places.max(0)
    assert (before[:2] > 0.75 * 2.2 * 20).all()
    assert (after > 0.75 * 2.2 * 20).all()
    assert before[2] == 10  # the volume's edge
    # Not the whole of a large volume.
    assert source.coverage_zyx.shape[0] < 150


def test_too_little_to_learn_from_is_left_out():
    assert source_of(ellipsoid_case((1.2, 1.2, 1.2), (1.0, 1.0, 1.0), (20, 20, 20))) is None
    assert source_of(ellipsoid_case((4, 4, 4), (1.0, 1.0, 1.0), (20, 20, 20))) is not None


def test_large_values_are_kept_as_they_are():
    case = ellipsoid_case((6, 6, 6), (1.0, 1.0, 1.0), (30, 30, 30))
    assert source_of(case).image_zyx.dtype == np.float16
    bright = replace(case, image_zyx=case.image_zyx.astype(np.float32) * 3000)
    source = source_of(bright)
    assert np.isfinite(source.image_zyx).all()
    assert source.image_zyx.max() == pytest.approx(bright.image_zyx.max(), rel=0.01)


def test_arbitrary_ends_are_remembered():
    assert source_of(ellipsoid_case(open_ended=[1])).open_ended
    assert not source_of(ellipsoid_case()).open_ended
