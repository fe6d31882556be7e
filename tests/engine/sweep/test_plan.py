"""Which slices are visited: legs, walls, told ends, and how long a pass goes on without the object."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.sweep.plan import (
    Leg,
    ObjectEnd,
    Verdict,
    is_told_end,
    plan_legs,
    wall_ahead,
    walls_of,
    within_ends,
)
from volsweep.errors import PromptError
from volsweep.masks import trim


def test_one_prompted_slice_goes_both_ways():
    assert plan_legs([4], 0, 9) == [Leg(4, 9), Leg(4, 0)]


def test_between_prompted_slices_both_run():
    legs = plan_legs([7, 3], 0, 9)
    assert set(legs) == {Leg(3, 6, 7), Leg(3, 0), Leg(7, 9), Leg(7, 4, 3)}


@pytest.mark.parametrize(("direction", "expected"), [("forward", {Leg(4, 9)}), ("backward", {Leg(4, 0)})])
def test_direction(direction, expected):
    assert set(plan_legs([4], 0, 9, direction)) == expected


def test_neighbouring_prompts_leave_nothing_between():
    assert set(plan_legs([4, 5], 0, 9)) == {Leg(4, 0), Leg(5, 9)}


def test_prompts_at_the_ends_and_outside_the_range():
    assert plan_legs([0], 0, 9) == [Leg(0, 9)]
    assert plan_legs([2, 30], 0, 2) == [Leg(2, 0)]
    assert plan_legs([5], 5, 5) == []
    with pytest.raises(PromptError, match=r"range 0 to 3 \(prompted: 5\)"):
        plan_legs([5], 0, 3)


def test_every_slice_is_covered_once_outside_and_twice_between():
    visits = [z for leg in plan_legs([3, 9], 0, 14) for z in leg.slices()]
    assert sorted(visits) == sorted([*range(3), *[4, 5, 6, 7, 8] * 2, *range(10, 15)])


def test_stride():
    assert Leg(4, 11).slices(3) == [7, 10, 11]
    assert Leg(4, 0).slices(3) == [1, 0]
    assert Leg(2, 9, 10).slices(3) == [5, 8]
    assert Leg(10, 3, 2).slices(3) == [8, 5], "both legs visit the same slices"


def test_slices_without_the_object_are_walls():
    legs = plan_legs([3, 8], 0, 12, absent={8})
    assert set(legs) == {Leg(3, 0), Leg(3, 7)}, "nothing leaves from 8, and the object may end before it"


def mask(index: int, there: bool = True):
    level = np.full((4, 4), 3.0 if there else -3.0, np.float32)
    return trim(level, slice=index, shape_yx=(4, 4), iou=1, object_score=1)


def walk(end: ObjectEnd, there, start: int = 0) -> tuple[list[int], list[Verdict]]:
    """Visit what an end says, on an object that is there where `there` says."""
    end.begin(mask(start))
    visited, verdicts, seen = [], [], []
    while end.todo:
        index = end.todo.pop(0)
        visited.append(index)
        seen.append(index)
        verdict = end.note(mask(index, there(index)), seen)
        if verdict.back:
            seen.pop()
        verdicts.append(verdict)
    return visited, verdicts


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience_is_slices_without_the_object(patience):
    visited, _ = walk(ObjectEnd(Leg(0, 40), 1, patience), lambda z: z <= 6)
    assert visited == list(range(1, 7 + patience))


def test_without_patience_it_runs_to_the_end():
    assert walk(ObjectEnd(Leg(0, 40), 1, 0), lambda z: z <= 6)[0] == list(range(1, 41))


@pytest.mark.parametrize("gap", [1, 3, 14, 15, 16, 25])
def test_an_object_that_is_back_in_time_was_never_gone(gap):
    """The gap is filled between its own neighbours, however long it was; before, 15 slices went back to the start."""
    visited, verdicts = walk(ObjectEnd(Leg(0, 60), 1, gap + 1), lambda z: not 20 <= z < 20 + gap)
    assert visited == list(range(1, 61))
    filled = [v.gap for v in verdicts if v.gap is not None]
    assert [(a.slice, b.slice) for a, b in filled] == [(19, 20 + gap)]


def test_a_gap_right_after_the_prompt_is_filled_from_it():
    _, verdicts = walk(ObjectEnd(Leg(5, 20), 1, 4), lambda z: z > 7, start=5)
    assert [(a.slice, b.slice) for v in verdicts if v.gap for a, b in [v.gap]] == [(5, 8)]


@pytest.mark.parametrize("step", [1, -1])
def test_a_stride_steps_back_where_the_object_ends(step):
    start, last = (0, 40) if step > 0 else (40, 0)
    end = start + step * 10
    there = lambda z: (end - z) * step >= 0  # noqa: E731
    visited, _ = walk(ObjectEnd(Leg(start, last), 4, 2), there, start)
    steps = [(z - start) * step for z in visited]
    assert steps == [4, 8, 12, 9, 10, 11, 12]


@pytest.mark.parametrize("stride", [1, 3])
def test_between_prompts_both_legs_visit_the_same_slices(stride):
    """Also where the object is away for a while: neither steps back, neither ends."""
    there = lambda z: not 6 <= z <= 14  # noqa: E731
    up, first = walk(ObjectEnd(Leg(0, 19, 20), stride, 2), there)
    down, second = walk(ObjectEnd(Leg(20, 1, 0), stride, 2), there, 20)
    assert sorted(up) == sorted(down) == list(range(stride, 20, stride))
    assert set(first) == set(second) == {Verdict()}


def test_walls_are_prompted_slices_without_the_object():
    walls = walls_of({3: mask(3), 9: mask(9, False), 14: mask(14, False), 1: mask(1, False)})
    assert walls == {1, 9, 14}
    assert wall_ahead(Leg(3, 20), walls) == 9
    assert wall_ahead(Leg(3, 0), walls) == 1
    assert wall_ahead(Leg(15, 20), walls) is None


@pytest.mark.parametrize("patience", [1, 3])
def test_a_told_end_is_reached_whatever_lies_before_it(patience):
    """The object is said to be there: slices that seem to lack it are no end, and are filled."""
    leg = Leg(0, 12)
    assert is_told_end(leg, (None, 12))
    visited, verdicts = walk(ObjectEnd(leg, 1, patience, is_told=True), lambda z: not 3 <= z < 9)
    assert visited == list(range(1, 13))
    assert [(a.slice, b.slice) for v in verdicts if v.gap for a, b in [v.gap]] == [(2, 9)]


@pytest.mark.parametrize(
    ("leg", "ends", "told"),
    [
        (Leg(5, 9), (None, 9), True),
        (Leg(5, 9), (9, None), False),
        (Leg(5, 2), (2, 9), True),
        (Leg(5, 8, bound=9), (None, 8), False),
        (Leg(5, 9), (None, 12), False),
    ],
)
def test_only_a_leg_that_runs_up_to_it_knows_of_the_end(leg, ends, told):
    assert is_told_end(leg, ends) is told


def test_a_range_and_told_ends_hold_together():
    assert within_ends((3, 30), (None, None)) == (3, 30)
    assert within_ends((3, 30), (1, 20)) == (3, 20)
    assert within_ends((3, 30), (10, None)) == (10, 30)
    with pytest.raises(PromptError, match="nothing to sweep"):
        within_ends((3, 30), (31, None))
