"""The first guess of a body: the ellipse that a prompt suggests on its slice, and the spheroid over it.

SAM 2 was made for video, where nothing is known about the next frame but the last ones. In a
volume the distance between slices is known, in the unit of the outline itself. A spheroid over
the box that a reader draws, told nothing else, reaches a DSC of 0.74 to 0.78 on tumours
(`benchmarks/accuracy.py`, the baseline "spheroid").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.operations.distance import signed_distance
from volsweep.prompts.recist import ellipse_of

ELONGATION = 1.4
"""Half-axis across the slices over the outline's radius: the best single one for the tumours of
the training cases (DSC of the spheroid alone 0.72 at 1, 0.78 at 1.4, 0.77 at 1.7)."""
_STEEPNESS = 6.0
_SUREST = 8.0
"""Furthest from 0 that a section's logits go: the network can say otherwise."""
SHORT_AXIS = 0.7
"""Shorter over longer diameter of what a line is drawn across."""
_LEAST = 0.5
"""Shortest half-axis, in pixels."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse on a grid whose pixels' edges are at integers.

    Parameters
    ----------
    middle_xy
        Its middle.
    half
        Its half-axes.
    direction_xy
        Of the first one; length 1.
    """

    middle_xy: tuple[float, float]
    half: tuple[float, float]
    direction_xy: tuple[float, float] = (1.0, 0.0)

    @staticmethod
    def in_box(edges: NDArray[np.float64]) -> Ellipse:
        """The one in a box: left, top, right and bottom edge."""
        x0, y0, x1, y1 = edges.tolist()
        return Ellipse(((x0 + x1) / 2, (y0 + y1) / 2), (max((x1 - x0) / 2, _LEAST), max((y1 - y0) / 2, _LEAST)))

    @staticmethod
    def along(ends_xyxy: NDArray[np.float64], short: float) -> Ellipse:
        """The one along a longest diameter, `short` times as wide as long."""
        middle, half = (ends_xyxy[:2] + ends_xyxy[2:]) / 2, (ends_xyxy[2:] - ends_xyxy[:2]) / 2
        length = float(np.hypot(*half))
        x, y = (half / length).tolist() if length > 0 else (1.0, 0.0)
        long = max(length, _LEAST)
        return Ellipse((float(middle[0]), float(middle[1])), (long, max(short * long, _LEAST)), (x, y))

    @staticmethod
    def spanned(ends_xyxy: NDArray[np.float64]) -> Ellipse:
        """The one that two axes span: four ends, (8,)."""
        middle, (long, short) = ellipse_of(ends_xyxy.reshape(4, 2))
        half = float(np.hypot(*long)), float(np.hypot(*short))
        x, y = (long / half[0]).tolist() if half[0] > 0 else (1.0, 0.0)
        return Ellipse((float(middle[0]), float(middle[1])), (max(half[0], _LEAST), max(half[1], _LEAST)), (x, y))

    @property
    def edges(self) -> NDArray[np.float64]:
        """Its bounding box: left, top, right and bottom edge."""
        along, across = np.array(self.direction_xy) * self.half[0], np.array(self.direction_xy[::-1]) * self.half[1]
        reach, middle = np.hypot(along, across), np.array(self.middle_xy)
        return np.concatenate([middle - reach, middle + reach])

    def places(self, side: int, step: float = 1.0) -> tuple[Tensor, Tensor]:
        """Where cells (side, side) of `step` pixels lie from its middle, along the first axis and across it."""
        centres = (torch.arange(side) + 0.5) * step
        x, y = (centres - self.middle_xy[0])[None, :], (centres - self.middle_xy[1])[:, None]
        cos, sin = self.direction_xy
        return x * cos + y * sin, y * cos - x * sin

    def squared_radius(self, side: int, step: float = 1.0) -> Tensor:
        """(side, side): square of the distance from its middle, 1 on its border."""
        along, across = self.places(side, step)
        return (along / self.half[0]).square() + (across / self.half[1]).square()


