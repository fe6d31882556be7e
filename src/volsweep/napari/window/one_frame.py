"""What belongs together in one frame: painting a window twice costs more than the network's answer to a click."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget
from vispy.visuals.mesh import MeshVisual
from vispy.visuals.shaders import Function

from volsweep.napari.controller import Controller

WAITS_MS = 150
"""What comes within so long of a click seems to come at once; of a slower answer the click itself is shown then.

A mask takes 85 to 130 ms from the prompt on, by the processor. Waited for less, it comes while the click's own frame is
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


class InPlace:
    """Puts the words over the canvas where they belong before it is painted.

    Napari does so when it has been painted, and so has it painted once more whenever a word is longer than before: at
    every slice, and with every move of the mouse.

    Parameters
    ----------
    canvas
        Napari's, of a window.
    """

    def __init__(self, canvas: Any) -> None:
        self._canvas, self._scene = canvas, canvas._scene_canvas
        self._scene.events.draw.connect(self._place, position="first")

    def stop(self) -> None:
        """Let napari place them."""
        self._scene.events.draw.disconnect(self._place)

    def _place(self, _: Any) -> None:
        if self._canvas._needs_overlay_position_update:
            self._scene._update_pending = (
                True  # vispy asks for no other frame: what moves now is in the one that begins
            )
            self._canvas._update_overlay_canvas_positions()


class KeptShaders:
    """Lets what vispy draws of triangles keep its program where the triangles alone are others.

    It writes that anew, the same to the letter, at every slice (boxes, and the shade behind words) and with every move
    of the mouse, and without a graphics card a program takes some ten milliseconds to translate.
    """

    def __init__(self) -> None:
        self._written = written = MeshVisual._build_color_transform

        def kept(mesh: Any, colors: Any) -> Any:
            new, before = written(mesh, colors), mesh.shared_program.vert._set_items.get("color_transform")
            same = type(before) is type(new) is Function and before.code == new.code and not new.template_vars
            return before if same else new

        self._kept = MeshVisual._build_color_transform = kept

    def stop(self) -> None:
        """Let vispy write them."""
        if MeshVisual._build_color_transform is self._kept:  # else another window keeps them, too
            MeshVisual._build_color_transform = self._written


_LISTED = ("visible", "name", "loaded", "locked")
"""What napari's list shows of layers beside their thumbnails."""
_THUMBNAILS_MS = 500
"""How often their thumbnails are painted while one slice follows another: each time is a frame of the whole window."""


class QuietList(QObject):
    """Has napari's list of layers painted where it looks otherwise, not at whatever happens to a layer.

    Parameters
    ----------
    view
        Napari's, of a window.
    parent
        With whom it goes.
    """

    def __init__(self, view: Any, parent: QObject) -> None:
        super().__init__(parent)
        model = view.model()
        self._model = getattr(model, "sourceModel", lambda: model)()
        self._tell = self._model._process_event
        self._old: dict[int, Any] = {}
        """Events of thumbnails that are to be painted, by their layer's place."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_THUMBNAILS_MS)
        self._timer.timeout.connect(self._paint_old)
        self._model._process_event = self._process

    def stop(self) -> None:
        """Let it be painted at all that happens."""
        del self._model._process_event
        self._timer.stop()

    def _process(self, event: Any) -> None:
        if event.type in _LISTED:
            self._tell(event)
        elif event.type == "thumbnail" and hasattr(event, "index"):
            self._old[event.index] = event
            if not self._timer.isActive():
                self._timer.start()

    def _paint_old(self) -> None:
        old, self._old = self._old, {}
        for place, event in old.items():
            if place < self._model.rowCount():
                self._tell(event)


class OneFrame(QObject):
    """Holds the window's next frame back from a prompt until its mask is there, or for `WAITS_MS`.

    Where it comes later, the click's own frame is painted, and the next one is held back for as long.

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
        self._first = self._click_shown = False
        """Whether nothing was painted since the prompt, and whether the frame that comes is the first since then."""
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(WAITS_MS)
        self._late.timeout.connect(self._on_late)
        main.installEventFilter(self)
        controller.tools.pressed.connect(self._hold)
        controller.tools.prompted.connect(self._hold)
        controller.redrawn.connect(self._let_go)
        controller.said.connect(self._on_said)

    def stop(self) -> None:
        """Hold nothing back any more."""
        self._controller.tools.pressed.disconnect(self._hold)
        self._controller.tools.prompted.disconnect(self._hold)
        self._controller.redrawn.disconnect(self._let_go)
        self._controller.said.disconnect(self._on_said)
        self._main.removeEventFilter(self)
        self._let_go()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt asks a window once to paint all that changed in it, and asks no more until it has done so."""
        if watched is not self._main or event.type() != QEvent.Type.UpdateRequest:
            return False
        if self._late.isActive():
            self._owed = True
            return True
        if self._click_shown:
            self._click_shown = False
            self._late.start()
        return False

    def _hold(self, *_: Any) -> None:
        if not self._controller.sweeping:  # a sweep draws all the time
            self._first = True
            self._late.start()

    def _on_late(self) -> None:
        """The mask is not there: show the click, and wait for it once more."""
        first = self._first
        self._let_go()
        self._click_shown = first

    def _on_said(self, _: str, kind: str) -> None:
        if kind == "error":
            self._let_go()

    def _let_go(self, *_: Any) -> None:
        self._late.stop()
        self._first = self._click_shown = False
        if self._owed:
            self._owed = False
            QCoreApplication.postEvent(self._main, QEvent(QEvent.Type.UpdateRequest))
