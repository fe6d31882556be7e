"""The menu's entry docks the widget, and brings it to the front."""

from __future__ import annotations

from types import SimpleNamespace

from volsweep.napari.contributions.dock import show_widget


def test_it_is_docked_shown_and_raised():
    done = []
    dock = SimpleNamespace(show=lambda: done.append("shown"), raise_=lambda: done.append("raised"))

    def add(plugin, widget):
        done.append((plugin, widget))
        return dock, None

    show_widget(SimpleNamespace(window=SimpleNamespace(add_plugin_dock_widget=add)))
    assert done == [("napari-volsweep", "Volsweep"), "shown", "raised"]
