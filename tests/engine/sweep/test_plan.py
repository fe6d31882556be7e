"""Which slices a sweep visits."""

from __future__ import annotations

import pytest

from volsweep.engine.sweep.plan import Leg, plan_legs
from volsweep.errors import PromptError


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
