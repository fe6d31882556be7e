"""What is seen in two series as one, on engines of arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.tiny_engine import SHAPE, TinyEngine, box

from volsweep.errors import SessionError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.masks import trim
from volsweep.prompts.kinds import Point
from volsweep.session.second.fused import expected_of, fused
from volsweep.session.second.series import SecondSeries
from volsweep.session.session import Session
from volsweep.session.trust import DOUBTFUL_DICE
from volsweep.volume import Volume

GRID = Grid.axis_aligned(SHAPE, (3, 1, 1))
FIRST = Volume(np.zeros(SHAPE, np.int16), GRID, "CT")


def second(window: str = "10/4", grid: Grid = GRID) -> SecondSeries:
    """A PET; the tiny engine's masks are wider by its window's centre, modulo 3."""
    values = np.arange(np.prod(grid.shape_zyx), dtype=np.float32).reshape(grid.shape_zyx)
    return SecondSeries.beside(FIRST, Volume(values, grid, "PT"), window=window)


class Twins(Session):
    """A session on tiny engines, one a series."""

    def _engine_on(self, volume, made_with):
        assert volume.grid.matches(GRID)
        return TinyEngine(volume.grid, made_with)


def twins(beside: SecondSeries | None = None) -> Twins:
    return Twins(FIRST, window=Window(40, 400), device="cpu", second=beside)


def mask(logits, at=(0, 0), **scores):
    logits = np.array(logits, np.float32)
    scores = {"iou": 0.5, "object_score": 1.0} | scores
    return trim(logits, slice=3, shape_yx=(6, 8), origin_yx=at, **scores)


def test_it_is_the_mean_of_what_both_are_sure_of_at_most_so_much():
    first = mask([[9, 9, 0.5]], (1, 1), iou=0.9)
    other = mask([[1.0, -1, 1]], (1, 2), iou=0.7)
    found = fused(replace(first, expected_dice=0.8, agreement=0.9), replace(other, expected_dice=0.6))
    # Column 1: +2 and outside of the other; 2: +2 and +1; 3: +0.5 and -1; 4: outside and +1.
    assert np.argwhere(found.mask_yx()).tolist() == [[1, 2]]
    assert float(found.logits[0, 0]) == 1.5
    assert (found.iou, found.agreement) == (pytest.approx(0.8), 0.9)
    assert found.expected_dice == expected_of(0.8, 0.6)


def test_where_the_second_shows_nothing_the_first_decides_alone():
    seen = np.ones((6, 8), bool)
    seen[:, :2] = False
    found = fused(mask([[9, 9, 0.5]], (1, 1)), mask([[-1.0]]), seen)
    assert np.argwhere(found.mask_yx()).tolist() == [[1, 1]]
    assert fused(mask([[9, 9]], (1, 1)), mask([[-1.0]])).is_empty


def test_what_was_drawn_by_hand_is_kept_as_it_is():
    drawn = mask([[10, 10]], (2, 2))
    assert fused(drawn, drawn).logits.tolist() == drawn.logits.tolist()


def test_a_sweep_ends_where_either_series_says_and_every_slice_comes_once_known_in_both():
    """Objects of the tiny engine reach as far as its window says: 4 slices in the first series, 3 in the second."""
    session = twins(second("10/3"))
    assert session.engine.describe()["series"] == 2
    box(session, 1, 4)
    steps = session.sweep()
    alone = {centre: _alone(centre) for centre in (40.0, 3.0)}
    for index in range(9):
        both = alone[40.0][index] & alone[3.0][index]
        np.testing.assert_array_equal(session.labels.array_zyx[index] == 1, both, err_msg=str(index))
    assert {step.slice for step in steps} == set(range(9))
    assert session.engine.visited == 16


def _alone(centre: float) -> np.ndarray:
    session = Twins(FIRST, window=Window(centre, 400), device="cpu")
    box(session, 1, 4)
    session.sweep()
    return session.labels.array_zyx == 1


def test_it_is_undone_replayed_and_refused_like_anything_else():
    beside = second()
    session = twins(beside)
    box(session, 1, 4)
    session.sweep()
    session.use(second=None)
    box(session, 2, 2, left=9)
    session.sweep(labels=[2])
    both = session.labels.array_zyx
    keys = [getattr(action, "made_with", None) for action in session.journal.effective]
    assert [key.second for key in keys] == [beside.key] * 2 + [None] * 2
    again = twins(second())
    list(again.replay(session.journal.effective))
    np.testing.assert_array_equal(again.labels.array_zyx, both)
    session.undo()
    session.undo()
    assert set(np.unique(session.labels.array_zyx)) == {0, 1}
    for other in (None, second("10/5")):
        with pytest.raises(SessionError, match="second series that is not the one given here"):
            list(twins(other).replay(session.journal.effective))


def test_a_click_says_the_same_to_both():
    session = twins(second())
    box(session, 1, 4)
    session.add(Point(label=1, slice=4, point_xy=(6, 6), positive=False))
    session.add(Point(label=1, slice=4, point_xy=(13, 12)))
    found = session.preview(label=1, slice=4)
    assert not found[6, 6]
    assert found[12, 13]
    assert found[4, 5]


def test_a_second_series_of_another_volume_is_refused():
    grid = Grid.axis_aligned((3, 4, 4))
    first, beside = (Volume(np.full((3, 4, 4), value, np.int16), grid) for value in (0, 1))
    other = SecondSeries.beside(first, beside, window="10/4")
    with pytest.raises(SessionError, match=r"laid over a volume of \(3, 4, 4\)"):
        twins(other)


def test_along_another_plane_the_second_is_asked_there():
    half = np.zeros(SHAPE, bool)
    half[:, :, :8] = True
    session = twins(replace(second(), imaged_zyx=half))
    session.add_box(label=1, slice=6, box_xyxy=(4, 2, 12, 6), plane=Plane.CORONAL)
    found = session.preview(label=1, slice=6, plane=Plane.CORONAL)
    alone = twins()
    alone.add_box(label=1, slice=6, box_xyxy=(4, 2, 12, 6), plane=Plane.CORONAL)
    only = alone.preview(label=1, slice=6, plane=Plane.CORONAL)
    np.testing.assert_array_equal(found[:, 8:], only[:, 8:])


def test_two_looks_say_more_than_one_and_what_is_doubtful_stays_so():
    assert expected_of(DOUBTFUL_DICE, DOUBTFUL_DICE) == pytest.approx(DOUBTFUL_DICE)
    assert expected_of(0.84, 0.84) == pytest.approx(0.918, abs=0.001)  # 5.25 to one, twice, over 2.45
    assert expected_of(0.66, 0.66) < 0.66
    for one in (0.2, 0.6, 0.8, 0.99):
        assert expected_of(one, None) == pytest.approx(one)
        for other in (0.3, 0.65, 0.9):
            both = expected_of(one, other)
            assert both == expected_of(other, one)
            mean = np.mean([np.log(x / (1 - x)) for x in (one, other)])
            assert (both < DOUBTFUL_DICE) == (1 / (1 + np.exp(-mean)) < DOUBTFUL_DICE)
    assert expected_of(None, None) is None
    assert 0 <= expected_of(0.0, 0.0) < expected_of(1.0, 1.0) <= 1
