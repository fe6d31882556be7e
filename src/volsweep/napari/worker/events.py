"""What the session's worker tells the window: plain values that may cross from one thread to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from volsweep.geometry import Plane
from volsweep.io.labels_write import Receipt
from volsweep.measurement import Measurement
from volsweep.session.actions import Action
from volsweep.session.file import SessionFile
from volsweep.session.second.series import SecondSeries
from volsweep.session.state import State
from volsweep.session.steps import Step
from volsweep.session.trust import SliceTrust
from volsweep.volume import Label

if TYPE_CHECKING:
    from volsweep.evaluate.agreement import Agreement  # beside it lies what loads torch


@dataclass(frozen=True)
class Changed:
    """The session's state is another one; read its prompts and labels, never its masks."""

    state: State
    actions: int
    """Entries in the journal."""
    done: tuple[Action, ...]
    """Those that count."""
    undone: tuple[Action, ...]
    """Those that can be done again."""


@dataclass(frozen=True, eq=False)
class Redrawn:
    """Slices whose labels changed."""

    plane: Plane
    slices: Mapping[int, NDArray[Any]]
    under: Mapping[int, Sequence[NDArray[Any]]] = field(default_factory=dict)
    """What lies beneath, where objects may overlap, by slice."""


@dataclass(frozen=True, eq=False)
class RedrawnAll:
    """Labels of the whole volume."""

    labels_zyx: NDArray[Any]
    under: Sequence[NDArray[Any]] = ()
    """What lies beneath, where objects may overlap."""


@dataclass(frozen=True)
class SweepStarted:
    """A sweep begins."""


@dataclass(frozen=True, eq=False)
class Stepped:
    """A sweep found one slice."""

    step: Step


@dataclass(frozen=True)
class SweepEnded:
    """A sweep is over: finished, stopped by the user, or ended by an error or a correction."""

    outcome: str
    """``"finished"``, ``"stopped"``, ``"cancelled"``, ``"corrected"``, ``"failed"`` or ``"resumed"``."""
    steps: int
    seconds: float

    @property
    def sentence(self) -> str:
        """What happened, for the user."""
        if self.outcome == "resumed":
            return "Everything is as it was."
        if self.outcome == "cancelled":
            return "The sweep was cancelled before it began."
        what = {
            "finished": "Swept",
            "stopped": "Stopped after",
            "corrected": "The sweep made way for your correction after",
            "failed": "The sweep ended with an error after",
        }[self.outcome]
        speed = f", {self.steps / self.seconds:.0f} per second" if self.seconds > 0.5 else ""
        return f"{what} {self.steps} slices in {self.seconds:.1f} s{speed}"


@dataclass(frozen=True)
class Reviewed:
    """How far to trust each slice of each label, and the plane that the label's slices lie in."""

    trust: Mapping[int, Mapping[int, SliceTrust]]
    planes: Mapping[int, Plane]


@dataclass(frozen=True)
class Ticked:
    """Slices that are ticked off and show what they showed then, by label, along the plane of its masks."""

    slices: Mapping[int, frozenset[int]]


@dataclass(frozen=True)
class Measured:
    """Sizes of the labels that have voxels."""

    measurements: Mapping[int, Measurement]


@dataclass(frozen=True)
class Saved:
    """A label volume is on the disk."""

    receipt: Receipt
    done: tuple[Action, ...]
    """The actions that led to it."""


@dataclass(frozen=True)
class SessionSaved:
    """A session file is on the disk."""

    path: Path
    done: tuple[Action, ...]


@dataclass(frozen=True, eq=False)
class Compared:
    """How well the labels agree with those of a file, which lie on the same grid."""

    path: Path
    rows: tuple[Agreement, ...]
    """`found` is the session's, `truth` the file's."""
    labels_zyx: NDArray[Any]
    labels: Mapping[int, Label]
    told: tuple[str, ...]
    """What to know of the comparison."""


@dataclass(frozen=True)
class Kept:
    """What is done lies on the disk from now on."""


@dataclass(frozen=True)
class Resumed:
    """A session's actions were carried out again; this is how it was looked at, what beside, and what beside before."""

    saved: SessionFile
    second: SecondSeries | None = None
    seconds: Mapping[str, SecondSeries] = field(default_factory=dict)
    is_file: bool = True
    """Whether a file holds them."""


@dataclass(frozen=True)
class Noted:
    """Something that the reader should know of what is shown."""

    message: str


@dataclass(frozen=True)
class Failed:
    """Something could not be done; the message says what to do."""

    message: str
    error: Exception


@dataclass(frozen=True)
class Sending:
    """So many of all slices of the volume went to the server."""

    done: int
    total: int


@dataclass(frozen=True)
class Served:
    """The network runs at a server from now on, or on this machine if it is called nothing."""

    url: str
    machine: str = ""
    """What multiplies there, for people."""


@dataclass(frozen=True)
class Busy:
    """What takes a while now; empty when it is over."""

    what: str


Event = (
    Changed
    | Redrawn
    | RedrawnAll
    | SweepStarted
    | Stepped
    | SweepEnded
    | Reviewed
    | Ticked
    | Measured
    | Saved
    | SessionSaved
    | Compared
    | Kept
    | Resumed
    | Noted
    | Failed
    | Sending
    | Served
    | Busy
)
