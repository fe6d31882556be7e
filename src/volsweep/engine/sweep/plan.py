"""Which slices a sweep visits: the legs between prompted slices and out to the ends.

Every leg starts at its own prompted slice. Between two prompted slices one leg runs each
way and the two are fused; beyond the outermost a single leg runs until the object ends.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import StrEnum

from volsweep.errors import PromptError


class Direction(StrEnum):
    """Which way to sweep: forward is increasing slice index."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


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
