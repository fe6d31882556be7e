"""What the window asks of the session's worker, and who runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from volsweep.masks import LabelMasks
from volsweep.napari.worker.events import Event
from volsweep.session.file import SessionFile, ViewState
from volsweep.session.session import Session


@dataclass(frozen=True)
class Edit:
    """Something to do to the session at once: `touches` names the label it changes, None all."""

    do: Callable[[Session], None]
    touches: int | None = None
    beside_sweep: bool = False
    """Whether a sweep of this very label may go on (a name, a colour)."""
    painted: int | None = None
    """The slice that the user painted on: it is drawn again if the edit is refused."""


@dataclass(frozen=True)
class Sweep:
    """Options of `Session.propagate`."""

    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Save:
    """Write the label volume."""

    path: Path
    overwrite: bool = False


@dataclass(frozen=True)
class SaveSession:
    """Write what was done, and how it is looked at."""

    path: Path
    view: ViewState


@dataclass(frozen=True)
class Resume:
    """Carry a session's actions out again.

    Parameters
    ----------
    saved
        The session.
    masks
        Called in the worker: what sweeps among the actions found, by their place among them.
        The other sweeps are run again.
    """

    saved: SessionFile
    masks: Callable[[], Mapping[int, Mapping[int, LabelMasks]]] = dict


Task = Edit | Sweep | Save | SaveSession | Resume

Work = Callable[[], Iterator[Event]]
"""Does what was posted, and tells of it."""


class Runner(Protocol):
    """Runs work somewhere, and hands its events back in the window's own thread."""

    def run(self, work: Work, handle: Callable[[Event], None], done: Callable[[], None]) -> None:
        """Start work; call `handle` for each event and `done` at the end, whatever happened."""
