"""A click and its mask in one frame: painting a window twice costs more than the network's answer to a click."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

from volsweep.napari.controller import Controller

WAITS_MS = 120
"""What comes within so long of a click seems to come at once; of a slower answer the click itself is shown then.

A mask takes 85 to 100 ms of processor time from the prompt on. Waited for 80, it comes while the click's own frame is
painted, and is seen two frames after that, of some 50 ms each without a graphics card.
"""


class UnderTheMouse:
    """Answers which part of the canvas takes a press or a wheel: the view, for nothing that napari draws in it does.

    To learn that, vispy paints the whole canvas once more, and reads one pixel.

    Parameters
    ----------
    canvas
        Napari's, of a window.
    """

    def __init__(self, canvas: Any) -> None:
        self._scene = canvas._scene_canvas
        painted, grid = self._scene.visual_at, canvas.viewer.canvas.grid
        self._scene.visual_at = lambda pos: painted(pos) if grid.enabled else canvas.view

    def stop(self) -> None:
        """Let vispy paint again."""
        del self._scene.visual_at


class OneFrame(QObject):
    """Holds the window's next frame back from a prompt until its mask is there, or for `WAITS_MS`.

    Parameters
    ----------
    main
        The window. What changes in it meanwhile is all in the frame that follows.
    controller
        Who knows of prompts and of masks.
    parent
        With whom it goes.
    """

    def __init__(self, main: QWidget, controller: Controller, parent: QObject) -> None:
        super().__init__(parent)
        self._main, self._controller = main, controller
        self._owed = False
        """Whether a frame was asked for while it was held back."""
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(WAITS_MS)
        self._late.timeout.connect(self._let_go)
        main.installEventFilter(self)
        controller.tools.prompted.connect(self._hold)
        controller.redrawn.connect(self._let_go)
        controller.said.connect(self._on_said)

    def stop(self) -> None:
        """Hold nothing back any more."""
        self._controller.tools.prompted.disconnect(self._hold)
        self._controller.redrawn.disconnect(self._let_go)
        self._controller.said.disconnect(self._on_said)
        self._main.removeEventFilter(self)
        self._let_go()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt asks a window once to paint all that changed in it, and asks no more until it has done so."""
        if watched is self._main and event.type() == QEvent.Type.UpdateRequest and self._late.isActive():
            self._owed = True
            return True
        return False

    def _hold(self, *_: Any) -> None:
        if not self._controller.sweeping:  # a sweep draws all the time
            self._late.start()

    def _on_said(self, _: str, kind: str) -> None:
        if kind == "error":
            self._let_go()

    def _let_go(self, *_: Any) -> None:
        self._late.stop()
        if self._owed:
            self._owed = False
            QCoreApplication.postEvent(self._main, QEvent(QEvent.Type.UpdateRequest))
