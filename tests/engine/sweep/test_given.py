"""How large an object is known to be for a slice on which nothing but clicks was given."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.sweep.given import Given, nearest_side_mm
from volsweep.prompts.kinds import Box, Line, Mask, Point

SPACING = (2.0, 0.5)  # mm between rows, between columns


def box(index: int, x: int, y: int) -> Box:
    return Box(label=1, slice=index, box_xyxy=(10, 10, 10 + x - 1, 10 + y - 1))


def click(index: int) -> Point:
    return Point(label=1, slice=index, point_xy=(12, 12))


def side(index: int, *prompts) -> float | None:
    by_slice: dict = {}
    for prompt in prompts:
        by_slice.setdefault(prompt.slice, []).append(prompt)
    return nearest_side_mm(by_slice, index, SPACING)


def test_the_longer_side_in_millimetres():
    assert side(5, box(5, 40, 4)) == 20.0, "40 columns of 0.5 mm"
    assert side(5, box(5, 40, 20)) == 40.0, "20 rows of 2 mm"


def test_the_nearest_slice_on_which_something_was_drawn_counts():
    near, far = box(8, 10, 3), box(1, 10, 30)
    assert side(6, far, near, click(6)) == 6.0
    assert side(2, far, near, click(2)) == 60.0
    assert side(6, far, near, box(4, 10, 7)) == 14.0, "of two as near the lower one"
    assert side(6, click(6), click(7)) is None


def test_of_one_slice_the_largest_counts():
    assert side(5, box(5, 10, 3), box(5, 10, 9), box(5, 10, 6)) == 18.0


def test_masks_count_by_their_pixels_and_empty_ones_not_at_all():
    array = np.zeros((40, 40), dtype=bool)
    array[5:8, 3:31] = True
    assert side(5, Mask.from_array(array, label=1, slice=4)) == 14.0, "28 columns of 0.5 mm"
    nothing = Mask.from_array(np.zeros((40, 40), dtype=bool), label=1, slice=5)
    assert side(5, nothing) is None
    assert side(5, nothing, box(9, 10, 3)) == 6.0
    line = Line(label=1, slice=5, line_xyxy=(10, 10, 10, 29))
    assert side(5, line) == pytest.approx(40, abs=2.0), "as long as the diameter"


def test_what_differs_in_any_part_is_another_key():
    given = Given((box(5, 4, 4),), 20.0)
    assert given == Given((box(5, 4, 4),), 20.0)
    assert len({given, Given((box(5, 4, 5),), 20.0), Given((box(5, 4, 4),), 21.0), Given((box(5, 4, 4),))}) == 4
