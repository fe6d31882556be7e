"""A session that is open: its folder on the disk, its lease, and the sweep that it runs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volsweep.errors import SessionError, VolsweepError
from volsweep.finder import Proposal
from volsweep.geometry import Plane
from volsweep.io.writing import write_whole
from volsweep.models import DEFAULT_MODEL, MODELS, ModelSpec, find_model
from volsweep.recovery.folder import JOURNAL, SESSION, Found, keep_masks, kept_sweeps
from volsweep.recovery.owner import Owner
from volsweep.remote.wire import pack
from volsweep.serve.answers import changes, in_one_plane, of_session, of_step, of_volume, slice_frames, stacked
from volsweep.serve.by_name import Proposed
from volsweep.serve.requests import Accept, Sweep
from volsweep.session.actions import Action, EditLabel
from volsweep.session.file import SessionFile, ViewState, VolumeReference, write_session
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.session.steps import Step
from volsweep.terminology import color_for
from volsweep.volume import Label

ABOUT = "about.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class About:
    """What a client is told of a session that rests: what it was opened as.

    Parameters
    ----------
    title
        The file's or folder's own name; the client's, for what it uploaded.
    model, device
        Of the session.
    """

    title: str
    model: str = DEFAULT_MODEL
    device: str = "auto"

    def write(self, folder: Path) -> None:
        """Keep it."""
        write_whole(folder / ABOUT, json.dumps({"title": self.title, "model": self.model}) + "\n", overwrite=True)

    @staticmethod
    def read(folder: Path, device: str = "auto") -> About:
        """As it was kept; nothing where it is damaged."""
        try:
            told = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            return About(str(told["title"])[:200], str(told["model"]), device)
        except (OSError, ValueError, KeyError, TypeError):
            return About("?", device=device)


def servers_model(name: str | None, own: str) -> ModelSpec:
    """A model that a client names: of the registry, or the server's own; never a path.

    Raises
    ------
    SessionError
        If it is none of these.
    """
    if name is None or name == own:
        return find_model(own)
    spec = MODELS.get(name.strip().lower())
    if spec is None:
        raise SessionError(f"this server has no model {name[:80]!r}; it has {', '.join(MODELS)}")
    return spec


class OpenSession:
    """A session, its folder and its lease.

    Parameters
    ----------
    folder
        Its own, by whose name clients know it.
    session
        Touched in the worker's thread alone.
    about
        What it is.
    now
        The clock.

    Notes
    -----
    Methods are called in the worker's thread, but for `renew` and `stop`.
    """

    def __init__(self, folder: Path, session: Session, about: About, now: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.session, self.about = folder, session, about
        self._now = now
        self.seen = now()
        self.closed = self.is_cold = False
        self.notes: list[str] = []
        """What a client should know of what was carried out again."""
        self.sweep: RunningSweep | None = None
        self._proposed = Proposed()
        self._owner = Owner(folder)

    @property
    def id(self) -> str:
        """By which clients know it."""
        return self.folder.name

    @property
    def volume_bytes(self) -> int:
        """Memory that its volume takes."""
        return int(self.session.volume.array_zyx.nbytes)

    def renew(self) -> None:
        """Somebody is there."""
        self.seen = self._now()

    def idle_s(self) -> float:
        """Since somebody was."""
        return self._now() - self.seen

    def begin(self) -> None:
        """Write down whatever is done from now on."""
        self.about.write(self.folder)
        reference = VolumeReference.of(self.session.volume)
        view = ViewState(window=(self.session.window.center, self.session.window.width), plane=self.session.plane)
        write_session(self.folder / SESSION, SessionFile(volume=reference, view=view), overwrite=True)
        self.session.journal.attach(self.folder / JOURNAL)

    def restore(self, found: Found) -> Iterator[Step]:
        """Carry out what was done before; steps of what has to be swept again."""
        found.saved.check(self.session.volume)
        yield from self.session.replay(found.saved.actions, found.masks(), tell=self.notes.append)
        self.begin()
        found.hand_over(self.folder)

    def about_it(self) -> dict[str, Any]:
        """All that a client is told when it comes."""
        return {
            "id": self.id,
            "title": self.about.title,
            "volume": of_volume(self.session.volume),
            "notes": self.notes,
            **self.state(),
        }

    def state(self) -> dict[str, Any]:
        """What it holds now."""
        return {**of_session(self.session), "sweeping": self.sweep is not None}

    def pulse(self) -> dict[str, Any]:
        """How much was done so far, and whether a sweep runs; from any thread."""
        return {"actions": len(self.session.journal), "sweeping": self.sweep is not None}

    def act(self, action: Action) -> list[bytes]:
        """Do something; the frames of what looks otherwise after it."""
        if self.sweep is not None and not self.session.runs_beside(action):
            self.sweep.end("corrected")
        session = self.session
        before, order, actions = session.state, stacked(session), len(session.journal)
        session.apply(_colored(action, before))
        frames = list(changes(session, before, order=order))
        return [*frames, pack("state", {**self.state(), "after": actions})]

    def offer(self, found: Sequence[Proposal], plane: Plane | None) -> list[dict[str, Any]]:
        """What a finder proposes, see `Proposed.offer`."""
        session = self.session
        return self._proposed.offer(found, plane or session.plane, session.volume.grid, session.state)

    def accept(self, asked: Accept) -> list[bytes]:
        """Take what was proposed; as `act`."""
        return self.act(self._proposed.taking(asked, self.session.state, self.session.volume.grid))

    def start(self, asked: Sweep) -> RunningSweep:
        """Begin a sweep.

        Raises
        ------
        SessionError
            If one runs.
        """
        if self.sweep is not None:
            raise SessionError("a sweep runs in this session; wait for it, or stop it first")
        self.sweep = RunningSweep(self, asked)
        return self.sweep

    def stop(self) -> None:
        """End the sweep after the slice it is at; from any thread."""
        if (sweep := self.sweep) is not None:
            sweep.stopped = True

    def keep(self) -> None:
        """Keep what the last sweep found."""
        last = self.session.last_sweep()
        if last is not None:
            keep_masks(self.folder, *last, kept_sweeps(self.session.journal))

    def close(self) -> None:
        """Let go of it; its folder stays, and with it all that was done."""
        if self.closed:
            return
        if self.sweep is not None:
            self.sweep.end("stopped")
        self.closed = True
        self.session.release()
        self._owner.leave()


def _colored(action: Action, state: State) -> Action:
    """An object that gets a name gets its colour with it, unless someone chose one."""
    if not isinstance(action, EditLabel) or action.name is None or action.color is not None:
        return action
    label = state.labels.get(action.label, Label.default(action.label))
    return action.model_copy(update={"color": color_for(label, action.label, action.name)})


class RunningSweep:
    """A sweep of an open session, slice by slice.

    Parameters
    ----------
    opened
        The session.
    asked
        How far and how finely.
    """

    def __init__(self, opened: OpenSession, asked: Sweep) -> None:
        self._opened = opened
        session = opened.session
        self._before, self._order = session.state, stacked(session)
        self._steps: Generator[Step] = session.steps(**asked.options())
        self._drawn: set[int] = set()
        self._count = 0
        self.stopped = False
        self.outcome: str | None = None
        self.over = False
        """Whether all has been said."""

    def advance(self) -> list[bytes]:
        """Take a step, and say what it found; after the last one, how it ended."""
        session = self._opened.session
        if self.outcome is not None:
            return self._last()
        if self.stopped:
            self.end("stopped")
            return self._last()
        try:
            step = next(self._steps, None)
        except VolsweepError:
            self.end("failed")
            raise
        if step is None:
            self.end("finished")
            return self._last()
        self._count += 1
        frames = [pack("step", of_step(step))]
        if step.plane == session.plane and in_one_plane(session, step.plane):
            self._drawn.add(step.slice)
            frames += slice_frames(session.shown, step.plane, step.slice)
        return frames

    def end(self, outcome: str) -> None:
        """End it here; what was found is kept, and is undone as one."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        self._steps.close()
        self._opened.sweep = None
        try:
            self._opened.keep()
        except VolsweepError as error:
            _log.warning("what a sweep found could not be kept: %s", type(error).__name__)

    def _last(self) -> list[bytes]:
        # What was drawn beside other labels may look otherwise by now: it is sent again where they changed.
        session = self._opened.session
        frames = list(changes(session, self._before, self._drawn, self._order))
        told = {"outcome": self.outcome, "steps": self._count}
        self.over = True
        return [*frames, pack("state", self._opened.state()), pack("end", told)]
