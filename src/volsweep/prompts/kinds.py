"""What a reader says about a slice: points, boxes, lines and masks.

In-plane coordinates are (x, y) = (column, row) of the slice as its plane shows it, voxel
centres at integers; a box's or mask's edge voxels are inside.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from volsweep.errors import PromptError
from volsweep.geometry import BoxXYXY, Grid, Plane, mask_box_xyxy
from volsweep.volume import Label

Finite = Annotated[float, Field(allow_inf_nan=False)]
MAX_LABEL = 65_535


class _OnSlice(BaseModel):
    """What all prompts share: the label they are about, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Annotated[int, Field(ge=1, le=MAX_LABEL)]
    plane: Plane = Plane.AXIAL
    slice: Annotated[int, Field(ge=0)]


class Point(_OnSlice):
    """A click: this voxel belongs to the label (positive) or does not."""

    kind: Literal["point"] = "point"
    point_xy: tuple[Finite, Finite]
    positive: bool = True

    def extent_xyxy(self) -> BoxXYXY:
        """The point as a box."""
        return (*self.point_xy, *self.point_xy)


class Box(_OnSlice):
    """A box around the label on one slice, first and last voxel inclusive."""

    kind: Literal["box"] = "box"
    box_xyxy: tuple[Finite, Finite, Finite, Finite]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        x0, y0, x1, y1 = self.box_xyxy
        if x1 < x0 or y1 < y0:
            raise ValueError(f"a box is (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1, not {self.box_xyxy}")
        return self

    def extent_xyxy(self) -> BoxXYXY:
        """The box."""
        return self.box_xyxy


class Line(_OnSlice):
    """A RECIST diameter: the longest extent of the label on this slice, end to end."""

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

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY:
        """The square (in mm) around the line: its midpoint, half its length to every side."""
        x0, y0, x1, y1 = self.line_xyxy
        x, y = self.midpoint_xy
        row_mm, column_mm = spacing_yx_mm
        half_mm = float(np.hypot((x1 - x0) * column_mm, (y1 - y0) * row_mm)) / 2
        dx, dy = half_mm / column_mm, half_mm / row_mm
        return x - dx, y - dy, x + dx, y + dy


class Mask(_OnSlice):
    """A drawn mask, kept verbatim; or, with `verbatim` false, the mask that clicks correct.

    The mask is stored as its bounding box and zlib-packed bits, row by row.
    """

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

    def extent_xyxy(self) -> BoxXYXY | None:
        """Tight box of the mask; None where it is empty (the label is not on this slice)."""
        if not (self.size_xy[0] and self.size_xy[1]):
            return None
        (x, y), (width, height) = self.origin_xy, self.size_xy
        return float(x), float(y), float(x + width - 1), float(y + height - 1)


Prompt = Annotated[Point | Box | Line | Mask, Field(discriminator="kind")]


def extent_of(prompt: Prompt, spacing_yx_mm: tuple[float, float]) -> BoxXYXY | None:
    """What a prompt covers on a slice of this spacing, inclusive voxel centres; None for a mask of nothing."""
    return prompt.extent_xyxy(spacing_yx_mm) if isinstance(prompt, Line) else prompt.extent_xyxy()


@dataclass(frozen=True)
class PromptSet:
    """Prompts in the order they were given, and what their labels are called."""

    prompts: tuple[Prompt, ...]
    labels: Mapping[int, Label] = field(default_factory=dict)


def check_on_grid(prompt: Prompt, grid: Grid) -> None:
    """Refuse a prompt that lies outside the volume.

    Raises
    ------
    PromptError
        Naming the coordinate and the range it must be in.
    """
    slices, rows, columns = grid.plane_shape(prompt.plane)
    if not 0 <= prompt.slice < slices:
        raise PromptError(
            f"slice {prompt.slice} is outside the volume: {prompt.plane} slices go from 0 to {slices - 1}"
        )
    if isinstance(prompt, Mask):
        if prompt.shape_yx != (rows, columns):
            raise PromptError(f"a mask of {prompt.shape_yx} does not fit {prompt.plane} slices of {(rows, columns)}")
        return
    if isinstance(prompt, Line):
        corners = (prompt.line_xyxy[:2], prompt.line_xyxy[2:])
    else:
        extent = prompt.extent_xyxy()
        corners = (extent[:2], extent[2:])
    for x, y in corners:
        # Half a voxel of grace: the edge voxels' outer edges are still inside the volume.
        if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5):
            raise PromptError(
                f"{prompt.kind} at ({x:g}, {y:g}) is outside the {prompt.plane} slice: "
                f"x goes from 0 to {columns - 1}, y from 0 to {rows - 1}"
            )
