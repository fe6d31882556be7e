"""What a reader measures by hand: a ruler in millimetres, an angle in degrees, both as the patient lies."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from volsweep.geometry import FloatArray, Grid, Plane

_Coordinate = Annotated[float, Field(allow_inf_nan=False)]
_POINTS = {"ruler": 2, "angle": 3}


class DrawnMeasure(BaseModel):
    """A ruler from one point of a slice to another, or the angle at the second of three."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ruler", "angle"]
    plane: Plane = Plane.AXIAL
    slice: Annotated[int, Field(ge=0)]
    points_xy: tuple[tuple[_Coordinate, _Coordinate], ...]
    """x before y, in voxels of the slice."""

    @model_validator(mode="after")
    def _has_sides(self) -> Self:
        if len(self.points_xy) != _POINTS[self.kind]:
            raise ValueError(f"a measured {self.kind} has {_POINTS[self.kind]} points, not {len(self.points_xy)}")
        if any(a == b for a, b in zip(self.points_xy, self.points_xy[1:], strict=False)):
            raise ValueError(f"a measured {self.kind} needs points that differ, not {self.points_xy}")
        return self

    def points_zyx(self, grid: Grid) -> FloatArray:
        """The points as voxel indices, (n, 3)."""
        return np.insert(np.array(self.points_xy)[:, ::-1], grid.plane_axis(self.plane), self.slice, axis=1)

    def value(self, grid: Grid) -> float:
        """Millimetres, or degrees from 0 to 180."""
        sides = np.diff(grid.to_lps_mm(self.points_zyx(grid)), axis=0)
        if self.kind == "ruler":
            return float(np.linalg.norm(sides[0]))
        back, on = -sides[0] / np.linalg.norm(sides[0]), sides[1] / np.linalg.norm(sides[1])
        return float(np.degrees(np.arccos(np.clip(back @ on, -1.0, 1.0))))

    def words(self, grid: Grid) -> str:
        """The value with its unit."""
        return f"{self.value(grid):.1f}{' mm' if self.kind == 'ruler' else '°'}"
