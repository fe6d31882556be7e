"""Outlines move where a click says that they are wrong, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from volsweep.engine.sweep.click import Where, changed_by, held_to, moved_outline
from volsweep.engine.sweep.prompted import Given, Previewer
from volsweep.geometry import mask_box_xyxy
from volsweep.masks import SliceMask, trim
from volsweep.prompts.kinds import Point
from volsweep.prompts.mask import Mask
from volsweep.prompts.scribble import Scribble

SIDE = 64


def disc(radius, centre=(32, 32)):
    y, x = np.mgrid[:SIDE, :SIDE]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def logits(mask):
    return torch.from_numpy(np.where(mask, 10.0, -10.0).astype(np.float32))[None, None]


def model_xy(x, y):
    return np.array([x, y]) * 4 + 1.5


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("too_much", [True, False])
def test_a_strip_that_is_wrong_is_mended_by_one_click_in_its_middle(too_much):
    """Two discs, one shifted by a fifth of its radius: the click is where the strip is thickest."""
    truth = disc(16)
    drawn = truth | disc(16, (32, 38)) if too_much else truth & disc(16, (32, 26))
    wrong = truth ^ drawn
    x = int(np.median(np.nonzero(wrong[32])[0]))
    moved = moved_outline(logits(drawn), model_xy(x, 32), positive=not too_much)[0, 0].numpy()
    found = moved > 0
    assert found[32, x] != too_much
    assert dice(found, truth) > dice(drawn, truth) + 0.5 * (1 - dice(drawn, truth))
    # The far side stays as it was.
    np.testing.assert_array_equal(found[:, :24], drawn[:, :24])
    assert np.abs(moved).max() <= 4


def test_clicks_that_do_not_say_how_far_move_nothing():
    mask = logits(disc(16))
    assert moved_outline(mask, model_xy(32, 32), positive=True) is None  # right already
    assert moved_outline(mask, model_xy(5, 5), positive=False) is None
    assert moved_outline(mask, model_xy(32, 32), positive=False) is None  # a hole of any size, or all of it
    assert moved_outline(mask, model_xy(60, 60), positive=True) is None  # another part, of any size
    assert moved_outline(logits(np.zeros((SIDE, SIDE), bool)), model_xy(32, 32), positive=True) is None
    assert moved_outline(mask, model_xy(90, -3), positive=False) is None  # outside the window


@pytest.mark.parametrize("positive", [True, False])
def test_a_correction_takes_the_click(nano, positive):
    volume, truth = blob_volume(200, 8)
    y, x = np.mgrid[:200, :200]
    x0, _, x1, _ = mask_box_xyxy(truth[4])
    middle = (x0 + x1) / 2
    wrong = truth[4] & (x > x1 - 8) if positive else (np.roll(truth[4], 8, axis=1) & ~truth[4])
    drawn = Mask.from_array(truth[4] ^ wrong, label=1, slice=4)
    row, column = (round(float(v.mean())) for v in np.nonzero(wrong & (np.abs(y - 94) < 6)))
    assert column > middle
    click = Point(label=1, slice=4, point_xy=(column, row), positive=positive)
    before = dice(drawn.to_array(), truth[4])
    found = Previewer(view_of(nano, volume, 2.2)).mask(Given((drawn, click)))
    assert bool(found.mask_yx()[row, column]) == positive
    assert dice(found.mask_yx(), truth[4]) > before - 0.05


MM = (1.0, 0.5)
strokes = st.lists(st.tuples(st.floats(-0.5, 55.5), st.floats(-0.5, 39.5)), min_size=1, max_size=5)


def blobs(seed: int) -> np.ndarray:
    """Random parts of every size on a slice of 40 x 56."""
    noise = np.random.default_rng(seed).normal(size=(40, 56))
    field = sum(ndimage.gaussian_filter(noise, s) * s for s in (1, 3, 6))
    return np.asarray(field > (seed % 3) * 0.5)


def as_mask(mask: np.ndarray) -> SliceMask:
    logits = np.where(mask, 3, -3).astype(np.float32)
    return trim(logits, slice=4, shape_yx=mask.shape, iou=0.9, object_score=2.0)


@settings(max_examples=60)
@given(st.integers(0, 999), st.floats(-0.5, 55.5), st.floats(-0.5, 39.5), st.booleans(), st.floats(2, 30))
def test_a_click_changes_what_hangs_together_with_it_as_it_says_and_once(seed, x, y, positive, reach):
    old, new = blobs(seed), blobs(seed + 1000)
    click = Point(label=1, slice=4, point_xy=(x, y), positive=positive)
    found = held_to(changed_by(as_mask(old), as_mask(new), click, Where(MM, reach)), [click], MM)
    mask = found.mask_yx()
    at = min(max(round(y), 0), 39), min(max(round(x), 0), 55)
    assert mask[at] == positive
    changed = mask != old
    assert (mask[changed] == positive).all(), "a positive click only adds, a negative one only takes away"
    rows, columns = np.nonzero(changed)
    assert (np.hypot(rows - at[0], columns - at[1]) <= reach).all()
    # Everything that changed is reached from the click without leaving what is, or was, as it says.
    parts, _ = ndimage.label(mask if positive else ~mask, np.ones((3, 3)))
    assert set(parts[changed]) <= {parts[at]}
    again = held_to(changed_by(found, as_mask(new), click, Where(MM, reach)), [click], MM)
    np.testing.assert_array_equal(again.mask_yx(), mask)


def test_the_last_click_at_a_voxel_counts():
    there, gone = (Point(label=1, slice=4, point_xy=(20, 20), positive=v) for v in (True, False))
    empty = as_mask(np.zeros((40, 56), bool))
    assert held_to(empty, [gone, there], MM).mask_yx()[20, 20]
    assert held_to(empty, [there, gone], MM).is_empty
    assert held_to(empty, [gone], MM) is empty


@settings(max_examples=40)
@given(st.integers(0, 999), strokes, st.booleans(), st.floats(0, 6), st.sampled_from(["px", "mm"]), st.floats(2, 30))
def test_a_stroke_is_obeyed_along_its_core_and_changes_nothing_else(seed, path, positive, width, unit, reach):
    old, new = blobs(seed), blobs(seed + 1000)
    stroke = Scribble.from_numbers(path, label=1, slice=4, positive=positive, width=width, unit=unit)
    found = held_to(changed_by(as_mask(old), as_mask(new), stroke, Where(MM, reach)), [stroke], MM)
    mask, told = found.mask_yx(), np.zeros((40, 56), dtype=bool)
    told[tuple(np.clip(stroke.core_yx(MM), 0, (39, 55)).T)] = True
    assert (mask[told] == positive).all()
    for x, y in path:
        assert told[min(max(round(y), 0), 39), min(max(round(x), 0), 55)]
    changed = mask != old
    assert (mask[changed] == positive).all()
    assert (ndimage.distance_transform_edt(~told)[changed] <= reach).all()
    parts, _ = ndimage.label(mask if positive else ~mask, np.ones((3, 3)))
    assert set(parts[changed]) <= set(parts[told])
    again = held_to(changed_by(found, as_mask(new), stroke, Where(MM, reach)), [stroke], MM)
    np.testing.assert_array_equal(again.mask_yx(), mask)
