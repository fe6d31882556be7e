"""Offers to restore what a crash, or a hasty close, left unsaved."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFrame, QHBoxLayout, QMessageBox, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from volsweep.napari.canvas.names import tails
from volsweep.napari.panels.widgets import as_typed, note
from volsweep.napari.recovery.unfinished import Unfinished, unfinished

_HIGHEST = 84
"""In pixels: two sessions are seen at once, and the list scrolls."""


class RestoreBar(QFrame):
    """Every session that waits, the newest first; hidden when there is none."""

    chosen = Signal(object)
    """The `Unfinished` session to restore."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("volsweep_restore")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.rows: list[RestoreRow] = []
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 4, 6, 4)
        layout.addWidget(self._scroll)
        self.find_left()

    def find_left(self) -> None:
        """Look for unfinished sessions."""
        self._show(unfinished())

    def _show(self, waiting: list[Unfinished]) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        # With the folder, since another one of the same name may be open already.
        names = tails([Path(left.saved.volume.path or "?") for left in waiting], 2)
        self.rows = [RestoreRow(left, name) for left, name in zip(waiting, names, strict=True)]
        for row in self.rows:
            row.restore.clicked.connect(partial(self._restore, row))
            row.discard.clicked.connect(partial(self._discard, row))
            column.addWidget(row)
        self._scroll.setWidget(inner)
        self._scroll.setFixedHeight(min(_HIGHEST, inner.sizeHint().height() + 4))
        self.setVisible(bool(waiting))

    def _restore(self, row: RestoreRow, *_: object) -> None:
        self._show([other.left for other in self.rows if other is not row])
        self.chosen.emit(row.left)

    def _discard(self, row: RestoreRow, *_: object) -> None:
        if is_discard_agreed(self, row.left):
            row.left.discard()
            self._show([other.left for other in self.rows if other is not row])


class RestoreRow(QWidget):
    """One session: what, when, how much.

    Parameters
    ----------
    left
        The session.
    name
        What it was made on, as far as tells it apart from the others.
    """

    def __init__(self, left: Unfinished, name: str) -> None:
        super().__init__()
        self.left = left
        self.text = note(f"Unsaved: {name}\n{left.when_words} · {left.how_much}")
        self.text.setMinimumWidth(0)
        self.text.setWordWrap(False)  # two lines, a long name's end is in the tooltip
        self.text.setToolTip(as_typed(f"{left.sentence}\n{left.saved.volume.path or ''}".strip()))
        self.restore, self.discard = QPushButton("Restore"), QPushButton("Discard…")
        self.restore.setObjectName("volsweep_primary")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.restore)
        layout.addWidget(self.discard)


def is_discard_agreed(parent: QWidget, left: Unfinished) -> bool:
    """Ask before work is gone for good."""
    yes, no = QMessageBox.StandardButton.Discard, QMessageBox.StandardButton.Cancel
    question = as_typed(f"{left.sentence}\n\nDiscard it for good?")
    return QMessageBox.question(parent, "Discard unsaved work", question, yes | no, no) == yes
