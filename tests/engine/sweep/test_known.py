"""What an object's prompts say of it, slice by slice, told the refiner and SAM 2's prompt encoder."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.body.predict import KnownSlice
from volsweep.engine.slices.crop import Crop
from volsweep.engine.sweep.known import DrawnPrompts, Known, clicked_or, clicks_of, nearest_side_mm
from volsweep.masks import trim
from volsweep.prompts.kinds import Box, Line, ObjectPrompts, Point
from volsweep.prompts.mask import Mask

SIZE = 64


def box(index: int, side: int = 20) -> Box:
    return Box(label=1, slice=index, box_xyxy=(10, 10, 9 + side, 9 + side))


def click(index: int, positive: bool = True, x: float = 20) -> Point:
    return Point(label=1, slice=index, point_xy=(x, 20), positive=positive)


def painted(index: int, side: int = 12, **options) -> Mask:
    array = np.zeros((SIZE, SIZE), dtype=bool)
    array[20 : 20 + side, 20 : 20 + side] = True
    return Mask.from_array(array, label=1, slice=index, **options)


def test_the_last_mask_and_what_came_after_it_count():
    early, late, line = click(3), click(3, False, 30), Line(label=1, slice=3, line_xyxy=(10, 10, 30, 10))
    mask = painted(3)
    drawn = DrawnPrompts.of((box(3), early, mask, line, late))
    assert (drawn.slice, drawn.mask, drawn.anchor, drawn.points) == (3, mask, line, (late,))
    drawn = DrawnPrompts.of((box(3), early, box(3, 30), late))
    assert (drawn.mask, drawn.anchor, drawn.points) == (None, box(3, 30), (early, late))


@pytest.mark.parametrize(
    ("prompts", "absent"),
    [
        ((click(3, False),), True),
        ((click(3, False), click(3, True, 30)), False),
        ((box(3), click(3, False)), False),
        ((painted(3), click(3, False)), False),
    ],
)
def test_negative_clicks_alone_say_that_nothing_is_there(prompts, absent):
    assert DrawnPrompts.of(prompts).is_absence is absent


class Asked:
    """Stands in for the network that turns clicks into a mask: a square of `side` pixels."""

    def __init__(self, side: int = 12) -> None:
        self.side, self.calls = side, []

    def __call__(self, prompts):
        self.calls.append(prompts)
        logits = np.full((SIZE, SIZE), -4.0, dtype=np.float32)
        logits[5 : 5 + self.side, 5 : 5 + self.side] = 4.0
        return trim(logits, slice=prompts[0].slice, shape_yx=(SIZE, SIZE), iou=0.9, object_score=5.0)


def test_the_widest_comes_first_in_millimetres():
    tall = Box(label=1, slice=2, box_xyxy=(10, 10, 15, 29))
    wide = Box(label=1, slice=7, box_xyxy=(10, 10, 39, 12))
    by_slice = {7: (wide,), 4: (click(4),), 2: (tall,)}
    asked = Asked()
    assert [one.slice for one in Known((1.0, 1.0), asked).of(by_slice)] == [7, 2, 4]
    assert [one.slice for one in Known((3.0, 1.0), asked).of(by_slice)] == [2, 7, 4]
    assert asked.calls == []
    assert Known((1.0, 1.0), asked).of(by_slice)[2] == KnownSlice(4, None, (click(4),), turns=(1,))


def test_a_mask_counts_unless_something_was_drawn_over_it_and_is_made_once():
    known = Known((1.0, 1.0), Asked())
    mask = painted(3)
    (first,) = known.of({3: (mask, click(3, False))})
    np.testing.assert_array_equal(first.drawn.mask_yx(), mask.to_array())
    assert first.clicks == (click(3, False),)
    (again,) = known.of({3: (painted(3),)})
    assert again.drawn is first.drawn, "bodies are kept under what they depend on"
    (over,) = known.of({3: (mask, box(3))})
    assert over.drawn == box(3)


def test_where_only_clicks_were_given_the_first_ones_mask_says_how_large_it_is():
    asked = Asked()
    known = Known((1.0, 1.0), asked)
    by_slice = {3: (click(3), click(3, False, 30)), 5: (click(5),)}
    first, second = known.of(by_slice)
    assert asked.calls == [by_slice[3]]
    assert first.drawn.box_xyxy == (5, 5, 16, 16)
    assert (first.clicks, second) == ((), KnownSlice(5, None, (click(5),), turns=(2,)))
    assert known.of(by_slice, alone=3) == (), "the slice that makes the mask is not told of it"
    assert known.of({3: (click(3, False),), 5: (click(5),)}) == ()
    assert Known((1.0, 1.0), Asked(0)).of(by_slice) == ()


def test_a_click_corrects_the_whole_body():
    by_slice = {2: (box(2),), 4: (box(4), click(4)), 6: (click(6),), 8: (painted(8),)}
    assert list(clicked_or(by_slice, [])) == [4, 6]
    assert list(clicked_or(by_slice, [8, 9])) == [4, 6, 8]


def test_prompts_as_sam_2_takes_them():
    """Corners are 2 and 3, a click 1 or 0; a line says besides that its middle is inside."""
    crop = Crop.whole((SIZE, SIZE), 128)
    points = (click(3), click(3, False, 30))
    drawn = DrawnPrompts(3, None, box(3), points)
    clicks = clicks_of(drawn, 2, crop, (1.0, 1.0))
    corners = crop.to_model_xy(np.array([[10.0, 10.0], [29.0, 29.0], [20.0, 20.0], [30.0, 20.0]]))
    np.testing.assert_allclose(clicks.points_xy, corners)
    assert clicks.kinds.tolist() == [2, 3, 1, 0]
    assert clicks_of(drawn, 1, crop, (1.0, 1.0)).kinds.tolist() == [2, 3, 1]
    line = Line(label=1, slice=3, line_xyxy=(10, 10, 30, 14))
    clicks = clicks_of(DrawnPrompts(3, None, line, ()), 0, crop, (1.0, 1.0))
    assert clicks.kinds.tolist() == [2, 3, 1]
    np.testing.assert_allclose(clicks.points_xy[2], crop.to_model_xy((20.0, 12.0)))
    assert clicks_of(DrawnPrompts(3, None, None, ()), 0, crop, (1.0, 1.0)).points_xy.shape == (0, 2)


def test_a_mask_that_a_click_corrects_is_not_told_as_drawn_where_something_else_was():
    known = Known((1.0, 1.0), Asked())
    swept, by_hand = painted(5, verbatim=False), painted(5)
    first, corrected = known.of({3: (box(3),), 5: (swept, click(5))})
    assert (first.drawn, first.clicks) == (box(3), ())
    assert (corrected.drawn, corrected.clicks) == (None, (click(5),))
    np.testing.assert_array_equal(corrected.found.mask_yx(), swept.to_array())
    _, kept = known.of({3: (box(3),), 5: (by_hand, click(5))})
    np.testing.assert_array_equal(kept.drawn.mask_yx(), by_hand.to_array())
    assert kept.found is None
    (alone,) = known.of({5: (swept, click(5))})
    np.testing.assert_array_equal(alone.drawn.mask_yx(), swept.to_array())


def test_clicks_know_when_they_were_given_also_without_those_that_say_nothing_new():
    said = ObjectPrompts((box(3), click(5), click(3), click(5), click(5, False, 30), click(3, True, 31)))
    first, second = Known((1.0, 1.0), Asked()).of(said)
    assert (first.slice, first.turns) == (3, (2, 5))
    assert (second.slice, second.clicks, second.turns) == (5, (click(5), click(5, False, 30)), (1, 4))


def wide(index: int, x: int, y: int) -> Box:
    return Box(label=1, slice=index, box_xyxy=(10, 10, 10 + x - 1, 10 + y - 1))


def side(index: int, *prompts) -> float | None:
    by_slice: dict = {}
    for prompt in prompts:
        by_slice.setdefault(prompt.slice, []).append(prompt)
    return nearest_side_mm(by_slice, index, (2.0, 0.5))  # mm between rows, between columns


def test_the_longer_side_in_millimetres():
    assert side(5, wide(5, 40, 4)) == 20.0, "40 columns of 0.5 mm"
    assert side(5, wide(5, 40, 20)) == 40.0, "20 rows of 2 mm"


def test_the_nearest_slice_on_which_something_was_drawn_counts():
    near, far = wide(8, 10, 3), wide(1, 10, 30)
    assert side(6, far, near, click(6)) == 6.0
    assert side(2, far, near, click(2)) == 60.0
    assert side(6, far, near, wide(4, 10, 7)) == 14.0, "of two as near the lower one"
    assert side(6, click(6), click(7)) is None


def test_of_one_slice_the_largest_counts():
    assert side(5, wide(5, 10, 3), wide(5, 10, 9), wide(5, 10, 6)) == 18.0


def test_masks_count_by_their_pixels_and_empty_ones_not_at_all():
    array = np.zeros((40, 40), dtype=bool)
    array[5:8, 3:31] = True
    assert side(5, Mask.from_array(array, label=1, slice=4)) == 14.0, "28 columns of 0.5 mm"
    nothing = Mask.from_array(np.zeros((40, 40), dtype=bool), label=1, slice=5)
    assert side(5, nothing) is None
    assert side(5, nothing, wide(9, 10, 3)) == 6.0
    line = Line(label=1, slice=5, line_xyxy=(10, 10, 10, 29))
    assert side(5, line) == pytest.approx(40, abs=2.0), "as long as the diameter"
