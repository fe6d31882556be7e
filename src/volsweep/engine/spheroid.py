"""How a prompted outline goes on: the sections of a spheroid over it, and of a box.

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

from volsweep.crop import LOGIT_STRIDE
from volsweep.engine.distance import signed_distance

ELONGATION = 1.4
"""Half-axis across the slices over the outline's radius: the best single one for the tumours of
the training cases (DSC of the spheroid alone 0.72 at 1, 0.78 at 1.4, 0.77 at 1.7)."""
_STEEPNESS = 6.0
_PROPORTIONS = np.exp(np.linspace(-1.2, 1.2, 61))
"""Half-axes looked at, over the usual one."""
_PROPORTIONS_SPREAD = 0.35
"""Of the logarithm of tumours' half-axes over their radii, in the training cases."""
_RADIUS_ERROR = 0.1
"""How far a corrected outline's radius may be off, over that of the widest: slices close to each
other say little about where a body ends."""
_SUREST = 8.0
"""Furthest from 0 that a section's logits go: the network can say otherwise."""


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

    def towards(self, other: Outline, share: float) -> Outline:
        """The outline between two prompted ones: `share` 0 is this one, 1 the other."""
        radius = (1 - share) * self.radius + share * other.radius
        if not self.radius or not other.radius:
            return self if share < 0.5 else other
        return Outline(((1 - share) * self.depth * self.radius + share * other.depth * other.radius) / radius, radius)

    def section(self, shrunk: float) -> Tensor:
        """Logits (H, W) of the section on another slice: 0 on its border, falling with the distance to it.

        Parameters
        ----------
        shrunk
            Square of the section's radius over the outline's: 1 on the outline's own slice, below 0
            beyond the body's end. See `shrunk_after` and `shrunk_further`.
        """
        if not self.radius:
            return torch.full_like(self.depth, -_SUREST)
        level = shrunk - (1 - self.depth).clamp(min=0).square()
        return (_STEEPNESS * level).clamp(-_SUREST, _SUREST)

    def shrunk_after(self, distance: float) -> float:
        """How a spheroid over this outline has shrunk at a distance in pixels of `depth`."""
        return 1 - (distance / (ELONGATION * self.radius)) ** 2 if self.radius else 0.0


def shrunk_further(widest: float, outline: float, apart: float, distance: float) -> float:
    """How a spheroid through two prompted outlines has shrunk beyond the smaller one.

    Parameters
    ----------
    widest, outline
        Radii of the wider outline, where the spheroid is centred, and of the smaller one.
    apart
        Distance between their slices, in the same unit.
    distance
        From the smaller outline to the slice asked for, away from the wider one.

    Returns
    -------
    float
        Square of the section's radius over that of the smaller outline.
    """
    usual = ELONGATION * widest
    # The smaller outline shows that the body reaches it, whatever its proportions.
    candidates = np.maximum(usual * _PROPORTIONS, 1.05 * apart)
    misfit = (outline / widest - np.sqrt(1 - (apart / candidates) ** 2)) / _RADIUS_ERROR
    surprise = np.log(candidates / usual) / _PROPORTIONS_SPREAD
    half_axis = candidates[int(np.argmin(misfit**2 + surprise**2))]
    here, there = apart / half_axis, (apart + distance) / half_axis
    return float((1 - there**2) / (1 - here**2))


def box_sections(corners_xy: Tensor, size: int) -> Tensor:
    """Logits (B, 1, S/4, S/4) of the ellipses in boxes: the sections that boxes themselves suggest.

    Parameters
    ----------
    corners_xy
        (B, 2, 2): first and last corner as (x, y), model pixels.
    size
        Side S of the model's input.
    """
    first, last = corners_xy.float().unbind(1)
    middle = (first + last) / 2
    # Boxes run between voxel centres, objects to the voxels' borders: about a model pixel further.
    half = (last - first).clamp(min=0) / 2 + 1
    centres = torch.arange(size // LOGIT_STRIDE, device=corners_xy.device) * LOGIT_STRIDE + (LOGIT_STRIDE - 1) / 2
    x, y = (((centres - middle[:, i, None]) / half[:, i, None]).square() for i in (0, 1))
    level = 1 - x[:, None, :] - y[:, :, None]
    return (_STEEPNESS * level).clamp(-_SUREST, _SUREST)[:, None]
