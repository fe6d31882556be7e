"""The block of space around a prompted slice that the 3D network sees.

It has cubic voxels: in plane the window that SAM 2 looks through, across the slices half as long again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network.body_net import DEPTH, FINE, SIDE
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.frames import Frames, model_input
from volsweep.geometry import BoxXYXY

ZOOM = 2.2
"""Side of the block over the longer side of what was prompted."""
ANCHOR = DEPTH // 2
"""The plane of the slice that the block is put around."""


def nearest_slices(places: Sequence[float], planes: int) -> list[int | None]:
    """The slice nearest to each of some planes, given where slices lie; None where that is a plane away or more."""
    away = np.abs(np.asarray(places) - np.arange(planes)[:, None])
    found = away.argmin(axis=1)
    reach = max(1.0, float(np.diff(places).max(initial=0)))
    return [int(index) if away[plane, index] < reach else None for plane, index in enumerate(found)]


@dataclass(frozen=True)
class Block:
    """Where a block lies.

    Parameters
    ----------
    crop
        Its window.
    anchor
        The slice it is put around.
    planes_per_slice
        Mean distance between slices over that between planes.
    at
        Planes from the first slice to each one, where they are not evenly spaced.
    """

    crop: Crop
    anchor: int
    planes_per_slice: float
    at: tuple[float, ...] | None = None

    @staticmethod
    def around(box_xyxy: BoxXYXY, anchor: int, frames: Frames) -> Block:
        """The block for a target with this bounding box on slice `anchor`."""
        crop = Crop.around(box_xyxy, frames.spacing_yx_mm, ZOOM, SIDE * LOGIT_STRIDE)
        plane_mm = crop.width * frames.spacing_yx_mm[1] / SIDE
        at = None if frames.is_even else tuple((frames.positions_mm / plane_mm).tolist())
        return Block(crop, anchor, frames.spacing_mm / plane_mm, at)

    def plane(self, slice_index: int) -> float:
        """Where a slice lies, in planes."""
        if self.at is not None:
            return ANCHOR + self.at[slice_index] - self.at[self.anchor]
        return ANCHOR + (slice_index - self.anchor) * self.planes_per_slice

    def holds(self, slice_index: int) -> bool:
        """Whether a slice lies within."""
        return 0 <= round(self.plane(slice_index)) < DEPTH

    def nearest(self, count: int) -> list[int | None]:
        """The slice that lies nearest to each plane, of so many; None where none is within a plane of it."""
        return nearest_slices([self.plane(index) for index in range(count)], DEPTH)

    def grey(self, frames: Frames) -> Tensor:
        """What it shows: (2, 48, 64, 64), grey values in [0, 1], and 1 where there is image."""
        window = replace(self.crop, size=FINE)
        indices = self._slices(len(frames))
        shown = torch.cat([model_input(frames[int(i)], window) for i in indices])[:, 0]
        planes = np.arange(DEPTH)
        at = np.array([self.plane(int(i)) for i in indices])
        before, after = self._gaps(at, indices)
        reaches = np.where(planes[:, None] < at, before, after)
        weights = np.clip(1 - np.abs(planes[:, None] - at) / np.maximum(1.0, reaches), 0, None)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
        first, last = self.plane(0), self.plane(len(frames) - 1)
        halves = [self.planes_per_slice / 2] * 2
        if self.at is not None:
            halves = [(self.at[1] - self.at[0]) / 2, (self.at[-1] - self.at[-2]) / 2]
        there = torch.from_numpy((planes > first - halves[0]) & (planes < last + halves[1]))
        in_plane = model_input(np.ones(frames.shape_yx, dtype=np.float32), window)[0, 0] > 0.5
        inside = (there[:, None, None] & in_plane).float()
        grey = torch.einsum("ks,syx->kyx", torch.from_numpy(weights.astype(np.float32)), shown)
        return torch.stack([grey * inside, inside])

    def _slices(self, count: int) -> NDArray[np.int64]:
        """The slices that are averaged: two a plane are enough."""
        if self.at is not None:
            return np.array(self._spaced(range(self.anchor, -1, -1))[:0:-1] + self._spaced(range(self.anchor, count)))
        stride = max(1, int(0.5 / self.planes_per_slice))
        reach = int((ANCHOR + 2) / self.planes_per_slice) // stride + 1
        indices = self.anchor + stride * np.arange(-reach, reach + 1)
        return np.asarray(indices[(indices >= 0) & (indices < count)])

    def _spaced(self, way: range) -> list[int]:
        """Slices along a way from the anchor, half a plane or more apart, to the first beyond the block."""
        taken = [way[0]]
        for index in way[1:]:
            if not -1 <= self.plane(taken[-1]) <= DEPTH:
                break
            if abs(self.plane(index) - self.plane(taken[-1])) >= 0.5:
                taken.append(index)
        return taken

    def _gaps(self, at: NDArray[np.float64], indices: NDArray[np.int64]) -> tuple[Any, Any]:
        """How far each slice's grey values reach before it and after it: to its neighbours."""
        if self.at is None or len(at) < 2:
            gap = self.planes_per_slice * (int(indices[1] - indices[0]) if len(indices) > 1 else 1)
            return gap, gap
        gaps = np.diff(at)
        return np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]])
