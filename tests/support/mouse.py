"""A mouse whose moves arrive, each where it was meant to."""

from __future__ import annotations

import time

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

APART_SECONDS = 0.015
"""Between moves: vispy leaves out those that come within 10 ms of the last, as they do on an idle machine."""


def move_mouse(widget: QWidget, to: QPoint) -> None:
    """Tell a widget that the pointer came to a point of it.

    `QTest.mouseMove` would move the screen's pointer: the server tells that late, merges what waits, tells nothing
    where the pointer lies already, and tells another point where the widget itself has moved meanwhile.
    """
    time.sleep(APART_SECONDS)
    none, no_key = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    at, on_screen = QPointF(to), QPointF(widget.mapToGlobal(to))
    QApplication.sendEvent(widget, QMouseEvent(QEvent.Type.MouseMove, at, on_screen, none, none, no_key))
