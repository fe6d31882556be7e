"""One Volsweep in a window, whichever of napari's ways leads to it; closed, it lets the window go."""

from __future__ import annotations

import threading

import pytest
from napari._app_model import get_app_model
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from support.napari_window import Window, open_small

from volsweep.napari.contributions.dock import docked, show_widget
from volsweep.napari.contributions.operations import controller_of
from volsweep.napari.widget import VolsweepWidget

pytestmark = pytest.mark.gui


def run(command: str) -> None:
    """As a menu and the command palette do."""
    get_app_model().commands.execute_command(f"napari-volsweep.{command}").result()


def theirs(window: Window) -> list[VolsweepWidget]:
    return [w for w in QApplication.allWidgets() if isinstance(w, VolsweepWidget) and w.viewer is window.viewer]


@pytest.mark.usefixtures("plugins")
def test_menus_and_code_find_the_one_that_is_docked(window):
    dock = window.widget.parentWidget()
    run("open")  # the entry of the menu Plugins puts it away, and shows it again
    assert not dock.isVisible()
    show_widget(window.viewer)
    assert dock.isVisible()
    assert theirs(window) == [window.widget]
    assert controller_of(window.viewer) is window.controller
    found, widget = window.viewer.window.add_plugin_dock_widget("napari-volsweep", "Volsweep")
    assert (found, widget) == (dock, window.widget)


@pytest.mark.usefixtures("plugins")
def test_a_form_from_a_menu_is_that_of_the_objects_menu(window):
    run("grow")
    dock, form = docked(window.viewer, "Grow the object")
    window.widget.objects.wanted.emit("Grow the object")
    assert [d for n, d in window.viewer.window.dock_widgets.items() if n.startswith("Grow")] == [form, form]
    assert dock.isVisible()
    run("grow")
    assert not dock.isVisible()


@pytest.mark.usefixtures("plugins")
def test_a_form_that_is_closed_ends_when_the_window_rests(window):
    run("smooth")
    dock, form = docked(window.viewer, "Smooth the object")
    ended = []
    form.native.destroyed.connect(lambda *_: ended.append(threading.current_thread()))
    dock.setFloating(True)  # it stays in its dock
    window.settle()
    window.let_go()
    assert ended == []
    dock.title.close_button.click()
    window.settle()
    window.let_go()
    assert ended == [threading.main_thread()]
    window.widget.objects.wanted.emit("Smooth the object")
    dock, again = docked(window.viewer, "Smooth the object")
    assert again is not form
    assert dock.isVisible()


@pytest.mark.long
@pytest.mark.usefixtures("plugins")
def test_closed_it_lets_the_window_go_and_a_new_one_takes_over(own_window, monkeypatch):
    from support.tiny_engine import TinySession

    window, viewer = own_window, own_window.viewer
    monkeypatch.setattr(window.controller, "make_session", TinySession)
    open_small(window)
    widget, image, said = window.widget, window.controller.image, []
    window.controller.said.connect(lambda text, _: said.append(text))
    widget.parentWidget().destroyOnClose()  # its x
    window.until(lambda: theirs(window) == [])
    assert list(viewer.window.dock_widgets) == [], "the strip goes with it"
    assert [layer.name for layer in viewer.layers] == [image.name]
    assert theirs(window) == []
    viewer.theme, viewer.layers.selection.active = "light", image
    viewer.dims.set_point(0, 0)
    window.key(Qt.Key.Key_B)
    viewer.layers.remove(image)
    window.settle()
    assert said == []
    viewer.layers.append(image)
    run("open")
    window.until(lambda: any(w.strip is not None and w.strip.isVisible() for w in theirs(window)))
    (again,) = theirs(window)
    assert again is not widget
    assert again.controller.image is image
    assert controller_of(viewer) is again.controller
    viewer.close()
    window.settle()
