"""What the window asks of the session's worker beside the session's own actions, and who runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.masks import LabelMasks
from volsweep.models import ModelSpec
from volsweep.napari.worker.events import Event
from volsweep.session.actions import Action, AddPrompts
from volsweep.session.file import SessionFile, ViewState
from volsweep.session.second.series import SecondSeries


@dataclass(frozen=True)
class Use:
    """From now on the network is this one, runs there, looks through this window, or at this second series, too.

    None leaves it as it is, and ``"keep"``.
    """

    window: Window | None = None
    model: ModelSpec | None = None
    device: str | None = None
    server: str | None = field(default="keep", repr=False)
    """Address of a server, with its token; None for this machine."""
    second: SecondSeries | Literal["keep"] | None = "keep"
    """None looks at the first series alone."""

    @property
    def chosen(self) -> dict[str, Any]:
        """What `Session.use` takes."""
        names = ("window", "model", "device", "server", "second")
        return {name: getattr(self, name) for name in names}

    @property
    def ends_sweep(self) -> bool:
        """Whether a sweep that runs makes way: it goes on behind another window alone."""
        others = self.server != "keep" or not isinstance(self.second, str)
        return self.model is not None or self.device is not None or others


@dataclass(frozen=True)
class Send:
    """The volume goes to the server that was chosen, if it is not there yet."""


@dataclass(frozen=True)
class Turn:
    """Slices of this plane are shown and prompted from now on."""

    plane: Plane


@dataclass(frozen=True)
class Redraw:
    """Everything is drawn again: the layers are new."""


@dataclass(frozen=True)
class Release:
    """What the network has encoded is let go: the volume is not looked at for a while."""


@dataclass(frozen=True)
class Keep:
    """Whatever is done is written down from now on.

    Parameters
    ----------
    journal
        The file, a line per action.
    masks
        Called in the worker with a sweep's place in the journal and what it found, when it has ended; and
        with the places of the sweeps whose finds are kept (`kept_sweeps`).
    """

    journal: Path
    masks: Callable[[int, Mapping[int, LabelMasks], frozenset[int]], None]


@dataclass(frozen=True)
class Prepare:
    """A prompt is about to be given: what it shows is made now, unless something else is to be done."""

    coming: AddPrompts


@dataclass(frozen=True)
class Sweep:
    """Options of `Session.propagate`."""

    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Save:
    """Write the label volume.

    Parameters
    ----------
    path, overwrite
        As in `volsweep.io.write_labels`.
    sign
        Whether the file names the reader as who made it.
    painted
        Whether objects that overlap become one volume, the smaller over the larger; else each stays whole.
    """

    path: Path
    overwrite: bool = False
    sign: bool = False
    painted: bool = False


@dataclass(frozen=True)
class SaveSession:
    """Write what was done, and how it is looked at."""

    path: Path
    view: ViewState


@dataclass(frozen=True)
class Compare:
    """Hold the labels against those of a file."""

    path: Path


@dataclass(frozen=True)
class Teach:
    """Write what was accepted where a lesson is made of it.

    Parameters
    ----------
    path
        The file.
    labels
        The objects that were accepted.
    done
        Called in the worker with how many of them have voxels, or with what went wrong.
    """

    path: Path
    labels: frozenset[int]
    done: Callable[[int | Exception], None]


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
    is_file
        Whether a file holds the session: what it leads to is saved.
    """

    saved: SessionFile
    masks: Callable[[], Mapping[int, Mapping[int, LabelMasks]]] = dict
    is_file: bool = True


AtOnce = Action | Use | Turn | Redraw
"""All that wait are done before anything is drawn."""
Task = AtOnce | Send | Release | Prepare | Keep | Sweep | Save | SaveSession | Compare | Teach | Resume

Work = Callable[[], Iterator[Event]]
"""Does what was posted, and tells of it."""


class Runner(Protocol):
    """Runs work somewhere, and hands its events back in the window's own thread."""

    def run(self, work: Work, handle: Callable[[Event], None], done: Callable[[], None]) -> None:
        """Start work; call `handle` for each event and `done` at the end, whatever happened."""
