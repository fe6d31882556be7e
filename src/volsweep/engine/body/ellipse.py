"""The ellipse that a box, a line or two axes suggest on their slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.prompts.recist import ellipse_of

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
