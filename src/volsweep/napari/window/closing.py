"""Closing the window: what was not saved is spoken of, once, and in the user's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QMainWindow, QMessageBox

from volsweep.napari.panels.widgets import as_typed


class Closing(QObject):
    """Asks before napari's window closes over unsaved work.

    napari itself asks about "tasks", by the names of functions; so it is never asked while the window
    is closed by hand.

    Parameters
    ----------
    main
        napari's window.
    unsaved
        Names of what was not saved.
    parent
        With whom it goes.
    """

    closed = Signal()

    def __init__(self, main: Any, unsaved: Callable[[], list[str]], parent: QObject) -> None:
        super().__init__(parent)
        self._main = main
        self._unsaved = unsaved
        self._close = main.close
        self._main.close = self.close
        main.installEventFilter(self)

    def stop(self) -> None:
        """Leave the window as it was."""
        self._main.removeEventFilter(self)
        self._main.close = self._close

    def close(self, quit_app: bool = False, confirm_need: bool = False) -> Any:
        """Close the window as napari does, but ask in its place where there is unsaved work."""
        names = self._unsaved()
        if confirm_need and names:
            if not is_closing_agreed(self._main, names):
                return None
            confirm_need = False
        close: Any = self._close
        done = close(quit_app=quit_app, confirm_need=confirm_need)
        if not self._main.isVisible():
            self.closed.emit()
        return done

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Take over a close that the user asked the desktop for."""
        if event.type() == QEvent.Type.Close and event.spontaneous():
            event.ignore()
            QTimer.singleShot(0, self, lambda: self.close(confirm_need=True))
            return True
        return bool(super().eventFilter(watched, event))


def is_closing_agreed(parent: QMainWindow, names: list[str]) -> bool:
    """Ask whether to close over unsaved work on these volumes."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Unsaved work")
    box.setText(as_typed(f"Work on {', '.join(names)} is not saved."))
    box.setInformativeText("It stays on this machine, and is offered when Volsweep opens again.")
    close = box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton("Go on working", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.exec()
    return box.clickedButton() is close
