"""Save: the label volume with its receipt, the prompts, and the command that does it again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QCheckBox, QPushButton

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.io.formats import DEFAULT_SUFFIX, labels_filter, written_suffixes
from volsweep.io.groups import may_write
from volsweep.io.labels_write import Receipt
from volsweep.io.writing.signed import can_be_signed
from volsweep.job.command import SessionCommand, shell_line
from volsweep.napari.canvas.chosen import chosen
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import ask_for_file, documents, may_replace, remember, remembered
from volsweep.napari.panels.widgets import Section, as_typed, make_primary, note, plain
from volsweep.napari.reading.next_step import next_step
from volsweep.settings import data_folder, private_folder

_MOST_NAMED = 3
"""Objects that a receipt names; of more it says how many there are, and names them where the mouse rests on it."""


class SavePanel(Section):
    """The last step."""

    def __init__(self, controller: Controller, sweep_options: Callable[[], SweepOptions]) -> None:
        super().__init__("Save")
        self._controller, self._sweep_options = controller, sweep_options
        self.save = QPushButton("Save labels…")
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
        self.sign, self.painted = QCheckBox(), QCheckBox("Overlaps in one volume")
        self.sign.setToolTip("The file says who made it (ContentCreatorName); no other format has a place for that")
        self.painted.setToolTip(
            "NIfTI and NRRD hold one number a voxel: the smaller object over the larger one, in one file; "
            "otherwise each object stays whole, in a file a group"
        )
        for box in (self.sign, self.painted):
            box.hide()
            self.body.addWidget(box)
        self.receipt = note()
        self.receipt.hide()
        self.body.addWidget(self.receipt)
        controller.saved.connect(self._on_saved)
        controller.session_saved.connect(self._on_session_saved)
        controller.state_changed.connect(self._enable)
        controller.volume_opened.connect(self._forget)
        controller.sweep_changed.connect(self._enable)
        self._enable()

    def _forget(self) -> None:
        self.receipt.hide()
        self.sign.setChecked(False)  # each patient's file is signed because someone asked for it
        self._enable()

    def _enable(self, _: object = None) -> None:
        there = bool(self._controller.state.labels)
        self.save.setEnabled(there)
        opened = self._controller.opened
        make_primary(self.save, next_step(opened) == "save")
        reader = "" if opened is None else opened.session.reader
        self.sign.setText(f"Name {reader} in a DICOM SEG")
        self.sign.setVisible(there and bool(reader))
        self.painted.setVisible(any(label.overlaps for label in self._controller.state.labels.values()))
        prompted = bool(self._controller.state.prompts)
        self.session.setEnabled(prompted)
        self.copy.setEnabled(prompted)

    def _suggested(self, ending: str) -> Path:
        image = self._controller.image
        name = (image.name if image is not None else "volume").replace(" ", "_").replace("/", "_")
        return remembered("save", documents()) / f"{name}{ending}"

    def _ask(self) -> None:
        volume = self._controller.volume
        kinds = labels_filter(dicom=volume is not None and bool(volume.source and volume.source.slice_files))
        path, kind = ask_for_file(
            self, "Save labels", self._suggested(f"_labels{chosen().format or DEFAULT_SUFFIX}"), kinds
        )
        if path is not None:
            self.write(path, _first_suffix(kind))

    def write(self, path: Path, suffix: str = DEFAULT_SUFFIX) -> None:
        """Save to a path that the user chose; one without an ending gets `suffix`. Asks before it replaces."""
        if not path.name.lower().endswith(written_suffixes()):
            path = path.with_name(path.name + suffix)
        opened = self._controller.opened
        groups = 1 if opened is None or self._is_painted else 1 + len(opened.under_zyx)
        if may_replace(self, *reversed(may_write(path, groups))):
            remember("save", path.parent)
            sign = self.sign.isChecked() and can_be_signed(path)
            self._controller.save(path, overwrite=True, sign=sign, painted=self._is_painted)

    @property
    def _is_painted(self) -> bool:
        """Whether objects that overlap become one volume."""
        return not self.painted.isHidden() and self.painted.isChecked()

    def _on_saved(self, receipt: Receipt) -> None:
        counts = [
            f"{self._controller.objects.label_of(value).name} {count:,}" for value, count in receipt.voxels.items()
        ]
        voxels = ", ".join(counts) or "no"
        if len(counts) > _MOST_NAMED:  # the objects themselves need the room
            voxels = f"{len(counts)} objects, {sum(receipt.voxels.values()):,}"
        done = f"Saved {receipt.path.name}: {voxels} voxels; read back, equal; sha256 {receipt.sha256[:8]}…"
        plain(self.receipt, done)
        off_mm = max(receipt.max_corner_error_mm, 0.001)
        where = f"The corners lie within {off_mm:.3f} mm of the scanner's."
        tip = "\n".join([str(receipt.path), f"sha256 {receipt.sha256}", where, *counts])
        self.receipt.setToolTip(as_typed(tip))
        self.receipt.show()

    def _ask_session(self) -> None:
        path, _ = ask_for_file(self, "Save session", self._suggested("_session.json"), "JSON (*.json)")
        if path is not None:
            self.write_session(path)

    def write_session(self, path: Path) -> None:
        """Save the session to a path that the user chose. Asks before it replaces."""
        path = path if path.suffix.lower() == ".json" else path.with_name(path.name + ".json")
        if may_replace(self, path):
            remember("save", path.parent)
            self._controller.save_session(path)

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
                private_folder(folder)
            except OSError as error:
                self._controller.said.emit(f"{folder} cannot be made ({error.strerror})", "error")
                return
            self._controller.save_session(file)
        words = command.words(self._sweep_options(), file)
        QGuiApplication.clipboard().setText(shell_line(words))
        self._controller.said.emit("The command is on the clipboard.", "info")

    def _on_session_saved(self, path: Path) -> None:
        if path.parent != data_folder() / "commands":
            self._controller.said.emit(f"Session saved as {path.name}", "info")


def _first_suffix(kind: str) -> str:
    """The usual ending of a kind as the dialog shows it: ``NRRD (*.nrrd)``."""
    found = re.search(r"\*(\.[\w.]+)", kind)
    return found[1] if found else DEFAULT_SUFFIX
