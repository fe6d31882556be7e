"""The next study: a patient's objects found in a later series, offered in a table, and taken over."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.qt.threading import create_worker
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QCursor, QGuiApplication
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from volsweep.io.formats import images_filter
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import remember, remembered
from volsweep.napari.panels.widgets import fill_table, note, results_table
from volsweep.napari.reading.followed import HEADINGS, Followable, Followed, as_text, cells, find, taken
from volsweep.napari.window.docked.earlier import EarlierStudy
from volsweep.volume import LabelVolume, Volume


class NextStudy(QDialog):
    """The table of what became of the objects; those that are ticked become objects of the later study.

    Parameters
    ----------
    controller
        Whose objects are followed.
    parent
        The window.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self._controller, self._ours = controller, parent
        self._worker: Any = None
        self._found: Followed | None = None
        self.earlier: EarlierStudy | None = None
        self.table = results_table(HEADINGS)
        self.told = note()
        self.accept_button = QPushButton("Take over")
        self.accept_button.setToolTip("Open the later study with the ticked objects, beside the earlier one")
        self.copy, self.shut = QPushButton("Copy the table"), QPushButton("Close")
        self.accept_button.clicked.connect(self.take)
        self.copy.clicked.connect(self.copy_table)
        self.shut.clicked.connect(self.close)
        buttons = QHBoxLayout()
        for widget in (self.accept_button, self.copy, self.shut):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        for part in (self.table, self.told):
            layout.addWidget(part)
        layout.addLayout(buttons)
        self.resize(620, 240)
        self.setWindowTitle("The next study")
        controller.volume_opened.connect(self._leave)

    # --- which study -----------------------------------------------------------------------

    def ask(self) -> None:
        """Let the user choose the later study: another volume of this window, a folder or a file."""
        menu = QMenu(self.parentWidget())
        for opened in self._controller.volumes:
            if opened is not self._controller.opened:
                menu.addAction(opened.image.name, partial(self.follow, opened.volume, opened.image.name))
        menu.addSeparator()
        menu.addAction("DICOM folder…", self._ask_folder)
        menu.addAction("File…", self._ask_file)
        menu.popup(QCursor.pos() - QPoint(8, 8))

    def _ask_folder(self) -> None:
        folder = str(remembered("open", Path.home()))
        self._chosen(QFileDialog.getExistingDirectory(self.parentWidget(), "The later study", folder))

    def _ask_file(self) -> None:
        folder = str(remembered("open", Path.home()))
        self._chosen(QFileDialog.getOpenFileName(self.parentWidget(), "The later study", folder, images_filter())[0])

    def _chosen(self, path: str) -> None:
        if path:
            remember("open", Path(path).parent)
            self.follow(Path(path), Path(path).name)

    # --- the work --------------------------------------------------------------------------

    def follow(self, later: Path | Volume, name: str) -> None:
        """Find the objects of the volume that is worked on in a later study."""
        controller = self._controller
        if controller.volume is None or controller.layers is None:
            controller.say("Open the earlier study first, with its objects.", "info")
            return
        if self._worker is not None:
            controller.say("A study is being followed already.", "info")
            return
        array = np.array(controller.layers.objects.data)
        labels = LabelVolume(array, controller.volume.grid, dict(controller.state.labels), controller.volume.source)
        what = Followable(controller.volume, labels, later, name, controller.model, controller.device)
        controller.say(f"Finding the objects in {name}", "busy")
        self._worker = worker = create_worker(find, what, _start_thread=False)
        worker.returned.connect(self._on_found)
        worker.start()

    def _on_found(self, found: Followed | str) -> None:
        self._worker = None
        self._controller.say("", "busy")
        if isinstance(found, str):
            self._controller.say(found, "error")
            return
        self._found = found
        for row, item in enumerate(fill_table(self.table, cells(found))):
            if found.is_there(row):
                item.setCheckState(Qt.CheckState.Checked)
        self.told.setText(found.sentence())
        self.setWindowTitle(f"The next study: {found.name}")
        self.show()
        self.raise_()

    def copy_table(self) -> None:
        """Put the table on the clipboard."""
        if self._found is not None:
            QGuiApplication.clipboard().setText(as_text(self._found))
            self._controller.say("The table is on the clipboard.", "info")

    # --- taking over -----------------------------------------------------------------------

    def take(self) -> None:
        """Open the later study with the objects that are ticked, sweep them, and show the earlier study beside it."""
        found, self._found = self._found, None
        if found is None:
            return
        items = [self.table.item(row, 0) for row in range(self.table.rowCount())]
        ticked = Qt.CheckState.Checked
        kept = [row for row, item in enumerate(items) if item is not None and item.checkState() == ticked]
        controller = self._controller
        layers = (opened.image for opened in controller.volumes if opened.volume is found.volume)
        image = next(layers, None)
        if image is None:
            image = controller.viewer.add_layer(Layer.create(*image_layer(found.volume, found.name)))
        controller.open(image)
        if controller.volume is not found.volume:  # it was refused, which was said: another volume gets nothing
            return
        action = taken(found, kept, controller.state.labels)
        controller.post(action)
        if action.prompts:
            first = action.prompts[0]
            controller.objects.select(first.label)
            controller.display.set_plane(first.plane)
            controller.display.go_to(first.slice)
            controller.sweep(labels=sorted({prompt.label for prompt in action.prompts}))  # and no object of their own
        self.show_earlier(found)

    def show_earlier(self, found: Followed) -> None:
        """Show the earlier study beside the later one."""
        self.forget()
        self.earlier = EarlierStudy(self._controller, found, self._ours)

    def _leave(self) -> None:
        """Another volume is worked on: the table was about the one before."""
        self.close()

    def forget(self) -> None:
        """Take the earlier study away."""
        earlier, self.earlier = self.earlier, None
        if earlier is not None:
            earlier.stop()

    def stop(self) -> None:
        """Listen no more."""
        self._controller.volume_opened.disconnect(self._leave)
        self.forget()
