"""Show the widget from a menu."""

from __future__ import annotations

from napari.viewer import Viewer


def show_widget(viewer: Viewer) -> None:
    """Dock Volsweep, or bring it to the front."""
    dock, _ = viewer.window.add_plugin_dock_widget("napari-volsweep", "Volsweep")
    dock.show()
    dock.raise_()
