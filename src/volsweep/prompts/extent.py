"""How far an object reaches across the slices of a plane, as a reader says: its first and its last slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.prompts.base import OnSlice
from volsweep.volume import MAX_LABEL

Ends = tuple[int | None, int | None]
"""First and last slice of an object, each where it is told."""
NO_ENDS: Ends = (None, None)

_End = Annotated[int, Field(ge=0)] | None


class Extent(BaseModel):
    """An object's first and last slice along a plane, inclusive; None where it is not told.

    Nothing of the object lies beyond a told end. An extent without ends takes an earlier one back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Annotated[int, Field(ge=1, le=MAX_LABEL)]
    plane: Plane = Plane.AXIAL
    first: _End = None
    last: _End = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"an extent goes from its first slice to its last, not from {self.first} to {self.last}")
        return self

    @property
    def ends(self) -> Ends:
        """First and last slice."""
        return self.first, self.last

    @property
    def first_to_last(self) -> str:
        """As it is typed: ``12:30``, ``12:`` or ``:30``."""
        return ":".join("" if end is None else str(end) for end in self.ends)

    def holds(self, index: int) -> bool:
        """Whether a slice lies within."""
        return (self.first is None or index >= self.first) and (self.last is None or index <= self.last)

    def check_on(self, grid: Grid) -> None:
        """Refuse an extent that ends outside a volume.

        Raises
        ------
        PromptError
            Naming the end and the range it must be in.
        """
        count = grid.plane_shape(self.plane)[0]
        for end in self.ends:
            if end is not None and end >= count:
                raise PromptError(
                    f"the extent of label {self.label} ends on slice {end}, outside the volume: {self.plane} slices go "
                    f"from 0 to {count - 1}"
                )


def check_extents(extents: Iterable[Extent], prompts: Sequence[OnSlice]) -> None:
    """Refuse prompts that say that an object is where its extent says that it is not.

    Raises
    ------
    PromptError
        Naming the slice.
    """
    for extent in extents:
        for prompt in prompts:
            same = (prompt.label, prompt.plane) == (extent.label, extent.plane)
            if same and prompt.is_there and not extent.holds(prompt.slice):
                raise PromptError(
                    f"label {extent.label} is prompted on {extent.plane} slice {prompt.slice}, beyond its extent "
                    f"{extent.first_to_last}; change the extent, or take the prompt back"
                )
