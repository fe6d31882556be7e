"""Both axes of an object as RECIST 1.1 measures it: the longest diameter on a slice, and the longest one across it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from volsweep.geometry import BoxXYXY, FloatArray
from volsweep.prompts.base import Finite, OnSlice

_GRACE = 0.3
"""How far one axis may end before the other and still cross it, as a part of the longer one (and a voxel, at least):
callipers are put down by hand."""


class Recist(OnSlice):
    """Two diameters that cross: of the two, the longer one says which way the object lies."""

    xy_field: ClassVar[str] = "axes_xyxy"

    kind: Literal["recist"] = "recist"
    axes_xyxy: tuple[Finite, Finite, Finite, Finite, Finite, Finite, Finite, Finite]
    """Ends of the one, (x0, y0, x1, y1), then of the other."""

    @model_validator(mode="after")
    def _cross(self) -> Self:
        one, other = np.reshape(np.array(self.axes_xyxy), (2, 2, 2))
        if not (np.ptp(one, axis=0).any() and np.ptp(other, axis=0).any()):
            raise ValueError(f"each of two axes needs two different ends, not {self.axes_xyxy}")
        grace = max(1.0, _GRACE * float(np.linalg.norm(np.ptp([one, other], axis=1), axis=1).max()))
        if not (_reaches_over(one, other, grace) and _reaches_over(other, one, grace)):
            raise ValueError(f"the two axes of one object cross each other, and these do not: {self.axes_xyxy}")
        return self

    @classmethod
    def from_vertices_xy(cls, vertices_xy: FloatArray, **where: Any) -> Self:
        """Make it from the inverse of `vertices_xy`, or from the four ends; `where` are its other fields."""
        ends = vertices_xy if len(vertices_xy) == 4 else vertices_xy[[0, -1, 2, 4]]
        return cls.from_numbers(ends, **where)

    def vertices_xy(self) -> FloatArray:
        """A path that draws both axes in one stroke, (7, 2): by way of where they cross."""
        a, b, c, d = self.points_xy()
        across = np.array([c[1] - d[1], d[0] - c[0]])
        crossing = a + (b - a) * (((c - a) @ across) / ((b - a) @ across))
        return np.stack([a, crossing, c, crossing, d, crossing, b])

    def replaces(self, other: OnSlice) -> bool:
        """Axes replace an earlier box, line or axes, as when they are moved."""
        return not (other.is_click or other.is_painted)

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY:
        """The box around the ellipse (in mm) that the axes span, and around their ends."""
        per_voxel = np.array([spacing_yx_mm[1], spacing_yx_mm[0]])
        ends = self.points_xy()
        middle, semi_axes = ellipse_of(ends * per_voxel)
        reach = np.hypot(*semi_axes)
        around = np.stack([middle - reach, middle + reach]) / per_voxel
        low, high = np.vstack([ends, around]).min(axis=0), np.vstack([ends, around]).max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def ellipse_of(ends_xy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ellipse that two crossing axes span.

    Parameters
    ----------
    ends_xy
        (4, 2): ends of one axis, then of the other, in a unit that is the same along x and y.

    Returns
    -------
    middle_xy, semi_axes_xy
        (2,), and (2, 2): half of the longer axis, and half of what the other reaches across it. An object may
        lie more to one side of its longest diameter than to the other.
    """
    axes = ends_xy.reshape(2, 2, 2)
    long, short = axes if np.linalg.norm(np.ptp(axes, axis=1), axis=1).argmax() == 0 else axes[::-1]
    half = (long[1] - long[0]) / 2
    across = np.array([-half[1], half[0]]) / np.hypot(*half)
    middle = long.mean(axis=0)
    low, high = np.sort((short - middle) @ across)
    low, high = min(low, 0.0), max(high, 0.0)
    return middle + across * (low + high) / 2, np.stack([half, across * (high - low) / 2])


def _reaches_over(one: FloatArray, other: FloatArray, grace: float) -> bool:
    """Whether the ends (2, 2) of one line lie on both sides of the straight line along another, or nearly."""
    along = (other[1] - other[0]) / np.hypot(*(other[1] - other[0]))
    low, high = np.sort((one - other[0]) @ np.array([-along[1], along[0]]))
    return bool(low <= grace and high >= -grace and high > low)
