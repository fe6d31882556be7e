"""Compare with other labels: those of a file lie over the image as outlines, and a table says how well they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import remember, remembered
from volsweep.napari.panels.widgets import fill_table, note, results_table
from volsweep.napari.reading.comparison import HEADINGS, as_text, rows, show_outlines
from volsweep.napari.worker.events import Compared
from volsweep.napari.worker.tasks import Compare


class Comparison(QDialog):
    """The table, which floats over the window; the outlines go when it is closed.

    Parameters
    ----------
    controller
        Whose objects are compared.
    parent
        The window.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self._controller, self._beside = controller, parent
        self._layer: Labels | None = None
        self._compared: Compared | None = None
        self.table = results_table(HEADINGS)
        self.told = note()
        self.copy, self.shut = QPushButton("Copy the table"), QPushButton("Close")
        self.copy.clicked.connect(self.copy_table)
        self.shut.clicked.connect(self.close)
        buttons = QHBoxLayout()
        for widget in (self.copy, self.shut):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        for part in (self.table, self.told):
            layout.addWidget(part)
        layout.addLayout(buttons)
        self.resize(560, 220)
        controller.compared.connect(self.show_comparison)
        controller.volume_opened.connect(self._leave)

    def ask(self) -> None:
        """Let the user choose the labels to compare with."""
        kinds = "Labels (*.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd *.dcm);;All files (*)"
        folder = str(remembered("open", Path.home()))
        path, _ = QFileDialog.getOpenFileName(self.parentWidget(), "Compare with other labels", folder, kinds)
        if path:
            remember("open", Path(path).parent)
            self.compare(Path(path))

    def compare(self, path: Path) -> None:
        """Hold the objects against those of a file."""
        self._controller.post(Compare(path))

    def show_comparison(self, compared: Compared) -> None:
        """The worker has compared them."""
        image, volume = self._controller.image, self._controller.volume
        if image is None or volume is None:
            return
        self._forget()
        self._compared = compared
        self._layer = show_outlines(self._controller.viewer, image, volume, compared)
        self.setWindowTitle(f"Compared with {compared.path.name}")
        self.told.setText(" ".join((*(f"{told}." for told in compared.told), "Outlines: the file's objects.")))
        fill_table(self.table, rows(compared.rows))
        self.show()
        window = self._beside.window()
        self.move(window.mapToGlobal(window.rect().bottomLeft() - self.rect().bottomLeft()))  # beside what is compared
        self.raise_()

    def copy_table(self) -> None:
        """Put the table on the clipboard."""
        if self._compared is not None:
            QGuiApplication.clipboard().setText(as_text(self._compared.rows))
            self._controller.say("The comparison is on the clipboard.", "info")

    def _leave(self) -> None:
        """Another volume is worked on."""
        self.close()

    def closeEvent(self, event: Any) -> None:
        """The outlines go with the table."""
        self._forget()
        super().closeEvent(event)

    def _forget(self) -> None:
        layer, self._layer, self._compared = self._layer, None, None
        if layer is not None and layer in self._controller.viewer.layers:
            self._controller.viewer.layers.remove(layer)
