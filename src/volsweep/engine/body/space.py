"""The space around a prompted slice that the networks of bodies see, and the body that they predict there.

A block has cubic voxels: in plane the window that SAM 2 looks through, across the slices half as long again. Planes are
square windows of the slices, resampled; they lie further apart than their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network import body_net, refiner
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import Frames, model_input
from volsweep.geometry import BoxXYXY

BLOCK_ZOOM = 2.2
"""Side of the block over the longer side of what was prompted."""
BLOCK_ANCHOR = body_net.DEPTH // 2
"""The block's plane of the slice that it is put around."""
PLANES_ZOOM = 2.3
"""Side of the planes over the longer side of what was prompted."""
PLANES_ANCHOR = refiner.DEPTH // 2
"""The plane of the slice that they are put around."""
PLANES_PER_SIDE = 20
"""Planes lie this part of the side apart: 16 of them reach as far as 1.8 times the prompt's longer side."""
_CLOSEST = 0.5
"""Planes between slices that are averaged, at least."""
PIXELS_PER_PLANE = refiner.SIDE / PLANES_PER_SIDE
"""Distance between planes in pixels."""


def nearest_slices(places: Sequence[float], planes: int) -> list[int | None]:
    """The slice nearest to each of some planes, given where slices lie; None where that is a plane away or more."""
    away = np.abs(np.asarray(places) - np.arange(planes)[:, None])
    found = away.argmin(axis=1)
    reach = max(1.0, float(np.diff(places).max(initial=0)))
    return [int(index) if away[plane, index] < reach else None for plane, index in enumerate(found)]


