"""Frames of a segmentation: the slice that each lies on, and the grid that they make alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import OBLIQUE

from volsweep.errors import GeometryError
from volsweep.geometry import Grid
from volsweep.io.derived.seg_grid import away_mm, own_grid, slice_of
from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.frames import Frame

ROWS, COLUMNS = np.array(OBLIQUE[3:]), np.array(OBLIQUE[:3])
NORMAL = np.cross(COLUMNS, ROWS)
ORIGIN = np.array([-20.0, 11.0, 50.0])
SHAPE_YX, SPACING_MM = (6, 8), (1.5, 0.8)


def grid(slices: int = 5, gap_mm: float = 3.0) -> Grid:
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = NORMAL * gap_mm, ROWS * 1.5, COLUMNS * 0.8
    affine[:3, 3] = ORIGIN
    return Grid((slices, *SHAPE_YX), affine)


def frame(along_mm: float, shift_mm: float = 0.0, shape_yx: tuple[int, int] = SHAPE_YX, **changes) -> Frame:
    position = ORIGIN + along_mm * NORMAL + shift_mm * COLUMNS
    fields = {
        "file": DicomFile(Path("seg.dcm")), "shape_yx": shape_yx, "position_mm": tuple(position),
        "orientation": OBLIQUE, "pixel_spacing_mm": SPACING_MM, "thickness_mm": None, "number": 0, "sop_uid": "1.2",
        "instance": None, "slope": 1.0, "intercept": 0.0, "window": None, "distinguishing": (),
    }  # fmt: skip
    return Frame(**fields | changes)


@pytest.mark.parametrize("index", range(5))
def test_a_frame_lies_on_the_slice_at_its_place(index):
    assert slice_of(frame(3.0 * index), grid()) == index
    assert slice_of(frame(3.0 * index + 0.03), grid()) == index
    assert away_mm(frame(3.0 * index), grid(), index) == pytest.approx(0, abs=1e-9)


def test_how_far_it_lies_is_told_in_mm_at_its_furthest_corner():
    assert away_mm(frame(3.0, shift_mm=2.0), grid(), 1) == pytest.approx(2)
    assert away_mm(frame(0), grid(), 1) == pytest.approx(3)
    larger = frame(3.0, pixel_spacing_mm=(1.5, 1.0))
    assert away_mm(larger, grid(), 1) == pytest.approx(0.2 * (SHAPE_YX[1] - 1))


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (frame(15.0), "slice 5 of the series, which has 5 slices"),
        (frame(-3.0), "slice -1 of the series"),
        (frame(4.0), "1 mm from slice 1, the nearest"),
        (frame(3.0, shift_mm=0.5), "0.5 mm from slice 1"),
        (frame(3.0, pixel_spacing_mm=(1.5, 1.0)), "mm from slice 1"),
        (frame(3.0, shape_yx=(6, 9)), r"segments have \(6, 9\) rows and columns, and .*\(6, 8\)"),
    ],
)
def test_a_frame_that_lies_elsewhere_is_refused(lost, words):
    with pytest.raises(GeometryError, match=words):
        slice_of(lost, grid())


@pytest.mark.parametrize(
    ("heights", "thickness_mm", "count"),
    [
        ([3, 6, 9], None, 3),
        ([9, 3, 6, 6], None, 3),
        ([3, 6, 15], None, 5),
        ([0, 6, 12], 3.0, 5),
        ([0, 6, 12], 5.0, 3),
        ([6], None, 1),
    ],
    ids=["in order", "in any order and twice", "a gap", "every other slice", "a thickness that fits none", "one"],
)
def test_alone_they_make_a_grid_with_the_empty_slices_between(heights, thickness_mm, count):
    made = own_grid(tuple(frame(h, thickness_mm=thickness_mm) for h in heights))
    assert made.shape_zyx == (count, *SHAPE_YX)
    assert made.slice_origins_mm is None
    low, high = sorted(made.to_lps_mm([z, 0, 0]) @ NORMAL for z in (0, count - 1))
    np.testing.assert_allclose([low, high], [ORIGIN @ NORMAL + min(heights), ORIGIN @ NORMAL + max(heights)])
    for height in heights:
        assert away_mm(frame(height), made, slice_of(frame(height), made)) < 1e-6


def test_slices_at_no_even_distance_stay_where_they_are():
    made = own_grid(tuple(frame(h) for h in (0, 3, 7.3)))
    assert made.shape_zyx[0] == 3
    assert [slice_of(frame(h), made) for h in (0, 3, 7.3)] in ([0, 1, 2], [2, 1, 0])
