"""Run the session worker's work in napari's thread pool.

superqt's generator workers have three traps, all kept away from here. A RuntimeError raised in
the generator ends them without a word: `SessionWorker.work` never raises. `quit()` leaves the
generator's `finally` unrun and returns nothing: results travel by `yielded`, and the clean-up
hangs on `finished`. And a slot that belongs to no QObject may run in the worker's thread: the
slots here do.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QTimer, Slot  # type: ignore[attr-defined]

from volsweep.napari.worker.events import Event, Measured
from volsweep.napari.worker.tasks import Work

_SHARE_S = 0.02
"""Events are shown for this long at a time: then the window may paint and listen to its user."""


_PAINTS_S = 0.06
"""So long a frame takes where there is no graphics card, and every core paints."""

_LOOKS_EVERY_MS = 500


class OwnGarbage(QObject):
    """Lets Python look for garbage in the window's thread alone, as long as one of these is there.

    Python does so in whichever thread asks for memory next, and a widget among it, as napari leaves one of every dock
    that is closed, ends there. Only the window's thread may end it: the program dies of that, sooner or later.

    Parameters
    ----------
    parent
        With whom it goes.
    is_idle
        Whether nobody waits for the window: only then is all of it looked through, which may take 0.1 s and more.
    """

    _there: ClassVar[list[OwnGarbage]] = []
    _was_on: ClassVar[bool] = True

    def __init__(self, parent: QObject, is_idle: Callable[[], bool]) -> None:
        super().__init__(parent)
        self._is_idle = is_idle
        if not self._there:
            OwnGarbage._was_on = gc.isenabled()
        self._there.append(self)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._timer.start(_LOOKS_EVERY_MS)

    def stop(self) -> None:
        """Leave it to Python, unless another window is there."""
        self._timer.stop()
        if self in self._there:
            self._there.remove(self)
            if not self._there and self._was_on:
                gc.enable()

    def _look(self) -> None:
        """Look where Python would have looked by now."""
        limits = zip(gc.get_count(), gc.get_threshold(), strict=True)
        due = [generation for generation, (count, limit) in enumerate(limits) if 0 < limit < count]
        if due and self._was_on:
            gc.collect(due[-1] if self._is_idle() else min(due[-1], 1))


class _Job(QObject):
    """One run of the work, seen from the window's thread."""

    def __init__(self, handle: Callable[[Event], None], done: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._handle, self._done = handle, done
        self._events: deque[Event] = deque()
        self._finished = False
        self._shown_at = 0.0
        # A worker that is faster than the canvas would otherwise have all its slices shown in one go.
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._show_some)

    @Slot(object)  # type: ignore[untyped-decorator]
    def on_event(self, event: Any) -> None:
        self._events.append(event)
        if self._timer.isActive():
            return
        if time.perf_counter() - self._shown_at > _SHARE_S:  # into the same frame as what was done before it
            self._show_some()
        if self._events:
            self._timer.start(0)

    @Slot()  # type: ignore[untyped-decorator]
    def on_finished(self) -> None:
        self._finished = True
        self._timer.start(0)

    def _show_some(self) -> None:
        end = time.perf_counter() + _SHARE_S
        while self._events:
            self._handle(self._events.popleft())
            self._shown_at = time.perf_counter()
            if self._shown_at > end:
                return
        self._timer.stop()
        if self._finished:
            self._done()
            self.deleteLater()


def _leaving_a_core(work: Work) -> Iterator[Event]:
    """Do the work, and leave one core to the window: with all of them taken it stutters.

    While it paints a mask it has all of them: what the next click waits for is made when that is done.
    """
    from volsweep.engine.network.device import (
        leave_a_core,  # torch: seconds at the first time, not in the window's thread
    )

    leave_a_core()
    for event in work():
        yield event
        if isinstance(event, Measured):  # told last of a mask
            time.sleep(_PAINTS_S)


class QtRunner(QObject):
    """Runs work beside the window."""

    def run(self, work: Work, handle: Callable[[Event], None], done: Callable[[], None]) -> None:
        """Start work; `handle` and `done` are called in the window's thread."""
        job = _Job(handle, done, self)
        worker = create_worker(_leaving_a_core, work, _start_thread=False)
        worker.yielded.connect(job.on_event)
        worker.finished.connect(job.on_finished)
        worker.start()