@dataclass(frozen=True)
class Outline:
    """A prompted mask, ready to be continued.

    Parameters
    ----------
    depth
        (H, W): distance to the outline in radii, positive inside.
    radius
        Radius of the disc of the mask's area, in pixels of `depth`; 0 where the mask is empty.
    """

    depth: Tensor
    radius: float

    @staticmethod
    def of(mask_yx: NDArray[np.bool_]) -> Outline:
        """Measure a mask."""
        area = int(mask_yx.sum())
        if not area:
            return Outline(torch.full(mask_yx.shape, -np.inf), 0.0)
        radius = float(np.sqrt(area / np.pi))
        return Outline(torch.from_numpy((signed_distance(mask_yx) / radius).astype(np.float32)), radius)

    def section(self, shrunk: float) -> Tensor:
        """Logits (H, W) of the section on another slice: 0 on its border, falling with the distance to it.

        Parameters
        ----------
        shrunk
            Square of the section's radius over the outline's: 1 on the outline's own slice, below 0
            beyond the body's end. See `shrunk_after`.
        """
        if not self.radius:
            return torch.full_like(self.depth, -_SUREST)
        level = shrunk - (1 - self.depth).clamp(min=0).square()
        return (_STEEPNESS * level).clamp(-_SUREST, _SUREST)

    def shrunk_after(self, distance: float) -> float:
        """How a spheroid over this outline has shrunk at a distance in pixels of `depth`."""
        return 1 - (distance / (ELONGATION * self.radius)) ** 2 if self.radius else 0.0


def box_outline(edges: NDArray[np.float64], side: int) -> Outline:
    """The ellipse in a box, on a grid of `side` x `side` pixels.

    Parameters
    ----------
    edges
        Left, top, right and bottom edge in pixels.
    side
        Of the grid.
    """
    x0, y0, x1, y1 = edges.tolist()
    centres = torch.arange(side) + 0.5
    half_x, half_y = max((x1 - x0) / 2, 0.5), max((y1 - y0) / 2, 0.5)
    x, y = (centres - (x0 + x1) / 2) / half_x, (centres - (y0 + y1) / 2) / half_y
    return Outline(1 - torch.hypot(x[None, :], y[:, None]), float(np.sqrt(half_x * half_y)))


def inside_box(edges: NDArray[np.float64], side: int) -> Tensor:
    """Which pixels (side, side) have their centres between a box's edges, as `box_outline` takes them."""
    x0, y0, x1, y1 = edges.tolist()
    centres = torch.arange(side) + 0.5
    rows, columns = ((centres >= low) & (centres <= high) for low, high in ((y0, y1), (x0, x1)))
    return torch.logical_and(rows[:, None], columns)


def line_outline(ends_xyxy: NDArray[np.float64], side: int) -> Outline:
    """The ellipse along a longest diameter, on a grid of `side` x `side` pixels; edges of pixels at integers."""
    along, across, long = beside_line(ends_xyxy, side)
    return Outline(1 - torch.hypot(along / long, across / (SHORT_AXIS * long)), float(long * np.sqrt(SHORT_AXIS)))


def ellipse_outline(ellipse: Ellipse, side: int) -> Outline:
    """An ellipse, on a grid of `side` x `side` pixels; edges of pixels at integers."""
    return Outline(1 - ellipse.squared_radius(side).sqrt(), float(np.sqrt(ellipse.half[0] * ellipse.half[1])))


def beside_line(ends_xyxy: NDArray[np.float64], side: int) -> tuple[Tensor, Tensor, float]:
    """Where pixels (side, side) lie from a line's middle, along it and across it, and half its length."""
    middle, half = (ends_xyxy[:2] + ends_xyxy[2:]) / 2, (ends_xyxy[2:] - ends_xyxy[:2]) / 2
    long = max(float(np.hypot(*half)), 0.5)
    cos, sin = half / long
    centres = torch.arange(side) + 0.5
    x, y = (centres - middle[0])[None, :], (centres - middle[1])[:, None]
    return x * cos + y * sin, y * cos - x * sin, long


def around_line(ends_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounding box (left, top, right, bottom) of the ellipse along a longest diameter."""
    middle, half = (ends_xyxy[:2] + ends_xyxy[2:]) / 2, (ends_xyxy[2:] - ends_xyxy[:2]) / 2
    reach = np.hypot(half, SHORT_AXIS * half[::-1])
    return np.concatenate([middle - reach, middle + reach])
