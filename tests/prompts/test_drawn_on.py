"""Prompts placed on another volume of the same patient: by millimetres, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.prompts.drawn_on import DrawnOn, moved, moved_extent
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Box, Line, Point
from volsweep.prompts.mask import Mask
from volsweep.volume import Source, Volume

HERE = Grid.axis_aligned((20, 64, 64), (4.0, 1.0, 1.0), (-30.0, -20.0, 100.0))
FLIPPED = Grid((20, 64, 64), HERE.affine @ np.array([[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
"""The same voxels, counted from the other end."""
FINER = Grid.axis_aligned((40, 128, 128), (2.0, 0.5, 0.5), (-30.0, -20.0, 100.0))


def middle_mm(prompt, grid: Grid) -> np.ndarray:
    x, y = np.mean(prompt.points_xy(), axis=0)
    return grid.to_lps_mm([[prompt.slice, y, x]])[0]


@pytest.mark.parametrize("there", [FLIPPED, FINER], ids=["flipped", "finer"])
@pytest.mark.parametrize(
    "prompt",
    [
        Point(label=2, slice=5, point_xy=(20, 31), positive=False),
        Line(label=2, slice=5, line_xyxy=(20, 31, 40, 35)),
        Box(label=2, slice=5, box_xyxy=(20, 31, 40, 35)),
    ],
    ids=lambda value: value.kind,
)
def test_a_prompt_stays_where_it_was_in_the_patient(prompt, there):
    found = moved(prompt, HERE, there)
    assert (found.kind, found.label) == (prompt.kind, 2)
    assert getattr(found, "positive", None) == getattr(prompt, "positive", None)
    np.testing.assert_allclose(middle_mm(found, there), middle_mm(prompt, HERE), atol=0.3)
    again = moved(found, there, HERE)
    np.testing.assert_allclose(again.points_xy(), prompt.points_xy(), atol=0.3)
    assert again.slice == prompt.slice


def test_a_mask_moves_voxel_by_voxel_or_not_at_all():
    array = np.zeros((64, 64), dtype=bool)
    array[10:14, 20:30] = True
    mask = Mask.from_array(array, label=1, slice=3)
    found = moved(mask, HERE, FLIPPED)
    assert found.slice == 16
    np.testing.assert_array_equal(found.to_array(), array)
    with pytest.raises(PromptError):
        moved(mask, HERE, Grid.axis_aligned((20, 64, 64), (4.0, 1.0, 1.0), (-30.4, -20.0, 100.0)))


def test_an_extent_keeps_its_ends_and_turns_with_the_grid():
    extent = Extent(label=1, plane=Plane.AXIAL, first=3, last=8)
    assert moved_extent(extent, HERE, FLIPPED).ends == (11, 16)
    assert moved_extent(extent, HERE, FINER).ends == (6, 16)
    open_ended = Extent(label=1, plane=Plane.AXIAL, first=None, last=8)
    assert moved_extent(open_ended, HERE, FLIPPED).ends == (11, None)
    short = Grid.axis_aligned((6, 64, 64), (4.0, 1.0, 1.0), (-30.0, -20.0, 100.0))
    with pytest.raises(PromptError, match="label 1 ends beyond the axial slices"):
        moved_extent(extent, HERE, short)


def test_a_grid_is_told_and_comes_back_also_from_json():
    told = DrawnOn.of(Volume(np.zeros(HERE.shape_zyx, np.int16), HERE, "CT"))
    again = DrawnOn.model_validate_json(told.model_dump_json())
    assert again.grid.matches(HERE)
    assert (again.series_uid, again.frame_of_reference_uid) == (None, None)
    broken = told.model_copy(update={"affine": [[0.0] * 4] * 4})
    with pytest.raises(PromptError, match="cannot be"):
        _ = broken.grid


def source(series: str | None, frame: str | None) -> Source:
    return Source(path=None, kind="dicom", series_uid=series, frame_of_reference_uid=frame)


@pytest.mark.parametrize(
    ("series", "frame", "same"),
    [
        ("1.2", "9.9", True),
        ("1.3", "9.9", True),
        ("1.2", "8.8", False),
        ("1.3", None, False),
        ("1.2", None, True),
        (None, None, True),
    ],
)
def test_the_frame_of_reference_says_whether_it_is_the_same_patient(series, frame, same):
    told = DrawnOn.of(HERE).model_copy(update={"series_uid": "1.2", "frame_of_reference_uid": "9.9"})
    if same:
        told.check_same_patient(source(series, frame))
    else:
        with pytest.raises(PromptError, match=r"drawn on another volume, series 1\.2, and this one is series 1"):
            told.check_same_patient(source(series, frame))
    told.check_same_patient(None)
