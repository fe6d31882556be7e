"""The worker's side: the one place that touches the session while its network runs.

The window posts tasks; `Desk.work` carries them out and yields events. Tasks are served
between two steps of a sweep, so that another object can be prompted while one is swept. All
edits that wait are carried out before anything is drawn: the newest wins, and no time goes
into masks that nobody will see.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator

from volsweep.errors import VolsweepError
from volsweep.io import write_labels
from volsweep.measurement import Measurement, measure_masks
from volsweep.napari.worker.events import (
    Busy,
    Changed,
    Event,
    Failed,
    Measured,
    Redrawn,
    RedrawnAll,
    Resumed,
    Reviewed,
    Saved,
    SessionSaved,
    Stepped,
    SweepEnded,
    SweepStarted,
)
from volsweep.napari.worker.tasks import Edit, Resume, Save, SaveSession, Sweep, Task
from volsweep.session.changes import changed_slices
from volsweep.session.compose import compose_volume
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.session.steps import Step
from volsweep.session.trust import trust_of


class Desk:
    """A session with tasks to do.

    Parameters
    ----------
    session
        Touched by nobody else from now on.

    Notes
    -----
    `post`, `cancel` and `close` may be called from any thread; `work` runs in one worker at a
    time, ends when there is nothing left to do, and never raises.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tasks: deque[Task] = deque()
        self._steps: Iterator[Step] | None = None
        self._swept: tuple[int, ...] = ()
        self._before = session.state
        self._count = 0
        self._started = 0.0
        self._cancelled = False
        self._closed = False
        self._stale = False
        """Whether sizes and marks are older than the masks."""
        self._forgotten = False
        self._drawn: set[int] = set()
        """Slices that the sweep has drawn as it found them."""
        self._resumed: SessionFile | None = None
        """The session whose actions are carried out again."""
        self.after_sweep: Callable[[Session], None] = lambda _: None
        """Called in the worker when a sweep has ended, however it did."""

    def post(self, task: Task) -> None:
        """Leave a task."""
        self._tasks.append(task)

    def forget_shown(self) -> None:
        """Draw everything again with the next edit: the layers are new."""
        self._forgotten = True

    @property
    def waiting(self) -> bool:
        """Whether there are tasks that no worker has taken."""
        return bool(self._tasks) and not self._closed

    def cancel(self) -> None:
        """Stop the sweep after the slice it is at; what it found is kept."""
        self._cancelled = True

    def close(self) -> None:
        """Do nothing more."""
        self._closed = True

    def work(self) -> Iterator[Event]:
        """Do what was posted, until there is nothing left."""
        while not self._closed:
            try:
                if self._tasks:
                    yield from self._serve()
                elif self._steps is not None:
                    yield from self._advance()
                elif self._stale:
                    yield from self._assess()
                else:
                    return
            except VolsweepError as error:
                yield Failed(str(error), error)
            except MemoryError as error:
                yield from self._abandon()
                yield Failed("this machine ran out of memory; close other programs, or use a smaller model", error)
            except Exception as error:  # a defect of ours must not take the window with it
                yield from self._abandon()
                yield Failed(f"unexpected {type(error).__name__}: {error}; your prompts are kept, try again", error)

    def _abandon(self) -> Iterator[Event]:
        """End the sweep without looking at anything that may be broken."""
        if self._steps is not None:
            self._steps = None
            yield SweepEnded("failed", self._count, time.perf_counter() - self._started)
        yield Busy("")

    # --- tasks -----------------------------------------------------------------------------

    def _serve(self) -> Iterator[Event]:
        before = self._session.state
        problems: list[Failed] = []
        spoiled: set[int] = set()
        edited = False
        while self._tasks and isinstance(self._tasks[0], Edit):
            task = self._tasks.popleft()
            assert isinstance(task, Edit)
            if self._is_in_the_way(task):
                yield from self._leave("corrected")
            try:
                task.do(self._session)
                edited = True
            except VolsweepError as error:
                problems.append(Failed(str(error), error))
                if task.painted is not None:
                    spoiled.add(task.painted)
        if edited and before.prompts and not self._session.state.prompts:
            self._session.release()  # a fresh start: nothing that was encoded is needed any more
        if edited or problems:
            yield self._changed()
            yield from problems
            yield from self._redraw(before, self._session.state)
            if spoiled:
                plane = self._session.plane
                yield Redrawn(plane, {z: self._session.label_slice(z, plane) for z in sorted(spoiled)})
            return
        task = self._tasks.popleft()
        if isinstance(task, Sweep):
            yield from self._begin(task)
        elif isinstance(task, Save):
            yield from self._save(task)
        elif isinstance(task, SaveSession):
            yield from self._save_session(task)
        elif isinstance(task, Resume):
            yield from self._resume(task)

    def _is_in_the_way(self, edit: Edit) -> bool:
        if self._steps is None or edit.beside_sweep:
            return False
        return edit.touches is None or edit.touches in self._swept

    def _save(self, task: Save) -> Iterator[Event]:
        yield Busy(f"Saving {task.path.name}")
        try:
            receipt = write_labels(task.path, self._session.labels, overwrite=task.overwrite)
            yield Saved(receipt, len(self._session.journal))
        finally:
            yield Busy("")

    def _save_session(self, task: SaveSession) -> Iterator[Event]:
        session = self._session
        reference = VolumeReference.of(session.volume)
        saved = SessionFile(volume=reference, view=task.view, actions=session.journal.effective)
        write_session(task.path, saved, overwrite=True)
        yield SessionSaved(task.path, len(session.journal))

    def _resume(self, task: Resume) -> Iterator[Event]:
        yield Busy("Restoring")
        try:
            task.saved.check(self._session.volume)
        except VolsweepError:
            yield Busy("")
            raise
        self._before = self._session.state
        self._begin_count(self._session.replay(task.saved.actions, task.masks()))
        self._swept = tuple(self._before.labels)
        self._resumed = task.saved
        yield SweepStarted(self._swept)

    # --- sweeping --------------------------------------------------------------------------

    def _begin(self, task: Sweep) -> Iterator[Event]:
        yield from self._leave("stopped")
        steps = self._session.propagate(**task.options)
        self._before = self._session.state
        wanted = task.options.get("labels")
        self._swept = tuple(wanted) if wanted is not None else self._unlocked()
        self._begin_count(steps)
        yield SweepStarted(self._swept)

    def _begin_count(self, steps: Iterator[Step]) -> None:
        self._steps, self._count, self._started, self._cancelled = steps, 0, time.perf_counter(), False
        self._drawn.clear()
        self._resumed = None

    def _unlocked(self) -> tuple[int, ...]:
        state = self._session.state
        return tuple(label for label in state.labels if not state.is_locked(label))

    def _advance(self) -> Iterator[Event]:
        """Take one step of the sweep."""
        assert self._steps is not None
        if self._cancelled:
            yield from self._leave("stopped")
            return
        try:
            step = next(self._steps, None)
        except (VolsweepError, MemoryError):
            yield from self._leave("failed")
            raise
        if step is None:
            yield from self._leave("finished")
            return
        self._count += 1
        yield Stepped(step)
        if self._one_plane():
            if self._resumed is None:  # a replay's later actions change what its sweeps drew
                self._drawn.add(step.slice)
            yield Redrawn(step.plane, {step.slice: self._session.label_slice(step.slice, step.plane)})

    def _leave(self, outcome: str) -> Iterator[Event]:
        """End the sweep, if one runs."""
        if self._steps is None:
            return
        steps, self._steps = self._steps, None
        resumed, self._resumed = self._resumed, None
        close = getattr(steps, "close", None)
        if close is not None:
            close()
        self._stale = True
        if resumed is not None and outcome == "finished":
            outcome = "resumed"
        yield SweepEnded(outcome, self._count, time.perf_counter() - self._started)
        yield Busy("")
        yield self._changed()
        drawn = self._drawn if self._one_plane() else set()
        yield from self._redraw(self._before, self._session.state, drawn)
        if outcome == "resumed" and resumed is not None:
            yield Resumed(resumed)
        try:
            self.after_sweep(self._session)
        except VolsweepError as error:
            yield Failed(str(error), error)

    # --- what is shown ---------------------------------------------------------------------

    def _changed(self) -> Changed:
        journal = self._session.journal
        return Changed(self._session.state, journal.can_undo, journal.can_redo, len(journal), journal.effective)

    def _redraw(self, before: State, after: State, drawn: Collection[int] = ()) -> Iterator[Event]:
        plane = self._session.plane
        changed = None if self._forgotten else changed_slices(before, after, plane)
        self._forgotten = False
        if changed is None or not self._one_plane():
            self._stale = True
            yield RedrawnAll(self._session.labels.array_zyx)
        elif changed:
            self._stale = True
            yield Redrawn(plane, {z: self._session.label_slice(z, plane) for z in sorted(changed.difference(drawn))})

    def _one_plane(self) -> bool:
        state, plane = self._session.state, self._session.plane
        return all(masks.plane == plane for masks in state.swept.values()) and all(
            p.plane == plane for p in state.prompts
        )

    def _assess(self) -> Iterator[Event]:
        """Measure and mark, when nothing else is to do."""
        self._stale = False
        session = self._session
        masks = {v: m for v in session.state.labels if (m := session.masks(v)) is not None}
        yield Reviewed({label: trust_of(found) for label, found in masks.items()})
        locked = [v for v in masks if session.state.is_locked(v)]
        array = compose_volume(masks, locked, session.volume.grid)
        measured: dict[int, Measurement] = {}
        for label, found in masks.items():
            if self._tasks or self._closed:
                self._stale = True
                return
            measurement = measure_masks(array, label, found, session.volume.grid)
            if measurement is not None:
                measured[label] = measurement
        yield Measured(measured)
