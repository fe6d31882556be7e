"""Which slices are doubtful, and in what order they are visited."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from volsweep.geometry import Plane
from volsweep.masks import LabelMasks, trim
from volsweep.session.trust import SliceTrust, next_doubtful, suggested_slice, trust_of


def mask(index: int, left: int, *, prompted: bool = False, agreement: float | None = None):
    logits = np.full((20, 20), -4, dtype=np.float32)
    logits[5:15, left : left + 10] = 4
    made = trim(logits, slice=index, shape_yx=(20, 20), iou=0.8, object_score=3.0)
    return type(made)(**{**made.__dict__, "prompted": prompted, "agreement": agreement})


def test_a_mask_that_jumps_is_doubtful_seen_from_its_prompted_slice():
    masks = {3: mask(3, 0), 4: mask(4, 8), 5: mask(5, 8, prompted=True), 6: mask(6, 8, agreement=0.4)}
    marks = trust_of(LabelMasks(Plane.AXIAL, masks))
    assert marks[3].neighbour_iou == pytest.approx(2 / 18)
    assert [z for z, m in marks.items() if m.doubtful] == [3, 6]
    assert marks[5].trust == 1
    assert marks[6].trust == 0.4


def test_doubtful_slices_are_visited_round_and_round_but_not_when_ticked_off():
    bad, good = SliceTrust(0.1, 0.9, 1, None, False, False), SliceTrust(0.9, 0.9, 1, None, False, False)
    marks = {2: bad, 5: good, 7: bad, 9: bad}
    assert [next_doubtful(marks, frozenset(), z) for z in (0, 2, 8, 9)] == [2, 7, 9, 2]
    assert next_doubtful(marks, frozenset({7}), 2) == 9
    assert next_doubtful(marks, frozenset(), 7, backwards=True) == 2
    assert next_doubtful(marks, frozenset({2, 7, 9}), 0) is None


def test_what_is_expected_of_a_calibrated_network_decides():
    masks = {z: mask(z, 0, prompted=z == 2) for z in range(5)}
    masks[3] = replace(masks[3], expected_dice=0.7)
    masks[4] = replace(masks[4], expected_dice=0.72)
    marks = trust_of(LabelMasks(Plane.AXIAL, masks))
    assert [z for z, m in marks.items() if m.doubtful] == [3]
    assert [marks[z].trust for z in (2, 3, 4)] == [1, 0.7, 0.72]
    assert marks[1].trust == marks[1].neighbour_iou  # nothing expected: overlaps as before
    assert replace(marks[4], neighbour_iou=0.1).doubtful  # a jump is looked at, whatever is expected


def test_the_slice_to_outline_next_is_where_most_is_to_be_gained():
    good, bad = SliceTrust(0.9, 0.9, 1, None, False, False), SliceTrust(0.5, 0.9, 1, None, False, False)
    given, absent = replace(good, prompted=True), replace(bad, empty=True)
    even = dict.fromkeys(range(10), 100)
    assert suggested_slice({2: given, **dict.fromkeys(range(3, 8), good)}, even) == 6  # far from what is known
    assert suggested_slice({2: given, 3: good, 4: bad, 5: good, 6: good}, even) == 4  # probably wrong
    assert suggested_slice({2: given, 3: bad, 4: bad}, {3: 900, 4: 10}) == 3  # where there is much to be wrong
    assert suggested_slice({2: given, 3: absent}, even) is None
    assert suggested_slice({2: given}, even) is suggested_slice({2: bad}, even) is suggested_slice({}, {}) is None
