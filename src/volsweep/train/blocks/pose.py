"""How a block lies in a volume: plane, prompted slice, turned, stretched, sheared and bent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.engine.body import space
from volsweep.engine.body.spheroid import around_line
from volsweep.engine.network import body_net, refiner
from volsweep.train.blocks.source import BlockSource
from volsweep.train.data.prompts import longest_diameter

Floats = NDArray[np.float64]

_SEEN = 128
"""Pixels across the section in which boxes and diameters are measured."""
_FEWEST = 12
PER_PLANE = 2
"""Layers sampled for each plane, to be averaged."""


@dataclass(frozen=True)
class Lattice:
    """The planes that a network takes.

    Parameters
    ----------
    depth, anchor
        How many, and which of them is the prompted slice's.
    side
        Pixels along a plane's side.
    per_side
        Planes that lie as far apart, in all, as the plane's side is long.
    zoom
        Side over the longer side of what was prompted.
    """

    depth: int
    anchor: int
    side: int
    per_side: int
    zoom: float


BODY_NET = Lattice(body_net.DEPTH, space.BLOCK_ANCHOR, body_net.FINE, body_net.SIDE, space.BLOCK_ZOOM)
REFINER = Lattice(refiner.DEPTH, space.PLANES_ANCHOR, refiner.SIDE, space.PLANES_PER_SIDE, space.PLANES_ZOOM)


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a block lies in a source.

    Parameters
    ----------
    axis
        The source's axis that is swept.
    index
        The prompted slice along it.
    matrix
        (3, 3): the block's millimetres to the source's, both (z, y, x) with z along `axis`.
    centre_mm
        (2,): the block's middle on the prompted slice.
    side_mm
        Side of the block's window.
    """

    axis: int
    index: int
    matrix: Floats
    centre_mm: Floats
    side_mm: float

    def order(self) -> tuple[int, int, int]:
        """The source's axes, the swept one first."""
        rest = [a for a in range(3) if a != self.axis]
        return self.axis, rest[0], rest[1]

    def grid(self, spacing: Floats, lattice: Lattice) -> Tensor:
        """Source indices (planes * 2, rows, columns, 3) of the block's samples; `spacing` in the order of `order`."""
        plane, pixel = self.side_mm / lattice.per_side, self.side_mm / lattice.side
        step = np.array([plane / PER_PLANE, pixel, pixel])
        count = np.array([lattice.depth * PER_PLANE, lattice.side, lattice.side])
        first = np.array([-lattice.anchor * plane, 0, 0]) - step * np.array([(PER_PLANE - 1) / 2, *(count[1:] - 1) / 2])
        start = (self.matrix @ first + np.array([self.index * spacing[0], *self.centre_mm])) / spacing
        axes = torch.meshgrid(*(torch.arange(int(n), dtype=torch.float32) for n in count), indexing="ij")
        turned = torch.from_numpy((self.matrix * step / spacing[:, None]).astype(np.float32))
        return torch.stack(axes, -1) @ turned.T + torch.from_numpy(start.astype(np.float32))


