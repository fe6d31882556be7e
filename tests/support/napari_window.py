"""A real napari window with Volsweep docked, and hands to work it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from unittest import mock

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QEvent, QEventLoop, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QCursor, QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog
from support.mouse import move_mouse

from volsweep.cases.phantoms import sample
from volsweep.geometry import Grid, Plane
from volsweep.napari.canvas.layers import image_layer
from volsweep.prompts.kinds import Box
from volsweep.prompts.mask import Mask
from volsweep.session.actions import AddPrompts
from volsweep.volume import Volume

LONGEST_SECONDS = 240
"""That a test waits where a network runs: on a busy machine it takes its time."""
WITHOUT_A_NETWORK = 60
SOON_MS = 500
"""What a timer puts off for less than this belongs to what was done: redrawn planes, sections that fold."""


class Window:
    """A viewer, its widget, and a mouse."""

    def __init__(self, size: tuple[int, int] = (1280, 800)) -> None:
        import napari

        self.viewer = napari.Viewer(show=True)
        # What a window loads and freezes beside itself, it would load and freeze in the midst of some test.
        with mock.patch("volsweep.napari.widget.warm_up") as self.warm_up:
            _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-volsweep", "Volsweep")
            self.settle()  # it is docked by a timer
        self.main = self.widget.window()
        self.main.resize(*size)
        self.controller = self.widget.controller
        self._added: dict[str, list[Callable]] = {}
        self.longest = LONGEST_SECONDS
        self.settle()

    def clear(self) -> None:
        """Take everything off the window."""
        self.clear_listeners()
        self.close_dialogs()
        self.controller.cancel()
        with mock.patch("gc.collect"):  # napari looks for garbage with each layer that it removes: once is enough
            self.controller.open(None)
            self.viewer.layers.clear()
        self.let_go()
        gc.collect()
        gc.freeze()  # what is left stays for the next test, and is no garbage that its layers' ends would look through
        self.controller.display.set_plane(Plane.AXIAL)
        self.viewer.theme = "dark"
        self.main.resize(1280, 800)
        self.settle()

    def find_left(self) -> None:
        """Offer what waits in this test's data folder: an earlier test's unsaved work takes room in the dock."""
        self.widget.restore.find_left()
        self.settle()

    @staticmethod
    def close_dialogs() -> None:
        """Close what a test left open: the next one would find it over its window, or at work."""
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, QDialog) and dialog.isVisible():
                dialog.reject()

    def clear_listeners(self) -> None:
        for signal, slots in self._added.items():
            for slot in slots:
                getattr(self.controller, signal).disconnect(slot)
        self._added.clear()

    def on(self, signal: str, slot: Callable) -> None:
        """Listen to the controller until the window is cleared."""
        self._added.setdefault(signal, []).append(slot)
        getattr(self.controller, signal).connect(slot)

    def close(self) -> None:
        if self.main in QApplication.topLevelWidgets() and self.main.isVisible():  # or the test itself closed it
            self.viewer.close()
        self.settle()
        self.let_go()

    @staticmethod
    def let_go() -> None:
        """Let go of widgets that were told to go: a test runs no event loop that would, and would keep all of them."""
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    @staticmethod
    def settle() -> None:
        """Let the window live until it has done all that came to it, also what the X server had not told it yet.

        Who waits for a timer, a thread or another process waits by `until`, for what comes of it.
        """
        events, quiet = QEventLoop(), 0
        for _ in range(50):  # called by a timer that ticks all the time, it never comes to rest
            QCursor.pos()  # the server's answer comes behind all that it told before
            quiet = 0 if events.processEvents() else quiet + 1
            if quiet == 3:
                return
            time.sleep(0.002)

    def until(self, what: Callable[[], bool], seconds: float | None = None) -> None:
        """Let the window live until something is so."""
        seconds = seconds or self.longest
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"waited {seconds} s in vain; the widget says {self.says!r}"
            QApplication.processEvents()
            time.sleep(0.005)  # looking again and again takes the processor from what is waited for

    def idle(self) -> None:
        """Wait until the worker has nothing left to do, and all that comes of it is on the screen."""

        def at_rest() -> bool:
            self.settle()
            return self.controller.is_idle and not self._puts_off()

        self.until(at_rest)

    def _puts_off(self) -> bool:
        """Whether a timer is to do something soon."""
        timers = self.main.findChildren(QTimer)
        return any(timer.isSingleShot() and timer.isActive() and timer.interval() < SOON_MS for timer in timers)

    @property
    def says(self) -> str:
        return self.widget.message.text

    def drop(self, path) -> None:
        """Drop a file or folder on the window."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        target, copy = self.viewer.window._qt_viewer, Qt.DropAction.CopyAction
        QApplication.sendEvent(target, QDragEnterEvent(QPoint(50, 50), copy, mime, left, none))
        QApplication.sendEvent(target, QDropEvent(QPointF(50, 50), copy, mime, left, none))

    # --- mouse and keys --------------------------------------------------------------------

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas

    def pixel(self, point_zyx) -> QPoint:
        """Where a voxel of the slice on the screen lies on the canvas."""
        native, view = self.canvas.native, self.canvas.view
        size = np.array([native.width(), native.height()], dtype=float)
        shown = list(self.viewer.dims.displayed)
        origin = np.array(self.canvas._map_canvas2world((0, 0), view))[shown]
        far = np.array(self.canvas._map_canvas2world(tuple(size), view))[shown]
        world = np.array(self.controller.image.data_to_world(point_zyx))[shown]
        y, x = (world - origin) / (far - origin)
        return QPoint(round(float(x * size[0])), round(float(y * size[1])))

    def drag(self, *points_zyx, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press at the first point, move through the others, release at the last."""
        native, pixels = self.canvas.native, [self.pixel(p) for p in points_zyx]
        with self.unpainted():
            move_mouse(native, pixels[0])
            self.settle()
            QTest.mousePress(native, Qt.MouseButton.LeftButton, modifier, pixels[0])
            for a, b in pairwise(pixels):
                for share in (0.25, 0.5, 0.75, 1.0):
                    move_mouse(native, a + (b - a) * share)
                    self.settle()
            QTest.mouseRelease(native, Qt.MouseButton.LeftButton, modifier, pixels[-1])
        self.settle()

    @contextmanager
    def unpainted(self) -> Iterator[None]:
        """Let the window be painted once, when all is done: without a graphics card each frame takes 60 ms."""
        held = _Held(self.main)
        self.main.installEventFilter(held)
        try:
            yield
        finally:
            self.main.removeEventFilter(held)
            if held.owed:
                QApplication.postEvent(self.main, QEvent(QEvent.Type.UpdateRequest))

    def click(self, point_zyx) -> None:
        native, pixel = self.canvas.native, self.pixel(point_zyx)
        move_mouse(native, pixel)
        self.settle()
        QTest.mouseClick(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, pixel)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        with self.unpainted():
            QTest.keyClick(self.canvas.native, key, modifier)
            self.settle()
        self.settle()

    # --- what is seen ----------------------------------------------------------------------

    @property
    def labels(self) -> np.ndarray:
        return np.asarray(self.controller.layers.objects.data)

    @property
    def slices_with(self) -> list[int]:
        return [int(z) for z in np.flatnonzero(self.labels.any(axis=(1, 2)))]


class _Held(QObject):
    """Holds a window's frames back."""

    owed = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.UpdateRequest:
            return False
        self.owed = True
        return True


SMALL = Grid.axis_aligned((8, 60, 64), (3, 1, 1))


def paint(window: Window, label: int, where, index: int = 3, grid: Grid = SMALL) -> None:
    """Paint an object on a slice of the small volume, or of another one."""
    mask = np.zeros(grid.shape_zyx[1:], bool)
    mask[where] = True
    window.controller.post(AddPrompts(prompts=(Mask.from_array(mask, label=label, slice=index),)))


def paint_first(window: Window) -> None:
    paint(window, 1, np.s_[20:30, 20:30])


def paint_second(window: Window) -> None:
    paint(window, 2, np.s_[20:30, 36:44])


def open_small(window: Window) -> Window:
    """A small volume, 0 on the left and 200 on the right, with two objects on slice 3."""
    image = np.zeros(SMALL.shape_zyx, np.int16)
    image[:, :, 32:] = 200
    window.controller.open(window.viewer.add_layer(Layer.create(*image_layer(Volume(image, SMALL, "CT"), "CT"))))
    window.controller.display.go_to(3)
    paint_first(window)
    paint_second(window)
    window.idle()
    window.settle()
    return window


def drop_both_phantoms(window: Window) -> None:
    """Two volumes from files, with unsaved work on each."""
    controller = window.controller
    for which in ("ct_phantom", "mr_phantom"):
        window.drop(sample(which).series)
        window.until(lambda which=which: controller.image is not None and which in controller.image.name)
        controller.tools.drawn(Box(label=1, slice=10, box_xyxy=(54, 97, 87, 127)))
        window.until(lambda: controller.opened.unsaved)
        window.idle()


@contextmanager
def stalls(interval_ms: int = 5, clock: Callable[[], float] = time.perf_counter) -> Iterator[list[float]]:
    """Gaps in seconds between the ticks of a timer in the window's thread.

    By `time.thread_time` they are what the window's own thread worked meanwhile, however busy the machine is.
    """
    gaps: list[float] = []
    last = [clock()]

    def tick() -> None:
        now = clock()
        gaps.append(now - last[0])
        last[0] = now

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(interval_ms)
    try:
        yield gaps
    finally:
        timer.stop()
