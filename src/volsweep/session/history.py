"""What was done, append-only, and the state after each thing that counts: undo, redo, autosave and replay.

Nothing is taken out of a journal: an undo is one more entry. What counts (`effective`) follows from their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from volsweep.errors import SessionError
from volsweep.masks import LabelMasks
from volsweep.session.actions import Action, Edit, MadeWith, Propagate, Redo, Stop, Undo, parse_action
from volsweep.session.journal_file import JournalFile, read_lines
from volsweep.session.state import State

T = TypeVar("T", bound=Edit | Propagate | Stop | Undo | Redo)


@dataclass(frozen=True)
class Entry:
    """One action of a journal.

    Parameters
    ----------
    number
        Its place in the journal, from 0, undone actions counted.
    action
        What was done.
    """

    number: int
    action: Action


class Journal:
    """Every action, in memory and, once a file is attached, on disk before it counts."""

    def __init__(self, actions: Iterable[Action] = ()) -> None:
        self._entries: list[Entry] = []
        self._done: list[Entry] = []
        self._undone: list[Entry] = []
        self._file: JournalFile | None = None
        self.damage: str | None = None
        """What could not be read of the file that it came from, for the user."""
        for action in actions:
            self.append(action)

    def __iter__(self) -> Iterator[Action]:
        return (entry.action for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def done(self) -> tuple[Entry, ...]:
        """The entries that count: undone ones left out."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Entry, ...]:
        """Those that can be done again, the next one first."""
        return tuple(reversed(self._undone))

    @property
    def last(self) -> Entry | None:
        """The last entry that counts."""
        return self._done[-1] if self._done else None

    @property
    def effective(self) -> tuple[Action, ...]:
        """The actions that count."""
        return tuple(entry.action for entry in self._done)

    @property
    def can_undo(self) -> bool:
        """Whether an action is left to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether an undone action can be done again."""
        return bool(self._undone)

    def append(self, action: Action) -> Entry:
        """Add an action, in the attached file and then here: where the disk refuses, nothing was done.

        Raises
        ------
        SessionError
            If there is nothing that it could undo, redo or stop.
        OutputError
            If it cannot be written down.
        """
        self._check(action)
        if self._file is not None:
            self._file.append(action)
        entry = Entry(len(self._entries), action)
        self._entries.append(entry)
        if isinstance(action, Undo):
            self._move(self._done, self._undone, back=True)
        elif isinstance(action, Redo):
            self._move(self._undone, self._done, back=False)
        else:
            self._done.append(entry)
            self._undone.clear()
        return entry

    def _check(self, action: Action) -> None:
        if isinstance(action, Undo) and not self._done:
            raise SessionError("there is nothing to undo")
        if isinstance(action, Redo) and not self._undone:
            raise SessionError("there is nothing to redo")
        if isinstance(action, Stop) and not (self._done and isinstance(self._done[-1].action, Propagate)):
            raise SessionError("there is no sweep to stop")

    @staticmethod
    def _move(source: list[Entry], target: list[Entry], *, back: bool) -> None:
        """Move the last entry; a stopped sweep is one thing to the reader: its two entries go together."""
        target.append(source.pop())
        last = target[-1] if back else (source[-1] if source else None)
        if last is not None and isinstance(last.action, Stop):
            target.append(source.pop())

    def attach(self, path: Path) -> None:
        """Keep a file up to date from now on: written whole now, one line per action after that.

        Raises
        ------
        OutputError
            If it cannot be written; then no file is attached.
        """
        self._file = JournalFile.create(path, self)

    @staticmethod
    def read(path: Path) -> Journal:
        """Read a journal back, as far as it can be read.

        A last line cut short by a crash is left out. A line before the last that is no action costs
        itself and what follows it; `damage` then says so.

        Raises
        ------
        InputError
            If the file cannot be opened.
        """
        journal = Journal()
        lines = read_lines(path)
        for number, line in enumerate(lines, start=1):
            try:
                journal.append(parse_action(line))
            except (ValidationError, SessionError) as error:
                if number < len(lines):
                    what = (
                        f"contradicts those before it ({error})" if isinstance(error, SessionError) else "is no action"
                    )
                    journal.damage = (
                        f"line {number} of the journal {path} {what}: what was done before it is kept, the rest is lost"
                    )
                break
        return journal


