"""Offers to restore what a crash, or a hasty close, left unsaved."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from volsweep.napari.panels.widgets import note
from volsweep.napari.recovery.unfinished import Unfinished, unfinished


class RestoreBar(QFrame):
    """One session at a time, the newest first; hidden when there is none."""

    chosen = Signal(object)
    """The `Unfinished` session to restore."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("volsweep_restore")
        self.text = note()
        self.restore, self.discard = QPushButton("Restore"), QPushButton("Discard")
        self.restore.setObjectName("volsweep_primary")
        self.restore.clicked.connect(self._restore)
        self.discard.clicked.connect(self._discard)
        buttons = QHBoxLayout()
        buttons.addWidget(self.restore)
        buttons.addWidget(self.discard)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        layout.addWidget(self.text)
        layout.addLayout(buttons)
        self._waiting: list[Unfinished] = []
        self.find_left()

    def find_left(self) -> None:
        """Look for unfinished sessions."""
        self._waiting = unfinished()
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._waiting))
        if self._waiting:
            more = f" (and {len(self._waiting) - 1} older)" if len(self._waiting) > 1 else ""
            self.text.setText(self._waiting[0].sentence + more)
            self.text.setToolTip(self._waiting[0].saved.volume.path or "")

    def _restore(self) -> None:
        self.hide()
        self.chosen.emit(self._waiting[0])

    def _discard(self) -> None:
        self._waiting.pop(0).discard()
        self._show()
