"""Prompts: what is accepted, what is refused with which words, and masks that survive packing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box, Line, Mask, Point

GRID = Grid.axis_aligned((10, 40, 60), (5, 1, 1))


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)), st.booleans())
def test_mask_survives_packing(mask, verbatim):
    packed = Mask.from_array(mask, label=3, slice=2, verbatim=verbatim)
    again = Mask.model_validate_json(packed.model_dump_json())
    np.testing.assert_array_equal(again.to_array(), mask)
    assert again == packed
    assert (again.extent_xyxy() is None) == (not mask.any())


def test_damaged_mask_bits_are_refused():
    good = Mask.from_array(np.ones((4, 30), dtype=bool), label=1, slice=0).model_dump()
    for bits in ("", "!!!!", good["bits"][:-8], "AAAA"):
        with pytest.raises(ValidationError, match="mask"):
            Mask(**{**good, "bits": bits})


def test_line_becomes_the_square_around_it():
    line = Line(label=1, slice=0, line_xyxy=(10, 20, 16, 28))  # length 10, midpoint (13, 24)
    assert line.midpoint_xy == (13, 24)
    np.testing.assert_allclose(line.extent_xyxy(), (8, 19, 18, 29))
    # A square in mm: rows twice as far apart as columns make it half as many rows high.
    across = Line(label=1, slice=0, line_xyxy=(10, 24, 20, 24))
    np.testing.assert_allclose(across.extent_xyxy((2.0, 1.0)), (10, 21.5, 20, 26.5))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (Box(label=1, slice=10, box_xyxy=(1, 1, 5, 5)), "slice 10 is outside.*0 to 9"),
        (Box(label=1, slice=3, box_xyxy=(1, 1, 60, 5)), r"box at \(60, 5\).*x goes from 0 to 59"),
        (Point(label=1, slice=3, point_xy=(5, 40)), r"point at \(5, 40\).*y from 0 to 39"),
        (Point(label=1, slice=30, plane="coronal", point_xy=(5, 10)), "coronal slice: .*y from 0 to 9"),
        (Mask.from_array(np.ones((5, 5), bool), label=1, slice=1), "does not fit"),
    ],
)
def test_prompts_outside_the_volume_are_refused(prompt, words):
    with pytest.raises(PromptError, match=words):
        prompt.check_on(GRID)


def test_edges_are_inside():
    Box(label=1, slice=9, box_xyxy=(-0.5, 0, 59.5, 39)).check_on(GRID)
    Point(label=1, plane="sagittal", slice=59, point_xy=(39, 9)).check_on(GRID)


@pytest.mark.parametrize(
    "fields",
    [
        {"label": 0, "slice": 1, "box_xyxy": (1, 1, 2, 2)},
        {"label": 70000, "slice": 1, "box_xyxy": (1, 1, 2, 2)},
        {"label": 1, "slice": -1, "box_xyxy": (1, 1, 2, 2)},
        {"label": 1, "slice": 1, "box_xyxy": (5, 1, 2, 2)},
        {"label": 1, "slice": 1, "box_xyxy": (float("nan"), 1, 2, 2)},
        {"label": 1, "slice": 1, "box_xyxy": (1, 1, 2, 2), "colour": "red"},
    ],
)
def test_malformed_boxes_are_refused(fields):
    with pytest.raises(ValidationError):
        Box(**fields)


MASK = Mask.from_array(np.eye(40, 60, dtype=bool), label=2, slice=3)
ONE_OF_EACH = (
    Point(label=2, slice=3, point_xy=(4.5, 6), positive=False),
    Box(label=2, slice=3, box_xyxy=(1, 2, 30.5, 4)),
    Line(label=2, slice=3, line_xyxy=(9, 2, 3, 14)),
)


@pytest.mark.parametrize("prompt", ONE_OF_EACH)
def test_vertices_lead_back_to_the_prompt(prompt):
    others = prompt.model_dump(exclude={prompt.xy_field})
    assert type(prompt).from_vertices_xy(prompt.vertices_xy(), **others) == prompt
    extent = prompt.vertices_xy() if not isinstance(prompt, Line) else np.reshape(prompt.extent_xyxy(), (2, 2))
    np.testing.assert_array_equal([*extent.min(axis=0), *extent.max(axis=0)], prompt.extent_xyxy())


def test_a_turned_rectangle_is_the_box_around_it():
    turned = np.array([[5, 0], [10, 5], [5, 10], [0, 5]])
    assert Box.from_vertices_xy(turned, label=1, slice=0).box_xyxy == (0, 0, 10, 10)


def test_which_prompt_takes_the_place_of_which():
    point, box, line = ONE_OF_EACH
    everything = (*ONE_OF_EACH, MASK)
    assert [[new.replaces(old) for old in everything] for new in everything] == [
        [False, False, False, False],
        [False, True, True, False],
        [False, True, True, False],
        [True, True, True, True],
    ]
    assert (point.is_click, box.is_click, line.is_click, MASK.is_click) == (True, False, False, False)


def test_a_mask_has_no_vertices_but_voxels():
    assert MASK.is_painted
    assert MASK.vertices_xy().shape == MASK.points_xy().shape == (0, 2)
