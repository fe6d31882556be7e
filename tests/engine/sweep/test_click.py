"""Outlines move where a click says that they are wrong, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

from volsweep.engine.sweep.click import moved_outline
from volsweep.engine.sweep.prompted import Given, Previewer
from volsweep.geometry import mask_box_xyxy
from volsweep.prompts.kinds import Mask, Point

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
