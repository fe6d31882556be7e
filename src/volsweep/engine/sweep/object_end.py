"""Where an object ends: walls that a reader set, slices without it, and how many of them a pass has patience for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from volsweep.engine.sweep.plan import Leg
from volsweep.errors import PromptError
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Ends


def walls_of(masks: Mapping[int, SliceMask]) -> set[int]:
    """Prompted slices whose masks are empty: the object is known not to be there, and no pass goes through them."""
    return {index for index, mask in masks.items() if mask.is_empty}


def wall_ahead(leg: Leg, walls: Iterable[int]) -> int | None:
    """The wall that a leg runs towards, the nearest one; None where there is none."""
    ahead = [index for index in walls if (index - leg.start) * leg.step > 0]
    return min(ahead, key=lambda index: abs(index - leg.start), default=None)


def within_ends(slices: tuple[int, int], ends: Ends) -> tuple[int, int]:
    """First and last slice of a range that a pass may visit: none beyond an end that was told.

    Raises
    ------
    PromptError
        If the object lies nowhere in the range.
    """
    first, last = (told if told is not None else end for told, end in zip(ends, slices, strict=True))
    first, last = max(first, slices[0]), min(last, slices[1])
    if first > last:
        raise PromptError(
            f"nothing to sweep: the object's extent ends outside slices {slices[0]} to {slices[1]}; widen the range"
        )
    return first, last


def is_told_end(leg: Leg, ends: Ends) -> bool:
    """Whether a leg runs up to the object's end, which a reader told: the object is there all the way."""
    return leg.bound is None and leg.last == ends[leg.step > 0]


@dataclass(frozen=True)
class Verdict:
    """What follows from the mask of a slice.

    Parameters
    ----------
    back
        Whether the slice is met again after those that the stride skipped before it, and is to be forgotten.
    gap
        First and last mask of a gap that is none: the object was away for less than the pass's patience.
    """

    back: bool = False
    gap: tuple[SliceMask, SliceMask] | None = None


@dataclass
class ObjectEnd:
    """The way of one pass, to the object's end or its leg's.

    Parameters
    ----------
    leg
        The leg.
    stride
        Slices per step.
    patience
        Slices in a row without the object after which the pass ends; 0 never ends it. A pass between two
        prompted slices always runs through, on the same slices as the one that comes towards it.
    is_told
        Whether the leg's last slice is where the object ends (`is_told_end`): then the pass runs to it.
    """

    leg: Leg
    stride: int
    patience: int
    is_told: bool = False
    todo: list[int] = field(init=False)
    """The slices still to visit."""
    _last: SliceMask | None = field(init=False, default=None)
    _absent: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.todo = self.leg.slices(self.stride)

    def begin(self, start: SliceMask) -> None:
        """Leave from a prompted slice."""
        self._last = start

    def note(self, mask: SliceMask, visited: Collection[int]) -> Verdict:
        """Take the mask of a slice that was just visited, after the slices `visited`.

        With a stride, the slices skipped before the first one without the object are visited one by one:
        the object ends among them. An object that is back within the pass's patience was never gone.
        """
        if self.leg.bound is not None:
            return Verdict()
        if not mask.is_empty:
            last, was_away, self._last, self._absent = self._last, bool(self._absent), mask, 0
            return Verdict(gap=(last, mask)) if self.patience and was_away and last is not None else Verdict()
        self._absent += 1
        if self._absent == 1 and self.stride > 1:
            return Verdict(back=self._step_back(mask.slice, visited))
        if self.patience and self._absent >= self.patience and not self.is_told:
            self.todo.clear()
        return Verdict()

    def _step_back(self, missed: int, visited: Collection[int]) -> bool:
        step = self.leg.step
        before = max((index for index in visited if index != missed), key=lambda i: i * step, default=self.leg.start)
        skipped = list(range(before + step, missed, step))
        if not skipped:
            return False
        self._absent = 0
        self.stride = 1
        self.todo = [*skipped, *range(missed, self.leg.last + step, step)]
        return True
