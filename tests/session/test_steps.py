"""A sweep as steps, beside what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from volsweep.engine.sweep.plan import Leg, Tracked
from volsweep.masks import LabelMasks, SliceMask, trim
from volsweep.prompts.kinds import Box
from volsweep.session.actions import AddPrompts, Propagate
from volsweep.session.history import History
from volsweep.session.steps import Step, run_sweep

FORWARD, BACKWARD, OPEN = Leg(0, 3, bound=4), Leg(4, 1, bound=0), Leg(4, 12)


def square(index: int, left: int, *, prompted: bool = False) -> SliceMask:
    logits = np.full((20, 40), -4, dtype=np.float32)
    logits[5:15, left : left + 10] = 4
    return trim(logits, slice=index, shape_yx=(20, 40), iou=0.8, object_score=3.0).but(prompted=prompted)


class Script:
    """An engine that plays a script."""

    def __init__(self, *tracked: Tracked) -> None:
        self.tracked = tracked

    def sweep(self, plane, prompts, options, extents=None, held_zyx=None) -> Iterator[Tracked]:
        for index in prompts[1]:
            yield Tracked(1, Leg(index, index), square(index, 0, prompted=True))
        drawn = {}
        for tracked in self.tracked:
            before = None if tracked.interpolated else drawn.get(tracked.leg, tracked.leg.start)
            drawn[tracked.leg] = tracked.mask.slice
            yield replace(tracked, before=before)


def play(*tracked: Tracked, last: int = 4, stride: int = 1) -> tuple[History, list[Step]]:
    history = History()
    for index in (0, 4):
        history.edit(AddPrompts(prompts=(Box(label=1, slice=index, box_xyxy=(0, 5, 9, 14)),)))
    action = Propagate(labels=(1,), plane="axial", direction="both", first=0, last=last, stride=stride, patience=0)

    def masks(label: int) -> LabelMasks:
        return history.state.swept[label]

    return history, list(run_sweep(Script(*tracked), history, action, masks))


def test_the_last_step_of_a_slice_says_what_the_masks_that_are_kept_say():
    """Slice 1 is compared with slice 2 by the pass that comes from there, and kept beside slice 0."""
    _, steps = play(
        Tracked(1, FORWARD, square(1, 0)),
        Tracked(1, BACKWARD, square(3, 0)),
        Tracked(1, FORWARD, square(2, 0)),
        Tracked(1, BACKWARD, square(2, 20)),
        Tracked(1, FORWARD, square(3, 0)),
        Tracked(1, BACKWARD, square(1, 0)),
    )
    taken = [(s.slice, s.doubtful) for s in steps]
    assert taken[:8] == [(0, False), (4, False), (1, False), (3, False), (2, False), (2, True), (3, True), (1, True)]
    assert taken[8:] == [(1, False), (3, False)], "yielded again, as it looks beside what its neighbours became"
    last = {s.slice: s for s in steps}
    assert [z for z, s in last.items() if s.doubtful] == [2]
    assert last[2].neighbour_iou == 0
    assert last[1].neighbour_iou == 1


def test_with_a_stride_a_mask_is_compared_with_the_one_drawn_before_it():
    _, steps = play(
        Tracked(1, OPEN, square(8, 20)),
        Tracked(1, OPEN, square(12, 20)),
        *(Tracked(1, OPEN, square(z, 0 if z < 6 else 20), interpolated=True) for z in (5, 6, 7, 9, 10, 11)),
        last=12,
        stride=4,
    )
    last = {s.slice: s for s in steps}
    assert [z for z, s in last.items() if s.doubtful] == [8, 6]
    assert last[8].neighbour_iou == 0
    assert last[12].neighbour_iou == 1
    assert [z for z, s in last.items() if s.interpolated] == [5, 6, 7, 9, 10, 11]


@pytest.mark.parametrize("shift", [0, 3, 10, 15])
def test_overlap_is_that_of_the_whole_slices(shift):
    a, b = square(1, 4), square(2, 4 + shift)
    both, either = a.mask_yx() & b.mask_yx(), a.mask_yx() | b.mask_yx()
    assert a.iou_with(b) == b.iou_with(a) == both.sum() / either.sum()
