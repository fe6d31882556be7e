"""A second series over the volume on the canvas: shown in step with it, and looked at by the network, too."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QFileDialog, QMenu

from volsweep.errors import VolsweepError, sentence
from volsweep.io import read_volume
from volsweep.io.formats import images_filter
from volsweep.napari.canvas.layers import OVERLAY_KEY, limits, placement, window_of
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import remember, remembered
from volsweep.napari.panels.volume import VolumePanel
from volsweep.session.second.series import SecondSeries
from volsweep.volume import Volume

_OPACITY = 0.4
_HOT, _OTHER = "inferno", "cyan"
"""Colormaps: of PET and of everything else, over grey."""


class SecondOverlay(QObject):
    """Lays another series of the patient over the volume; napari's own controls are its opacity, colours and window.

    What is seen of it is what the network sees of it. Its layer taken away, the volume is looked at alone again.

    Parameters
    ----------
    controller
        Whose volume.
    panel
        Where it is asked for.
    """

    def __init__(self, controller: Controller, panel: VolumePanel) -> None:
        super().__init__(panel)
        self._controller, self._window = controller, panel
        panel.second_wanted.connect(self.ask)
        self._worker: Any = None
        self._layers: dict[Volume, Image] = {}
        controller.viewer.layers.events.removed.connect(self._on_removed)
        controller.resumed.connect(self._on_resumed)

    def ask(self) -> None:
        """Let the user choose the series: another volume of this window, a folder or a file."""
        menu = QMenu(self._window)
        for opened in self._controller.volumes:
            if opened is not self._controller.opened:
                menu.addAction(opened.image.name, partial(self.lay, opened.volume, opened.image.name))
        menu.addSeparator()
        menu.addAction("DICOM folder…", self._ask_folder)
        menu.addAction("File…", self._ask_file)
        menu.popup(QCursor.pos())

    def lay(self, what: Volume | Path, name: str) -> None:
        """Read a series beside the window, and lay it over the volume that is worked on."""
        first = self._controller.volume
        if first is None:
            self._controller.say("Open a volume first; the second series is laid over it.", "info")
            return
        if self._worker is not None:
            self._controller.say("A second series is being read already.", "info")
            return
        self._controller.say(f"Reading {name}", "busy")
        self._worker = create_worker(_laid, first, what, _start_thread=False)
        self._worker.returned.connect(partial(self._on_laid, first, name))
        self._worker.start()

    def _on_laid(self, first: Volume, name: str, found: SecondSeries | str) -> None:
        self._worker = None
        self._controller.say("", "busy")
        if isinstance(found, str):
            self._controller.say(found, "error")
        elif self._controller.volume is first:
            self._show(found, name)
            self._use(found)
            self._controller.say(f"{name} lies over the volume ({found.registration.describe()}).", "info")

    def _show(self, second: SecondSeries, name: str) -> None:
        """Lay it between the image and what is drawn; the tool in hand goes on drawing where it drew."""
        viewer, image, first = self._controller.viewer, self._controller.image, self._controller.volume
        if image is None or first is None:
            return
        self._forget(first)
        active = viewer.layers.selection.active
        layer = Image(
            second.volume.array_zyx,
            name=f"Second: {name}",
            colormap=_HOT if second.volume.modality in ("PT", "NM") else _OTHER,
            opacity=_OPACITY,
            blending="translucent_no_depth",
            contrast_limits=limits(second.window),
            translate=image.translate,
            metadata={OVERLAY_KEY: second},
            **placement(first.grid),
        )
        self._layers[first] = layer
        viewer.layers.insert(viewer.layers.index(image) + 1, layer)
        viewer.layers.selection.active = active
        layer.events.contrast_limits.connect(partial(self._on_window, first))

    def _use(self, second: SecondSeries | None) -> None:
        opened = self._controller.opened
        if opened is not None:
            opened.look_at(second)

    def _on_window(self, first: Volume, event: Any) -> None:
        """Another window is looked through from the next prompt on."""
        opened = self._controller.opened
        if opened is not None and opened.volume is first and opened.second is not None:
            self._use(replace(opened.second, window=window_of(event.source.contrast_limits)))

    def _on_removed(self, event: Any) -> None:
        first = next((first for first, layer in self._layers.items() if layer is event.value), None)
        if first is None:
            return
        del self._layers[first]
        for opened in self._controller.volumes:
            if opened.volume is first and opened.second is not None:
                opened.look_at(None)
                self._controller.say("The second series is looked at no more; what was found stays.", "info")

    def _on_resumed(self, _: object) -> None:
        """A session that was restored says what was looked at beside its volume."""
        opened = self._controller.opened
        if opened is not None and opened.second is not None:
            source = opened.second.original.source
            self._show(opened.second, "series" if source is None else source.path.name)

    def _forget(self, first: Volume) -> None:
        """Take the layer of before away, without a word."""
        layer = self._layers.pop(first, None)
        if layer is not None and layer in self._controller.viewer.layers:
            self._controller.viewer.layers.remove(layer)

    def _ask_folder(self) -> None:
        self._chosen(QFileDialog.getExistingDirectory(self._window, "A second DICOM series", self._folder))

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._window, "A second series", self._folder, images_filter())
        self._chosen(path)

    @property
    def _folder(self) -> str:
        return str(remembered("open", Path.home()))

    def _chosen(self, path: str) -> None:
        if path:
            remember("open", Path(path).parent)
            self.lay(Path(path), Path(path).name)


def _laid(first: Volume, what: Volume | Path) -> SecondSeries | str:
    """Lay a series over another one, beside the window; a sentence where that is not possible."""
    try:
        second = SecondSeries.beside(first, what if isinstance(what, Volume) else read_volume(what))
        _ = second.key  # all its voxels are read for it: not in the window's thread
    except VolsweepError as error:
        return sentence(str(error))
    except Exception as error:  # a defect of ours, or of a library: said in the panel, like all that fails
        return f"The second series cannot be laid over the volume: unexpected {type(error).__name__}"
    return second
