"""A mouse whose moves arrive: the X server and Qt hand them on late, and merge those that wait."""

from __future__ import annotations

import time

from qtpy.QtCore import QEvent, QObject, QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

LONGEST_SECONDS = 20
APART_SECONDS = 0.015
"""Between moves: vispy leaves out those that come within 10 ms of the last, as they do on an idle machine."""


class _Moves(QObject):
    """Notes where a widget's mouse moves arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.last: QPoint | None = None

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseMove:
            self.last = event.position().toPoint()
        return False


def move_mouse(widget: QWidget, to: QPoint) -> None:
    """Move the pointer to a point of a widget, and wait until the widget was told of it.

    Without the wait a busy machine merges a drag's corners: an outline of the mouse is then another
    one than the test drew.
    """
    moves = _Moves()
    widget.installEventFilter(moves)
    try:
        there = widget.mapFromGlobal(widget.cursor().pos()) == to
        time.sleep(APART_SECONDS)
        QTest.mouseMove(widget, to)
        # A move to where the pointer is already makes no event.
        end = time.monotonic() + (0.02 if there else LONGEST_SECONDS)
        while moves.last != to and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.002)
        assert there or moves.last == to, "the pointer never came: another window may lie over this one"
    finally:
        widget.removeEventFilter(moves)
