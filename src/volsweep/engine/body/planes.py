"""The planes around a prompted slice that the refiner sees.

Each is a square window of the slice, resampled; they lie further apart than their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.body.block import nearest_slices
from volsweep.engine.network.refiner import DEPTH, SIDE
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.frames import Frames, model_input
from volsweep.geometry import BoxXYXY

ZOOM = 2.3
"""Side of the planes over the longer side of what was prompted."""
ANCHOR = DEPTH // 2
"""The plane of the slice that they are put around."""
PLANES_PER_SIDE = 20
"""Planes lie this part of the side apart: 16 of them reach as far as 1.8 times the prompt's longer side."""
_CLOSEST = 0.5
"""Planes between slices that are averaged, at least."""
PIXELS_PER_PLANE = SIDE / PLANES_PER_SIDE
"""Distance between planes in pixels."""


@dataclass(frozen=True)
class Planes:
    """Where the planes lie.

    Parameters
    ----------
    crop
        Their window.
    anchor
        The slice they are put around.
    at
        Planes from the first slice to each one.
    """

    crop: Crop
    anchor: int
    at: tuple[float, ...]

    @staticmethod
    def around(box_xyxy: BoxXYXY, anchor: int, frames: Frames, zoom: float = ZOOM) -> Planes:
        """Those for a target with this bounding box on slice `anchor`."""
        crop = Crop.around(box_xyxy, frames.spacing_yx_mm, zoom, SIDE)
        plane_mm = crop.width * frames.spacing_yx_mm[1] / PLANES_PER_SIDE
        return Planes(crop, anchor, tuple((frames.positions_mm / plane_mm).tolist()))

    def plane(self, slice_index: int) -> float:
        """Where a slice lies, in planes."""
        return ANCHOR + self.at[slice_index] - self.at[self.anchor]

    def holds(self, slice_index: int) -> bool:
        """Whether a slice lies among them."""
        return 0 <= round(self.plane(slice_index)) < DEPTH

    def nearest(self) -> list[int | None]:
        """The slice that lies nearest to each plane; None where none is within a plane of it."""
        return nearest_slices([self.plane(index) for index in range(len(self.at))], DEPTH)

    def pixels(self, edges_xy: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (x, y, ...), counted in voxels from the slice's corner, in pixels from the window's corner."""
        pairs = np.asarray(edges_xy, dtype=np.float64).reshape(-1, 2)
        size = np.array([self.crop.width, self.crop.height])
        return np.asarray((pairs - [self.crop.left, self.crop.top]) * SIDE / size).reshape(-1)

    def shown(self, frames: Frames) -> tuple[Tensor, Tensor]:
        """What they show: (32, 96, 96) grey values in [0, 1], 0 beyond the volume, and 1 where there is volume."""
        planes, places = np.arange(DEPTH), np.array(self.at) - self.at[self.anchor] + ANCHOR
        gaps = np.diff(places) if len(places) > 1 else np.ones(1)
        indices = self._averaged(places)
        at = places[indices]
        apart = np.diff(at) if len(at) > 1 else np.ones(1)
        reaches = np.where(
            planes[:, None] < at, np.append(apart[0], apart)[: len(at)], np.append(apart, apart[-1])[-len(at) :]
        )
        weights = np.clip(1 - np.abs(planes[:, None] - at) / np.maximum(1.0, reaches), 0, None)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
        shown = torch.cat([model_input(frames[int(i)], self.crop) for i in indices])[:, 0]
        there = torch.from_numpy((planes > places[0] - gaps[0] / 2) & (planes < places[-1] + gaps[-1] / 2))
        in_plane = model_input(np.ones(frames.shape_yx, dtype=np.float32), self.crop)[0, 0] > 0.5
        inside = (there[:, None, None] & in_plane).float()
        grey = torch.einsum("ks,syx->kyx", torch.from_numpy(weights.astype(np.float32)), shown)
        return grey * inside, inside

    def _averaged(self, places: NDArray[np.float64]) -> list[int]:
        """Slices that planes are averaged from: two a plane are enough, from the anchor on both ways."""
        taken = [self.anchor]
        for way in (range(self.anchor - 1, -1, -1), range(self.anchor + 1, len(places))):
            last = self.anchor
            for index in way:
                if not -1 <= places[last] <= DEPTH:
                    break
                if abs(places[index] - places[last]) >= _CLOSEST:
                    taken.append(index)
                    last = index
        return sorted(taken)