class History:
    """A journal, and the state after each of its entries that counts or can be done again."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.made_with: Callable[[], MadeWith] | None = None
        """Says what masks are made with now; written down with every action that the network answers."""
        self.reader: Callable[[], str] = str
        """Says who works now; written down with every action, unless it is one of before, done again."""
        self._first = State()
        self._states: dict[int, State] = {}  # by the number of the journal's entry
        self._sweep: Entry | None = None
        self._steps = 0
        self._left = False  # whether the sweep takes no further steps, and only has to be written down
        self._held: list[tuple[Edit, State]] = []  # done beside the sweep: written down after it

    @property
    def state(self) -> State:
        """Prompts, labels and swept masks as they are now."""
        if self._held:
            return self._held[-1][1]
        last = self.journal.last
        return self._first if last is None else self._states[last.number]

    def edit(self, action: Edit) -> None:
        """Carry out an action and write it down; one that is refused leaves no trace.

        A sweep that runs goes on if the action is about another label. The action is then
        written down after the sweep, so that a stopped sweep and its `Stop` stay together.
        """
        action = self._stamped(action)
        beside = self.runs_beside(action)
        if not beside:
            self.settle()
        after = self.state.after(action)
        if beside:
            # The sweep's masks are shared by the states after it: they go on appearing there.
            self._held.append((action, after))
        else:
            self._record(action, after)

    def runs_beside(self, action: Action) -> bool:
        """Whether a sweep runs that goes on while this is done."""
        return self._sweep is not None and not self._left and action.runs_beside(self._swept)

    @property
    def _swept(self) -> Propagate:
        assert self._sweep is not None
        assert isinstance(self._sweep.action, Propagate)
        return self._sweep.action

    def begin_sweep(self, action: Propagate, state: State) -> int:
        """Write down that a sweep starts; `state` is the one that its masks will appear in.

        Returns
        -------
        int
            The number of its entry, by which the sweep is known from now on.
        """
        self.settle()
        self._sweep, self._steps, self._left = self._record(self._stamped(action), state), 0, False
        return self._sweep.number

    def recall_sweep(self, action: Propagate, stop: Stop | None, state: State) -> None:
        """Write down a sweep that ran in another process; `state` holds what it found."""
        self.settle()
        entry = self._record(action, state)
        if stop is not None:
            self._record(stop, self._states[entry.number])

    def count_step(self, sweep: int) -> None:
        """Note that a sweep took a step; refuse it if it is no longer the one that runs."""
        if not self.is_running(sweep):
            raise SessionError("something else was done to this session while it swept; start the sweep again")
        self._steps += 1

    def is_running(self, sweep: int) -> bool:
        """Whether this sweep is the one that runs."""
        return self._sweep is not None and self._sweep.number == sweep

    def end_sweep(self) -> None:
        """Note that the sweep came to its end by itself."""
        self._sweep = None
        self._write_held()

    def leave_sweep(self, sweep: int) -> None:
        """Note that this sweep takes no further steps."""
        if self.is_running(sweep):
            self._left = True
            self.settle()

    def settle(self) -> None:
        """Write down how far a sweep came that was left in the middle, and what was done beside it."""
        if self._sweep is not None:
            self._record(self._stamped(Stop(steps=self._steps)), self._states[self._sweep.number])
            self._sweep = None
        self._write_held()

    def last_sweep(self) -> tuple[int, dict[int, LabelMasks]] | None:
        """The number of the last sweep's entry that counts, and what it had found when it ended; None before any."""
        for entry in reversed(self.journal.done):
            if isinstance(action := entry.action, Propagate):
                return entry.number, {v: x for v, x in self._states[entry.number].swept.items() if v in action.labels}
        return None

    def undo(self) -> None:
        """Take back the last action that counts; a sweep, stopped or not, is one."""
        self.settle()
        self.journal.append(self._stamped(Undo()))

    def redo(self) -> None:
        """Do again what was last undone."""
        self.settle()
        self.journal.append(self._stamped(Redo()))

    def _stamped(self, action: T) -> T:
        known: dict[str, object] = {"by": action.by or self.reader() or None}
        if self.made_with is not None and "made_with" in type(action).model_fields:
            known["made_with"] = self.made_with()
        return cast(T, action.model_copy(update=known))

    def _record(self, action: Edit | Propagate | Stop, state: State) -> Entry:
        gone = self.journal.undone
        entry = self.journal.append(action)
        self._states[entry.number] = state.swept_by(action) if isinstance(action, Propagate) else state
        for undone in gone:  # nobody can come back to these
            del self._states[undone.number]
        return entry

    def _write_held(self) -> None:
        while self._held:
            self._record(*self._held[0])
            self._held.pop(0)
