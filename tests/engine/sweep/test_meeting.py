"""What is shown between two prompted slices, of passes whose masks are discs and of cones whose sections are known."""

from __future__ import annotations

import numpy as np
import pytest
from engine.conftest import empty_frames

from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.sweep.meeting import Meeting
from volsweep.engine.sweep.passes import Found
from volsweep.engine.sweep.plan import Leg, Tracked
from volsweep.masks import SliceMask, trim

SIDE = 120
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
LOW, HIGH = 6, 12


EVEN = empty_frames((SIDE, SIDE))


def disc(index: int, radius: float, row_mm: float = 1.0) -> SliceMask:
    logits = radius - np.hypot((ROWS - 60) * row_mm, COLUMNS - 60)
    return trim(logits.astype(np.float32), slice=index, shape_yx=(SIDE, SIDE), iou=0.9, object_score=3)


def found_by(leg: Leg, mask: SliceMask, level: float = 4.0) -> Found:
    logits = np.full((SIDE, SIDE), -9.0, np.float32)
    logits[mask.bounds] = np.where(mask.inner, level, -9.0)
    return Found(Tracked(1, leg, mask), CropLogits(Crop.whole((SIDE, SIDE), SIDE), logits))


def shown(meeting: Meeting, mask: SliceMask) -> SliceMask:
    """What is shown once both passes have found the same mask."""
    for leg in (Leg(LOW, HIGH - 1, HIGH), Leg(HIGH, LOW + 1, LOW)):
        tracked = meeting.take(found_by(leg, mask))
    return tracked.mask


def radius_of(mask: SliceMask, row_mm: float = 1.0) -> float:
    return float(np.sqrt(mask.inner.sum() * row_mm / np.pi))


@pytest.mark.parametrize("row_mm", [1.0, 2.5])
def test_between_two_outlines_a_mask_is_three_parts_their_shape_and_one_part_its_own(row_mm):
    """A cone of radius 20 to 32, which both passes find at a radius of 22 everywhere."""
    outlines = {(1, LOW): disc(LOW, 20, row_mm), (1, HIGH): disc(HIGH, 32, row_mm)}
    meeting = Meeting(empty_frames((SIDE, SIDE), (1.0, row_mm, 1.0)), outlines)
    for z in range(LOW + 1, HIGH):
        section = 20 + 12 * (z - LOW) / (HIGH - LOW)
        mask = shown(meeting, disc(z, 22, row_mm))
        assert radius_of(mask, row_mm) == pytest.approx(0.75 * section + 0.25 * 22, abs=0.6)
        assert (mask.slice, mask.iou, mask.object_score) == (z, pytest.approx(0.9), 3)


def test_slices_that_lie_unevenly_are_told_by_where_they_lie():
    heights = [float(z) if z <= 9 else z + 6.0 for z in range(20)]  # 9 is 3 mm above the lower, 9 below the upper
    meeting = Meeting(empty_frames((SIDE, SIDE), heights=heights), {(1, LOW): disc(LOW, 20), (1, HIGH): disc(HIGH, 32)})
    assert radius_of(shown(meeting, disc(9, 22))) == pytest.approx(0.75 * 23 + 0.25 * 22, abs=0.35)


def test_what_the_network_finds_far_from_both_outlines_is_not_shown_and_what_it_misses_is():
    meeting = Meeting(EVEN, {(1, LOW): disc(LOW, 20), (1, HIGH): disc(HIGH, 20)})
    leak = np.full((SIDE, SIDE), -5.0, np.float32)
    leak[:, 60:] = 5
    mask = trim(leak, slice=9, shape_yx=(SIDE, SIDE), iou=0.9, object_score=3)
    within = shown(meeting, mask).mask_yx()
    assert not within[np.hypot(ROWS - 60, COLUMNS - 60) > 27].any()
    assert not shown(meeting, disc(9, 0)).is_empty, "an object is where both its neighbours are"


@pytest.mark.parametrize("outlined", [(), (LOW,), (HIGH,)])
def test_without_an_outline_on_either_side_passes_are_only_fused(outlined):
    mask = shown(Meeting(EVEN, {(1, z): disc(z, 30) for z in outlined}), disc(9, 10))
    np.testing.assert_array_equal(mask.mask_yx(), disc(9, 10).mask_yx())


def test_outlines_are_their_own_labels_and_beyond_the_outermost_nothing_changes():
    meeting = Meeting(EVEN, {(2, LOW): disc(LOW, 30), (2, HIGH): disc(HIGH, 30)})
    np.testing.assert_array_equal(shown(meeting, disc(9, 10)).mask_yx(), disc(9, 10).mask_yx())
    own = Meeting(EVEN, {(1, LOW): disc(LOW, 30), (1, HIGH): disc(HIGH, 30)})
    beyond = own.take(found_by(Leg(HIGH, 19), disc(14, 10)))
    np.testing.assert_array_equal(beyond.mask.mask_yx(), disc(14, 10).mask_yx())


def test_outlines_that_lie_apart_draw_nothing_half_way():
    apart = np.zeros((2, SIDE, SIDE), np.float32) - 5
    apart[0, 5:15, 5:15] = apart[1, 100:110, 100:110] = 5
    low, high = (
        trim(one, slice=z, shape_yx=(SIDE, SIDE), iou=1, object_score=3)
        for one, z in zip(apart, (LOW, HIGH), strict=True)
    )
    assert shown(Meeting(EVEN, {(1, LOW): low, (1, HIGH): high}), disc(9, 0)).is_empty


def test_where_two_passes_meet_the_near_one_weighs_more():
    """The pass from slice 6 sees the object, that from slice 12 sees nothing: it is there near slice 6 alone."""
    there: dict[int, list[bool]] = {}
    for z in range(7, 12):
        meeting = Meeting(EVEN, {})
        pair = [seen_by(leg, z, level) for leg, level in ((Leg(6, 11, 12), 4.0), (Leg(12, 7, 6), -4.0))]
        for first, second in (pair, pair[::-1]):
            meeting.take(first)
            there.setdefault(z, []).append(not meeting.take(second).mask.is_empty)
    assert there == {7: [True] * 2, 8: [True] * 2, 9: [False] * 2, 10: [False] * 2, 11: [False] * 2}


def seen_by(leg: Leg, index: int, level: float) -> Found:
    logits = np.full((SIDE, SIDE), -9.0, np.float32)
    logits[50:70, 50:70] = level
    mask = trim(logits, slice=index, shape_yx=(SIDE, SIDE), iou=0.9, object_score=level)
    return Found(Tracked(1, leg, mask), CropLogits(Crop.whole((SIDE, SIDE), SIDE), logits))
