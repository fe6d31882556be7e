"""Our docks: shown from menus, each one dock for both of the names that napari has for it."""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import ref

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QPoint
from qtpy.QtWidgets import QWidget

_PLUGIN = "napari-volsweep"
_NAMES = f"{{}} ({_PLUGIN})", "{} (Volsweep)"
"""What napari calls a dock that code asks for, by the plugin, and one that a menu opens, by the plugin's title."""
_FORM_WIDTH = 320
"""In pixels: a form's name is longer than its fields."""


class GoesWithDock(QObject):
    """Ends a widget that napari takes out of its dock, when the window next rests.

    Napari leaves it to whoever looks for garbage next: a thread that may end no widget, and the program with it.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget, self._was_docked = widget, False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice who holds it."""
        if watched is self._widget and event.type() == QEvent.Type.ParentChange:
            if self._widget.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                self._widget.deleteLater()
        return False


def docked(viewer: Viewer, name: str = "Volsweep") -> tuple[Any, Any]:
    """One of the widgets of napari.yaml, with its dock: the one that is there, whoever opened it, or a new one."""
    known = _docks(viewer)
    dock = next((dock for full in _NAMES if (dock := known.get(full.format(name))) is not None), None)
    if dock is None or dock.widget() is None:  # it is on its way out
        leave_name(viewer, name)
        dock, _ = viewer.window.add_plugin_dock_widget(_PLUGIN, name)
    share_name(viewer, dock, name)
    return dock, dock.inner_widget()


def share_name(viewer: Viewer, dock: Any, name: str = "Volsweep") -> None:
    """Let napari find a dock by both names, as long as it is there: it would make a second one, on the same layers."""
    known = _docks(viewer)
    for full in (full.format(name) for full in _NAMES):
        if known.get(full) is not dock:
            known[full] = dock
            dock.destroyed.connect(partial(_forget, known, full, ref(dock)))


def leave_name(viewer: Viewer, name: str = "Volsweep") -> None:
    """Let napari find a dock no more, which it takes away."""
    for full in _NAMES:
        _docks(viewer).pop(full.format(name), None)


def _docks(viewer: Viewer) -> Any:
    """What napari has docked, by its names; plugins are handed a proxy of the viewer, which hides that."""
    return getattr(viewer, "__wrapped__", viewer).window._wrapped_dock_widgets


def _forget(known: Any, full: str, gone: ref[Any], *_: object) -> None:
    """What was made in its place meanwhile stays known."""
    if known.get(full) is gone():
        known.pop(full, None)


def show_form(viewer: Viewer, name: str, beside: QWidget) -> None:
    """Show an operation's form, over the window: the docks stay as they are."""
    dock, _ = docked(viewer, name)
    dock.setFloating(True)
    dock.setMinimumWidth(_FORM_WIDTH)
    dock.move(beside.mapToGlobal(QPoint(-dock.width() - 8, 0)))
    dock.show()
    dock.raise_()


def show_widget(viewer: Viewer) -> None:
    """Dock Volsweep, or bring it to the front."""
    dock, _ = docked(viewer)
    dock.show()
    dock.raise_()
