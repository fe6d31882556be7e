"""Views docked beside the canvas: what room they take is the canvas's, and goes back to it."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


def dock_beside_canvas(window: Any, view: QWidget, name: str, ours: QWidget, share: float) -> None:
    """Dock a view between the canvas and our panel.

    Parameters
    ----------
    window
        Napari's window.
    view, name
        What is docked, and what its dock is called.
    ours
        The panel's widget, whose dock stays at the edge, as wide as it is.
    share
        Of the canvas's width, for the view.
    """
    room = round(share * window._qt_viewer.width())  # before the new dock has taken some of it
    dock = window.add_dock_widget(view, name=name, area="right")
    beside, main = ours.parentWidget(), ours.window()
    if isinstance(beside, QDockWidget) and isinstance(main, QMainWindow):
        main.splitDockWidget(dock, beside, Qt.Orientation.Horizontal)
        _resize_soon(main, dock, room)


def keep_width(ours: QWidget) -> None:
    """Leave the room of a view that goes to the canvas: without this our panel would take it."""
    dock, main = ours.parentWidget(), ours.window()
    if isinstance(dock, QDockWidget) and isinstance(main, QMainWindow):
        _resize_soon(main, dock, dock.width())


def _resize_soon(main: QMainWindow, dock: QDockWidget, width: int) -> None:
    """Give a dock its width when all docks have their place, and not before: it would stay as it is."""
    QTimer.singleShot(0, dock, partial(main.resizeDocks, [dock], [width], Qt.Orientation.Horizontal))
