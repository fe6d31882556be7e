"""From a volume to the network's maps and back: where each name is likely, point for point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from volsweep.finder.net import FinderNet, channels_of
from volsweep.geometry import Grid
from volsweep.lattice import Lattice
from volsweep.volume import Volume

AIR_HU = -1000.0
"""What lies outside a volume."""
_TILE = 96
"""Points a side that the network sees at once: it learnt on 64, and larger volumes would mix other averages."""
_OVERLAP = 32


@dataclass(frozen=True, eq=False)
class Heat:
    """How likely names are.

    Parameters
    ----------
    lattice
        Where.
    maps
        (names, z, y, x): probabilities, 0 to 1.
    """

    lattice: Lattice
    maps: NDArray[np.float32]


def heat_of(net: FinderNet, volume: Volume, step_mm: float, names: Sequence[int]) -> Heat:
    """How likely some of the network's names are at every point of a volume in Hounsfield units."""
    lattice = Lattice.over(volume.grid, step_mm)
    values, inside = lattice.sample(volume)
    values = np.where(inside, values, np.float32(AIR_HU))
    total = np.zeros((len(names), *values.shape), dtype=np.float32)
    times = np.zeros(values.shape, dtype=np.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # its layers are so small that threads wait for each other
    try:
        for part in _tiles(values.shape):
            logits = _logits(net, values[part])[list(names)]
            total[(slice(None), *part)] += logits
            times[part] += 1
    finally:
        torch.set_num_threads(threads)
    return Heat(lattice, expit(total / times))


def _logits(net: FinderNet, values: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(values, [(0, -n % net.whole) for n in values.shape], constant_values=AIR_HU)
    with torch.no_grad():
        out = net(channels_of(torch.from_numpy(padded)[None]))[0].float().numpy()
    z, y, x = values.shape
    return np.asarray(out[:, :z, :y, :x])


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice, slice]]:
    """Parts that cover all points, the last of a row moved back to lie inside."""

    def along(count: int) -> list[slice]:
        if count <= _TILE:
            return [slice(0, count)]
        starts = [*range(0, count - _TILE, _TILE - _OVERLAP), count - _TILE]
        return [slice(start, start + _TILE) for start in starts]

    z, y, x = map(along, shape)
    yield from product(z, y, x)


def sampled_on(
    likely: NDArray[np.float32], lattice: Lattice, grid: Grid, ends_zyx: tuple[Sequence[int], Sequence[int]]
) -> NDArray[np.float32]:
    """A map's values (z, y, x) at the voxels of a grid from one end to the other, both inclusive."""
    from scipy.ndimage import map_coordinates

    axes = (np.arange(low, high + 1) for low, high in zip(*ends_zyx, strict=True))
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    at = np.moveaxis(lattice.index_zyx(grid.to_lps_mm(index)), -1, 0)
    return np.asarray(map_coordinates(likely, at, order=1, mode="constant"), dtype=np.float32)


def on_voxels(
    part: NDArray[np.bool_], likely: NDArray[np.float32], lattice: Lattice, grid: Grid
) -> tuple[NDArray[np.int_], NDArray[np.float32]]:
    """A map's values (z, y, x) at the voxels of a grid around a part of the lattice, and the first of these voxels."""
    from scipy import ndimage

    points = np.argwhere(ndimage.binary_dilation(part))
    index = grid.to_index_zyx(np.array(lattice.first_lps_mm) + points[:, ::-1] * lattice.step_mm)
    most = np.array(grid.shape_zyx) - 1
    low = np.clip(np.floor(index.min(axis=0)), 0, most).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)), 0, most).astype(int)
    return low, sampled_on(likely, lattice, grid, (low.tolist(), high.tolist()))
