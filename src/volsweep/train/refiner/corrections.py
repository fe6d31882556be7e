"""Clicks on what came out wrong, as a reader makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.engine.body.refiner_maps import away_from
from volsweep.engine.body.space import PIXELS_PER_PLANE
from volsweep.engine.network.refiner import OUT, SIDE
from volsweep.train.blocks.prompts import drawn, wrong_part
from volsweep.train.blocks.sample import COVERED

_LARGEST = 0.75
"""Share of clicks on the largest wrong region; the others go to any, larger ones more often."""
_FEWEST = 4
"""Wrong cells below which nobody clicks."""
_CELL = SIDE / OUT
_ANISOTROPIC = (PIXELS_PER_PLANE / _CELL, 1.0, 1.0)
"""Planes lie further apart than cells."""
_DEEPEST, _DEEP = 0.999, 0.7
"""Clicks lie at this share of the region's greatest depth at least: in its middle, or somewhere near."""
_CORRECTED, _ROUGH = (0.3, 1.3), 0.5
"""How much of a wrong part's reach a click may put right on its slice, and how often only roughly."""
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
        return (1 - away_from((plane, (row + 0.5) * _CELL, (column + 0.5) * _CELL)) / _NEAR).clamp(min=0)

    def shown_after(self, rng: np.random.Generator, logits: Tensor, truth: Tensor) -> NDArray[np.bool_]:
        """The mask (96, 96) that its plane may show after it: as it was found, but near the click as it is.

        Parameters
        ----------
        rng
            How near: not always as far as the wrong part reaches, and at times beyond it.
        logits
            (32, 48, 48) of what was found.
        truth
            (32, 48, 48) bool.
        """
        plane, row, column = self.cell_zyx
        found, covered = (_at_full_size(t[plane].float()) for t in (logits, truth))
        parts, _ = ndimage.label(((logits[plane] > 0) != truth[plane]).cpu().numpy(), structure=np.ones((3, 3)))
        rows, columns = np.nonzero(parts == parts[row, column])
        reach = (np.hypot(rows - row, columns - column).max() + 1) * _CELL * float(rng.uniform(*_CORRECTED))
        true = drawn(rng, covered) if rng.random() < _ROUGH else covered > COVERED
        at = np.arange(SIDE) + 0.5
        near = np.hypot(at[:, None] - (row + 0.5) * _CELL, at - (column + 0.5) * _CELL) < reach
        return np.where(near, true.numpy(), (found > 0).numpy())


def next_correction(
    rng: np.random.Generator, found: NDArray[np.bool_], truth: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Correction | None:
    """A click near the middle of a large wrong region of (32, 48, 48); None where little is wrong."""
    part = wrong_part(rng, (found != truth) & known, _LARGEST, _FEWEST)
    if part is None:
        return None
    sampling = _ANISOTROPIC if rng.random() < 0.5 else (1.0, 1.0, 1.0)
    z, y, x = part.deep(rng, _DEEPEST if rng.random() < 0.5 else _DEEP, sampling)
    return Correction((z, y, x), bool(truth[z, y, x]))


def _at_full_size(plane_yx: Tensor) -> Tensor:
    """Cells (48, 48) at the block's pixels (96, 96)."""
    wide = F.interpolate(plane_yx[None, None], size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return wide[0, 0].cpu()
