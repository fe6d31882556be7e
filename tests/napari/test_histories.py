"""After whatever a reader did, in whatever order: shown, held, saved, kept for after a crash and done again are one."""

from __future__ import annotations

import numpy as np
import pytest
from support.histories import History

from volsweep.session.actions import Stop


@pytest.mark.parametrize("seed", [1, 113])
def test_a_short_history(tmp_path, seed):
    history = History(seed, tmp_path)
    try:
        for _ in range(2):
            history.do(20)
            history.check()
        history.check_restored()
    finally:
        history.end()


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000, 1600))
def test_a_long_history(tmp_path, seed):
    history = History(seed, tmp_path)
    try:
        for _ in range(6):
            history.do(12)
            history.check()
        history.check_restored()
    finally:
        history.end()


def test_a_stroke_that_is_taken_back_before_it_was_drawn_leaves_the_screen(tmp_path):
    history = History(1, tmp_path)
    controller = history.controller
    for take_back in (controller.undo, controller.tools.clear_slice):
        controller.tools.choose("brush")
        controller.layers.objects.paint((controller.display.slice, 12, 12), 1)
        controller.opened.done = (Stop(steps=0),)  # as after anything else
        assert controller.layers.objects.data.any()
        take_back()
        history.turns.all()
        assert not np.any(controller.session.labels.array_zyx)
        assert not controller.layers.objects.data.any()
    history.end()


def test_masks_made_with_a_second_series_come_back_after_it_was_taken_away(tmp_path):
    history = History(1, tmp_path)
    history._lay()
    history._box()
    history.turns.all()
    history._opened.look_at(None)
    history.check()  # after a crash, too
    history.check_restored()
    history.end()
