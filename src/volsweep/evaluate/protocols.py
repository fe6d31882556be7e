"""The interactive protocols: what is prompted, and what is read off.

- **A**: a tight box on the largest slice, then one sweep over the whole volume.
- **B**: A, then five clicks, each in the middle of the largest error and followed by a sweep
  (the CVPR 2025 challenge of interactive 3D segmentation, with a 2D box).
- **C**: as A with the RECIST line, the longest diameter on the largest slice.
- **C2**: as A with both RECIST axes: that diameter, and the longest one perpendicular to it.
- **D**: as B, with the true mask on each click's slice in place of the click: what outlining slices
  by hand is worth, and how much of B's error is that of corrected slices.
- **E**: as A, and told the object's first and last slice.

But under E no range is given: where the object ends is for the network to find.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE
from volsweep.evaluate.targets import Target, next_click
from volsweep.session.session import Session

Mask = NDArray[np.bool_]
CLICKS = 5


class Protocol(StrEnum):
    """How the network is prompted."""

    A = "A"
    B = "B"
    C = "C"
    C2 = "C2"
    D = "D"
    E = "E"


@dataclass(frozen=True, eq=False)
class Attempt:
    """What came of prompting one target.

    Parameters
    ----------
    rounds_nyx
        The masks (slices, rows, columns) after the first sweep and after each click's.
    seconds
        Wall-clock time of prompts and sweeps, loading the network left out.
    visited
        Slices the network tracked.
    """

    rounds_nyx: tuple[Mask, ...]
    seconds: float
    visited: int

    @property
    def final_nyx(self) -> Mask:
        """The last masks."""
        return self.rounds_nyx[-1]


class Reader:
    """Someone who knows the truth, in front of a session.

    Each label is read in a session of its own, so that labels neither help nor hinder each other.

    Parameters
    ----------
    target
        What they want outlined.
    session
        With the image and network, not yet prompted.
    patience
        See `Session.propagate`.
    """

    def __init__(self, target: Target, session: Session, patience: int = DEFAULT_PATIENCE) -> None:
        self.target = target
        self.session = session
        self.patience = patience

    def read(self, protocol: Protocol, jitter: np.random.Generator | None = None) -> Attempt:
        """Go through a protocol, with the first prompt jittered where random numbers are given."""
        visited = self.session.engine.visited  # loads the network, which is not to be timed
        began = time.perf_counter()
        self._prompt(protocol, jitter)
        rounds = [self._swept()]
        seconds = time.perf_counter() - began
        for _ in range(CLICKS if protocol in (Protocol.B, Protocol.D) else 0):
            click = next_click(self.target.masks_nyx, rounds[-1])
            began = time.perf_counter()
            if click is None:
                rounds.append(rounds[-1])
            elif protocol == Protocol.B:
                rounds.append(self._corrected(click.at_nyx, click.positive))
            else:
                rounds.append(self._outlined(click.at_nyx[0]))
            seconds += time.perf_counter() - began
        return Attempt(tuple(rounds), seconds, self.session.engine.visited - visited)

    def _prompt(self, protocol: Protocol, jitter: np.random.Generator | None) -> None:
        target, session = self.target, self.session
        if protocol == Protocol.C:
            session.add_line(label=target.label, slice=target.prompted_slice, line_xyxy=target.line(jitter))
        elif protocol == Protocol.C2:
            session.add_recist(label=target.label, slice=target.prompted_slice, axes_xyxy=target.axes(jitter))
        else:
            session.add_box(label=target.label, slice=target.prompted_slice, box_xyxy=target.box(jitter))
        if protocol == Protocol.E:
            first, last = target.slices
            session.set_extent(label=target.label, first=first, last=last)

    def _corrected(self, at_nyx: tuple[int, int, int], positive: bool) -> Mask:
        n, y, x = at_nyx
        point_zyx = np.insert(np.array([y, x]), self.target.grid.plane_axis(self.target.plane), n).tolist()
        self.session.add_point(label=self.target.label, point_zyx=point_zyx, positive=positive)
        return self._swept()

    def _outlined(self, slice_index: int) -> Mask:
        mask_yx = self.target.masks_nyx[slice_index]
        self.session.add_mask(label=self.target.label, slice=slice_index, mask_yx=mask_yx)
        return self._swept()

    def _swept(self) -> Mask:
        for _ in self.session.steps(patience=self.patience):
            pass
        target = self.target
        return np.moveaxis(self.session.labels.array_zyx == target.label, target.grid.plane_axis(target.plane), 0)
