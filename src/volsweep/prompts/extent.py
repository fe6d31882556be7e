"""How far an object reaches across the slices of a plane, as a reader says: its first and its last slice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.prompts.base import Finite, OnSlice, check_corners
from volsweep.prompts.mask import packed, unpacked
from volsweep.volume import MAX_LABEL

Ends = tuple[int | None, int | None]
"""First and last slice of an object, each where it is told."""
NO_ENDS: Ends = (None, None)

_End = Annotated[int, Field(ge=0)] | None
_Count = Annotated[int, Field(ge=0)]
_MOST_VOXELS = 2**28


class SideBox(BaseModel):
    """A box around an object on a slice of another plane than the one that is swept, edge voxels inside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plane: Plane
    slice: Annotated[int, Field(ge=0)]
    box_xyxy: tuple[Finite, Finite, Finite, Finite]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_corners(self.box_xyxy)
        return self

    def ends_along(self, plane: Plane, grid: Grid) -> tuple[int, int]:
        """First and last slice of a plane that it reaches over."""
        axis, normal = grid.plane_axis(plane), grid.plane_axis(self.plane)
        x0, y0, x1, y1 = self.box_xyxy
        low, high = (y0, y1) if next(a for a in range(3) if a != normal) == axis else (x0, x1)
        most = grid.shape_zyx[axis] - 1
        return min(max(round(low), 0), most), min(max(round(high), 0), most)


class Region(BaseModel):
    """Voxels beyond which nothing of an object is thought to lie: a block of the volume, as zlib-packed bits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low_zyx: tuple[_Count, _Count, _Count]
    size_zyx: tuple[_Count, _Count, _Count]
    bits: str

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        if math.prod(self.size_zyx) > _MOST_VOXELS:
            raise ValueError(f"a region of {self.size_zyx} voxels is not plausible")
        unpacked(self.bits, self.size_zyx)
        return self

    @staticmethod
    def from_array(mask_zyx: NDArray[np.bool_], low_zyx: Sequence[int]) -> Region:
        """Pack a mask (slices, rows, columns) whose first voxel lies at `low_zyx` of the volume."""
        low, size = (tuple(int(v) for v in each) for each in (low_zyx, mask_zyx.shape))
        return Region.model_validate({"low_zyx": low, "size_zyx": size, "bits": packed(mask_zyx)})

    def on_slice(self, plane: Plane, index: int, grid: Grid) -> NDArray[np.bool_]:
        """What of it lies on a slice of a plane, (rows, columns)."""
        axis = grid.plane_axis(plane)
        out = np.zeros(grid.plane_shape(plane)[1:], dtype=bool)
        at = index - self.low_zyx[axis]
        if 0 <= at < self.size_zyx[axis]:
            where = (slice(low, low + size) for low, size in zip(self.low_zyx, self.size_zyx, strict=True))
            out[tuple(part for a, part in enumerate(where) if a != axis)] = np.take(_voxels(self), at, axis)
        return out

    def check_on(self, grid: Grid) -> None:
        """Refuse a region that reaches beyond a volume.

        Raises
        ------
        PromptError
            Naming both sizes.
        """
        high = tuple(low + size for low, size in zip(self.low_zyx, self.size_zyx, strict=True))
        if any(end > size for end, size in zip(high, grid.shape_zyx, strict=True)):
            raise PromptError(f"a region up to voxel {high} does not lie in a volume of {grid.shape_zyx}")


@lru_cache(maxsize=16)
def _voxels(region: Region) -> NDArray[np.bool_]:
    return unpacked(region.bits, region.size_zyx)


class Extent(BaseModel):
    """An object's first and last slice along a plane, inclusive; None where it is not told.

    Nothing of the object lies beyond a told end. An extent without ends takes an earlier one back. One that was
    drawn as a box on a slice of another plane has its ends once it is on a grid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Annotated[int, Field(ge=1, le=MAX_LABEL)]
    plane: Plane = Plane.AXIAL
    first: _End = None
    last: _End = None
    drawn: SideBox | None = None
    """Where its ends are from, if somebody drew them."""
    within: Region | None = None
    """Where it may lie, as a finder thinks; slices that a reader clicks or paints on are not held to it."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.drawn is not None and self.drawn.plane == self.plane:
            raise ValueError(f"a box on {self.plane} slices does not say how far an object reaches across them")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"an extent goes from its first slice to its last, not from {self.first} to {self.last}")
        return self

    @model_serializer(mode="wrap")
    def _as_ever(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the region where there is none: files and servers of before know no such key."""
        return {key: value for key, value in plain(self).items() if key != "within" or value is not None}

    @property
    def is_told(self) -> bool:
        """Whether it says anything."""
        return self.ends != NO_ENDS or self.within is not None

    @property
    def ends(self) -> Ends:
        """First and last slice."""
        return self.first, self.last

    @property
    def first_to_last(self) -> str:
        """As it is typed: ``12:30``, ``12:`` or ``:30``."""
        return ":".join("" if end is None else str(end) for end in self.ends)

    def on(self, grid: Grid) -> Extent:
        """The same with the ends that were drawn."""
        if self.drawn is None or self.ends != NO_ENDS:
            return self
        first, last = self.drawn.ends_along(self.plane, grid)
        return self.model_copy(update={"first": first, "last": last})

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
        if self.drawn is not None:
            slices, rows, columns = grid.plane_shape(self.drawn.plane)
            x0, y0, x1, y1 = self.drawn.box_xyxy
            inside = x0 >= -0.5 and x1 <= columns - 0.5 and y0 >= -0.5 and y1 <= rows - 0.5
            if not (self.drawn.slice < slices and inside):
                raise PromptError(
                    f"the box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) on {self.drawn.plane} slice {self.drawn.slice} is "
                    f"outside the volume: slices go from 0 to {slices - 1}, x from 0 to {columns - 1}, "
                    f"y from 0 to {rows - 1}"
                )
        if self.within is not None:
            self.within.check_on(grid)
        count = grid.plane_shape(self.plane)[0]
        for end in self.ends:
            if end is not None and end >= count:
                raise PromptError(
                    f"the extent of label {self.label} ends on slice {end}, outside the volume: {self.plane} slices go "
                    f"from 0 to {count - 1}"
                )


def freed(extents: Iterable[Extent], prompts: Sequence[OnSlice]) -> tuple[Extent, ...]:
    """Extents without the regions of labels that a box or a line is drawn of: the reader says where that lies."""
    drawn = {prompt.label for prompt in prompts if not (prompt.is_click or prompt.is_painted)}
    left = (one.model_copy(update={"within": None}) if one.label in drawn and one.within else one for one in extents)
    return tuple(one for one in left if one.is_told)


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
