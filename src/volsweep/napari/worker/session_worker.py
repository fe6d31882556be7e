"""The worker's side: the one place that touches the session while its network runs.

The window posts the session's own actions, and tasks; `SessionWorker.work` carries them out and yields
events. What is posted is done between two steps of a sweep, so that another object can be prompted
while one is swept; the session says what may be done beside a sweep. All actions that wait are carried
out before anything is drawn: the newest wins, and no time goes into masks that nobody will see.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress

from volsweep.errors import VolsweepError
from volsweep.napari.worker import events
from volsweep.napari.worker.asked import ASKED
from volsweep.napari.worker.events import Event, Failed
from volsweep.napari.worker.shown import Painted, assessed, changed, drawn_slices, in_one_plane, painted_by, redrawn
from volsweep.napari.worker.tasks import (
    AtOnce,
    Compare,
    Keep,
    Prepare,
    Redraw,
    Release,
    Resume,
    Save,
    SaveSession,
    Send,
    Sweep,
    Task,
    Teach,
    Turn,
    Use,
)
from volsweep.recovery.folder import kept_sweeps
from volsweep.session.actions import Operate
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.session.steps import Step

_TAKES_A_WHILE = (Release, Prepare, Keep, Sweep, Save, SaveSession, Send, Compare, Teach, Resume)
"""Done one by one; all else is done at once, with what else waits."""


class SessionWorker:
    """A session with things to do.

    Parameters
    ----------
    session
        Touched by nobody else from now on.

    Notes
    -----
    `post`, `cancel` and `close` may be called from any thread; `work` runs in one thread at a
    time, ends when there is nothing left to do, and never raises.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tasks: deque[tuple[int, Task]] = deque()
        self._generation = 0
        """How often was cancelled: what was posted before the last time and sweeps does so no more."""
        self._steps: Iterator[Step] | None = None
        self._sweep_generation = 0
        self._before = session.state
        self._count = 0
        self._started = 0.0
        self._closed = False
        self._stale = False  # whether sizes and trust are older than the masks
        self._drawn: set[int] = set()  # slices that the sweep has drawn as it found them
        self._resumed: Resume | None = None
        """The session whose actions are carried out again."""
        self._kept: Keep | None = None
        self._notes: list[str] = []
        self._told: deque[str] = deque()
        """What a server's line did while something was asked there."""

    def post(self, task: Task) -> None:
        """Leave something to do; what is only to be ready is left out where something else is to be done."""
        if not isinstance(task, Prepare) or not (self._tasks or self._steps):
            self._tasks.append((self._generation, task))

    @property
    def waiting(self) -> bool:
        """Whether something was posted that nobody has begun."""
        return bool(self._tasks) and not self._closed

    def cancel(self) -> None:
        """Stop the sweep after the slice it is at, and those that wait; what was found is kept."""
        self._generation += 1

    def close(self) -> None:
        """Do nothing more."""
        self._closed = True

    def work(self) -> Iterator[Event]:
        """Do what was posted, until there is nothing left."""
        while not self._closed:
            try:
                yield from self._tell()
                if self._tasks and (self._resumed is None or isinstance(self._tasks[0][1], Redraw)):
                    yield from self._serve()
                elif self._steps is not None:
                    yield from self._advance()
                elif self._stale:
                    yield from self._assess()
                else:
                    return
            except VolsweepError as error:
                yield from self._tell()
                yield Failed(str(error), error)
            except MemoryError as error:
                yield from self._abandon()
                yield Failed("this machine ran out of memory; close other programs, or use a smaller model", error)
            except Exception as error:  # a defect of ours must not take the window with it
                yield from self._abandon()
                yield Failed(f"unexpected {type(error).__name__}: {error}; your prompts are kept, try again", error)

    def _tell(self) -> Iterator[Event]:
        """Tell what a server's line did meanwhile."""
        while self._told:
            yield events.Noted(self._told.popleft())

    def _abandon(self) -> Iterator[Event]:
        """End the sweep without looking at anything that may be broken."""
        if self._steps is not None:
            self._steps = self._resumed = None
            yield events.SweepEnded("failed", self._count, time.perf_counter() - self._started)
        yield events.Busy("")

    def _serve(self) -> Iterator[Event]:
        generation, first = self._tasks[0]
        if isinstance(first, _TAKES_A_WHILE):
            self._tasks.popleft()
            yield from self._begin_task(generation, first)
            return
        session, before = self._session, self._session.state
        problems: list[Failed] = []
        painted, anew = Painted(), False
        while self._tasks:
            task = self._tasks[0][1]
            if isinstance(task, _TAKES_A_WHILE):
                break
            self._tasks.popleft()
            painted |= painted_by(task)
            try:
                if self._ends_sweep(task):
                    yield from self._leave("corrected")
                if isinstance(task, Use):
                    session.use(**task.chosen)
                    if session.server is not None:
                        session.server.client.told = self._told.append
                elif isinstance(task, Turn):
                    session.plane = task.plane
                elif isinstance(task, Redraw):
                    anew = True
                elif isinstance(task, Operate):
                    yield events.Busy(task.operation.doing)
                    try:
                        session.apply(task)
                    finally:
                        yield events.Busy("")
                else:
                    session.apply(task)
            except VolsweepError as error:
                problems.append(Failed(str(error), error))
        if before.prompts and not session.state.prompts:
            session.release()  # a fresh start: nothing that was encoded is needed any more
        yield changed(session)
        if session.state.ticks != before.ticks:
            yield events.Ticked(session.shown.ticked())
        yield from problems
        yield from self._redraw(before, (), painted, anew=anew)

    def _ends_sweep(self, task: AtOnce) -> bool:
        """Whether the sweep that runs makes way: actions know that, and another plane, model or device ends it."""
        if self._steps is None or isinstance(task, Redraw):
            return False
        if isinstance(task, Use):
            return task.ends_sweep
        return isinstance(task, Turn) or not self._session.runs_beside(task)

    def _begin_task(self, generation: int, task: Task) -> Iterator[Event]:
        if isinstance(task, Sweep | Resume) and generation != self._generation:
            yield events.SweepEnded("cancelled", 0, 0.0)
        elif isinstance(task, Sweep):
            yield from self._begin(task, generation)
        elif isinstance(task, Resume):
            yield from self._resume(task, generation)
        elif type(task) in ASKED:
            yield from ASKED[type(task)](self._session, task)
        elif isinstance(task, Release):
            self._session.release()
        elif isinstance(task, Keep):
            self._session.journal.attach(task.journal)
            self._kept = task
            yield events.Busy("Reading every voxel, to know the volume again")  # here, not in the window's thread
            _ = self._session.volume.content_sha256
            yield from (events.Busy(""), events.Kept())

    def _resume(self, task: Resume, generation: int) -> Iterator[Event]:
        yield events.Busy("Restoring")
        try:
            task.saved.prepare(self._session)
        except VolsweepError:
            yield events.Busy("")
            raise
        yield from self._leave("stopped")
        self._before = self._session.state
        self._notes.clear()
        replayed = self._session.replay(task.saved.actions, task.masks(), tell=self._notes.append)
        self._begin_count(replayed, generation)
        self._resumed = task
        yield events.SweepStarted()

    def _begin(self, task: Sweep, generation: int) -> Iterator[Event]:
        yield from self._leave("stopped")
        steps, self._before = self._session.steps(**task.options), self._session.state
        self._begin_count(steps, generation)
        yield events.SweepStarted()

    def _begin_count(self, steps: Iterator[Step], generation: int) -> None:
        self._steps, self._count, self._started = steps, 0, time.perf_counter()
        self._sweep_generation = generation
        self._drawn, self._resumed = set(), None

    def _advance(self) -> Iterator[Event]:
        """Take one step of the sweep."""
        assert self._steps is not None
        if self._sweep_generation != self._generation:
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
        yield events.Stepped(step)
        if in_one_plane(self._session):
            if self._resumed is None:  # a replay's later actions change what its sweeps drew
                self._drawn.add(step.slice)
            yield drawn_slices(self._session, step.plane, [step.slice])

    def _leave(self, outcome: str) -> Iterator[Event]:
        """End the sweep, if one runs."""
        if self._steps is None:
            return
        steps, self._steps = self._steps, None
        resumed, self._resumed = self._resumed, None
        if isinstance(steps, Generator):
            steps.close()
        self._stale = True
        if resumed is not None and outcome == "finished":
            outcome = "resumed"
            for tick in resumed.saved.earlier_ticks:
                with suppress(VolsweepError):  # of a slice that shows nothing of the label any more
                    self._session.apply(tick)
        yield events.SweepEnded(outcome, self._count, time.perf_counter() - self._started)
        yield events.Busy("")
        yield changed(self._session)
        yield from self._redraw(self._before, self._drawn if in_one_plane(self._session) else ())
        if outcome == "resumed" and resumed is not None:
            yield events.Resumed(resumed.saved, self._session.second, self._session.seconds, resumed.is_file)
            yield from map(events.Noted, self._notes)
        last = self._session.last_sweep()
        if self._kept is not None and last is not None:
            try:
                self._kept.masks(*last, kept_sweeps(self._session.journal))
            except VolsweepError as error:
                yield Failed(str(error), error)

    def _redraw(
        self, before: State, drawn: Collection[int] = (), painted: Painted = frozenset(), *, anew: bool = False
    ) -> Iterator[Event]:
        yield events.Busy("Asking the network")  # at the first time it is loaded: seconds
        try:
            event = redrawn(self._session, before, drawn, painted, anew=anew)
            if event is not None:
                self._stale = True
                yield event  # the mask before all words: each change of the window is another frame
        finally:
            yield events.Busy("")

    def _assess(self) -> Iterator[Event]:
        """Measure and mark, when nothing else is to do, and get ready for the next click."""
        self._stale = False
        for event in assessed(self._session, lambda: bool(self._tasks) or self._closed):
            yield event
            self._stale = not isinstance(event, events.Measured)  # the last, or it was interrupted
        if not self._stale:
            self._session.get_ready()
