"""A corrected body does what the click says, and nothing else.

A positive click only adds, a negative one only takes away; what changes sides hangs together with the click and lies
within its reach. What a network would change elsewhere for it stays as it was: nobody asked for it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import ndimage
from torch import Tensor

from volsweep.engine.body.refiner_maps import away_from
from volsweep.engine.body.space import PLANES_ZOOM
from volsweep.engine.network.refiner import DEPTH, OUT, SIDE

_CELLS = 1.5
"""Cells around a click, and planes nearer than one, that are as it says."""
_SURE = 1.0
"""Least logit there."""
_UNDECIDED = 0.1
"""Logits of cells that did not change sides though the network would have it are at least so far from doing so."""
_REACH = SIDE / PLANES_ZOOM
"""In pixels: as far as the longer side of what was prompted."""
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def obeyed(before: Tensor, proposed: Tensor, at_zyx: ArrayLike, positive: bool) -> Tensor:
    """A body's logits after a click.

    Parameters
    ----------
    before
        (32, 48, 48): the body that is corrected.
    proposed
        (32, 48, 48): what the network makes of it.
    at_zyx
        The click: plane, row and column in pixels from the window's corner; (n, 3) along a stroke.
    positive
        Whether the object is there.
    """
    if not positive:
        return -obeyed(-before, -proposed, at_zyx, positive=True)
    told = _told(at_zyx)
    wanted = torch.where(told, proposed.clamp(min=_SURE), proposed)
    new = ((wanted > 0) & (before <= 0) & (away_from(at_zyx) <= _REACH)) | told
    parts, _ = ndimage.label(new.numpy(), _NEIGHBOURS)
    own = np.isin(parts, np.unique(parts[told.numpy()])) & (parts > 0)
    # Elsewhere what speaks for the object is kept for the next click, but no cell changes sides.
    held = torch.where(before > 0, wanted, wanted.clamp(max=-_UNDECIDED))
    return torch.maximum(before, torch.where(torch.from_numpy(own), wanted, held))


def _told(at_zyx: ArrayLike) -> Tensor:
    """The cells (32, 48, 48) that are as a click says."""
    at = torch.from_numpy(np.atleast_2d(np.asarray(at_zyx, dtype=np.float32)))
    planes = (torch.arange(DEPTH) - at[0, 0]).abs() < 1
    rows, columns = ((torch.arange(OUT) + 0.5 - at[:, axis, None] * OUT / SIDE).abs() <= _CELLS for axis in (1, 2))
    return planes[:, None, None] & (rows[:, :, None] & columns[:, None]).any(0)