def draw_pose(rng: np.random.Generator, source: BlockSource, line: bool, lattice: Lattice = BODY_NET) -> Pose | None:
    """Draw a block around a slice of an object; None where this draw shows too little of it."""
    axis = int(rng.choice(3, p=(0.76, 0.12, 0.12)))
    pose = Pose(axis, 0, _matrix(rng), np.zeros(2), 1.0)
    spacing = source.spacing_zyx_mm[list(pose.order())]
    coverage = source.coverage_zyx.transpose(pose.order())
    areas = (coverage > 127).sum((1, 2)).astype(np.float64)
    # Mostly one of the largest slices, as people do; sometimes any.
    weights = (areas / areas.max()) ** 8 if rng.random() < 0.78 else (areas > 0.12 * areas.max()).astype(np.float64)
    index = int(rng.choice(len(areas), p=weights / weights.sum()))
    if areas[index] < _FEWEST:
        return None
    rows, columns = np.nonzero(coverage[index] > 127)
    centre = np.array([rows.mean(), columns.mean()]) * spacing[1:]
    side = 1.6 * max((np.ptp(rows) + 1) * spacing[1], (np.ptp(columns) + 1) * spacing[2])
    pose = replace(pose, index=index, centre_mm=centre, side_mm=float(side))
    extent = _extent_mm(pose, coverage[index], spacing, line)
    if extent is None:
        return None
    zoom = lattice.zoom * float(np.exp(rng.normal(0, 0.06))) if rng.random() < 0.8 else float(rng.uniform(1.6, 3.4))
    side = zoom * float(max(extent[2:] - extent[:2]))
    middle = (extent[:2] + extent[2:])[::-1] / 2 + rng.normal(0, 0.02, 2) * side
    return replace(pose, centre_mm=centre + pose.matrix[1:, 1:] @ middle, side_mm=side)


def measured(mask_yx: NDArray[np.bool_], line: bool) -> Floats:
    """The tight box's edges (x0, y0, x1, y1) or the ends of the longest diameter of a mask, pixels from its corner."""
    y, x = np.nonzero(mask_yx)
    if line:
        return np.array(longest_diameter(mask_yx, (1.0, 1.0))) + 0.5
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], dtype=np.float64)


def bent(rng: np.random.Generator, grid: Tensor, pose: Pose, spacing: Floats, anchor: int) -> Tensor:
    """Move a grid's samples smoothly, but for the middle of the prompted slice."""
    cells = int(rng.integers(3, 7))
    coarse = torch.from_numpy(rng.normal(0, 0.12 / cells, (1, 3, cells, cells, cells)).astype(np.float32))
    moved = F.interpolate(coarse, size=grid.shape[:3], mode="trilinear", align_corners=True)[0].permute(1, 2, 3, 0)
    here = slice(anchor * PER_PLANE, (anchor + 1) * PER_PLANE)
    moved = (moved - moved[here].mean((0, 1, 2))) * pose.side_mm
    return grid + moved / torch.tensor(spacing, dtype=torch.float32)


def _matrix(rng: np.random.Generator) -> Floats:
    angle = float(rng.choice([0.0, np.pi / 2]))
    kind = rng.random()
    if kind < 0.45:
        angle = float(rng.uniform(0, 2 * np.pi))
    elif kind < 0.7:
        angle += float(rng.normal(0, 0.2))
    cos, sin = np.cos(angle), np.sin(angle)
    flips = rng.choice([-1, 1], 3)
    matrix = np.zeros((3, 3))
    # Longer and shorter bodies than there are patients.
    matrix[0, 0] = np.exp(rng.normal(0, 0.18)) * flips[0]
    matrix[1:, 1:] = np.array([[cos, -sin], [sin, cos]]) @ np.diag(np.exp(rng.normal(0, 0.08, 2)) * flips[1:])
    if rng.random() < 0.4:
        matrix[1:, 0] = rng.normal(0, 0.12, 2)
    return matrix


def _extent_mm(pose: Pose, coverage_yx: NDArray[np.uint8], spacing: Floats, line: bool) -> Floats | None:
    """What the block is put around, in mm from the window's middle: it is seen only once the window is turned."""
    step = pose.side_mm / _SEEN
    places = (np.arange(_SEEN) + 0.5) * step - pose.side_mm / 2
    at = np.stack(np.meshgrid(places, places, indexing="ij"), -1) @ pose.matrix[1:, 1:].T + pose.centre_mm
    rows, columns = np.moveaxis(at / spacing[1:], -1, 0)
    shown = ndimage.map_coordinates(coverage_yx.astype(np.float32), [rows, columns], order=1, mode="constant") > 127
    if shown.sum() < _FEWEST:
        return None
    found = measured(shown, line)
    return (around_line(found) if line else found) * step - pose.side_mm / 2