def _shares(planes: NDArray[np.int_], at: NDArray[np.float64], reaches: NDArray[np.float64]) -> Tensor:
    """What each plane shows of each slice, (planes, slices), float32: slices lie `at`, and reach so far."""
    weights = np.clip(1 - np.abs(planes[:, None] - at) / np.maximum(1.0, reaches), 0, None)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
    return torch.from_numpy(weights.astype(np.float32))


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
        crop = Crop.around(box_xyxy, frames.spacing_yx_mm, BLOCK_ZOOM, body_net.SIDE * LOGIT_STRIDE)
        plane_mm = crop.width * frames.spacing_yx_mm[1] / body_net.SIDE
        at = None if frames.is_even else tuple((frames.positions_mm / plane_mm).tolist())
        return Block(crop, anchor, frames.spacing_mm / plane_mm, at)

    def plane(self, slice_index: int) -> float:
        """Where a slice lies, in planes."""
        if self.at is not None:
            return BLOCK_ANCHOR + self.at[slice_index] - self.at[self.anchor]
        return BLOCK_ANCHOR + (slice_index - self.anchor) * self.planes_per_slice

    def holds(self, slice_index: int) -> bool:
        """Whether a slice lies within."""
        return 0 <= round(self.plane(slice_index)) < body_net.DEPTH

    def nearest(self, count: int) -> list[int | None]:
        """The slice that lies nearest to each plane, of so many; None where none is within a plane of it."""
        return nearest_slices([self.plane(index) for index in range(count)], body_net.DEPTH)

    def grey(self, frames: Frames) -> Tensor:
        """What it shows: (2, 48, 64, 64), grey values in [0, 1], and 1 where there is image."""
        window = replace(self.crop, size=body_net.FINE)
        indices = self._slices(len(frames))
        shown = torch.cat([model_input(frames[int(i)], window) for i in indices])[:, 0]
        planes = np.arange(body_net.DEPTH)
        at = np.array([self.plane(int(i)) for i in indices])
        before, after = self._gaps(at, indices)
        reaches = np.where(planes[:, None] < at, before, after)
        first, last = self.plane(0), self.plane(len(frames) - 1)
        halves = [self.planes_per_slice / 2] * 2
        if self.at is not None:
            halves = [(self.at[1] - self.at[0]) / 2, (self.at[-1] - self.at[-2]) / 2]
        there = torch.from_numpy((planes > first - halves[0]) & (planes < last + halves[1]))
        in_plane = model_input(np.ones(frames.shape_yx, dtype=np.float32), window)[0, 0] > 0.5
        inside = (there[:, None, None] & in_plane).float()
        grey = torch.einsum("ks,syx->kyx", _shares(planes, at, reaches), shown)
        return torch.stack([grey * inside, inside])

    def _slices(self, count: int) -> NDArray[np.int64]:
        """The slices that are averaged: two a plane are enough."""
        if self.at is not None:
            return np.array(self._spaced(range(self.anchor, -1, -1))[:0:-1] + self._spaced(range(self.anchor, count)))
        stride = max(1, int(0.5 / self.planes_per_slice))
        reach = int((BLOCK_ANCHOR + 2) / self.planes_per_slice) // stride + 1
        indices = self.anchor + stride * np.arange(-reach, reach + 1)
        return np.asarray(indices[(indices >= 0) & (indices < count)])

    def _spaced(self, way: range) -> list[int]:
        """Slices along a way from the anchor, half a plane or more apart, to the first beyond the block."""
        taken = [way[0]]
        for index in way[1:]:
            if not -1 <= self.plane(taken[-1]) <= body_net.DEPTH:
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
    def around(box_xyxy: BoxXYXY, anchor: int, frames: Frames, zoom: float = PLANES_ZOOM) -> Planes:
        """Those for a target with this bounding box on slice `anchor`."""
        crop = Crop.around(box_xyxy, frames.spacing_yx_mm, zoom, refiner.SIDE)
        plane_mm = crop.width * frames.spacing_yx_mm[1] / PLANES_PER_SIDE
        return Planes(crop, anchor, tuple((frames.positions_mm / plane_mm).tolist()))

    def plane(self, slice_index: int) -> float:
        """Where a slice lies, in planes."""
        return PLANES_ANCHOR + self.at[slice_index] - self.at[self.anchor]

    def holds(self, slice_index: int) -> bool:
        """Whether a slice lies among them."""
        return 0 <= round(self.plane(slice_index)) < refiner.DEPTH

    def nearest(self) -> list[int | None]:
        """The slice that lies nearest to each plane; None where none is within a plane of it."""
        return nearest_slices([self.plane(index) for index in range(len(self.at))], refiner.DEPTH)

    def pixels(self, edges_xy: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (x, y, ...), counted in voxels from the slice's corner, in pixels from the window's corner."""
        pairs = np.asarray(edges_xy, dtype=np.float64).reshape(-1, 2)
        size = np.array([self.crop.width, self.crop.height])
        return np.asarray((pairs - [self.crop.left, self.crop.top]) * refiner.SIDE / size).reshape(-1)

    def shown(self, frames: Frames) -> tuple[Tensor, Tensor]:
        """What they show: (32, 96, 96) grey values in [0, 1], 0 beyond the volume, and 1 where there is volume."""
        planes, places = np.arange(refiner.DEPTH), np.array(self.at) - self.at[self.anchor] + PLANES_ANCHOR
        gaps = np.diff(places) if len(places) > 1 else np.ones(1)
        indices = self._averaged(places)
        at = places[indices]
        apart = np.diff(at) if len(at) > 1 else np.ones(1)
        reaches = np.where(
            planes[:, None] < at, np.append(apart[0], apart)[: len(at)], np.append(apart, apart[-1])[-len(at) :]
        )
        shown = torch.cat([model_input(frames[int(i)], self.crop) for i in indices])[:, 0]
        there = torch.from_numpy((planes > places[0] - gaps[0] / 2) & (planes < places[-1] + gaps[-1] / 2))
        in_plane = model_input(np.ones(frames.shape_yx, dtype=np.float32), self.crop)[0, 0] > 0.5
        inside = (there[:, None, None] & in_plane).float()
        grey = torch.einsum("ks,syx->kyx", _shares(planes, at, reaches), shown)
        return grey * inside, inside

    def _averaged(self, places: NDArray[np.float64]) -> list[int]:
        """Slices that planes are averaged from: two a plane are enough, from the anchor on both ways."""
        taken = [self.anchor]
        for way in (range(self.anchor - 1, -1, -1), range(self.anchor + 1, len(places))):
            last = self.anchor
            for index in way:
                if not -1 <= places[last] <= refiner.DEPTH:
                    break
                if abs(places[index] - places[last]) >= _CLOSEST:
                    taken.append(index)
                    last = index
        return sorted(taken)


@dataclass(frozen=True)
class Body:
    """An object's body in a block.

    Parameters
    ----------
    block
        Where it lies.
    logits
        (48, 32, 32), or (32, 48, 48) in `Planes`; float32: above 0 is object.
    corrected
        Whether clicks have corrected it, so that it says more than what is seen slice by slice.
    of_several
        Whether more than one slice was drawn, so that it says more than what one of them lets suspect.
    """

    block: Block | Planes
    logits: Tensor
    corrected: bool = False
    of_several: bool = False

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.logits.numel() * self.logits.element_size()

    def section(self, slice_index: int, crop: Crop) -> Tensor:
        """Logits (S/4, S/4) of a slice, in a window of size S; beyond the block its border goes on."""
        place = float(np.clip(self.block.plane(slice_index), 0, len(self.logits) - 1))
        before = min(int(place), len(self.logits) - 2)
        flat = torch.lerp(self.logits[before], self.logits[before + 1], place - before)
        own = self.block.crop
        if crop == own:
            return flat
        side = crop.size // LOGIT_STRIDE
        axes = []
        for start, extent, first, length in (
            (crop.left, crop.width, own.left, own.width),
            (crop.top, crop.height, own.top, own.height),
        ):
            centres = start + (torch.arange(side) + 0.5) * extent / side
            axes.append((centres - first) / length * 2 - 1)
        grid = torch.stack(torch.meshgrid(axes[1], axes[0], indexing="ij")[::-1], dim=-1)[None]
        return F.grid_sample(flat[None, None], grid, padding_mode="border", align_corners=False)[0, 0]
