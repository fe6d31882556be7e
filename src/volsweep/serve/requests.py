"""What the page says to the server: one model a request, checked before anything is done."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction
from volsweep.geometry import Plane
from volsweep.remote.wire import Said
from volsweep.session.actions import (
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    EditLabel,
    LoadPrompts,
    Operate,
    Redo,
    Relate,
    SetExtent,
    SetPrompts,
    Tick,
    Undo,
)
from volsweep.volume import MAX_LABEL

_LONGEST_NAME = 200
"""Of a file, in bytes; with what is added to it for a sidecar, a disk takes 255."""
_Name = Annotated[str, Field(max_length=200)]
Done = Annotated[
    AddPrompts
    | LoadPrompts
    | SetPrompts
    | ClearPrompts
    | Operate
    | SetExtent
    | EditLabel
    | Relate
    | DeleteLabel
    | Tick
    | Undo
    | Redo,
    Field(discriminator="action"),
]
"""The actions of a journal that a client may send; a sweep and its end have requests of their own."""


class Where(Said):
    """A place in one of the server's folders."""

    folder: _Name
    path: Annotated[str, Field(max_length=4000)] = ""

    @field_validator("path")
    @classmethod
    def _stays(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if path.startswith(("/", "~")) or "\\" in path or "\0" in path or ".." in parts or ":" in (parts or ("",))[0]:
            raise ValueError("a path below the folder, without .. and with / between its parts")
        return path


class _OneSeries(Said):
    """What looks at one series; a client that asks for two learns who looks at both, and where."""

    @model_validator(mode="before")
    @classmethod
    def _is_one(cls, said: Any) -> Any:
        if isinstance(said, dict) and said.get("second") is not None:
            raise ValueError(
                "sessions here look at one series; two are seen as one in the plugin, by volsweep segment --with and "
                "by Session(second=...) in Python, and their networks may run on this server (--server, server=)"
            )
        return said


class Open(_OneSeries):
    """A volume to work on: a place in a folder, or what was uploaded."""

    where: Where | None = None
    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    series: _Name | None = None
    gaps: Literal["refuse", "keep"] = "refuse"
    modality: Annotated[str, Field(max_length=16)] | None = None
    window: _Name = "auto"
    model: _Name | None = None


class Act(Said):
    """Something to do to a session."""

    action: Done

    @field_validator("action")
    @classmethod
    def _network_is_the_servers(cls, action: Any) -> Any:
        if getattr(action, "made_with", None) is not None or getattr(action, "found", None) is not None:
            raise ValueError("an action as it is asked for: what it is made with, and finds, is for the server to say")
        return action


class Use(_OneSeries):
    """Another window, or another model of the server's list, from now on."""

    window: _Name | None = None
    model: _Name | None = None


class Find(Said):
    """Names of what is looked for; labels of their own are chosen for what is found."""

    words: Annotated[tuple[_Name, ...], Field(min_length=1, max_length=16)]
    plane: Plane | None = None


class Accept(Said):
    """A finder's proposal becomes an object with this label: as the finder says it is best taken, or by its box."""

    proposal: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    label: Annotated[int, Field(ge=1, le=MAX_LABEL)]
    box: bool = False


class Preview(Said):
    """The mask of one prompted slice."""

    label: Annotated[int, Field(ge=1)]
    slice: Annotated[int, Field(ge=0)]
    plane: Plane | None = None


class Sweep(Said):
    """A sweep; see `Session.steps`."""

    labels: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    direction: Direction = Direction.BOTH
    slices: tuple[int, int] | None = None
    stride: Annotated[int, Field(ge=1)] = 1
    patience: Annotated[int, Field(ge=0)] = DEFAULT_PATIENCE
    plane: Plane | None = None

    def options(self) -> dict[str, Any]:
        """As keywords of `Session.steps`."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class Export(Said):
    """A file of the labels: its name chooses the format."""

    name: str
    to_folder: bool = False
    """Into the folder of the server's that labels are saved to; else kept to be downloaded."""
    overwrite: bool = False

    @field_validator("name")
    @classmethod
    def _is_no_path(cls, name: str) -> str:
        name = unicodedata.normalize("NFC", name)
        plain = all(c in " _.()-" or unicodedata.category(c)[0] in "LMN" for c in name)
        if not plain or not 1 <= len(name) <= 100 or len(name.encode()) > _LONGEST_NAME or name[0] in " .":
            raise ValueError("give a file's name of 100 letters, digits, blanks and _ . ( ) - at most")
        return name
