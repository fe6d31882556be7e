"""Operations as values: what is asked for, every default spelled out, so that it can be written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from volsweep.geometry import Grid, Plane
from volsweep.operations.base import AnyOperation, Scene
from volsweep.operations.between import fill_between
from volsweep.operations.block import margin_of
from volsweep.operations.brought import Load
from volsweep.operations.islands import keep_largest, split_islands
from volsweep.operations.logic import intersect, subtract, union
from volsweep.operations.margin import grow, shrink
from volsweep.operations.smoothing import TAIL, fill_holes, smooth
from volsweep.operations.values import grow_region, within_range
from volsweep.volume import take_slice

Mm = Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]
Value = Annotated[float, Field(allow_inf_nan=False)]
Others = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class Grow(AnyOperation):
    """See `volsweep.operations.grow`."""

    doing: ClassVar[str] = "Growing"
    kind: Literal["grow"] = "grow"
    mm: Mm

    def margin_zyx(self, grid: Grid) -> tuple[int, int, int]:
        """The margin that is added."""
        return margin_of(grid, self.mm)

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Grow the object."""
        return [grow(scene.mask_zyx, scene.grid, self.mm)]


class Shrink(AnyOperation):
    """See `volsweep.operations.shrink`."""

    doing: ClassVar[str] = "Shrinking"
    kind: Literal["shrink"] = "shrink"
    mm: Mm

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Shrink the object."""
        return [shrink(scene.mask_zyx, scene.grid, self.mm)]


class Smooth(AnyOperation):
    """See `volsweep.operations.smooth`."""

    doing: ClassVar[str] = "Smoothing"
    kind: Literal["smooth"] = "smooth"
    mm: Mm

    def margin_zyx(self, grid: Grid) -> tuple[int, int, int]:
        """As far as the Gaussian reaches."""
        return margin_of(grid, TAIL * self.mm)

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Smooth the object."""
        return [smooth(scene.mask_zyx, scene.grid, self.mm)]


class FillHoles(AnyOperation):
    """See `volsweep.operations.fill_holes`."""

    doing: ClassVar[str] = "Filling holes"
    kind: Literal["fill_holes"] = "fill_holes"
    plane: Plane | None = None

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Fill the object's holes."""
        return [fill_holes(scene.mask_zyx, scene.grid, self.plane)]


class KeepLargest(AnyOperation):
    """See `volsweep.operations.keep_largest`."""

    doing: ClassVar[str] = "Looking for the largest part"
    kind: Literal["keep_largest"] = "keep_largest"

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Keep the object's largest part."""
        return [keep_largest(scene.mask_zyx, scene.grid)]


class SplitIslands(AnyOperation):
    """See `volsweep.operations.split_islands`."""

    doing: ClassVar[str] = "Splitting"
    kind: Literal["split_islands"] = "split_islands"
    min_ml: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """The object's parts, the largest first."""
        return split_islands(scene.mask_zyx, scene.grid, self.min_ml)


class FillBetween(AnyOperation):
    """See `volsweep.operations.fill_between`."""

    doing: ClassVar[str] = "Filling between slices"
    kind: Literal["fill_between"] = "fill_between"
    plane: Plane | None = None

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Fill the slices between those with the object."""
        return [fill_between(scene.mask_zyx, scene.grid, self.plane)]


class CopySlice(AnyOperation):
    """What an object shows on one slice of a plane is shown on another one, too."""

    doing: ClassVar[str] = "Copying"
    kind: Literal["copy_slice"] = "copy_slice"
    plane: Plane
    slice: Annotated[int, Field(ge=0)]
    to: Annotated[int, Field(ge=0)]

    def margin_zyx(self, grid: Grid) -> tuple[int, int, int]:
        """From the one slice to the other."""
        z, y, x = (abs(self.to - self.slice) + 1 if axis == grid.plane_axis(self.plane) else 1 for axis in range(3))
        return z, y, x

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """Copy the slice, over what was there."""
        out, start = scene.mask_zyx.copy(), scene.start_zyx[scene.grid.plane_axis(self.plane)]
        count = scene.grid.plane_shape(self.plane)[0]
        if 0 <= self.slice - start < count and 0 <= self.to - start < count:
            shown = take_slice(scene.mask_zyx, scene.grid, self.plane, self.slice - start)
            take_slice(out, scene.grid, self.plane, self.to - start)[...] = shown
        return [out]


class _WithOthers(AnyOperation):
    labels: Others

    @property
    def others(self) -> tuple[int, ...]:
        """The objects that it is compared with."""
        return self.labels

    def _others_zyx(self, scene: Scene) -> list[NDArray[np.bool_]]:
        return [scene.others_zyx[label] for label in self.labels]


class Union(_WithOthers):
    """See `volsweep.operations.union`."""

    doing: ClassVar[str] = "Uniting"
    kind: Literal["union"] = "union"

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """The object with the others."""
        return [union(scene.mask_zyx, *self._others_zyx(scene))]


class Subtract(_WithOthers):
    """See `volsweep.operations.subtract`."""

    doing: ClassVar[str] = "Subtracting"
    kind: Literal["subtract"] = "subtract"

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """The object without the others."""
        return [subtract(scene.mask_zyx, *self._others_zyx(scene))]


class Intersect(_WithOthers):
    """See `volsweep.operations.intersect`."""

    doing: ClassVar[str] = "Intersecting"
    kind: Literal["intersect"] = "intersect"

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """What the object shares with the others."""
        return [intersect(scene.mask_zyx, *self._others_zyx(scene))]


class WithinRange(AnyOperation):
    """See `volsweep.operations.within_range`."""

    doing: ClassVar[str] = "Looking at values"
    kind: Literal["within_range"] = "within_range"
    low: Value
    high: Value

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """The part of the object within the range."""
        return [within_range(scene.mask_zyx, scene.volume, self.low, self.high)]


class GrowRegion(AnyOperation):
    """See `volsweep.operations.grow_region`."""

    doing: ClassVar[str] = "Growing over values"
    kind: Literal["grow_region"] = "grow_region"
    low: Value
    high: Value
    mm: Mm

    def margin_zyx(self, grid: Grid) -> tuple[int, int, int]:
        """As far as it may reach."""
        return margin_of(grid, self.mm)

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """The object with what hangs together with it."""
        return [grow_region(scene.mask_zyx, scene.volume, self.low, self.high, self.mm)]


Operation = Annotated[
    Load
    | Grow
    | Shrink
    | Smooth
    | FillHoles
    | KeepLargest
    | SplitIslands
    | FillBetween
    | CopySlice
    | Union
    | Subtract
    | Intersect
    | WithinRange
    | GrowRegion,
    Field(discriminator="kind"),
]
