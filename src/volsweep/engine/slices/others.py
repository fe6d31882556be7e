"""Voxels that are known to belong to other objects: the object that is looked for is not there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.slices.crop import Crop


@dataclass(frozen=True, eq=False)
class Others:
    """What other objects hold, along one plane.

    Parameters
    ----------
    shape_nyx
        Of the whole plane: slices, rows, columns.
    region
        The block that holds all of it.
    held_nyx
        That block.
    """

    shape_nyx: tuple[int, int, int]
    region: tuple[slice, slice, slice]
    held_nyx: NDArray[np.bool_] = field(repr=False)

    @staticmethod
    def of(held_nyx: NDArray[np.bool_]) -> Others | None:
        """Take the voxels (slices, rows, columns) of a whole volume; None where there are none."""
        spans = []
        for axis in range(3):
            there = np.flatnonzero(held_nyx.any(axis=tuple(a for a in range(3) if a != axis)))
            if not len(there):
                return None
            spans.append(slice(int(there[0]), int(there[-1]) + 1))
        slices, rows, columns = held_nyx.shape
        region = (spans[0], spans[1], spans[2])
        return Others((slices, rows, columns), region, held_nyx[region].copy())

    @cached_property
    def _key(self) -> tuple[object, ...]:
        spans = tuple((span.start, span.stop) for span in self.region)
        return self.shape_nyx, spans, hashlib.sha256(np.packbits(self.held_nyx).tobytes()).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Others) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def shares(self, index: int, crop: Crop, side: int) -> Tensor | None:
        """How much of each cell (side, side) of a window they hold on a slice; None where they are not on it."""
        span, rows, columns = self.region
        if not span.start <= index < span.stop:
            return None
        whole = np.zeros(self.shape_nyx[1:], dtype=np.float32)
        whole[rows, columns] = self.held_nyx[index - span.start]
        cut = torch.from_numpy(crop.cut(whole))[None, None]
        if not cut.any():
            return None
        return F.interpolate(cut, size=(side, side), mode="bilinear", align_corners=False, antialias=True)[0, 0]
