"""One key for each thing, on the viewer and on a layer alike, and given back."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from support.napari_fakes import draw

from volsweep.napari.keys import TOOL_KEYS, bind, bindings, unbind


@pytest.fixture
def keys(controller):
    return bindings(controller, lambda: controller.sweep(patience=0))


def press(provider, key: str) -> None:
    (do,) = [do for bound, do in provider.keymap.items() if str(bound).replace("+", "-").lower() == key.lower()]
    do(provider)


@pytest.mark.parametrize(("tool", "key"), TOOL_KEYS.items())
def test_each_tool_has_its_key(controller, keys, tool, key):
    keys[key]()
    assert controller.tools.tool == tool


def test_no_key_does_two_things(keys):
    assert len({key.lower() for key in keys}) == len(keys)


def test_objects_are_stepped_through_in_a_circle(controller, keys):
    keys["W"]()  # nothing is drawn: nothing to step to
    for label in (2, 5, 9):
        controller.objects.select(label)
        draw(controller)
    order = []
    for key in ("W", "W", "W", "Q", "Q"):
        keys[key]()
        order.append(controller.objects.label)
    assert order == [2, 5, 9, 5, 2]
    keys["Q"]()
    assert controller.objects.label == 9


def test_a_lock_is_turned_and_turned_back(controller, keys):
    draw(controller)
    for locked in (True, False):
        keys["K"]()
        assert controller.state.is_locked(1) is locked


def test_done_swept_undone_and_done_again(controller, keys):
    draw(controller)
    keys["S"]()
    swept = np.asarray(controller.layers.objects.data).copy()
    assert len(np.flatnonzero(swept.any(axis=(1, 2)))) > 1
    keys["Control-Z"]()
    assert not controller.state.swept
    for again in ("Control-Y", "Control-Shift-Z"):
        keys[again]()
        np.testing.assert_array_equal(controller.layers.objects.data, swept)
        keys["Control-Z"]()


def test_a_layers_own_key_gives_way_and_comes_back():
    layer, did = Image(np.zeros((4, 4))), []
    keys = {"B": lambda: did.append("ours")}
    bind(layer, keys)
    press(layer, "b")
    assert did == ["ours"]
    unbind(layer, keys)
    assert not [bound for bound in layer.keymap if str(bound).lower() == "b"]


def test_a_generator_goes_on_when_its_key_is_let_go():
    layer, did = Image(np.zeros((4, 4))), []

    def held():
        did.append("down")
        yield
        did.append("up")

    bind(layer, {"H": held})
    (do,) = [do for bound, do in layer.keymap.items() if str(bound).lower() == "h"]
    running = do(layer)
    next(running)
    assert did == ["down"]
    assert next(running, None) is None
    assert did == ["down", "up"]


def test_the_status_bar_names_no_keys_that_do_something_else_here(controller, keys):
    points = controller.layers.points
    assert "use <" in points.help
    bind(points, keys)
    controller.tools.choose("point+")
    controller.tools.choose("pan")
    assert (points.help, controller.layers.shapes.help[:5]) == ("Press ? for all keys", "use <")
    controller.viewer.layers.selection.active = points
    assert controller.viewer.help == "Press ? for all keys"
