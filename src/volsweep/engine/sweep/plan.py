"""Which slices a sweep visits: the legs between prompted slices and out to where the object ends.

Every leg starts at its own prompted slice. Between two prompted slices one leg runs each
way and the two are fused; beyond the outermost a single leg runs until the object ends: at a
wall that a reader set, or after as many slices without it as a pass has patience for.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from volsweep.errors import PromptError
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Ends


class Direction(StrEnum):
    """Which way to sweep: forward is increasing slice index."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True)
class SweepOptions:
    """How far and how finely to sweep.

    Parameters
    ----------
    first, last
        Slices that may be visited, inclusive; -1 is the volume's last one.
    direction
        Both ways, or only towards higher (forward) or lower slice indices.
    stride
        Visit every n-th slice and fill between by the shape of its neighbours.
    patience
        End a pass after this many slices in a row without the object; 0 never ends it.
        Between two prompted slices a pass always runs through.
    """

    first: int = 0
    last: int = -1
    direction: Direction = Direction.BOTH
    stride: int = 1
    patience: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", Direction(self.direction))
        if self.stride < 1 or self.patience < 0:
            raise PromptError(
                f"stride must be at least 1 and patience at least 0, not {self.stride} and {self.patience}"
            )

    @property
    def slices(self) -> tuple[int, int] | None:
        """First and last slice that may be visited; None for all."""
        return None if (self.first, self.last) == (0, -1) else (self.first, self.last)

    def within(self, count: int) -> SweepOptions:
        """The same on a volume of so many slices: the last one by its number.

        Raises
        ------
        PromptError
            If they are not in the volume.
        """
        last = count - 1 if self.last == -1 else self.last
        if not 0 <= self.first <= last < count:
            raise PromptError(f"slices {self.first} to {last} are not in the volume: they go from 0 to {count - 1}")
        return replace(self, last=last)


DEFAULT_PATIENCE = SweepOptions.patience
"""Of a sweep that nobody says anything about."""


@dataclass(frozen=True)
class Leg:
    """One direction from one prompted slice.

    Parameters
    ----------
    start
        The prompted slice it leaves from.
    last
        The furthest slice it may visit.
    bound
        The prompted slice it runs towards, if any; `last` is the one before it.
    """

    start: int
    last: int
    bound: int | None = None

    @property
    def step(self) -> int:
        """+1 forward, -1 backward."""
        return 1 if self.last > self.start else -1

    def slices(self, stride: int = 1) -> list[int]:
        """The slices it visits in order: every `stride`-th.

        Between prompted slices both legs visit the same ones, counted from the lower; towards
        an open end the last slice is visited too.
        """
        if self.bound is not None:
            low, high = sorted((self.start, self.bound))
            between = list(range(low + stride, high, stride))
            return between[:: self.step]
        visited = list(range(self.start + stride * self.step, self.last + self.step, stride * self.step))
        return visited if visited and visited[-1] == self.last else [*visited, self.last]


def plan_legs(
    prompted: Sequence[int],
    first: int,
    last: int,
    direction: Direction | str = Direction.BOTH,
    absent: Container[int | None] = (),
) -> list[Leg]:
    """Legs that cover slices `first` to `last` (inclusive) from the prompted slices.

    Prompted slices in `absent`, where the object is known not to be, are walls: no leg leaves
    from one, and a leg that comes up to one is free to end before it.

    Raises
    ------
    PromptError
        If no prompted slice lies in the range.
    """
    inside = sorted(p for p in set(prompted) if first <= p <= last)
    if not inside:
        where = ", ".join(map(str, sorted(prompted))) or "none"
        raise PromptError(f"no prompted slice in the range {first} to {last} (prompted: {where}); widen the range")
    direction = Direction(direction)
    legs = []
    for i, start in enumerate(inside):
        if start in absent:
            continue
        before = inside[i - 1] if i else None
        after = inside[i + 1] if i + 1 < len(inside) else None
        backward = Leg(start, first if before is None else before + 1, None if before in absent else before)
        forward = Leg(start, last if after is None else after - 1, None if after in absent else after)
        if direction != Direction.BACKWARD and forward.last > start:
            legs.append(forward)
        if direction != Direction.FORWARD and backward.last < start:
            legs.append(backward)
    return legs


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
