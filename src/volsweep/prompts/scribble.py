"""Strokes: what they run over belongs to an object, or does not."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from volsweep.geometry import BoxXYXY, FloatArray, Grid
from volsweep.prompts.base import Finite, OnSlice

_STEP = 0.25
"""In voxels: how closely a stroke is followed from one voxel to the next."""
_CORE = 0.25
"""What lies within this part of its width from a stroke's middle line is its core: half of it. People stray."""


class Scribble(OnSlice):
    """A freehand stroke over the object (positive), or over what is not it.

    Its core, the inner half of its width and at least the voxels that its middle line runs through, is as it says;
    the rest tells the network where the stroke was.
    """

    xy_field: ClassVar[str] = "path_xy"
    is_click: ClassVar[bool] = True

    kind: Literal["scribble"] = "scribble"
    path_xy: Annotated[tuple[Finite, ...], Field(min_length=2)]
    """x and y of one point after the other along its middle line."""
    width: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    unit: Literal["px", "mm"] = "px"
    """Of the width: voxels of the slice, or millimetres."""
    positive: bool = True

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if len(self.path_xy) % 2:
            raise ValueError(f"a path is x and y of every point, an even count of numbers, not {len(self.path_xy)}")
        return self

    @property
    def is_there(self) -> bool:
        """Whether it is positive."""
        return self.positive

    @classmethod
    def from_vertices_xy(cls, vertices_xy: FloatArray, **where: Any) -> Self:
        """Make it from what was drawn, the inverse of `vertices_xy`; `where` are its other fields."""
        return cls.from_numbers(vertices_xy, **where)

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY:  # noqa: ARG002
        """The box around its middle line."""
        low, high = self.points_xy().min(axis=0), self.points_xy().max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def in_mm(self, grid: Grid) -> Self:
        """The same with its width in millimetres."""
        if self.unit == "mm":
            return self
        step_mm = float(np.mean(grid.plane_spacing_mm(self.plane)[1:]))
        return self.model_copy(update={"width": self.width * step_mm, "unit": "mm"})

    def along_xy(self, most: int) -> FloatArray:
        """Points evenly spaced along it, (n, 2): as many as asked for, or fewer on a short stroke."""
        dense = self._dense_xy()
        at = np.unique(np.linspace(0, len(dense) - 1, most + 2).round().astype(int)[1:-1])
        return np.asarray(dense[at])

    def middle_yx(self) -> NDArray[np.intp]:
        """The voxels (row, column) that its middle line runs through, (n, 2)."""
        return np.unique(np.rint(self._dense_xy()[:, ::-1]).astype(np.intp), axis=0)

    def core_yx(self, spacing_yx_mm: tuple[float, float]) -> NDArray[np.intp]:
        """The voxels (row, column) that are as it says, (n, 2); they may lie beyond the slice's edge."""
        middle = self.middle_yx()
        step = np.array(spacing_yx_mm if self.unit == "mm" else (1.0, 1.0))
        reach = self.width * _CORE
        rows, columns = (np.arange(-n, n + 1) for n in np.floor(reach / step).astype(int))
        ball = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        ball = ball[np.hypot(*(ball * step).T) <= reach]
        return np.unique((middle[:, None] + ball).reshape(-1, 2), axis=0)

    def _dense_xy(self) -> FloatArray:
        points = self.points_xy()
        parts = [points[:1]]
        for start, end in pairwise(points):
            count = max(1, int(np.ceil(np.abs(end - start).max() / _STEP)))
            parts.append(start + (end - start) * np.linspace(0, 1, count + 1)[1:, None])
        return np.concatenate(parts)
