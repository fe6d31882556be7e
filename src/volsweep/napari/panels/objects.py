"""Objects: colour, name, visible, lock, volume and axes of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QGuiApplication, QIcon
from qtpy.QtWidgets import QAbstractItemView, QColorDialog, QHeaderView, QLabel, QMenu, QTableWidget, QTableWidgetItem

from volsweep.errors import OutputError, sentence
from volsweep.io.writing import write_whole
from volsweep.job.report import doubts_of_name
from volsweep.measurement import Measurement
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import ask_for_file, may_replace, remember, remembered
from volsweep.napari.panels.relations import RelationMenu
from volsweep.napari.panels.widgets import Section, Tool, as_typed, icon, swatch
from volsweep.napari.reading.named import window_by_names
from volsweep.napari.reading.table import as_text, rows, totals
from volsweep.terminology import color_for

_COLOR, _NAME, _SEEN, _LOCK, _VOLUME, _AXES = range(6)
_HEADINGS = ("", "Name", "", "", "mL", "Axes, mm")
_ROW = 24
_FEWEST, _MOST = 3, 10
"""Rows that are seen at once."""
OPERATIONS = (
    "Grow the object",
    "Shrink the object",
    "Smooth the object",
    "Fill the object's holes",
    "Keep the object's largest part",
    "Split the object's islands",
    "Fill between slices",
    "Copy to a neighbouring slice",
    "Combine objects",
    "Limit the object to values",
    "Grow the object over values",
)
"""Forms of napari.yaml, in the order of its menu."""


class ObjectTable(Section):
    """What is being segmented."""

    wanted = Signal(str)
    """An operation, by the name of its form in napari.yaml."""
    compare_wanted = Signal()
    next_study_wanted = Signal()
    by_name_wanted = Signal()
    worklist_wanted = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__("Objects")
        self._controller = controller
        self._sizes: Mapping[int, Measurement] = {}
        self._quiet = False
        self._icon_color = "#808080"
        self._build_head()
        self.table = QTableWidget(0, len(_HEADINGS))
        self.table.setHorizontalHeaderLabels(_HEADINGS)
        tips = {_VOLUME: "Volume in millilitres", _AXES: "Longest diameter × the longest one perpendicular to it"}
        for column, tip in tips.items():
            heading = QTableWidgetItem(_HEADINGS[column])
            heading.setToolTip(tip)
            heading.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setHorizontalHeaderItem(column, heading)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        self.table.verticalHeader().setMinimumSectionSize(_ROW)
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setIconSize(QSize(15, 15))
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(22)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in (_COLOR, _SEEN, _LOCK):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.table.setColumnWidth(column, 26)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((_VOLUME, 54), (_AXES, 102)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.table.setColumnWidth(column, width)
        self.take(0)
        self.table.cellClicked.connect(self._on_click)
        self.table.cellDoubleClicked.connect(self._on_double_click)
        self.table.itemChanged.connect(self._on_renamed)
        self.table.currentCellChanged.connect(self._on_row)
        self.body.addWidget(self.table)
        controller.state_changed.connect(self._fill)
        controller.objects.selected.connect(self._fill)
        controller.volume_opened.connect(self._forget)
        controller.measured.connect(self._on_measured)
        self._fill()

    def _build_head(self) -> None:
        """The buttons beside the heading."""
        controller = self._controller
        self.add, self.remove = (
            Tool("plus", "Add an object; the next prompts are about it"),
            Tool("delete", "Delete the selected object with its prompts and masks"),
        )
        self.more = Tool("more", "Grow, shrink, smooth, fill, split, combine the selected object")
        self.more.setPopupMode(Tool.ToolButtonPopupMode.InstantPopup)
        self.more.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # over an icon this small it hides it
        menu = QMenu(self.more)
        for name in OPERATIONS:
            menu.addAction(name, partial(self.wanted.emit, name))
        menu.addSeparator()
        self.relations = RelationMenu(controller, menu)
        menu.addMenu(self.relations)
        menu.addAction("Find by name…", self.by_name_wanted.emit)
        menu.addAction("Compare with other labels…", self.compare_wanted.emit)
        menu.addAction("Next study…", self.next_study_wanted.emit)
        menu.addAction("Worklist…", self.worklist_wanted.emit)
        menu.addAction("Copy the measurements", self.copy_table)
        menu.addAction("Save the measurements…", self._ask_table)
        self.more.setMenu(menu)
        self.total = QLabel()
        self.head.addWidget(self.total)
        for button in (self.more, self.add, self.remove):
            button.setObjectName("volsweep_flat")
            button.setIconSize(QSize(15, 15))
            self.head.addWidget(button)
        self.add.clicked.connect(controller.objects.new)
        self.remove.clicked.connect(lambda: controller.objects.delete(controller.objects.label))

    @property
    def wanted_height(self) -> int:
        """The pixels that rows beyond the first three take, up to the tenth."""
        return max(min(len(self.values), _MOST) - _FEWEST, 0) * _ROW

    def take(self, spare: int) -> int:
        """Show as many rows as there are objects, three to ten, in pixels that are left; return how many it takes."""
        taken = min(self.wanted_height, max(spare, 0) // _ROW * _ROW)
        height = _ROW * _FEWEST + 30 + taken
        if height != self.table.height():
            self.table.setFixedHeight(height)
            self.table.scrollTo(self.table.currentIndex())
        return taken

    def paint_with(self, color: str) -> None:
        """Draw the icons in the theme's colour."""
        self._icon_color = color
        self.more.paint_with(color)
        self.add.paint_with(color)
        self.remove.paint_with(color)
        self._fill()

    def _table(self, delimiter: str) -> str:
        names = {value: self._controller.objects.label_of(value).name for value in self._sizes}
        volume, items = self._controller.volume, self._controller.measures.items
        by_hand = [] if volume is None else [(item, volume.grid) for item in items]
        return as_text(rows(self._sizes, names, by_hand), delimiter)

    def copy_table(self) -> None:
        """Put the measurements of all objects on the clipboard, in columns."""
        QGuiApplication.clipboard().setText(self._table("\t"))
        self._controller.say("The measurements are on the clipboard.", "info")

    def _ask_table(self) -> None:
        suggested = remembered("save", Path.home()) / "measurements.csv"
        path, _ = ask_for_file(self, "Save measurements", suggested, "CSV (*.csv)")
        if path is not None:
            self.write_table(path if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.csv"))

    def write_table(self, path: Path) -> None:
        """Save the measurements of all objects as CSV. Asks before it replaces."""
        if not may_replace(self, path):
            return
        remember("save", path.parent)
        try:
            write_whole(path, self._table(","), overwrite=True)
        except OutputError as error:
            self._controller.say(sentence(str(error)), "error")
        else:
            self._controller.say(f"The measurements are in {path.name}.", "info")

    def _forget(self) -> None:
        opened = self._controller.opened
        self._sizes = {} if opened is None else opened.sizes
        self._fill()

    def _on_measured(self, sizes: Mapping[int, Measurement]) -> None:
        self._sizes = sizes
        self._fill()

    @property
    def values(self) -> list[int]:
        """The labels, row by row."""
        return sorted(self._controller.state.labels)

    def _fill(self, *_: object) -> None:
        self._quiet = True
        controller = self._controller
        self.table.setRowCount(len(self.values))
        for row, value in enumerate(self.values):
            label, size = controller.objects.label_of(value), self._sizes.get(value)
            hidden = value in controller.objects.hidden
            self._item(row, _COLOR, "", swatch(label.color), f"Object {value}: click to choose a colour")
            lies = ", may overlap" * label.overlaps
            tip = as_typed(f"{label.name}\nDouble-click to rename{lies}")  # the column is narrow
            named = self._item(row, _NAME, label.name, None, tip)
            named.setFlags(named.flags() | Qt.ItemFlag.ItemIsEditable)
            eye = icon("visibility_off" if hidden else "visibility", self._icon_color)
            self._item(row, _SEEN, "", eye, "Show" if hidden else "Hide")
            lock = icon("lock" if label.locked else "lock_open", self._icon_color)
            self._item(row, _LOCK, "", lock, "Unlock (K)" if label.locked else "Lock: nothing changes it (K)")
            volume = "–" if size is None else _short(size.volume_ml)
            axes = "–" if size is None else f"{size.diameters.long_mm:.1f} × {size.diameters.short_mm:.1f}"
            tip = "" if size is None else f"{size.voxels} voxels on {size.slices} slices, axes on {size.diameter_slice}"
            for column, text in ((_VOLUME, volume), (_AXES, axes)):
                number = self._item(row, column, text, None, tip)
                number.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        together_ml, long_mm = totals(self._sizes)
        self.total.setText(f"Σ {long_mm:.1f} mm" if len(self._sizes) > 1 else "")
        self.total.setToolTip(f"Sum of the long axes of {len(self._sizes)} objects; {_short(together_ml)} mL together")
        if controller.objects.label in self.values:
            self.table.setCurrentCell(self.values.index(controller.objects.label), _NAME)
        else:
            self.table.clearSelection()
        self.add.setEnabled(controller.volume is not None)
        known = controller.objects.label in controller.state.labels
        self.remove.setEnabled(known and not controller.state.is_locked(controller.objects.label))
        self._quiet = False

    def _item(self, row: int, column: int, text: str, picture: QIcon | None, tip: str) -> QTableWidgetItem:
        item = self.table.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.table.setItem(row, column, item)
        item.setText(text)
        item.setIcon(picture or QIcon())
        item.setToolTip(tip)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        return item

    def _on_row(self, row: int, *_: int) -> None:
        if not self._quiet and 0 <= row < len(self.values):
            self._controller.objects.select(self.values[row])

    def _on_click(self, row: int, column: int) -> None:
        value = self.values[row]
        if column == _SEEN:
            self._controller.objects.set_hidden(value, value not in self._controller.objects.hidden)
        elif column == _LOCK:
            self._controller.objects.lock(value, not self._controller.state.is_locked(value))

    def _on_double_click(self, row: int, column: int) -> None:
        value = self.values[row]
        if column == _COLOR:
            chosen = QColorDialog.getColor(
                QColor(self._controller.objects.label_of(value).color), self, "Colour of the object"
            )
            if chosen.isValid():
                self._controller.objects.rename(value, color=chosen.name())

    def _on_renamed(self, item: QTableWidgetItem) -> None:
        if self._quiet or item.column() != _NAME or item.row() >= len(self.values):
            return
        value, name = self.values[item.row()], item.text().strip()
        if name and name != self._controller.objects.label_of(value).name:
            self._name(value, name)
        else:
            self._fill()

    def _name(self, value: int, name: str) -> None:
        """Name an object; what follows from that is told, and gives way to what was chosen."""
        controller = self._controller
        label, volume = controller.objects.label_of(value), controller.volume
        controller.objects.rename(value, name=name, color=color_for(label, value, name))
        if volume is None:
            return
        names = {other: named.name for other, named in controller.state.labels.items()} | {value: name}
        window = window_by_names(names.values(), volume, controller.display.window)
        if window is not None:
            controller.display.set_window(window)
            controller.say(f"Window {window}, by the name {name}; choose another under Volume.", "info")
        for told in doubts_of_name(name, value, volume):
            controller.say(sentence(told) + ".", "warning")


def _short(volume_ml: float) -> str:
    return f"{volume_ml:.2f}" if volume_ml < 10 else f"{volume_ml:.1f}" if volume_ml < 1000 else f"{volume_ml:.0f}"
