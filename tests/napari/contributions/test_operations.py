"""Operations from napari's menus and the objects' own, worked in the real window."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from napari._app_model import get_app_model
from qtpy.QtCore import Qt
from support.napari_window import paint

from volsweep import operations
from volsweep.geometry import Grid
from volsweep.napari.contributions.operations import Combination, Neighbour
from volsweep.napari.panels.objects import OPERATIONS
from volsweep.session import session as sessions

pytestmark = pytest.mark.gui

GRID = Grid.axis_aligned((8, 60, 64), (3, 1, 1))


def shown(window, label: int = 1) -> np.ndarray:
    return window.labels == label


def form(window, name: str):
    """A form of the objects' menu, as it opens."""
    actions = {a.text(): a for a in window.widget.objects.more.menu().actions()}
    actions[name].trigger()
    window.settle()
    return window.viewer.window.add_plugin_dock_widget("napari-volsweep", name)[1]


def test_forms_do_what_they_say_to_the_object_at_hand_and_undo_takes_it_back(small):
    window, controller = small, small.controller
    controller.objects.select(2)
    before = shown(window, 2).copy()
    grow = form(window, "Grow the object")
    grow.mm.value = 3.0
    grow.call_button.native.click()
    window.idle()
    np.testing.assert_array_equal(shown(window, 2), operations.grow(before, GRID, 3) & ~shown(window, 1))
    assert (shown(window, 1)).sum() == 100
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.idle()
    np.testing.assert_array_equal(shown(window, 2), before)


def test_a_form_offers_the_other_objects_there_are_and_combines_them(small):
    window, controller = small, small.controller
    combine = form(window, "Combine objects")
    assert combine.other.choices == (2,)
    controller.objects.new()
    window.idle()
    controller.objects.select(1)
    assert combine.other.choices == (2, 3)
    combine.other.value, combine.how.value = 2, Combination.UNION
    combine.call_button.native.click()
    window.idle()
    assert shown(window).sum() == 100 + 80
    assert not shown(window, 2).any()
    combine.call_button.native.click()
    window.idle()
    assert "nothing to do" in window.says, "and what cannot be done is said"


def test_values_begin_with_the_window_and_hold_the_object_to_them(small):
    window = small
    paint(window, 1, np.s_[20:30, 28:36])
    window.idle()
    limit = form(window, "Limit the object to values")
    assert (limit.low.value, limit.high.value) == pytest.approx((-110, 190), abs=60)
    limit.low.value, limit.high.value = 100, 300
    limit.call_button.native.click()
    window.idle()
    assert np.argwhere(shown(window))[:, 2].min() == 32


def test_a_slice_is_copied_by_form_and_by_key(small):
    window, controller = small, small.controller
    copied = form(window, "Copy to a neighbouring slice")
    copied.to.value = Neighbour.PREVIOUS
    copied.call_button.native.click()
    window.idle()
    assert controller.display.slice == 2
    np.testing.assert_array_equal(shown(window)[2], shown(window)[3])
    controller.display.go_to(3)
    window.key(Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    window.idle()
    assert controller.display.slice == 4
    np.testing.assert_array_equal(shown(window)[4], shown(window)[3])


def test_the_brush_leaves_out_what_has_other_values(small):
    window = small
    prompt = window.widget.prompt
    before = prompt.low.text(), prompt.high.text()
    prompt.low.setText("100")
    prompt.high.setText("300")
    prompt.only.click()
    window.key(Qt.Key.Key_R)
    window.drag((3, 45, 24), (3, 45, 40))
    window.idle()
    prompt.only.click()
    painted = shown(window)[3, 35:]
    assert painted[:, 33:].any()
    assert not painted[:, :32].any()
    window.drag((3, 52, 10), (3, 52, 20))
    window.idle()
    assert shown(window)[3, 50:, :32].any(), "without limits it paints everywhere"
    prompt.low.setText(before[0])
    prompt.high.setText(before[1])


def test_every_form_stands_in_napari_s_menus_and_its_command_palette(window):
    app = get_app_model()
    menu = {item.command.id for item in app.menus.get_menu("napari-volsweep/objects") if hasattr(item, "command")}
    forms = {f"napari-volsweep.{name}" for name in _names()}
    assert menu == forms
    assert len(forms) == len(OPERATIONS)
    for name in forms:
        assert app.commands[name].title


def _names() -> list[str]:
    from magicgui.type_map._magicgui import MagicFactory

    from volsweep.napari.contributions import operations as forms

    return [name for name, value in vars(forms).items() if isinstance(value, MagicFactory)]


def test_forms_say_what_is_missing(window):
    for name, words in (("Combine objects", "Open a volume first"), ("Copy to a neighbouring slice", "Open a volume")):
        window.controller.say("", "info")
        form(window, name).call_button.native.click()
        assert words in window.says


def test_combining_the_only_object_says_so(small):
    combine = form(small, "Combine objects")
    small.controller.objects.delete(2)
    small.idle()
    assert combine.other.choices == ()
    combine.call_button.native.click()
    assert "no other object" in small.says
    assert len(small.controller.opened.done) == 3, "painted, painted, deleted"


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_object_added_while_another_is_split_has_a_number_of_its_own(small, monkeypatch, when):
    window, controller = small, small.controller
    paint(window, 1, np.s_[20:50:20, 20:30])  # two rows, apart
    window.idle()
    reached, go_on, carried_out = Event(), Event(), sessions.carried_out

    def slow(*args):
        """Wait for the reader before the parts have their numbers, or when nobody was told of them yet."""
        done = carried_out(*args) if when == "after" else None
        reached.set()
        assert go_on.wait(window.longest)
        return done or carried_out(*args)

    monkeypatch.setattr(sessions, "carried_out", slow)
    controller.objects.select(1)
    form(window, "Split the object's islands").call_button.native.click()
    window.until(reached.is_set)
    window.widget.objects.add.click()
    added = controller.objects.label
    go_on.set()
    window.idle()
    assert set(controller.state.labels) == {1, 2, 3, 4}
    assert added == (4 if when == "after" else 3)
    assert not shown(window, added).any()
    assert shown(window, 7 - added).sum() == 10
    controller.objects.new()
    assert controller.objects.label == 5
    window.idle()
