"""What a reader says: points, strokes, boxes, lines, axes and masks on slices; and all that was said of one object.

In-plane coordinates are (x, y) = (column, row) of the slice as its plane shows it, voxel
centres at integers; a box's or mask's edge voxels are inside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from volsweep.geometry import BoxXYXY, FloatArray, Plane
from volsweep.prompts.base import Finite, OnSlice, check_corners
from volsweep.prompts.extent import Extent
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.volume import Label


class Point(OnSlice):
    """A click: this voxel belongs to the label (positive) or does not."""

    xy_field: ClassVar[str] = "point_xy"
    is_click: ClassVar[bool] = True

    kind: Literal["point"] = "point"
    point_xy: tuple[Finite, Finite]
    positive: bool = True

    @property
    def is_there(self) -> bool:
        """Whether it is positive."""
        return self.positive

    @classmethod
    def from_vertices_xy(cls, vertices_xy: FloatArray, **where: Any) -> Self:
        """Make it from what was drawn, the inverse of `vertices_xy`; `where` are its other fields."""
        return cls.from_numbers(vertices_xy[0], **where)

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY:  # noqa: ARG002
        """The point as a box."""
        return (*self.point_xy, *self.point_xy)

    def along_xy(self, most: int) -> FloatArray:  # noqa: ARG002
        """The point, (1, 2)."""
        return self.points_xy()

    def middle_yx(self) -> NDArray[np.intp]:
        """The voxel (row, column) that it lies in, (1, 2)."""
        return np.rint(self.points_xy()[:, ::-1]).astype(np.intp)

    def core_yx(self, spacing_yx_mm: tuple[float, float]) -> NDArray[np.intp]:  # noqa: ARG002
        """The voxel that is as it says, (1, 2)."""
        return self.middle_yx()


class Box(OnSlice):
    """A box around the label on one slice, first and last voxel inclusive."""

    xy_field: ClassVar[str] = "box_xyxy"

    kind: Literal["box"] = "box"
    box_xyxy: tuple[Finite, Finite, Finite, Finite]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_corners(self.box_xyxy)
        return self

    @classmethod
    def from_vertices_xy(cls, vertices_xy: FloatArray, **where: Any) -> Self:
        """Make it around vertices, the inverse of `vertices_xy`; `where` are its other fields."""
        ends = np.stack([np.min(vertices_xy, axis=0), np.max(vertices_xy, axis=0)])
        return cls.from_numbers(ends, **where)

    def vertices_xy(self) -> FloatArray:
        """Its four corners, (4, 2), one after the other."""
        x0, y0, x1, y1 = self.box_xyxy
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY:  # noqa: ARG002
        """The box."""
        return self.box_xyxy

    def replaces(self, other: OnSlice) -> bool:
        """A box replaces an earlier box or line, as when it is moved."""
        return not (other.is_click or other.is_painted)


class Line(OnSlice):
    """A RECIST diameter: the longest extent of the label on this slice, end to end."""

    xy_field: ClassVar[str] = "line_xyxy"

    kind: Literal["line"] = "line"
    line_xyxy: tuple[Finite, Finite, Finite, Finite]

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.line_xyxy[:2] == self.line_xyxy[2:]:
            raise ValueError(f"a line needs two different ends, not {self.line_xyxy}")
        return self

    @property
    def midpoint_xy(self) -> tuple[float, float]:
        """Middle of the line."""
        x0, y0, x1, y1 = self.line_xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2

    @classmethod
    def from_vertices_xy(cls, vertices_xy: FloatArray, **where: Any) -> Self:
        """Make it from its ends, the inverse of `vertices_xy`; `where` are its other fields."""
        return cls.from_numbers(np.stack([vertices_xy[0], vertices_xy[-1]]), **where)

    def replaces(self, other: OnSlice) -> bool:
        """A line replaces an earlier box or line, as when it is moved."""
        return not (other.is_click or other.is_painted)

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY:
        """The square (in mm) around the line: its midpoint, half its length to every side."""
        x0, y0, x1, y1 = self.line_xyxy
        x, y = self.midpoint_xy
        row_mm, column_mm = spacing_yx_mm
        half_mm = float(np.hypot((x1 - x0) * column_mm, (y1 - y0) * row_mm)) / 2
        dx, dy = half_mm / column_mm, half_mm / row_mm
        return x - dx, y - dy, x + dx, y + dy


Prompt = Annotated[Point | Scribble | Box | Line | Recist | Mask, Field(discriminator="kind")]

Anchor = Box | Line | Recist
"""What says how large an object is on its slice, in a few coordinates."""
Click = Point | Scribble
"""What corrects the mask that a slice shows."""

DRAWN: Mapping[str, type[Point] | type[Scribble] | type[Box] | type[Line] | type[Recist]] = {
    "point": Point,
    "box": Box,
    "line": Line,
    "recist": Recist,
    "scribble": Scribble,
}
"""The kinds that are a few coordinates, by their names in files and on the command line."""


@dataclass(frozen=True)
class PromptSet:
    """Prompts in the order they were given, what their labels are called, what a reader of them should know,
    how far objects reach across the slices, and the words by which a finder found a label.
    """

    prompts: tuple[Prompt, ...]
    labels: Mapping[int, Label] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), compare=False)
    extents: tuple[Extent, ...] = ()
    words: Mapping[int, str] = field(default_factory=dict)

    @staticmethod
    def joined(sets: Sequence[PromptSet]) -> PromptSet:
        """Several in one; of labels and extents counts what the earliest set says."""
        labels: dict[int, Label] = {}
        words: dict[int, str] = {}
        extents: dict[tuple[int, Plane], Extent] = {}
        for one in reversed(sets):
            labels |= one.labels
            words |= one.words
            extents |= {(extent.label, extent.plane): extent for extent in one.extents}
        prompts, notes = (tuple(p for one in sets for p in one.prompts), tuple(n for one in sets for n in one.notes))
        return PromptSet(prompts, labels, notes, tuple(extents.values()), words)


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
