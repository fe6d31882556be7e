"""Voxels of files: whole numbers stay whole, fractions are rounded once, and what no voxel can be is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from volsweep.errors import GeometryError, InputError
from volsweep.io.voxels import (
    check_voxel_sizes,
    is_voxel_size,
    refuse_images,
    rescale,
    stays_whole,
    tidy,
    whole_numbers,
)


@pytest.mark.parametrize(
    ("slope", "intercept", "whole"),
    [
        (1, -1024, True),
        (2.0, 0.0, True),
        (0.5, 0, False),
        (1, 0.25, False),
        (2.0**31, 0, False),
        (1, -(2.0**31), False),
    ],
)
def test_whole_slopes_keep_integers(slope, intercept, whole):
    assert stays_whole(slope, intercept) is whole


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept"),
    [
        (np.int16, 1, -1024),
        (np.uint16, 3, -7),
        (np.int16, -(2**15), 5),
        (np.uint16, 2**20, 5),
        (np.uint16, 3, 2**30 + 1),
        (np.int32, 2**30, -(2**30)),
        (np.uint8, 2, 0),
    ],
)
def test_integers_are_exact_at_the_ends_of_their_type(dtype, slope, intercept):
    ends = np.iinfo(dtype)
    stored = np.array([[[ends.min, ends.max, 0, 1]]], dtype=dtype)
    found = rescale(stored, slope, intercept)
    assert found.dtype.kind == "i"
    assert found.ravel().tolist() == [int(v) * slope + intercept for v in stored.ravel()]


@pytest.mark.parametrize("shape", [(60,), (20, 30), (30, 20, 10)])
def test_fractions_are_rounded_once(rng, shape):
    stored = rng.integers(0, 60000, shape).astype(np.uint16)
    slope, intercept = 0.37, -11000.3
    found = rescale(stored, slope, intercept)
    assert found.dtype == np.float32
    exact = [float(Fraction(int(v)) * Fraction(slope) + Fraction(intercept)) for v in stored.ravel()]
    np.testing.assert_array_equal(found.ravel(), np.array(exact).astype(np.float32))


def test_nothing_to_do_copies_nothing():
    stored = np.arange(4, dtype=np.int16)
    assert rescale(stored, 1, 0) is stored
    assert tidy(stored, "x")[0] is stored


@pytest.mark.parametrize(
    ("given", "becomes"),
    [("?", np.uint8), (">i2", np.int16), ("<f8", np.float32), ("f2", np.float32), (">f4", np.float32)],
)
def test_types_of_files_become_types_of_volumes(given, becomes):
    array, warnings = tidy(np.array([0, 1, 1], dtype=given), "x")
    assert array.dtype == becomes
    assert array.dtype.isnative
    assert (array.tolist(), warnings) == ([0, 1, 1], ())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_becomes_the_smallest_and_is_told(bad):
    array, (warning,) = tidy(np.array([3, bad, -2, bad], dtype=np.float64), "x")
    assert array.tolist() == [3, -2, -2, -2]
    assert "2 voxels" in warning
    assert "-2" in warning


def test_too_large_for_float32_is_not_finite():
    array, (warning,) = tidy(np.array([1.0, 1e300]), "x")
    assert array.tolist() == [1, 1]
    assert "1 voxels" in warning


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1 + 2j]), np.array([object()]), np.full(3, np.nan)])
def test_what_holds_no_grey_values_is_refused(array):
    with pytest.raises(InputError, match=r"scan\.nii"):
        tidy(array, "scan.nii")


@pytest.mark.parametrize(("kind", "limit"), [(np.float16, 2**11), (np.float32, 2**24), (np.float64, 2**53)])
def test_the_number_that_its_neighbour_is_rounded_to_is_no_label(kind, limit):
    assert kind(limit + 1) == limit
    with pytest.raises(InputError, match="labels may have become one"):
        whole_numbers(np.array([0, limit], kind), 1, 0, "x")
    assert whole_numbers(np.array([0, limit - 1], kind), 1, 0, "x")[0].tolist() == [0, limit - 1]


@pytest.mark.parametrize("size", [0.0, -4.5, 1e30, float("nan"), float("inf")])
def test_sizes_that_nothing_has(size):
    assert not is_voxel_size(size)
    with pytest.raises(GeometryError, match="no voxel has"):
        check_voxel_sizes([1.0, 1.0, size], "scan.nii")


@pytest.mark.parametrize("size", [0.0002, 0.7, 4.5, 999.0])
def test_sizes_from_microscopes_to_metres(size):
    assert is_voxel_size(size)
    check_voxel_sizes([size, size, size], "scan.nii")


def test_noise_is_an_image_and_an_atlas_is_not(rng):
    noise = rng.integers(0, 1000, (12, 20, 20))
    with pytest.raises(InputError, match="an image rather than labels"):
        refuse_images(noise, Path("ct.nii"))
    with pytest.raises(InputError, match="not negative"):
        refuse_images(noise - 1000, Path("ct.nii"))
    atlas = np.repeat(np.repeat(np.arange(100).reshape(4, 5, 5), 6, 1), 6, 2)
    refuse_images(atlas, Path("atlas.nii"))


def test_a_sidecar_makes_labels_only_of_what_it_names(rng):
    """That of labels which were written under the scan's name says nothing of the scan."""
    noise = rng.integers(0, 1000, (12, 20, 20))
    with pytest.raises(InputError, match="an image rather than labels"):
        refuse_images(noise, Path("ct.nii"), [1, 2])
    with pytest.raises(InputError, match="not negative"):
        refuse_images(noise - 1000, Path("ct.nii"), range(1000))
    refuse_images(noise, Path("regions.nii"), range(1, 1000))
