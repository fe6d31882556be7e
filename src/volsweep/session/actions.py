"""What the user did, append-only: undo, redo, autosave and replay all come from it.

Nothing is ever taken out of a journal: an undo is one more entry. What counts at any
moment (`effective`) follows from reading the entries in order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from volsweep.errors import InputError, SessionError
from volsweep.geometry import Plane
from volsweep.prompts.kinds import MAX_LABEL, Prompt

LabelValue = Annotated[int, Field(ge=1, le=MAX_LABEL)]


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seen(BaseModel):
    """What the network looked through: the window's (centre, width), and a model's name or path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: tuple[float, float]
    model: str


class _Masking(_Action):
    """An action whose masks the network makes; without `seen` it looks as it does at the time."""

    seen: Seen | None = None


class AddPrompts(_Masking):
    """Prompts given in one go: all about one label on one slice."""

    action: Literal["add_prompts"] = "add_prompts"
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1)]


class SetPrompts(_Masking):
    """The prompts of a label on one slice became these: one was moved or taken back."""

    action: Literal["set_prompts"] = "set_prompts"
    label: LabelValue
    plane: Plane
    slice: int
    prompts: tuple[Prompt, ...]


class ClearPrompts(_Action):
    """The prompts of a label on one slice were taken back."""

    action: Literal["clear_prompts"] = "clear_prompts"
    label: LabelValue
    plane: Plane
    slice: int


class EditLabel(_Action):
    """A label was named, coloured, locked or unlocked; None leaves a property as it is."""

    action: Literal["edit_label"] = "edit_label"
    label: LabelValue
    name: str | None = None
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    locked: bool | None = None


class DeleteLabel(_Action):
    """A label, its prompts and its masks were removed."""

    action: Literal["delete_label"] = "delete_label"
    label: LabelValue


class Propagate(_Masking):
    """A sweep was started; what it was asked for, every default spelled out."""

    action: Literal["propagate"] = "propagate"
    labels: tuple[LabelValue, ...]
    plane: Plane
    direction: Literal["both", "forward", "backward"]
    first: int
    last: int
    stride: int
    patience: int


class Stop(_Action):
    """The sweep before this was stopped after so many steps."""

    action: Literal["stop"] = "stop"
    steps: int


class Undo(_Action):
    """The last action that counts no longer does."""

    action: Literal["undo"] = "undo"


class Redo(_Action):
    """The last action undone counts again."""

    action: Literal["redo"] = "redo"


Action = Annotated[
    AddPrompts | SetPrompts | ClearPrompts | EditLabel | DeleteLabel | Propagate | Stop | Undo | Redo,
    Field(discriminator="action"),
]
_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


class Journal:
    """The list, in memory and, once a file is attached, on disk after every action."""

    def __init__(self, actions: Iterable[Action] = ()) -> None:
        self._actions: list[Action] = []
        self._done: list[Action] = []
        self._undone: list[Action] = []
        self._file: Path | None = None
        for action in actions:
            self._apply(action)

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    @property
    def effective(self) -> tuple[Action, ...]:
        """The actions that count: undone ones left out."""
        return tuple(self._done)

    @property
    def can_undo(self) -> bool:
        """Whether an action is left to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether an undone action can be done again."""
        return bool(self._undone)

    def append(self, action: Action) -> None:
        """Add an action, here and in the attached file."""
        self._apply(action)
        if self._file is not None:
            self._write(self._file, [action], "a")

    def _apply(self, action: Action) -> None:
        if isinstance(action, Undo):
            if not self._done:
                raise SessionError("there is nothing to undo")
            undone = self._done.pop()
            self._undone.append(undone)
            # A stopped sweep is one thing to the reader: its two entries go together.
            if isinstance(undone, Stop):
                self._undone.append(self._done.pop())
        elif isinstance(action, Redo):
            if not self._undone:
                raise SessionError("there is nothing to redo")
            self._done.append(self._undone.pop())
            if self._undone and isinstance(self._undone[-1], Stop):
                self._done.append(self._undone.pop())
        else:
            if isinstance(action, Stop) and not (self._done and isinstance(self._done[-1], Propagate)):
                raise SessionError("there is no sweep to stop")
            self._done.append(action)
            self._undone.clear()
        self._actions.append(action)

    def attach(self, path: Path) -> None:
        """Keep a file up to date from now on: written whole now, one line per action after that."""
        self._write(path, self._actions, "w")
        self._file = path

    @staticmethod
    def _write(path: Path, actions: Iterable[Action], mode: Literal["a", "w"]) -> None:
        with path.open(mode, encoding="utf-8") as file:
            file.writelines(action.model_dump_json() + "\n" for action in actions)
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def read(path: Path) -> Journal:
        """Read a journal back; a last line cut short by a crash is left out.

        Raises
        ------
        InputError
            If the file cannot be read, or a line before the last is not an action.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the journal {path} cannot be read: {error}") from error
        actions: list[Action] = []
        for number, line in enumerate(lines, start=1):
            try:
                actions.append(_ACTION.validate_json(line))
            except ValidationError as error:
                if number == len(lines):
                    break
                raise InputError(f"{path}, line {number} is not an action of a journal") from error
        try:
            return Journal(actions)
        except SessionError as error:
            raise InputError(f"the journal {path} contradicts itself: {error}") from error
