"""Looks of what is drawn: colours of objects, green and red for yes and no, and nothing touched that is right."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Points, Shapes
from napari.utils.colormaps.standardize_color import transform_color

from volsweep.napari.canvas import prompt_style as style
from volsweep.prompts.kinds import Box, Line
from volsweep.prompts.scribble import Scribble

RED, BLUE = "#ff0000", "#0000ff"
SQUARES = [np.array([[0, y, y], [0, y, y + 4], [0, y + 4, y + 4], [0, y + 4, y]], float) for y in (0, 10, 20)]
BOXES = [Box(label=1, slice=0, box_xyxy=(y, y, y + 4, y + 4)) for y in (0, 10, 20)]


@pytest.fixture
def shapes() -> Shapes:
    return Shapes(SQUARES, ndim=3)


@pytest.fixture
def points() -> Points:
    return Points(np.zeros((2, 3)), ndim=3, border_width_is_relative=False)


def colors(values) -> np.ndarray:
    return np.array([transform_color(v)[0] for v in values])


def test_a_stroke_says_yes_or_no_and_all_else_whose_it_is():
    stroke = Scribble(label=1, slice=0, path_xy=(1, 1, 5, 5), width=2)
    assert style.edge_of(stroke, BLUE) == style.POSITIVE
    assert style.edge_of(stroke.model_copy(update={"positive": False}), BLUE) == style.NEGATIVE
    assert style.edge_of(BOXES[0], BLUE) == style.edge_of(Line(label=1, slice=0, line_xyxy=(1, 1, 5, 5)), BLUE) == BLUE


def test_lines_are_as_wide_as_the_slice_asks_for(shapes):
    style.color_shapes(shapes, [RED, BLUE, RED], 640)
    np.testing.assert_allclose(shapes.edge_color, colors([RED, BLUE, RED]))
    assert (np.asarray(shapes.face_color)[:, 3] == 0).all()
    assert shapes.edge_width == [2.0] * 3
    style.color_shapes(shapes, [RED] * 3, 40)
    assert shapes.edge_width == [0.5] * 3, "never too thin to be seen"


def test_points_show_their_sign_within_and_their_object_around(points):
    style.color_points(points, [RED, BLUE], [True, False], 600)
    np.testing.assert_allclose(points.face_color, colors([style.POSITIVE, style.NEGATIVE]))
    np.testing.assert_allclose(points.border_color, colors([RED, BLUE]))
    assert (points.size == 10).all()
    assert (points.border_width == 2).all()


def test_what_looks_right_is_not_drawn_again(points):
    style.color_points(points, [RED, BLUE], [True, False], 600)
    drawn = []
    points.events.connect(lambda event: drawn.append(event.type))
    style.color_points(points, [RED, BLUE], [True, False], 600)
    assert drawn == []
    style.color_points(points, [RED, RED], [True, False], 600)
    assert drawn != []


def test_what_is_drawn_next_restyles_nothing_that_is_there(shapes, points):
    style.color_shapes(shapes, [RED] * 3, 320)
    style.color_points(points, [RED] * 2, [True] * 2, 320)
    shapes.selected_data, points.selected_data = {0}, {1}
    style.style_new(shapes, points, BLUE, positive=False, size=320)
    np.testing.assert_allclose(shapes.edge_color, colors([RED] * 3))
    np.testing.assert_allclose(points.border_color, colors([RED] * 2))
    points.add([0, 3, 3])
    np.testing.assert_allclose(points.face_color[-1], colors([style.NEGATIVE])[0])
    np.testing.assert_allclose(points.border_color[-1], colors([BLUE])[0])


def test_shapes_that_are_gone_are_taken_away_and_the_others_stay(shapes):
    style.color_shapes(shapes, [RED, BLUE, RED], 320)
    colored = ([RED, BLUE, RED], list(BOXES))
    left = [BOXES[0], BOXES[2]]
    assert style.take_away(shapes, (BOXES, left), colored)
    assert colored == ([RED, RED], left)
    assert len(shapes.data) == 2
    for there, square in zip(shapes.data, (SQUARES[0], SQUARES[2]), strict=True):
        np.testing.assert_array_equal(there, square)


@pytest.mark.parametrize(
    "drawn",
    [
        BOXES,
        [BOXES[0], BOXES[2].model_copy(update={"box_xyxy": (1, 1, 2, 2)})],
        [BOXES[2], BOXES[0]],
        [*BOXES, BOXES[0]],
    ],
    ids=["nothing gone", "one moved", "in another order", "one more"],
)
def test_any_other_change_is_left_to_be_drawn_anew(shapes, drawn):
    style.color_shapes(shapes, [RED] * 3, 320)
    colored = ([RED] * 3, list(BOXES))
    assert not style.take_away(shapes, (BOXES, drawn), colored)
    assert len(shapes.data) == 3
    assert colored == ([RED] * 3, BOXES)
