"""What a sweep finds, slice by slice, and the legs that it finds it on."""

from __future__ import annotations

from dataclasses import dataclass

from volsweep.engine.slices.crop import CropLogits
from volsweep.engine.slices.others import Others
from volsweep.engine.sweep.passes import Pass
from volsweep.engine.sweep.plan import Leg, SweepOptions
from volsweep.engine.sweep.prompted import Given
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Ends
from volsweep.prompts.of_object import ObjectPrompts


@dataclass(frozen=True)
class Tracked:
    """One object on one slice, as a sweep found it; a later one for the same slice replaces it."""

    label: int
    leg: Leg
    mask: SliceMask
    before: int | None = None
    """The slice visited before it in its pass; None on prompted slices and on those that were filled."""
    interpolated: bool = False
    """Whether the slice was skipped and filled from its neighbours."""


@dataclass(frozen=True)
class Request:
    """A leg to be run, with all that it depends on: the key that it is remembered by."""

    label: int
    leg: Leg
    start: Given
    bound: Given | None
    known: tuple[Given, ...]
    options: SweepOptions
    ends: Ends
    others: Others | None = None
    said: ObjectPrompts | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """A slice as one pass found it; its logits are kept where another pass comes towards it."""

    tracked: Tracked
    logits: CropLogits | None = None

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.tracked.mask.nbytes + (0 if self.logits is None else self.logits.logits.nbytes)


@dataclass(frozen=True, eq=False)
class Ran:
    """What a leg found, step by step: a slice, and those that it shows to have been no gap."""

    found: list[list[Found]]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(one.nbytes for step in self.found for one in step)


@dataclass(eq=False)
class Track:
    """A leg in a sweep: what it has found, and its pass while that runs."""

    request: Request
    one: Pass | None
    found: list[list[Found]]

    def goes_on(self, turn: int) -> bool:
        """Whether it has something to show, or to do, at this turn."""
        return self.one is not None or turn < len(self.found)
