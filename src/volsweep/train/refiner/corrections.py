"""Clicks on what came out wrong, as a reader makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.engine.body.planes import PIXELS_PER_PLANE
from volsweep.engine.network.refiner import DEPTH, OUT, SIDE

_LARGEST = 0.75
"""Share of clicks on the largest wrong region; the others go to any, larger ones more often."""
_FEWEST = 4
"""Wrong cells below which nobody clicks."""
_CELL = SIDE / OUT
_ANISOTROPIC = (PIXELS_PER_PLANE / _CELL, 1.0, 1.0)
"""Planes lie further apart than cells."""
_DEEPEST, _DEEP = 0.999, 0.7
"""Clicks lie at this share of the region's greatest depth at least: in its middle, or somewhere near."""
_NEAR = 0.12 * SIDE
"""Pixels around a click over which the loss looks harder."""


@dataclass(frozen=True)
class Correction:
    """A click on a wrong cell.

    Parameters
    ----------
    cell_zyx
        Plane, row and column among the body's cells.
    positive
        Whether the object is there.
    """

    cell_zyx: tuple[int, int, int]
    positive: bool

    def pixel_zyx(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """The plane, and where in the cell's pixels it was clicked."""
        plane, row, column = self.cell_zyx
        return plane, (row + float(rng.random())) * _CELL, (column + float(rng.random())) * _CELL

    def nearness(self) -> Tensor:
        """(32, 48, 48): 1 at the click, falling to 0 around it."""
        plane, row, column = self.cell_zyx
        z, cells = (torch.arange(DEPTH) - plane) * PIXELS_PER_PLANE, torch.arange(OUT)
        squared = z.square()[:, None, None] + ((cells - row) * _CELL).square()[:, None]
        squared = squared + ((cells - column) * _CELL).square()
        return (1 - squared.sqrt() / _NEAR).clamp(min=0)


def next_correction(
    rng: np.random.Generator, found: NDArray[np.bool_], truth: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Correction | None:
    """A click near the middle of a large wrong region of (32, 48, 48); None where little is wrong."""
    parts, count = ndimage.label((found != truth) & known, structure=np.ones((3, 3, 3)))
    if not count:
        return None
    sizes = np.bincount(parts.reshape(-1))[1:]
    part = int(sizes.argmax()) if rng.random() < _LARGEST else int(rng.choice(count, p=sizes / sizes.sum()))
    if sizes[part] < _FEWEST:
        return None
    box = ndimage.find_objects(parts, max_label=part + 1)[part]
    sampling = _ANISOTROPIC if rng.random() < 0.5 else (1.0, 1.0, 1.0)
    depth = ndimage.distance_transform_edt(np.pad(parts[box] == part + 1, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    deep = _DEEPEST if rng.random() < 0.5 else _DEEP
    inner = np.argwhere(depth >= deep * depth.max())
    z, y, x = (int(i) + side.start for i, side in zip(inner[int(rng.integers(len(inner)))], box, strict=True))
    return Correction((z, y, x), bool(truth[z, y, x]))
