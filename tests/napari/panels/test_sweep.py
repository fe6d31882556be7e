"""The sweep's fields: they are the options, they keep to the plane's slices, and what cannot be done is not offered."""

from __future__ import annotations

import pytest
from support.napari_fakes import draw

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.geometry import Plane
from volsweep.napari.panels.sweep import SweepPanel, _seconds
from volsweep.napari.worker import events
from volsweep.session.actions import Propagate


@pytest.fixture
def panel(qapp, controller) -> SweepPanel:
    return SweepPanel(controller)


def way(panel: SweepPanel, text: str):
    return next(button for button in panel.directions.buttons() if button.text() == text)


def test_untouched_they_are_the_defaults_over_all_slices(panel):
    assert panel.options() == SweepOptions(0, 11, Direction.BOTH, 1, DEFAULT_PATIENCE)


def test_what_is_swept_is_what_the_fields_say(panel, controller):
    draw(controller)
    way(panel, "Down").click()
    panel.first.setValue(2)
    panel.last.setValue(8)
    panel.stride.setCurrentIndex(1)
    panel.stop_at_end.setChecked(False)
    assert panel.options() == SweepOptions(2, 8, Direction.BACKWARD, 2, 0)
    panel.button.click()
    (swept,) = [action for action in controller.session.journal if isinstance(action, Propagate)]
    assert (swept.direction, swept.first, swept.last, swept.stride, swept.patience) == ("backward", 2, 8, 2, 0)


def test_a_range_is_never_the_wrong_way_round(panel):
    panel.last.setValue(6)
    panel.first.setValue(9)
    assert (panel.first.value(), panel.last.value()) == (6, 6)
    panel.last.setValue(3)
    assert panel.last.value() == 6


def test_a_range_is_taken_from_the_slice_on_the_screen(panel, controller):
    controller.display.go_to(3)
    panel.to_first.click()
    controller.display.go_to(9)
    panel.to_last.click()
    assert panel.options().slices == (3, 9)


def test_another_plane_has_other_slices(panel, controller):
    panel.first.setValue(4)
    controller.display.set_plane(Plane.CORONAL)
    assert panel.options().slices == (0, 39)


def test_the_button_waits_for_a_prompt_of_this_plane_on_an_unlocked_object(panel, controller):
    assert not panel.button.isEnabled()
    draw(controller)
    assert panel.button.isEnabled()
    controller.display.set_plane(Plane.CORONAL)
    assert not panel.button.isEnabled()
    controller.display.set_plane(Plane.AXIAL)
    controller.objects.lock(1, True)
    assert not panel.button.isEnabled()
    controller.objects.lock(1, False)
    controller.open(None)
    assert not panel.button.isEnabled()
    assert not panel.first.isEnabled()


def test_while_it_runs_it_can_be_cancelled_and_not_begun_again(panel, controller, runner):
    draw(controller)
    seen = []

    def look(event) -> None:
        if isinstance(event, events.Stepped):
            seen.append((panel.cancel.isEnabled(), panel.button.isEnabled()))

    runner.between = look
    panel.button.click()
    assert set(seen) == {(True, False)}
    assert (panel.cancel.isEnabled(), panel.button.isEnabled()) == (False, True)


@pytest.mark.parametrize(("seconds", "words"), [(0.6, "1 s"), (89, "89 s"), (90, "2 min"), (600, "10 min")])
def test_what_is_left_is_told_in_round_numbers(seconds, words):
    assert _seconds(seconds) == words
