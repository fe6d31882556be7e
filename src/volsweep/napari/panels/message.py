"""The line at the foot: what was done, what went wrong and what to do about it, or what to do next."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout

from volsweep.errors import shown
from volsweep.napari.controller import Controller
from volsweep.napari.panels.widgets import as_typed
from volsweep.napari.reading.words import window_words

_STAYS_S = 4.0
"""A sentence stays at least this long, and then until something is done."""

_BUSY_AFTER_MS = 200
"""What takes less long is not worth a word."""

_MAY_BREAK = "\u200b"
_LONG = re.compile(r"\S{28,}")


class MessageBar(QFrame):
    """One sentence, and at times a button that does what it suggests."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.setObjectName("volsweep_message")
        self._controller = controller
        self._said_at = 0.0
        self._until_done = False
        self._do: Callable[[], None] = lambda: None
        self._coming, self._before = "", ("", "hint")
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_BUSY_AFTER_MS)
        self._later.timeout.connect(self._show_busy)
        self.label = QLabel("")
        self.label.setWordWrap(True)
        self.label.setMinimumWidth(10)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton()
        self.button.clicked.connect(self._on_click)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 5, 8, 5)
        layout.setSpacing(5)
        layout.addWidget(self.label)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        self.say("", "info")
        controller.said.connect(self.say)
        controller.state_changed.connect(self._on_state)
        controller.volume_opened.connect(self._on_volume)
        controller.sweep_changed.connect(self._on_volume)

    @property
    def text(self) -> str:
        """What is said now."""
        return self.label.text().replace(_MAY_BREAK, "")

    @property
    def kind(self) -> str:
        """``"info"``, ``"warning"``, ``"error"``, ``"busy"`` or ``"hint"``."""
        return str(self.property("kind"))

    def say(self, text: str, kind: str) -> None:
        """Show a sentence; what takes a while is shown when it has taken one, and cleared by an empty sentence."""
        if kind == "busy":
            self._coming = text
            if text:
                self._later.start()
            else:
                self._later.stop()
                if self.kind == "busy":
                    self._show(*self._before)
            return
        self._later.stop()
        refused = kind == "refused"
        self._show(text, ("info" if refused else kind) if text else "hint")
        self._until_done = refused or kind == "error"

    def _show_busy(self) -> None:
        """What was said before comes back after it."""
        if self.kind != "busy":
            self._before = ("" if self.kind == "hint" else self.text, self.kind)
        self._show(f"{self._coming} …" if self._coming[-1:].isalnum() else self._coming, "busy")

    def offer(self, text: str, button: str, do: Callable[[], None], kind: str = "error") -> None:
        """Say something, with a button that does something about it."""
        self._show(text, kind)
        self._do = do
        self.button.setText(button)
        self.button.show()

    def _on_click(self) -> None:
        self._show("", "hint")
        self._do()

    def _on_state(self) -> None:
        """Something was done: what was said a while ago is old, and so is what was refused or went wrong before it."""
        opened = self._controller.opened
        done = self._until_done and opened is not None and opened.state is not self._state
        if done or self.kind == "hint" or time.monotonic() - self._said_at > _STAYS_S:
            self._show("", "hint")

    def _on_volume(self) -> None:
        self._show("", "hint")

    def _hint(self) -> str:
        controller = self._controller
        if controller.volume is None:
            return "Drop a DICOM folder on the window, or press Open."
        if controller.sweeping:
            return "Scroll or prompt another object meanwhile; Esc stops."
        if not controller.state.prompts:
            return "Draw a box around what you look for (B), or click on it (P)."
        if not controller.state.swept:
            return "Correct it with clicks (P, M) or the brush (R); sweep with S."
        return "N: next doubtful slice · A: tick it off · Ctrl+Z: undo"

    def _show(self, text: str, kind: str) -> None:
        self._until_done = kind == "error"
        self._said_at, self._state = time.monotonic(), self._controller.state
        text = window_words(text)
        self.button.hide()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setText(_breakable(shown(text or self._hint())))  # marks to break at are no unseen letters of names
        self.label.setToolTip(as_typed(text))
        if self.kind != kind:
            self.setProperty("kind", kind)
            for widget in (self, self.label):
                widget.style().unpolish(widget)
                widget.style().polish(widget)


def _breakable(text: str) -> str:
    """Paths and UIDs have no spaces: let them go on in the next line."""
    return _LONG.sub(lambda found: re.sub(r"([./_-])", rf"\1{_MAY_BREAK}", found.group()), text)
