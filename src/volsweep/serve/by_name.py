"""Names instead of boxes: what a finder proposes, and the action by which a reader accepts it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import count
from typing import Any

from volsweep.errors import SessionError
from volsweep.finder import BundledFinder, Finder, Proposal, finder_named
from volsweep.finder.known import findable
from volsweep.geometry import Grid, Plane
from volsweep.models.registry import FINDER
from volsweep.serve.options import Options
from volsweep.serve.requests import Accept
from volsweep.session.actions import LoadPrompts, Operate
from volsweep.session.builders import loading, taking
from volsweep.session.state import State
from volsweep.settings import is_address
from volsweep.volume import Volume

MakeFinder = Callable[[], Finder]
_MOST_KEPT = 32
"""Proposals of a session that can be accepted: the last ones; an outline has the voxels of an organ."""


def finder_of(options: Options) -> MakeFinder:
    """What makes the finder that a server was told to ask, once, when somebody first looks for something."""
    return cache(partial(finder_named, options.finder, may_send=options.send_voxels))


def about_finder(options: Options) -> dict[str, Any]:
    """For whoever types a name: what is surely known, and where the volume's voxels go; None where they stay here."""
    chosen = options.finder
    return {
        "finds": findable() if chosen in (None, FINDER.id) else (),
        "voxels_go_to": chosen if chosen is not None and is_address(chosen) else None,
    }


def look_for(words: Sequence[str], volume: Volume, make: MakeFinder = BundledFinder) -> tuple[Proposal, ...]:
    """What a finder proposes for names, see `Finder.find`; `make` makes it."""
    return make().find(volume, [one.strip() for one in words])


class Proposed:
    """What was proposed in a session lately: nothing of it is drawn before a reader accepts it.

    Notes
    -----
    An outline stays here until then. A client says which proposal it takes, and sends no voxel that would be called a
    finder's.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Proposal, Plane]] = {}

    def offer(self, proposals: Sequence[Proposal], plane: Plane, grid: Grid, state: State) -> list[dict[str, Any]]:
        """Keep proposals, and tell them.

        Parameters
        ----------
        proposals
            What a finder said.
        plane, grid
            Whose slices are to be prompted or drawn on, and where they lie.
        state
            Whose labels are taken.

        Returns
        -------
        list of dict
            One for each: what was understood, score, slice, box, whether its box or its outline is `taken`, `proposal`,
            by which it is accepted, and `action`, which makes prompts of its box.
        """
        taken = _in_use(state)
        free = (value for value in count(1) if value not in taken)
        told = []
        for found, label in zip(proposals, free, strict=False):
            number = secrets.token_hex(16)
            self._kept[number] = found, plane
            boxed = _boxed(found, plane, grid, label).model_dump(mode="json", exclude_none=True)
            told.append({**found.to_dict(plane, grid, label), "proposal": number, "action": boxed})
        for old in [*self._kept][:-_MOST_KEPT]:
            del self._kept[old]
        return told

    def taking(self, asked: Accept, state: State, grid: Grid) -> LoadPrompts | Operate:
        """The action that accepts one: its outline, where that is better than a sweep from its box, else the box.

        Raises
        ------
        SessionError
            If nothing was proposed under this number, or the label is in use.
        """
        if asked.proposal not in self._kept:
            raise SessionError("that proposal is not known any more; look for the name again")
        if asked.label in _in_use(state):
            raise SessionError(f"object {asked.label} is there already; what was found becomes an object of its own")
        found, plane = self._kept[asked.proposal]
        return _boxed(found, plane, grid, asked.label) if asked.box else taking(found, plane, grid, asked.label)


def _in_use(state: State) -> set[int]:
    return {*state.labels, *(prompt.label for prompt in state.prompts)}


def _boxed(found: Proposal, plane: Plane, grid: Grid, label: int) -> LoadPrompts:
    return loading(found.prompts(plane, grid, label))
