"""Review: a plot along the slice axis of how far each slice is to be trusted; click to jump."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from volsweep.napari.controller import Controller
from volsweep.napari.panels.theme import Palette, palette
from volsweep.napari.panels.widgets import Tool
from volsweep.session.trust import DOUBTFUL_DICE, SliceTrust

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 20


class TrustPlot(QWidget):
    """The plot itself."""

    def __init__(self, controller: Controller, theme: str) -> None:
        super().__init__()
        self._controller = controller
        self.palette_ = palette(theme)
        self.setMinimumHeight(74)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        for signal in (
            controller.review.changed,
            controller.stepped,
            controller.state_changed,
            controller.objects.selected,
            controller.display.slice_changed,
            controller.volume_opened,
        ):
            signal.connect(self._again)

    def sizeHint(self) -> QSize:
        """As high as five lines of text."""
        return QSize(400, 92)

    def _again(self, *_: object) -> None:
        self.update()

    @property
    def _marks(self) -> Mapping[int, SliceTrust]:
        return self._controller.review.current

    def _area(self) -> QRectF:
        return QRectF(_LEFT, _TOP, max(1, self.width() - _LEFT - _RIGHT), max(1, self.height() - _TOP - _BOTTOM))

    def x_of(self, index: float) -> float:
        """Where a slice's middle lies, in pixels."""
        area = self._area()
        return area.left() + (index + 0.5) / max(self._controller.display.slices, 1) * area.width()

    def slice_at(self, x: float) -> int:
        """The slice under a pixel."""
        area = self._area()
        index = int((x - area.left()) / area.width() * self._controller.display.slices)
        return min(max(index, 0), self._controller.display.slices - 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Jump to the slice."""
        self._controller.display.go_to(self.slice_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say what is known of the slice; dragging scrolls."""
        index = self.slice_at(event.position().x())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._controller.display.go_to(index)
        mark = self._marks.get(index)
        QToolTip.showText(event.globalPosition().toPoint(), describe(index, mark), self)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw the plot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = self.palette_
        painter.fillRect(self.rect(), QColor(p.background))
        area = self._area()
        painter.fillRect(area, QColor(p.field))
        font = QFont(painter.font())
        font.setPointSizeF(7.5)
        painter.setFont(font)
        self._axes(painter, area, p)
        if not self._marks:
            painter.setPen(QColor(p.muted))
            text = "Trust per slice appears here as you sweep" if self._controller.volume else "No volume"
            if self._controller.review.other_plane is not None:
                text = f"Swept along the {self._controller.review.other_plane} plane: turn to it to review"
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
        self._bars(painter, area, p)
        self._curve(painter, area, p)
        self._current(painter, area, p)
        painter.end()

    def _y(self, area: QRectF, value: float) -> float:
        return area.bottom() - max(0.0, min(1.0, value)) * area.height()

    def _axes(self, painter: QPainter, area: QRectF, p: Palette) -> None:
        painter.setPen(QColor(p.muted))
        for value in (0.0, 1.0):
            where = QRectF(0, self._y(area, value) - 7, _LEFT - 6, 14)
            painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.0f}")
        painter.setPen(QPen(QColor(p.muted), 1, Qt.PenStyle.DotLine))
        y = self._y(area, DOUBTFUL_DICE)
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(QColor(p.muted))
        where = QRectF(0, y - 7, _LEFT - 6, 14)
        painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{DOUBTFUL_DICE:g}")
        last = self._controller.display.slices - 1
        for index in sorted({0, last // 4, last // 2, 3 * last // 4, last}):
            x = self.x_of(index)
            box = QRectF(x - 20, area.bottom() + 3, 40, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, str(index))

    def _bars(self, painter: QPainter, area: QRectF, p: Palette) -> None:
        width = area.width() / max(self._controller.display.slices, 1)
        accepted = self._controller.review.ticked
        painter.setPen(Qt.PenStyle.NoPen)
        for index, mark in self._marks.items():
            if mark.empty and not mark.prompted:
                continue
            # Green is a swept mask that can be trusted.
            sure = p.muted if mark.from_file or mark.from_finder else p.good
            color = QColor(p.accent if mark.prompted else p.bad if mark.doubtful else sure)
            color.setAlpha(120 if mark.doubtful else 80)
            top = self._y(area, mark.trust)
            gap = 0.5 if width > 4 else 0
            left = self.x_of(index) - width / 2
            painter.fillRect(QRectF(left + gap, top, max(1.0, width - 2 * gap), area.bottom() - top), color)
        for index in accepted:
            painter.setPen(QPen(QColor(p.good), 1.8))
            x, y = self.x_of(index), area.top() - 5
            painter.drawPolyline([QPointF(x - 4, y), QPointF(x - 1, y + 3), QPointF(x + 4, y - 3)])

    def _curve(self, painter: QPainter, area: QRectF, p: Palette) -> None:
        for name, color, style in (
            ("predicted_iou", p.muted, Qt.PenStyle.DashLine),
            ("neighbour_iou", p.text, Qt.PenStyle.SolidLine),
            ("agreement", p.warn, Qt.PenStyle.SolidLine),
        ):
            path, last = QPainterPath(), None
            for index in sorted(self._marks):
                mark = self._marks[index]
                value = getattr(mark, name)
                if value is None or mark.empty or mark.from_file or mark.from_finder:
                    last = None
                    continue
                point = QPointF(self.x_of(index), self._y(area, value))
                if last == index - 1:
                    path.lineTo(point)
                else:
                    path.moveTo(point)
                last = index
            painter.setPen(QPen(QColor(color), 1.3, style))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(path)

    def _current(self, painter: QPainter, area: QRectF, p: Palette) -> None:
        for index, mark in self._marks.items():
            if mark.prompted:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(p.accent))
                painter.drawEllipse(QPointF(self.x_of(index), area.top() + 5), 3.2, 3.2)
        if self._controller.volume is not None:
            x = self.x_of(self._controller.display.slice)
            painter.setPen(QPen(QColor(p.text), 1.6))
            painter.drawLine(QPointF(x, area.top() - 4), QPointF(x, area.bottom() + 3))


class TrustStrip(QWidget):
    """The plot with its buttons."""

    def __init__(self, controller: Controller, theme: str) -> None:
        super().__init__()
        self.plot = TrustPlot(controller, theme)
        self.next = Tool("next", "Next doubtful slice  (N)")
        self.suggest = Tool("suggest", "Suggest the slice to outline next")
        self.accept = Tool("tick", "Tick this slice off  (A)")
        self.next.clicked.connect(lambda _: controller.review.to_doubtful())
        self.suggest.clicked.connect(lambda _: controller.review.suggest())
        self.accept.clicked.connect(lambda _: controller.review.accept())
        buttons = QVBoxLayout()
        buttons.setContentsMargins(0, _TOP - 2, 6, 0)
        buttons.setSpacing(4)
        for button in (self.next, self.suggest, self.accept):
            button.setFixedSize(28, 28)
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.plot, 1)
        layout.addLayout(buttons)
        self.set_theme(theme)

    def set_theme(self, theme: str) -> None:
        """Follow napari's theme."""
        self.plot.palette_ = palette(theme)
        for button in (self.next, self.suggest, self.accept):
            button.paint_with(self.plot.palette_.icon)
        self.plot.update()


def describe(index: int, mark: SliceTrust | None) -> str:
    """What is known of a slice, in words."""
    if mark is None:
        return f"slice {index}: not swept"
    if mark.prompted:
        return f"slice {index}: prompted"
    if mark.from_file:
        return f"slice {index}: read from a file"
    if mark.from_finder:
        doubt = ": look at it" if mark.doubtful else ""
        return f"slice {index}{doubt}\ndrawn by the finder, not swept\nexpected overlap (DSC) {mark.trust:.2f}"
    parts = [f"slice {index}" + (": look at it" if mark.doubtful else "")]
    if mark.empty:
        parts.append("the object is not here")
    if mark.expected_dice is not None:
        parts.append(f"expected overlap (DSC) {mark.expected_dice:.2f}")
    if mark.neighbour_iou is not None:
        parts.append(f"overlap with the slice before {mark.neighbour_iou:.2f}")
    parts.append(f"predicted IoU {mark.predicted_iou:.2f}")
    if mark.agreement is not None:
        parts.append(f"forward and backward agree {mark.agreement:.2f}")
    return "\n".join(parts)
