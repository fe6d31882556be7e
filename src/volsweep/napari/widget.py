"""The dock widget: the panels in the order of the work, and what is said below them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QFrame, QMainWindow, QScrollArea, QSizePolicy, QStyle, QVBoxLayout, QWidget

from volsweep.errors import sentence
from volsweep.napari.contributions.dock import leave_name, share_name, show_form
from volsweep.napari.controller import Controller
from volsweep.napari.drop import DropFilter
from volsweep.napari.keys import bind, bindings, unbind
from volsweep.napari.loader import Loader
from volsweep.napari.panels.files import choice, choose
from volsweep.napari.panels.message import MessageBar
from volsweep.napari.panels.model import ModelPanel
from volsweep.napari.panels.objects import ObjectTable
from volsweep.napari.panels.planes import OrthogonalViews
from volsweep.napari.panels.prompt import PromptPanel
from volsweep.napari.panels.save import SavePanel
from volsweep.napari.panels.sweep import SweepPanel
from volsweep.napari.panels.theme import palette, style_sheet
from volsweep.napari.panels.trust import TrustStrip
from volsweep.napari.panels.volume import VolumePanel
from volsweep.napari.reading.key_map import KeyMap
from volsweep.napari.reading.looks import Looks
from volsweep.napari.reading.readout import Readout
from volsweep.napari.recovery.autosave import Autosave
from volsweep.napari.recovery.restore_bar import RestoreBar
from volsweep.napari.window.by_name import ByName
from volsweep.napari.window.closing import Closing
from volsweep.napari.window.comparison import Comparison
from volsweep.napari.window.defaults import offer as offer_defaults
from volsweep.napari.window.docked.room import dock_beside_canvas, keep_width
from volsweep.napari.window.fit import Fit
from volsweep.napari.window.focus import CanvasFocus
from volsweep.napari.window.gestures import Gestures
from volsweep.napari.window.learning import Learning
from volsweep.napari.window.let_go import LetGo
from volsweep.napari.window.mouse import ReadingMouse
from volsweep.napari.window.next_study import NextStudy
from volsweep.napari.window.one_frame import InPlace, KeptShaders, OneFrame, QuietList, UnderTheMouse
from volsweep.napari.window.second import SecondOverlay
from volsweep.napari.window.worklist import WorklistWindow
from volsweep.napari.worker.thread import OwnGarbage, QtRunner
from volsweep.napari.worker.warm_up import AFTER_MS, warm_up

WIDTH = 372


class VolsweepWidget(QWidget):
    """Prompt one slice, sweep the volume.

    Parameters
    ----------
    napari_viewer
        The viewer it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("volsweep")
        # Plugins are handed a proxy whose layers are proxies too: equal to those of events, and never the same.
        self.viewer = viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.controller = Controller(viewer, QtRunner(self))
        self._build()
        self._garbage = OwnGarbage(self, lambda: self.controller.is_idle)
        self.autosave = Autosave(self.controller)
        self.loader = Loader(self.controller, self.autosave, self.message, self)
        self.volume.open_path.connect(self.loader.load)
        self.restore.chosen.connect(self.loader.restore)
        self.autosave.left.connect(self.restore.find_left)
        self.objects.wanted.connect(lambda name: show_form(viewer, name, self.objects))
        self.comparison, self.next_study = Comparison(self.controller, self), NextStudy(self.controller, self)
        self.objects.compare_wanted.connect(self.comparison.ask)
        self.by_name, self.worklist = ByName(self.controller, self), WorklistWindow(self.controller, self.loader, self)
        self.objects.worklist_wanted.connect(self.worklist.ask)
        self.objects.next_study_wanted.connect(self.next_study.ask)
        self.objects.by_name_wanted.connect(self.by_name.ask)
        self.second, self._saver = SecondOverlay(self.controller, self.volume), QTimer(self)
        self._saver.timeout.connect(self.autosave.flush)
        self._saver.start(3000)
        self.planes: OrthogonalViews | None = None
        self.volume.beside.toggled.connect(self.show_planes)
        self.looks, self.readout = Looks(self.controller), Readout(self.controller)
        new_here = choice("hint", "") != "seen"
        self.key_map = KeyMap(self.controller, new_here=new_here)
        if new_here:
            self.controller.tools.prompted.connect(self._know)
        self.mouse = ReadingMouse(viewer.window._qt_viewer.canvas.native, self.controller)
        self.let_go, self.learning = LetGo(viewer, self), Learning(self.controller, self.model)
        self.gestures = Gestures(viewer.window._qt_viewer, self.controller)
        self._keys = bindings(self.controller, self.sweep.go) | self.looks.bindings() | self._own_keys()
        bind(viewer, self._keys)
        self.controller.volume_opened.connect(self._on_volume)
        viewer.events.theme.connect(self._on_theme)
        self.strip: TrustStrip | None = None
        self._around: tuple[Closing | OneFrame | UnderTheMouse | InPlace | KeptShaders | QuietList, ...] = ()
        self._focus = CanvasFocus(self, lambda: viewer.window._qt_viewer.canvas.native)
        self._on_theme()
        QTimer.singleShot(0, self._dock_strip)
        self._on_volume()
        self._bind_layers()
        self.controller.layers_made.connect(self._bind_layers)
        self.controller.measures.layer_made.connect(lambda layer: bind(layer, self._keys))
        self.destroyed.connect(partial(_silence, self.controller, self.model.cancelled))

    def _build(self) -> None:
        controller = self.controller
        self.volume, self.model = VolumePanel(controller, self.viewer), ModelPanel(controller)
        offer_defaults(controller, self.model)
        self.objects, self.prompt = ObjectTable(controller), PromptPanel(controller)
        self.sweep = SweepPanel(controller)
        self.save = SavePanel(controller, self.sweep.options)
        self._inner = inner = QWidget()
        panels = QVBoxLayout(inner)
        panels.setContentsMargins(10, 4, 10, 4)
        panels.setSpacing(8)
        for panel in (self.volume, self.model, self.objects, self.prompt, self.sweep):
            panels.addWidget(panel)
        panels.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.message, self.restore = MessageBar(controller), RestoreBar()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 8)
        outer.setSpacing(4)
        outer.addWidget(self.restore)
        outer.addWidget(scroll, 1)
        outer.addWidget(_beside(self.sweep.bar, self.save))
        outer.addStretch(0)
        outer.addWidget(_beside(self.message))
        self.fit = Fit(scroll, self, {"model": self.model, "sweep": self.sweep}, self.objects)
        self.controller.state_changed.connect(self.fit.soon)
        run_here = partial(controller.serving.use, None)
        controller.serving.lost.connect(lambda text: self.message.offer(f"{sentence(text)}.", "Go on here", run_here))

    def _own_keys(self) -> dict[str, Callable[[], Any]]:
        """Keys for what is no part of the session."""

        def turn_map() -> None:
            self.key_map.turn(napari_mouse=self.mouse.as_napari)

        def turn_mouse() -> None:
            self.mouse.set_as_napari(not self.mouse.as_napari)
            self.controller.say("The mouse is " + ("napari's." if self.mouse.as_napari else "a reader's."), "info")

        def stop() -> None:
            self.gestures.forget()
            self.controller.cancel()

        return {"Escape": stop, "O": self.volume.beside.toggle, "?": turn_map, "F1": turn_map, "Shift-M": turn_mouse}

    def _know(self) -> None:
        """The reader has prompted: the first hint was seen. Said to the disk once, not with every click."""
        self.controller.tools.prompted.disconnect(self._know)
        choose("hint", "seen")

    def showEvent(self, event: Any) -> None:
        """Be as wide as the widest row, whatever the fonts: nothing is cut off."""
        super().showEvent(event)
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumWidth(max(WIDTH, self._inner.minimumSizeHint().width() + bar + 4))

    # --- the viewer ------------------------------------------------------------------------

    def _on_volume(self) -> None:
        canvas, there = self.viewer.canvas, self.controller.volume is not None
        canvas.background_color_override = "black" if there else None  # as in every reading room, whatever the theme
        canvas.overlays.scale_bar.visible = there or canvas.overlays.scale_bar.visible
        for part in self.viewer.window._qt_viewer.dims.findChildren(QWidget):
            if part.objectName().startswith("slice_label"):  # the slider's numbers: slices are counted over the canvas
                part.setVisible(not there)

    def _bind_layers(self) -> None:
        layers, image = self.controller.layers, self.controller.image
        if layers is not None and image is not None:
            for layer in (image, *layers.all):
                bind(layer, self._keys)

    def _on_theme(self) -> None:
        colors = palette(self.viewer.theme)
        self.setStyleSheet(style_sheet(colors))
        self.prompt.paint_with(colors.icon, colors.on_accent)
        self.volume.paint_with(colors.icon, colors.on_accent)
        self.objects.paint_with(colors.icon)
        self.sweep.progress.paint_with(colors)
        if self.strip is not None:
            self.strip.set_theme(self.viewer.theme)

    def _dock_strip(self) -> None:
        """Put the trust strip under the canvas; the right dock keeps its full height."""
        main = self.window()
        if not isinstance(main, QMainWindow) or self.strip is not None:
            return
        share_name(self.viewer, self.parentWidget())
        self._drops = DropFilter(main, self.loader.load, self)
        closing = Closing(main, lambda: [x.image.name for x in self.controller.volumes if x.unsaved], self)
        closing.closed.connect(self._on_closed)
        canvas, layer_list = self.viewer.window._qt_viewer.canvas, self.viewer.window._qt_viewer.layers
        cheaper = UnderTheMouse(canvas), InPlace(canvas), KeptShaders(), QuietList(layer_list, self)
        self._around = (closing, OneFrame(main, self.controller, self), *cheaper)
        QTimer.singleShot(AFTER_MS, self, warm_up)
        main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.strip = TrustStrip(self.controller, self.viewer.theme)
        self.viewer.window.add_dock_widget(self.strip, name="Volsweep: trust", area="bottom")
        QTimer.singleShot(0, self.viewer.reset_view)

    def show_planes(self, shown: bool) -> None:
        """Show the other two planes beside the canvas, or take them away."""
        if shown == (self.planes is not None):
            return
        self._on_theme()
        window = self.viewer.window
        if shown and self.planes is None:
            self.planes = planes = OrthogonalViews(self.controller, window._qt_viewer)
            dock_beside_canvas(window, planes, "Volsweep: planes", self, 2 / 5)
            planes.closed.connect(self._on_planes_closed)
        elif not shown and self.planes is not None:
            planes, self.planes = self.planes, None
            planes.stop()
            keep_width(self)
            if planes.parent() is not None:
                window.remove_dock_widget(planes)
            planes.deleteLater()

    def _on_planes_closed(self) -> None:
        """The dock's own button closed it."""
        if self.planes is not None:
            self.volume.beside.setChecked(False)

    def _on_closed(self) -> None:
        """Napari's window is closed, its layers and this widget are not: the sessions end here."""
        for part in (self._saver, self.learning, self._garbage):
            part.stop()
        for opened in self.controller.volumes:
            opened.worker.close()
            self.autosave.end(opened)

    def closeEvent(self, event: Any) -> None:
        """Leave the volume."""
        self.stop()
        super().closeEvent(event)

    def event(self, event: Any) -> bool:
        """Napari takes the widget out of its dock, and keeps it, when that is closed: what is worked on ends there."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self.strip is not None:
            leave_name(self.viewer)
            self.stop()
            self.deleteLater()
        return bool(super().event(event))

    def stop(self) -> None:
        """End what runs and listen no more."""
        keys, self._keys = self._keys, {}
        if not keys:  # done already
            return
        for provider in (self.viewer, *self.viewer.layers):
            unbind(provider, keys)
        self.viewer.events.theme.disconnect(self._on_theme)
        self.show_planes(False)
        parts = (self.let_go, self.gestures, self.mouse, self.readout, self.key_map, self.next_study, self.by_name)
        own = (self.volume, self.model, self.learning, self.worklist, self._saver, self._garbage)
        for part in (*self._around, self._focus, *parts, *own):
            part.stop()
        self.controller.volumes.end_all()
        if self.strip is not None and self.strip.parent() is not None:
            self.viewer.window.remove_dock_widget(self.strip)


def _beside(*widgets: QWidget) -> QWidget:
    """What does not scroll, as wide as what does."""
    holder = QWidget()
    holder.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    column = QVBoxLayout(holder)
    column.setContentsMargins(10, 0, 10, 0)
    for widget in widgets:
        column.addWidget(widget)
    return holder


def _silence(controller: Controller, download_cancelled: Event, *_: object) -> None:
    """The widget is gone, and nothing of it may be called: what runs elsewhere ends."""
    download_cancelled.set()
    for opened in controller.volumes:
        opened.worker.close()
