"""The states a session went through, in step with its journal: do, undo, redo."""

from __future__ import annotations

from typing import Any

from volsweep.errors import SessionError
from volsweep.session.actions import (
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    EditLabel,
    Journal,
    Propagate,
    Redo,
    Seen,
    SetPrompts,
    Stop,
    Undo,
)
from volsweep.session.state import State

Edit = AddPrompts | SetPrompts | ClearPrompts | EditLabel | DeleteLabel
"""Actions that need no network."""


class History:
    """A journal and the state after each action that counts."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.seen: Seen | None = None
        """What the network looks through now; written down with every action that it answers."""
        self._states = [State()]
        self._undone: list[State] = []
        self._sweep: Propagate | None = None
        self._steps = 0
        self._held: list[Edit] = []

    @property
    def state(self) -> State:
        """Prompts, labels and swept masks as they are now."""
        return self._states[-1]

    def edit(self, action: Edit) -> None:
        """Carry out an action and write it down; one that is refused leaves no trace.

        A sweep that runs goes on if the action is about another label. The action is then
        written down after the sweep, so that a stopped sweep and its `Stop` stay together.
        """
        action = self._stamped(action)
        beside = self.runs_beside(action)
        if not beside:
            self.settle()
        if isinstance(action, AddPrompts):
            after = self.state.add_prompts(action)
        elif isinstance(action, SetPrompts):
            after = self.state.set_prompts(action)
        elif isinstance(action, ClearPrompts):
            after = self.state.clear_prompts(action)
        elif isinstance(action, EditLabel):
            after = self.state.edit_label(action)
        else:
            after = self.state.delete_label(action)
        if beside:
            # The sweep's masks are shared by the states after it: they go on appearing there.
            self._held.append(action)
            self._states.append(after)
        else:
            self._push(action, after)

    def runs_beside(self, action: Edit) -> bool:
        """Whether a sweep runs that this action does not touch."""
        if self._sweep is None:
            return False
        if isinstance(action, EditLabel) and action.locked is None:
            return True
        label = action.prompts[0].label if isinstance(action, AddPrompts) else action.label
        return label not in self._sweep.labels

    def begin_sweep(self, action: Propagate, state: State) -> None:
        """Write down that a sweep starts; `state` is the one that its masks will appear in."""
        self.settle()
        self._push(self._stamped(action), state)
        self._sweep, self._steps = action, 0

    def recall_sweep(self, action: Propagate, stop: Stop | None, state: State) -> None:
        """Write down a sweep that ran in another process; `state` holds what it found."""
        self.settle()
        self._push(action, state)
        if stop is not None:
            self.journal.append(stop)

    def count_step(self, sweep: Propagate) -> None:
        """Note that a sweep took a step; refuse it if it is no longer the one that runs."""
        if self._sweep is not sweep:
            raise SessionError("something else was done to this session while it swept; start the sweep again")
        self._steps += 1

    def end_sweep(self) -> None:
        """Note that the sweep came to its end by itself."""
        self._sweep = None
        self._write_held()

    def leave_sweep(self, sweep: Propagate) -> None:
        """Note that this sweep takes no further steps."""
        if self._sweep is sweep:
            self.settle()

    def settle(self) -> None:
        """Write down how far a sweep came that was left in the middle."""
        if self._sweep is not None:
            self._sweep = None
            self.journal.append(Stop(steps=self._steps))
            self._write_held()

    def _write_held(self) -> None:
        for action in self._held:
            self.journal.append(action)
        self._held.clear()

    def undo(self) -> None:
        """Take back the last action that counts; a sweep, stopped or not, is one."""
        self.settle()
        self.journal.append(Undo())
        self._undone.append(self._states.pop())

    def redo(self) -> None:
        """Do again what was last undone."""
        self.settle()
        self.journal.append(Redo())
        self._states.append(self._undone.pop())

    def _stamped(self, action: Any) -> Any:
        makes_masks = isinstance(action, AddPrompts | SetPrompts | Propagate)
        return action.model_copy(update={"seen": self.seen}) if makes_masks and self.seen is not None else action

    def _push(self, action: Edit | Propagate, state: State) -> None:
        self.journal.append(action)
        self._states.append(state)
        self._undone.clear()
