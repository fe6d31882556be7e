"""All that was said of one object along one plane, by slice and in the order it was said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from volsweep.prompts.kinds import Prompt


class ObjectPrompts(Mapping[int, tuple[Prompt, ...]]):
    """An object's prompts along a plane: slice -> prompts there, in order; slices in the order first prompted.

    Parameters
    ----------
    in_order
        All of them, in the order they were given.
    turns
        When each was given, increasing; their numbers from 0 unless told.
    """

    def __init__(self, in_order: Iterable[Prompt], turns: Iterable[int] | None = None) -> None:
        self.in_order = tuple(in_order)
        self._turns = tuple(range(len(self.in_order)) if turns is None else turns)
        self._hash: int | None = None
        by_slice: dict[int, list[int]] = {}
        for number, prompt in enumerate(self.in_order):
            by_slice.setdefault(prompt.slice, []).append(number)
        self._numbers = by_slice

    @staticmethod
    def of(by_slice: Mapping[int, Sequence[Prompt]]) -> ObjectPrompts:
        """The same, of prompts by slice; slice after slice where nothing says more of their order."""
        if isinstance(by_slice, ObjectPrompts):
            return by_slice
        return ObjectPrompts(prompt for prompts in by_slice.values() for prompt in prompts)

    def __getitem__(self, index: int) -> tuple[Prompt, ...]:
        return tuple(self.in_order[number] for number in self._numbers[index])

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObjectPrompts):
            return NotImplemented
        return (self._turns, self.in_order) == (other._turns, other.in_order)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.in_order)
        return self._hash

    def __repr__(self) -> str:
        return f"ObjectPrompts({self.in_order!r})"

    def turns(self, index: int) -> tuple[int, ...]:
        """When each prompt of a slice was given."""
        return tuple(self._turns[number] for number in self._numbers[index])

    def until(self, index: int) -> ObjectPrompts:
        """Those given no later than the last one on a slice."""
        return self._some(range(self._numbers[index][-1] + 1))

    def before(self, index: int) -> ObjectPrompts | None:
        """Those given no later than the last but one on a slice; None where there is one alone."""
        numbers = self._numbers[index]
        return self._some(range(numbers[-2] + 1)) if len(numbers) > 1 else None

    def only(self, slices: Collection[int]) -> ObjectPrompts:
        """Those of some slices."""
        return self._some([n for n, prompt in enumerate(self.in_order) if prompt.slice in slices])

    def _some(self, numbers: Iterable[int]) -> ObjectPrompts:
        kept = list(numbers)
        if len(kept) == len(self.in_order):
            return self
        return ObjectPrompts([self.in_order[n] for n in kept], [self._turns[n] for n in kept])
