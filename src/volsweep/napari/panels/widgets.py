"""Small pieces that all panels are made of, so that they line up."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from functools import lru_cache

from napari.resources import get_colorized_svg, get_icon_path
from qtpy.QtCore import QByteArray, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QMouseEvent, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from volsweep.errors import InputError, shown

GAP = 4
ROW = 26
_LINES = 'fill="none" stroke="COLOR" stroke-width="10">'
_RING = '<circle cx="50" cy="50" r="38"/><path d="M28 50 H72"/>'
_OWN_ICONS = {
    "minus-point": _LINES + _RING,
    "plus-point": _LINES + _RING + '<path d="M50 28 V72"/>',
    "diameter": _LINES + '<path d="M18 82 L82 18 M8 72 L28 92 M72 8 L92 28"/>',
    "axes": _LINES + '<path d="M14 86 L86 14 M34 34 L70 70"/>',
    "scribble": _LINES + '<path d="M12 74 C30 10 44 20 44 50 S60 92 88 26"/>',
    "ruler": _LINES + '<path d="M10 66 L66 10 L90 34 L34 90 Z M30 46 L42 58 M46 30 L58 42"/>',
    "angle": _LINES + '<path d="M82 18 L14 82 H90 M56 82 A42 42 0 0 0 44 53"/>',
    "box": _LINES + '<rect x="14" y="20" width="72" height="60" stroke-dasharray="16 8"/>',
    "undo": _LINES + '<path d="M20 40 H64 A20 20 0 0 1 64 80 H40"/><path d="M36 22 L18 40 L36 58"/>',
    "redo": _LINES + '<path d="M80 40 H36 A20 20 0 0 0 36 80 H60"/><path d="M64 22 L82 40 L64 58"/>',
    "planes": _LINES + '<path d="M14 14 H86 V86 H14 Z M60 14 V86 M60 50 H86"/>',
    "more": _LINES + '<path d="M12 22 H88 M12 50 H88 M12 78 H88"/>',
    "suggest": _LINES + '<circle cx="50" cy="38" r="24"/><path d="M40 62 V76 H60 V62 M44 90 H56"/>',
    "tick": _LINES + '<path d="M16 52 L40 76 L86 24"/>',
    "next": _LINES + '<path d="M14 50 H70 M50 26 L74 50 L50 74 M88 18 V82"/>',
}
"""What napari has no icon for: lines on a 100 x 100 field."""


@lru_cache(maxsize=256)
def icon(name: str, color: str) -> QIcon:
    """An icon of napari's or ours, in a colour."""
    if name in _OWN_ICONS:
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" {_OWN_ICONS[name]}</svg>'
        svg = svg.replace("COLOR", color)
    else:
        svg = get_colorized_svg(get_icon_path(name), color)
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    pixmap = QPixmap(QSize(64, 64))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter)
    painter.end()
    return QIcon(pixmap)


def swatch(color: str) -> QIcon:
    """A rounded square of a label's colour."""
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawRoundedRect(3, 3, 26, 26, 6, 6)
    painter.end()
    picture = QIcon(pixmap)
    picture.addPixmap(pixmap, QIcon.Mode.Selected)
    return picture


class Tool(QToolButton):
    """A button with an icon whose colour follows the theme."""

    def __init__(self, name: str, tip: str, *, checkable: bool = False, text: str = "") -> None:
        super().__init__()
        self._name = name
        self.setToolTip(tip)
        self.setCheckable(checkable)
        self.setIconSize(QSize(18, 18))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if text:
            self.setText(text)
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)

    def paint_with(self, color: str) -> None:
        """Draw the icon in a colour."""
        self.setIcon(icon(self._name, color))

    def rename_icon(self, name: str, color: str) -> None:
        """Show another icon."""
        self._name = name
        self.paint_with(color)


