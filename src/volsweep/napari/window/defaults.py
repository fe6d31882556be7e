"""The page of the user's defaults: every key, what it says, and why a value cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from volsweep.defaults import Defaults, changed, defaults_path, listed, write_defaults
from volsweep.errors import VolsweepError
from volsweep.napari.canvas.chosen import chosen, problem
from volsweep.napari.controller import Controller
from volsweep.napari.panels.model import ModelPanel
from volsweep.napari.panels.widgets import as_typed, note, plain
from volsweep.napari.reading.words import window_words

_TIPS = {
    "window": "auto, percentile, a CT preset such as lung, or width/level: 400/40",
    "plane": "axial, coronal or sagittal; empty: as the slices were acquired",
    "model": "A model's name, as the list of models shows it",
    "format": "The ending of saved labels: .nii.gz, .nrrd, .seg.nrrd, .mha, .seg.dcm, .rtstruct.dcm",
    "reader": "Initials of whoever reads, for journals, reports and worklists; they are sent nowhere",
    "name": "What the object of this number is called",
    "color": "#rrggbb",
    "code": "Its type in a DICOM SEG that the command line writes: VALUE:SCHEME:MEANING",
}
_MODALITIES = ("CT", "MR", "PT")


class DefaultsDialog(QDialog):
    """A table of keys and values; what is wrong keeps it open.

    Parameters
    ----------
    parent
        Over which it opens.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Volsweep's defaults")
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["default", "value; empty: Volsweep decides"])
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.told = note()
        plain(self.told, problem())
        where = QLabel(as_typed("They count where nothing else is said, here and on the command line."))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (where, self.table, self.told, self.buttons):
            layout.addWidget(widget)
        self.resize(520, 480)
        self._fill(chosen())

    def _fill(self, defaults: Defaults) -> None:
        there = listed(defaults)
        for row, key in enumerate(_keys(defaults)):
            self.table.insertRow(row)
            head = QTableWidgetItem(key)
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            tip = _TIPS[key.split(".")[0] if not key.startswith("label") else key.rpartition(".")[2]]
            for column, item in enumerate((head, QTableWidgetItem(there.get(key, "")))):
                item.setToolTip(tip)
                self.table.setItem(row, column, item)

    def values(self) -> dict[str, str]:
        """What stands in the table, by key; empty ones left out."""
        found = {}
        for row in range(self.table.rowCount()):
            key, value = self.table.item(row, 0), self.table.item(row, 1)
            if key is not None and value is not None and value.text().strip():
                found[key.text()] = value.text().strip()
        return found

    def accept(self) -> None:
        """Write the file, unless something in it cannot be."""
        try:
            defaults = Defaults()
            for key, value in self.values().items():
                defaults = changed(defaults, key, value)
            write_defaults(defaults)
        except VolsweepError as error:
            plain(self.told, window_words(str(error)))
            return
        super().accept()


def _keys(defaults: Defaults) -> Iterator[str]:
    """Every key that can be set, and a row of labels more than there are; a label's name before what needs it."""
    yield from (f"window.{modality}" for modality in dict.fromkeys((*_MODALITIES, *defaults.window)))
    yield from ("plane", "model", "format", "reader")
    for number in sorted({*defaults.labels, max(defaults.labels, default=0) + 1, 1, 2, 3}):
        yield from (f"label.{number}.{field}" for field in ("name", "color", "code"))


def offer(controller: Controller, panel: ModelPanel) -> None:
    """Show the page when the panel's button is pressed; the model counts at once."""

    def ask() -> None:
        if DefaultsDialog(panel).exec() == QDialog.DialogCode.Accepted:
            panel.choose(chosen().model)
            where = defaults_path()
            controller.say(f"The defaults are kept in {where}; they count for what is opened next.", "info")

    panel.defaults.clicked.connect(ask)
