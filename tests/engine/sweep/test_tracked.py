"""What a sweep finds of a leg, turn by turn, and what it weighs."""

from __future__ import annotations

import numpy as np

from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.sweep.plan import Leg, SweepOptions
from volsweep.engine.sweep.prompted import Given
from volsweep.engine.sweep.tracked import Found, Ran, Request, Track, Tracked
from volsweep.masks import trim

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
