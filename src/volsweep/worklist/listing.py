"""The list itself: which cases, what is to be done with each, and how they are to be looked at. JSON, never changed.

What becomes of the cases lies beside it (`progress`), so that readers who share the list never write the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from volsweep.errors import InputError, SessionError, did_you_mean, why_invalid
from volsweep.geometry import Plane
from volsweep.io.writing import as_on_disk, write_whole
from volsweep.settings import read_json
from volsweep.terminology import one_thing
from volsweep.volume import LABEL_COLORS, Label

if TYPE_CHECKING:
    from volsweep.io.placement import Place

SCHEMA: Literal["volsweep-worklist"] = "volsweep-worklist"
VERSION: Literal[1] = 1
_NAME = re.compile(r"[\w+-][\w .+-]{0,119}")

Name = Annotated[str, Field(min_length=1, max_length=120)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TaskLabel(_Part):
    """An object that is looked for: what it is called, and its colour."""

    name: Name
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None


class Task(_Part):
    """How cases are opened and what is to be drawn in them; what is None is as without a list.

    Parameters
    ----------
    window, plane, model
        As in ``volsweep segment``.
    labels
        By number.
    measured
        Names of objects without which a case is not accepted.
    """

    window: str | None = None
    plane: Plane | None = None
    model: str | None = None
    labels: dict[int, TaskLabel] = Field(default_factory=dict)
    measured: tuple[Name, ...] = ()


class Case(_Part):
    """One case.

    Parameters
    ----------
    name
        Of its folder of results; no two cases share one.
    series, uid
        What to read, and which series of it; a relative path begins at the list.
    prompts
        A file of prompts, a session, or what was drawn before, to begin with.
    labels
        Labels to look at and correct.
    due
        The day on which it is to be done, ``2026-12-01``.
    """

    name: Name
    series: Annotated[str, Field(min_length=1)]
    uid: str | None = None
    prompts: str | None = None
    labels: str | None = None
    due: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None

    @property
    def identity(self) -> str:
        """What tells its series from others: the UID, or where it lies."""
        return self.uid or self.series

    @field_validator("name")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        if not _NAME.fullmatch(value) or value.endswith((".", " ")):
            raise ValueError("the name of a folder: letters, digits, spaces and _ . + -, no dot or space at either end")
        return value


class Worklist(_Part):
    """Cases in the order in which they are worked through.

    Parameters
    ----------
    readings
        How many readers read each case, blind to each other.
    task
        How all of them are opened.
    """

    schema_: Annotated[Literal["volsweep-worklist"], Field(alias="schema")] = SCHEMA
    version: Literal[1] = VERSION
    readings: Annotated[int, Field(ge=1, le=20)] = 1
    task: Task = Task()
    cases: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Worklist:
        names = [as_on_disk(case.name) for case in self.cases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two cases are called {twice[0]!r}; their results would share a folder")
        return self

    def case(self, name: str) -> Case:
        """A case by its name.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        for case in self.cases:
            if case.name == name:
                return case
        hint = did_you_mean(name, (case.name for case in self.cases))
        raise InputError(f"there is no case {name!r} in this worklist; {hint}volsweep worklist show lists all")


def check_measured(task: Task, names: Iterable[str]) -> None:
    """Refuse to accept a case in which something is missing.

    Parameters
    ----------
    task
        What must be measured.
    names
        Of the objects that have voxels; another name for the same will do.

    Raises
    ------
    SessionError
        Naming what is missing.
    """
    there = [Label(name, LABEL_COLORS[0]) for name in names]
    missing = [name for name in task.measured if not any(one_thing(Label(name, LABEL_COLORS[0]), x) for x in there)]
    if missing:
        raise SessionError(f"{', '.join(missing)} must be drawn before this case is accepted; or skip or reject it")


def path_in(base: Path, text: str) -> Path:
    """A path of a list that lies in `base`; it may be a sample's name or an absolute one."""
    path = base / text
    return path if path.exists() else Path(text)


def place_of(case: Case, base: Path) -> Place | None:
    """Where the voxels of a case's own series lie, of all that its path may hold; None where it is not there now.

    Raises
    ------
    InputError
        As `volsweep.io.read_volume`.
    """
    from volsweep.io.placement import find_place

    path = path_in(base, case.series)
    return find_place(path, case.uid) if path.exists() else None


def write_worklist(path: Path, worklist: Worklist, *, overwrite: bool = False) -> None:
    """Write a worklist, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_whole(path, worklist.model_dump_json(by_alias=True, indent=1, exclude_none=True) + "\n", overwrite=overwrite)


def read_worklist(path: Path) -> Worklist:
    """Read a worklist.

    Raises
    ------
    InputError
        If it cannot be read, or is none; the first thing that is wrong is named.
    """
    try:
        return Worklist.model_validate_json(read_json(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{path} is not a worklist of version {VERSION}: {why_invalid(error)}") from error
