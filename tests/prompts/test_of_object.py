"""What was said of an object, by slice and in order."""

from __future__ import annotations

from volsweep.prompts.kinds import Box, Point
from volsweep.prompts.of_object import ObjectPrompts


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
