"""Keys belong to the canvas: whatever was used in the panel, the next key is a tool's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QWidget

_DONE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


class CanvasFocus(QObject):
    """Gives the focus back to the canvas.

    Fields that are typed in keep it until Return or Escape, or until a letter is typed where only
    numbers belong. A list that chooses by letters would change what the model sees; so would the wheel
    over a field that nobody is in.

    Parameters
    ----------
    panel
        The widget that must not keep the focus.
    canvas
        Called for the canvas' widget.
    """

    def __init__(self, panel: QWidget, canvas: Callable[[], QWidget]) -> None:
        super().__init__(panel)
        self._panel, self._canvas = panel, canvas
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)
        for kind in (QComboBox, QAbstractSpinBox, QLineEdit):
            for field in panel.findChildren(kind):
                if field.window() is not panel.window():  # of a dialog over the window: what is typed there is a name
                    continue
                field.installEventFilter(self)
                if not isinstance(field, QLineEdit):
                    field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def stop(self) -> None:
        """Leave the focus where it goes."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.disconnect(self._on_focus)

    def give_back(self) -> None:
        """Let the next key be the canvas'."""
        self._canvas().setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_focus(self, _: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self._panel.isAncestorOf(now) and not isinstance(now, QLineEdit | QAbstractSpinBox):
            QTimer.singleShot(0, self, self._give_back_unless_typing)

    def _give_back_unless_typing(self) -> None:
        now = QApplication.focusWidget()
        if now is not None and self._panel.isAncestorOf(now) and not isinstance(now, QLineEdit | QAbstractSpinBox):
            self.give_back()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Look at what is typed and turned in the fields."""
        kind = event.type()
        if kind == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()  # the panel scrolls
            return True
        if kind == QEvent.Type.KeyPress and not isinstance(watched, QComboBox):
            if event.key() in _DONE:
                QTimer.singleShot(0, self, self.give_back)
            elif event.text().isalpha():  # names are typed in editors of the table, which are not watched
                self.give_back()
                QApplication.sendEvent(self._canvas(), event)
                return True
        return bool(super().eventFilter(watched, event))
