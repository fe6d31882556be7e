"""What a pass remembers and finds: the bank, the window that follows the object, legs remembered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.sweep.passes import (
    MAX_CONDITIONING,
    Bank,
    Found,
    Memory,
    Pass,
    Ran,
    Request,
    Track,
    recall,
)
from volsweep.engine.sweep.plan import Leg, ObjectEnd, SweepOptions, Tracked
from volsweep.engine.sweep.prompted import Given, Previewer
from volsweep.geometry import mask_box_xyxy
from volsweep.masks import trim
from volsweep.prompts.kinds import Box


@pytest.fixture(scope="module")
def scene(nano):
    """A view of a ball, and what was made of a box on slices 6 and 12 of it."""
    volume, truth = blob_volume(200, 22, 4, 14)
    view = view_of(nano, volume, 2.2)
    previewer = Previewer(view)
    shown = {}
    for index in (6, 12):
        by_slice = {index: (Box(label=1, slice=index, box_xyxy=mask_box_xyxy(truth[index])),)}
        shown[index] = previewer.preview(previewer.given(by_slice, index))
    return view, shown, truth


def pass_from(scene, start: int, leg: Leg) -> Pass:
    view, shown, _ = scene
    made = Pass(view, ObjectEnd(leg, 1, 0))
    made.begin(shown[start], None if leg.bound is None else shown[leg.bound].mask)
    return made


def mask_of(truth, index: int):
    return trim(truth[index] * 8.0 - 4, slice=index, shape_yx=truth.shape[1:], iou=1, object_score=5)


def test_a_pass_remembers_the_slice_it_leaves_and_the_one_it_runs_towards(scene):
    for start, leg in ((6, Leg(6, 11, 12)), (12, Leg(12, 7, 6))):
        one = pass_from(scene, start, leg)
        assert [memory.time for memory in one._bank.conditioning] == [0, 6]
        tokens, slots = zip(*one.recall().spatial, strict=True)
        assert len(tokens) == 2
        assert set(slots) == {one.view.net.sam2.num_maskmem - 1}
        assert not torch.equal(*tokens)
    assert [memory.time for memory in pass_from(scene, 6, Leg(6, 20))._bank.conditioning] == [0]


def test_what_was_seen_is_remembered_through_the_window_that_follows_the_object(scene):
    _, _, truth = scene
    one = pass_from(scene, 6, Leg(6, 20))
    while one.slice < 9:
        memory = one._bank.conditioning[0]
        assert one.take(mask_of(truth, one.slice), memory.tokens, memory.pointer)
    before, crop = one._bank, one.crop
    assert [memory.time for memory in before.recent] == [1, 2]
    aside = truth[9].copy()
    aside[:] = False
    aside[90:110, crop.left : crop.left + 12] = True  # at the window's edge
    at_edge = trim(aside * 8.0 - 4, slice=9, shape_yx=truth.shape[1:], iou=1, object_score=5)
    memory = before.recent[-1]
    assert not one.take(at_edge, memory.tokens, memory.pointer), "the slice is looked at again"
    assert one.crop != crop
    assert one.slice == 9
    assert [memory.time for memory in one._bank.conditioning] == [0]
    assert [memory.time for memory in one._bank.recent] == [1, 2]
    assert not torch.equal(one._bank.recent[-1].tokens, before.recent[-1].tokens), "as that window shows them"


def test_the_nearest_prompted_slices_and_the_latest_are_recalled(nano):
    def memory(time: int) -> Memory:
        return Memory(time, torch.full((4, 2), float(time)), torch.full((3,), float(time)))

    bank = Bank([memory(t) for t in (0, 30, 2, 9, 40, 12)], [memory(t) for t in range(3, 11)])
    told = recall(nano, bank, 11, 1, 60)
    last = nano.sam2.num_maskmem - 1
    prompted = [float(tokens[0, 0]) for tokens, slot in told.spatial[:MAX_CONDITIONING]]
    assert prompted == [12, 9, 2, 0]
    latest = [(float(tokens[0, 0]), slot) for tokens, slot in told.spatial[MAX_CONDITIONING:]]
    assert latest == [(10.0 - slot, slot) for slot in range(last)]
    assert dict.fromkeys(float(pointer[0]) for pointer, _ in told.pointers[-8:]) == dict.fromkeys(range(10, 2, -1))


LEG = Leg(3, 9)


def found(index: int) -> Found:
    mask = trim(np.ones((4, 4), np.float32), slice=index, shape_yx=(4, 4), iou=1, object_score=1)
    return Found(Tracked(1, LEG, mask), CropLogits(Crop.whole((4, 4), 32), np.zeros((4, 4), np.float32)))


def request(ends=(None, None)) -> Request:
    return Request(1, LEG, Given(()), None, (), SweepOptions(), ends)


def test_a_leg_goes_on_while_it_has_something_to_show():
    track = Track(request(), None, [[found(4)], [found(5)]])
    assert [track.goes_on(turn) for turn in range(4)] == [True, True, False, False]


def test_legs_are_remembered_by_the_ends_that_were_told():
    assert request() == request()
    assert hash(request()) == hash(request())
    assert request(ends=(None, 9)) != request()


def test_what_is_remembered_weighs_masks_and_logits():
    one = found(4)
    assert one.nbytes == one.tracked.mask.nbytes + 4 * 4 * 4
    assert Ran([[one], [one, one]]).nbytes == 3 * one.nbytes
