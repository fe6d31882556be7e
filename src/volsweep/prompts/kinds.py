"""What a reader says about a slice: points, strokes, boxes, lines, axes and masks.

In-plane coordinates are (x, y) = (column, row) of the slice as its plane shows it, voxel
centres at integers; a box's or mask's edge voxels are inside.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from volsweep.errors import PromptError
from volsweep.geometry import BoxXYXY, FloatArray, Plane, mask_box_xyxy
from volsweep.prompts.base import Finite, OnSlice, check_corners
from volsweep.prompts.extent import Extent
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


class Mask(OnSlice):
    """A drawn mask, kept verbatim; or, with `verbatim` false, the mask that clicks correct.

    The mask is stored as its bounding box and zlib-packed bits, row by row.
    """

    is_painted: ClassVar[bool] = True

    kind: Literal["mask"] = "mask"
    shape_yx: tuple[int, int]
    origin_xy: tuple[int, int] = (0, 0)
    size_xy: tuple[int, int] = (0, 0)
    bits: str = ""
    verbatim: bool = True

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        (rows, columns), (x, y), (width, height) = self.shape_yx, self.origin_xy, self.size_xy
        if min(rows, columns) < 1 or min(x, y, width, height) < 0 or x + width > columns or y + height > rows:
            raise ValueError(f"mask of {width}x{height} at {self.origin_xy} does not fit a slice of {columns}x{rows}")
        if rows * columns > 2**28:
            raise ValueError(f"a slice of {columns}x{rows} is not plausible")
        if len(self._unpacked()) * 8 < width * height:
            raise ValueError("the mask's bits end early")
        return self

    def _unpacked(self) -> bytes:
        try:
            packed = base64.b64decode(self.bits, validate=True)
            expected = (self.size_xy[0] * self.size_xy[1] + 7) // 8
            # Bounded: a few bytes must not unpack to gigabytes.
            return zlib.decompressobj().decompress(packed, max(expected, 1)) if packed else b""
        except (ValueError, zlib.error) as error:
            raise ValueError(f"the mask's bits are damaged ({error})") from error

    @staticmethod
    def from_array(
        mask_yx: NDArray[np.bool_], *, label: int, slice: int, plane: Plane | str = Plane.AXIAL, verbatim: bool = True
    ) -> Mask:
        """Pack a boolean mask (rows, columns) of a whole slice."""
        mask = np.asarray(mask_yx, dtype=bool)
        if mask.ndim != 2:
            raise PromptError(f"a mask prompt is 2D (rows, columns), not shape {mask.shape}")
        box = mask_box_xyxy(mask) or (0, 0, -1, -1)
        x0, y0, x1, y1 = (int(v) for v in box)
        inner = mask[y0 : y1 + 1, x0 : x1 + 1]
        packed = zlib.compress(np.packbits(inner).tobytes(), 9) if inner.size else b""
        return Mask(
            label=label,
            plane=Plane(plane),
            slice=slice,
            shape_yx=(mask.shape[0], mask.shape[1]),
            origin_xy=(x0, y0),
            size_xy=(x1 - x0 + 1, y1 - y0 + 1),
            bits=base64.b64encode(packed).decode("ascii"),
            verbatim=verbatim,
        )

    def to_array(self) -> NDArray[np.bool_]:
        """The mask on its whole slice, (rows, columns)."""
        mask = np.zeros(self.shape_yx, dtype=bool)
        (x, y), (width, height) = self.origin_xy, self.size_xy
        if width and height:
            bits = np.unpackbits(np.frombuffer(self._unpacked(), dtype=np.uint8), count=width * height)
            mask[y : y + height, x : x + width] = bits.reshape(height, width)
        return mask

    @property
    def is_there(self) -> bool:
        """Whether it has voxels."""
        return self.extent_xyxy() is not None

    def points_xy(self) -> FloatArray:
        """None, (0, 2): a mask is voxels."""
        return np.zeros((0, 2))

    def _check_on_slice(self, shape_yx: tuple[int, int]) -> None:
        if self.shape_yx != shape_yx:
            raise PromptError(f"a mask of {self.shape_yx} does not fit {self.plane} slices of {shape_yx}")

    def replaces(self, other: OnSlice) -> bool:  # noqa: ARG002
        """A mask replaces all that was given on its slice."""
        return True

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY | None:  # noqa: ARG002
        """Tight box of the mask; None where it is empty (the label is not on this slice)."""
        if not (self.size_xy[0] and self.size_xy[1]):
            return None
        (x, y), (width, height) = self.origin_xy, self.size_xy
        return float(x), float(y), float(x + width - 1), float(y + height - 1)


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
    """Prompts in the order they were given, what their labels are called, what a reader of them should know, and
    how far objects reach across the slices.
    """

    prompts: tuple[Prompt, ...]
    labels: Mapping[int, Label] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), compare=False)
    extents: tuple[Extent, ...] = ()

    @staticmethod
    def joined(sets: Sequence[PromptSet]) -> PromptSet:
        """Several in one; of labels and extents counts what the earliest set says."""
        labels: dict[int, Label] = {}
        extents: dict[tuple[int, Plane], Extent] = {}
        for one in reversed(sets):
            labels |= one.labels
            extents |= {(extent.label, extent.plane): extent for extent in one.extents}
        prompts, notes = (tuple(p for one in sets for p in one.prompts), tuple(n for one in sets for n in one.notes))
        return PromptSet(prompts, labels, notes, tuple(extents.values()))
