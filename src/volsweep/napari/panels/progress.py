"""Progress with words on it.

QProgressBar paints itself, and with it the whole window, the moment its value is set: with a canvas
in it that takes longer than a slice of the sweep. This one waits for the next paint like everyone.
"""

from __future__ import annotations

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from volsweep.napari.panels.theme import Palette


class ProgressLine(QWidget):
    """A bar that fills up; striped over its whole length where the end is not known."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)
        self.share: float | None = 0.0
        self.text = ""
        self._palette: Palette | None = None

    def paint_with(self, palette: Palette) -> None:
        """Follow the theme."""
        self._palette = palette
        self.update()

    def show_progress(self, share: float | None, text: str) -> None:
        """Show how much is done, 0 to 1, or None where that is not known."""
        self.share, self.text = share, text
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw the bar."""
        p = self._palette
        if p is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(self.rect())
        painter.setBrush(QColor(p.field))
        painter.drawRoundedRect(whole, 3, 3)
        done = QRectF(whole)
        done.setWidth(whole.width() * (1.0 if self.share is None else min(max(self.share, 0.0), 1.0)))
        if done.width() >= 1:
            painter.setBrush(QColor(p.accent))
            if self.share is None:
                painter.setOpacity(0.35)
            painter.drawRoundedRect(done, 3, 3)
            painter.setOpacity(1.0)
        painter.setPen(QColor(p.text))
        painter.drawText(whole, Qt.AlignmentFlag.AlignCenter, self.text)
        painter.end()
