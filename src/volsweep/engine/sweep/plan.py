"""Which slices a sweep visits: the legs between prompted slices and out to the ends.

Every leg starts at its own prompted slice. Between two prompted slices one leg runs each
way and the two are fused; beyond the outermost a single leg runs until the object ends.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from volsweep.errors import PromptError


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
