"""The press of the button is told of where a click will be added, and nowhere else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from volsweep.prompts.kinds import Point


def press(controller, point_zyx, *, button: int = 1, displayed: int = 2) -> list:
    """What the press of a button is told as."""
    told, points = [], controller.layers.points
    controller.tools.pressed.connect(told.append)
    at = SimpleNamespace(button=button, position=points.data_to_world(point_zyx), dims_displayed=list(range(displayed)))
    for callback in points.mouse_drag_callbacks:
        if callback.__name__ == "on_press":
            callback(points, at)
    controller.tools.pressed.disconnect(told.append)
    return told


@pytest.mark.parametrize("tool", ["point+", "point-"])
def test_a_press_tells_of_the_click_that_it_may_be_and_prompts_nothing(controller, tool):
    controller.display.go_to(5)
    controller.tools.choose(tool)
    asked = controller.session.engine.sweeper(controller.display.plane)
    assert press(controller, (5, 10, 12)) == [Point(label=1, slice=5, point_xy=(12, 10), positive=tool == "point+")]
    assert asked.previews == 1
    assert controller.state.prompts == ()
    assert controller.opened.actions == 0


def test_no_click_is_told_of_that_none_will_be(controller, said):
    controller.display.go_to(5)
    controller.tools.choose("point+")
    assert press(controller, (5, 10, 60)) == [], "outside the image"
    assert press(controller, (5, 10, 12), button=2) == []
    assert press(controller, (5, 10, 12), displayed=3) == []
    controller.tools.choose("pan")
    controller.layers.points.mode = "select"
    assert press(controller, (5, 10, 12)) == []
    assert said == []
