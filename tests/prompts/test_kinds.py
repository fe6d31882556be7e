"""Prompts: what is accepted, what is refused with which words, and what was said of an object in order."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box, Line, ObjectPrompts, Point
from volsweep.prompts.mask import Mask

GRID = Grid.axis_aligned((10, 40, 60), (5, 1, 1))


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
    assert Box(label=1, slice=9, box_xyxy=(-0.5, 0, 59.5, 39)).check_on(GRID) is None
    assert Point(label=1, plane="sagittal", slice=59, point_xy=(39, 9)).check_on(GRID) is None


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


def click(index: int, x: float = 5.0, positive: bool = True) -> Point:
    return Point(label=1, slice=index, point_xy=(x, 5.0), positive=positive)


BOX = Box(label=1, slice=7, box_xyxy=(1, 1, 9, 9))
SAID = (BOX, click(3), click(7, 4.0), click(3, 6.0), click(5))


def test_it_is_a_mapping_of_slices_in_the_order_they_were_first_prompted():
    said = ObjectPrompts(SAID)
    assert list(said) == [7, 3, 5]
    assert dict(said) == {7: (BOX, click(7, 4.0)), 3: (click(3), click(3, 6.0)), 5: (click(5),)}
    assert (len(said), 3 in said, 4 in said, said.get(4)) == (3, True, False, None)
    assert [said.turns(index) for index in said] == [(0, 2), (1, 3), (4,)]


def test_what_was_said_until_and_before_the_last_of_a_slice():
    said = ObjectPrompts(SAID)
    assert said.until(7).in_order == SAID[:3]
    assert said.until(3).in_order == SAID[:4]
    assert said.until(5) is said
    assert said.before(3).in_order == SAID[:2]
    assert said.before(7).in_order == SAID[:1]
    assert said.before(5) is None


def test_a_part_keeps_when_it_was_said():
    part = ObjectPrompts(SAID).only({3, 5})
    assert part.in_order == (click(3), click(3, 6.0), click(5))
    assert (part.turns(3), part.turns(5)) == ((1, 3), (4,))
    assert part != ObjectPrompts(part.in_order), "said at other times"
    assert part == ObjectPrompts(SAID).only({3, 5})
    assert hash(part) == hash(ObjectPrompts(SAID).only({3, 5}))


def test_of_plain_prompts_by_slice_the_slices_follow_each_other():
    plain = {3: (click(3), click(3, 6.0)), 7: (BOX,)}
    said = ObjectPrompts.of(plain)
    assert said.in_order == (click(3), click(3, 6.0), BOX)
    assert ObjectPrompts.of(said) is said
    assert ObjectPrompts.of({}).in_order == ()