class Heading(QLabel):
    """A section's name; a click on it folds the section, or unfolds it."""

    clicked = Signal()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell of the click."""
        super().mouseReleaseEvent(event)
        self.clicked.emit()


class Section(QWidget):
    """A heading and what stands below it, which a click on the heading puts away."""

    folded_by_hand = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.spacing = GAP
        self.needed = False
        """Whether it is not to be folded for want of room."""
        self._why: set[str] = set()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        head = QHBoxLayout()
        head.setSpacing(8)
        self.heading = Heading(title)
        self.heading.setCursor(Qt.CursorShape.PointingHandCursor)
        self.heading.clicked.connect(self._on_heading)
        self.heading.setObjectName("volsweep_heading")
        line = QFrame()
        line.setObjectName("volsweep_rule")
        line.setFixedHeight(1)
        line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        head.addWidget(self.heading)
        head.addWidget(line, 1)
        self.head = head
        outer.addLayout(head)
        self.inner = QWidget()
        self.body = QVBoxLayout(self.inner)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(GAP)
        outer.addWidget(self.inner)
        self.fold(False)

    @property
    def folded(self) -> bool:
        """Whether only the heading is there."""
        return self.inner.isHidden()

    def fold(self, folded: bool) -> None:
        """Put what stands below the heading away, or show it again."""
        self.inner.setHidden(folded)
        self.heading.setText(f"{'▸' if folded else '▾'} {self._title}")
        self.heading.setToolTip("Click to unfold" if folded else "Click to fold")

    def need(self, needed: bool, why: str = "") -> None:
        """Unfold it, and let nothing but the user fold it; or have that, for this reason, no longer so."""
        (self._why.add if needed else self._why.discard)(why)
        self.needed = bool(self._why)
        if needed:
            self.fold(False)

    def _on_heading(self) -> None:
        self.fold(not self.folded)
        self.folded_by_hand.emit()

    def row(self, *widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
        """Add widgets side by side; `stretch` is the one that takes the room that is left."""
        layout = QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        for i, widget in enumerate(widgets):
            layout.addWidget(widget, 1 if i == stretch else 0)
        if stretch is None:
            layout.addStretch(1)
        self.body.addLayout(layout)
        return layout


def number_in(text: str) -> float:
    """The number that someone typed, with a decimal point or a decimal comma.

    Raises
    ------
    InputError
        If it is none.
    """
    plain = "".join(text.split()).replace("−", "-")
    point, comma = plain.rfind("."), plain.rfind(",")
    if point >= 0 and comma >= 0:  # the last is the decimal sign, the other one groups thousands
        plain = plain.replace("," if point > comma else ".", "")
    if re.fullmatch(r"-?\d{1,3}(,\d{3}){2,}|-?\d{1,3}(\.\d{3}){2,}", plain):
        plain = plain.replace(",", "").replace(".", "")
    try:
        value = float(plain.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not a number; type one such as 40.5 or 40,5")
    return value


def make_primary(button: QPushButton, yes: bool) -> None:
    """Draw a button as the one to press next, or as one among others; see `theme`."""
    name = "volsweep_primary" if yes else ""
    if button.objectName() != name:
        button.setObjectName(name)
        button.style().unpolish(button)
        button.style().polish(button)


def as_typed(text: str) -> str:
    """A text for a tooltip or a question, where Qt takes what looks like markup for it: names come from files."""
    text = shown(text)
    return f"<qt>{html.escape(text).replace(chr(10), '<br>')}</qt>" if "<" in text else text


def plain(label: QLabel, text: str) -> QLabel:
    """Show a text as it is: what looks like markup in a name is none."""
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(shown(text))
    return label


def note(text: str = "") -> QLabel:
    """A line of small print that wraps."""
    label = plain(QLabel(), text)
    label.setObjectName("volsweep_note")
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setMinimumWidth(240)
    return label


def caption(text: str, width: int = 54) -> QLabel:
    """What stands in front of a field; all of one width, so that the fields line up."""
    label = QLabel(text)
    label.setFixedWidth(width)
    return label


def results_table(headings: Sequence[str]) -> QTableWidget:
    """An empty table to be read, not edited: the first column takes the room that the others leave."""
    table = QTableWidget(0, len(headings))
    table.setHorizontalHeaderLabels(headings)
    table.verticalHeader().hide()
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return table


def fill_table(table: QTableWidget, rows: Sequence[Sequence[str]]) -> list[QTableWidgetItem]:
    """Put texts into a table of results, names to the left and numbers to the right; the first item of every row."""
    table.setRowCount(len(rows))
    first = []
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(row, column, item)
            if column == 0:
                first.append(item)
    return first
