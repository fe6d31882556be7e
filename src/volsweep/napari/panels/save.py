"""Save: the label volume with its receipt, the prompts, and the command that does it again."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QPushButton

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.io.formats import DEFAULT_SUFFIX, labels_filter, with_suffix
from volsweep.io.writing import Receipt
from volsweep.job.command import SessionCommand
from volsweep.napari.controller import Controller
from volsweep.napari.panels.widgets import Section, note
from volsweep.settings import data_folder


class SavePanel(Section):
    """The last step."""

    def __init__(self, controller: Controller, sweep_options: Callable[[], SweepOptions]) -> None:
        super().__init__("Save")
        self._controller, self._sweep_options = controller, sweep_options
        self.save = QPushButton("Save labels…")
        self.save.setObjectName("volsweep_primary")
        self.save.setToolTip("On the scanner's own grid, read back and compared before it counts")
        self.save.clicked.connect(self._ask)
        self.session = QPushButton("Session…")
        self.session.setToolTip(
            "JSON with everything that was done, to go on another day or with volsweep segment --prompts; "
            "the volume's path and hash, no patient name"
        )
        self.session.clicked.connect(self._ask_session)
        self.copy = QPushButton("Copy command")
        self.copy.setToolTip("The shell command that repeats this session")
        self.copy.clicked.connect(self.copy_command)
        layout = self.row(self.save, self.session, self.copy)
        for i in range(3):
            layout.setStretch(i, 1)
        layout.setStretch(3, 0)
        self.receipt = note()
        self.receipt.hide()
        self.body.addWidget(self.receipt)
        controller.saved.connect(self._on_saved)
        controller.session_saved.connect(self._on_session_saved)
        controller.state_changed.connect(self._enable)
        controller.volume_opened.connect(self._forget)
        self._enable()

    def _forget(self) -> None:
        self.receipt.hide()
        self._enable()

    def _enable(self) -> None:
        there = bool(self._controller.state.labels)
        self.save.setEnabled(there)
        prompted = bool(self._controller.state.prompts)
        self.session.setEnabled(prompted)
        self.copy.setEnabled(prompted)

    def _suggested(self, ending: str) -> str:
        source = self._controller.volume.source if self._controller.volume is not None else None
        image = self._controller.image
        name = (image.name if image is not None else "volume").replace(" ", "_").replace("/", "_")
        folder = source.path.parent if source is not None else Path.home()
        return str(folder / f"{name}{ending}")

    def _ask(self) -> None:
        name = self._suggested(f"_labels{DEFAULT_SUFFIX}")
        volume = self._controller.volume
        kinds = labels_filter(dicom=volume is not None and bool(volume.source and volume.source.slice_files))
        path, _ = QFileDialog.getSaveFileName(self, "Save labels", name, kinds)
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Save to a path that the user chose, and agreed to replace if it was there."""
        self._controller.save(with_suffix(path), overwrite=True)

    def _on_saved(self, receipt: Receipt) -> None:
        voxels = ", ".join(
            f"{self._controller.objects.label_of(value).name} {count:,}" for value, count in receipt.voxels.items()
        )
        self.receipt.setText(
            f"Saved {receipt.path.name}: {voxels or 'no'} voxels; read back, equal; sha256 {receipt.sha256[:8]}…"
        )
        self.receipt.setToolTip(
            f"{receipt.path}\nsha256 {receipt.sha256}\n"
            f"The corners lie within {max(receipt.max_corner_error_mm, 0.001):.3f} mm of the scanner's."
        )
        self.receipt.show()

    def _ask_session(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save session", self._suggested("_session.json"), "JSON (*.json)")
        if path:
            self.write_session(Path(path))

    def write_session(self, path: Path) -> None:
        """Save the session to a path that the user chose, and agreed to replace if it was there."""
        self._controller.save_session(path if path.suffix.lower() == ".json" else path.with_name(path.name + ".json"))

    def copy_command(self) -> None:
        """Put the command on the clipboard; the session file that it may need is written."""
        opened, display = self._controller.opened, self._controller.display
        if opened is None:
            return
        plane, window = display.plane, display.window
        model, device = self._controller.model, self._controller.device
        command = SessionCommand(opened.volume, opened.state, opened.done, plane, window, model, device)
        folder = data_folder() / "commands"
        file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
        if not command.is_plain:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                self._controller.said.emit(f"{folder} cannot be made ({error.strerror})", "error")
                return
            self._controller.save_session(file)
        words = command.words(self._sweep_options(), file)
        QGuiApplication.clipboard().setText(shlex.join(words))
        self._controller.said.emit("The command is on the clipboard.", "info")

    def _on_session_saved(self, path: Path) -> None:
        if path.parent != data_folder() / "commands":
            self._controller.said.emit(f"Session saved as {path.name}", "info")
