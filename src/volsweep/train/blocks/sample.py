"""What a network is shown of a source, and where its object is: grey values and coverage on a lattice of planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.train.blocks.pose import PER_PLANE, Floats, Lattice, Pose, bent
from volsweep.train.blocks.source import BlockSource
from volsweep.train.data.augment import default_window, random_window, shows, vary_grey

COVERED = 0.5
"""Share of a voxel from which on it is object, or volume."""
_GOES_ON = 0.35
"""Share of blocks in which anatomy goes on beyond the volume's ends."""
_GAP = 0.06
"""Least distance from the object to such an end, as a fraction of its extent."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A source on a lattice; all (planes, rows, columns).

    Parameters
    ----------
    grey
        What is shown, 0 to 1.
    covered
        How much of each voxel is object.
    inside
        Where there is something to be shown.
    """

    grey: Tensor
    covered: Tensor
    inside: Tensor


def draw_sample(rng: np.random.Generator, source: BlockSource, pose: Pose, lattice: Lattice) -> Sample | None:
    """Look at a source from a pose; None where the prompted plane does not show the object."""
    order = pose.order()
    spacing = source.spacing_zyx_mm[list(order)]
    coverage = torch.from_numpy(np.ascontiguousarray(source.coverage_zyx.transpose(order))).float() / 255
    image = torch.from_numpy(np.ascontiguousarray(source.image_zyx.transpose(order)).astype(np.float32))
    grid = pose.grid(spacing, lattice)
    if rng.random() < 0.5:
        grid = bent(rng, grid, pose, spacing, lattice.anchor)
    low, high = _ends(rng, pose, coverage)
    ends = _goes_on(rng, coverage, low, high)
    inside, within = (_planes(_between(grid, *e).float()) > COVERED for e in (ends, (low, high)))
    # What goes on is mirrored; elsewhere a volume goes on with its last voxels, or is black.
    covered = _planes(_sampled(coverage, _held(grid, low, high))) * within
    mirrored = torch.where((grid < low) & (ends[0] < low), 2 * low - grid, grid)
    mirrored = torch.where((grid > high) & (ends[1] > high), 2 * high - grid, mirrored)
    raw = _planes(_sampled(image, _held(mirrored, low, high))).numpy()
    window = random_window(rng, source.case)
    here = covered[lattice.anchor].numpy() > COVERED
    if not here.any():
        return None
    if not shows(window.frame(raw[lattice.anchor]), here):
        window = default_window(source.case)
    grey = _thickened(rng, torch.from_numpy(window.frame(raw)))
    grey = vary_grey(rng, grey[:, None].clamp(0, 1))[:, 0]
    return Sample(grey, covered, inside)


def between_ends(truth: Tensor) -> Tensor:
    """Planes (planes, 1, 1) from the first to the last that a body (planes, rows, columns) lies on."""
    planes = torch.nonzero(truth.flatten(1).any(1))[:, 0]
    within = torch.zeros(len(truth), 1, 1, dtype=torch.bool)
    within[int(planes.min()) : int(planes.max()) + 1] = True
    return within


def _sampled(volume_zyx: Tensor, grid: Tensor) -> Tensor:
    """Values at indices (..., 3), trilinear."""
    last = torch.tensor(volume_zyx.shape, dtype=torch.float32) - 1
    placed = (2 * grid / last.clamp(min=1) - 1).flip(-1)[None]
    return F.grid_sample(volume_zyx[None, None], placed, padding_mode="border", align_corners=True)[0, 0]


def _planes(layers: Tensor) -> Tensor:
    """Averages of the layers of each plane."""
    return layers.view(-1, PER_PLANE, *layers.shape[1:]).mean(1)


def _ends(rng: np.random.Generator, pose: Pose, coverage: Tensor) -> tuple[Tensor, Tensor]:
    """Where the volume is made to end, in indices (3,).

    Cases are cut at a set distance around their objects, which must not tell where these end.
    """
    low: Floats = np.full(3, -0.5)
    high: Floats = np.array(coverage.shape) - 0.5
    if rng.random() < 0.55:
        for axis, (first, last) in enumerate(_extents(coverage)):
            cut = rng.uniform(0, 0.25, 2) * (last - first)
            if rng.random() < 0.6:
                low[axis] = rng.uniform(low[axis], first) if rng.random() < 0.8 else first + cut[0]
            if rng.random() < 0.6:
                high[axis] = rng.uniform(last, high[axis]) if rng.random() < 0.8 else last - cut[1]
        low[0], high[0] = min(low[0], pose.index - 0.5), max(high[0], pose.index + 0.5)
    if rng.random() < 0.12:
        # One side only: what clips show (see `volsweep.train.clips.bodies`).
        if rng.random() < 0.5:
            low[0] = pose.index - 0.5
        else:
            high[0] = pose.index + 0.5
    return torch.tensor(low, dtype=torch.float32), torch.tensor(high, dtype=torch.float32)


def _goes_on(rng: np.random.Generator, coverage: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Where what is shown ends, in indices (3,): at times anatomy goes on beyond the volume's ends, as in a whole scan.

    Only ends with a gap between them and the object go on: the object does not.
    """
    if rng.random() > _GOES_ON:
        return low, high
    ends = torch.stack([low, high])
    for axis, (first, last) in enumerate(_extents(coverage)):
        gap = _GAP * (last - first)
        if low[axis] <= first - gap:
            ends[0, axis] = -torch.inf
        if high[axis] >= last + gap:
            ends[1, axis] = torch.inf
    return ends[0], ends[1]


def _extents(coverage: Tensor) -> list[tuple[float, float]]:
    """Where an object begins and ends along each axis, in indices of voxels' edges."""
    present = (coverage > COVERED).numpy()
    there = [np.flatnonzero(present.any(tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return [(float(t[0]) - 0.5, float(t[-1]) + 0.5) for t in there]


def _between(grid: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return ((grid > low) & (grid < high)).all(-1)


def _held(grid: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(grid, high - 0.5), low + 0.5)


def _thickened(rng: np.random.Generator, grey: Tensor) -> Tensor:
    """At times as from slices some planes thick."""
    if rng.random() > 0.35:
        return grey
    planes = int(rng.integers(2, 6))
    before = int(rng.integers(0, planes))
    after = (-len(grey) - before) % planes
    padded = torch.cat([grey[:1].expand(before, -1, -1), grey, grey[-1:].expand(after, -1, -1)])
    slices = padded.view(-1, planes, *grey.shape[1:]).mean(1)
    rows = slices.flatten(1).T[None]
    back = F.interpolate(rows, scale_factor=planes, mode="linear", align_corners=False)[0].T
    return back.view(-1, *grey.shape[1:])[before : before + len(grey)].contiguous()
