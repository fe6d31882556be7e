"""What varies between scanners and patients: windows, grey values, orientation, shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.intensity import CT_WINDOWS, Window
from volsweep.train.data.case import Case


def default_window(case: Case) -> Window:
    """The window the engine takes when nobody asks."""
    if case.window is not None:
        return case.window
    if case.has_hounsfield_units:
        return CT_WINDOWS["soft tissue"]
    low, high = float(case.percentiles[0]), float(case.percentiles[-1])
    return Window((low + high) / 2, max(high - low, 1e-6))


def random_window(rng: np.random.Generator, case: Case) -> Window:
    """The window a reader might have chosen, around the one the engine takes by default."""
    usual = default_window(case)
    if rng.random() < 0.4:
        return usual
    if case.window is not None:
        return _about(rng, case.window)
    if case.has_hounsfield_units:
        names = ("soft tissue", "mediastinum", "abdomen", "liver", "bone")
        base = CT_WINDOWS[str(rng.choice(names, p=(0.35, 0.2, 0.2, 0.15, 0.1)))]
        return _about(rng, base)
    low = float(case.percentiles[int(rng.integers(0, 8))]) - float(rng.uniform(0, 0.1)) * usual.width
    high = float(case.percentiles[int(rng.integers(92, 101))])
    if rng.random() < 0.3:
        high += float(rng.uniform(0, 0.5)) * usual.width
    return Window((low + high) / 2, high - low) if high > low else usual


def _about(rng: np.random.Generator, base: Window) -> Window:
    return Window(base.center + float(rng.normal(0, 0.1)) * base.width, base.width * float(np.exp(rng.normal(0, 0.25))))


def shows(frame_yx: NDArray[np.float32], mask_yx: NDArray[np.bool_]) -> bool:
    """Whether an object can be told from what is beside it in a frame: neither all white nor all black."""
    beside = ndimage.binary_dilation(mask_yx, iterations=3)
    values = frame_yx[beside]
    return bool(((values > 0.01) & (values < 0.99)).mean() > 0.3 and values.std() > 0.015)


def vary_grey(rng: np.random.Generator, grey: Tensor) -> Tensor:
    """Invert, bend, shade, blur and add noise to a clip (T, 1, S, S) in [0, 1]; all slices alike."""
    if rng.random() < 0.12:
        grey = 1 - grey
    if rng.random() < 0.3:
        grey = _rescaled(rng, grey)
    elif rng.random() < 0.3:
        grey = grey ** float(np.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.2:
        scale, offset = float(np.exp(rng.normal(0, 0.2))), float(rng.normal(0, 0.08))
        grey = (grey - 0.5) * scale + 0.5 + offset
    if rng.random() < 0.1:
        coarse = torch.from_numpy(rng.normal(0, 0.2, (1, 1, 3, 3)).astype(np.float32))
        grey = grey * torch.exp(F.interpolate(coarse, size=grey.shape[-2:], mode="bicubic", align_corners=True))
    if rng.random() < 0.12:
        grey = _blurred(grey, float(rng.uniform(0.5, 1.6)))
    if rng.random() < 0.25:
        noise = rng.standard_normal(tuple(grey.shape), dtype=np.float32)
        amount = float(rng.uniform(0, 0.07))
        grain = torch.from_numpy(noise)
        if rng.random() < 0.5:
            grain = _blurred(grain, float(rng.uniform(0.5, 1.2))) * 2
        grey = grey + amount * grain
    return grey.clamp(0, 1).contiguous()


def _rescaled(rng: np.random.Generator, grey: Tensor) -> Tensor:
    """Bend the scale of grey values at random, rising throughout: contrasts that no scanner of the cases has."""
    rises = np.exp(rng.normal(0, 0.8, int(rng.integers(3, 8))))
    values = np.concatenate([[0], np.cumsum(rises)]) / rises.sum()
    low, high = sorted(rng.uniform(0, 1, 2)) if rng.random() < 0.3 else (0.0, 1.0)
    if high - low < 0.4:
        low, high = 0.0, 1.0
    values = low + (high - low) * values
    bent = np.interp(grey.numpy(), np.linspace(0, 1, len(values)), values)
    return torch.from_numpy(bent.astype(np.float32))


def _blurred(grey: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(2.5 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).view(1, 1, 1, -1)
    padded = F.pad(grey, (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, taps), taps.transpose(2, 3))


@dataclass(frozen=True)
class Warp:
    """A change of orientation and shape, the same on every slice of a clip.

    Parameters
    ----------
    transpose, flip_x, flip_y
        Exact moves of the square, in this order.
    grid
        (1, S, S, 2) sampling grid of a rotation, stretch and bend, or None.
    rotates
        Whether the grid turns a box into something that is no box any more.
    """

    size: int
    transpose: bool
    flip_x: bool
    flip_y: bool
    grid: Tensor | None = None
    rotates: bool = False

    @staticmethod
    def draw(rng: np.random.Generator, size: int) -> Warp:
        """Draw one."""
        transpose, flip_x, flip_y = (bool(v) for v in rng.random(3) < 0.5)
        kind = rng.random()
        if kind < 0.6:
            return Warp(size, transpose, flip_x, flip_y)
        rotates = kind > 0.75
        return Warp(size, transpose, flip_x, flip_y, _grid(rng, size, rotates), rotates)

    def apply(self, frames: Tensor) -> Tensor:
        """Warp (T, 1, S, S)."""
        if self.transpose:
            frames = frames.transpose(2, 3)
        dims = [d for d, on in ((3, self.flip_x), (2, self.flip_y)) if on]
        frames = frames.flip(dims) if dims else frames
        if self.grid is None:
            return frames
        grid = self.grid.expand(len(frames), -1, -1, -1)
        return F.grid_sample(frames, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def map_points(self, points_xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where model pixels (n, 2) of the original go under the exact moves.

        The bend is left out: it moves a box's corners by less than people do.
        """
        points = points_xy[:, ::-1].copy() if self.transpose else points_xy.copy()
        if self.flip_x:
            points[:, 0] = self.size - 1 - points[:, 0]
        if self.flip_y:
            points[:, 1] = self.size - 1 - points[:, 1]
        return points


def _grid(rng: np.random.Generator, size: int, rotate: bool) -> Tensor:
    angle = float(rng.normal(0, 0.3)) if rotate else 0.0
    stretch = np.exp(rng.normal(0, 0.08, 2)) if rotate else np.ones(2)
    c, s = np.cos(angle), np.sin(angle)
    theta = torch.tensor([[c * stretch[0], -s, 0.0], [s, c * stretch[1], 0.0]], dtype=torch.float32)[None]
    grid = F.affine_grid(theta, [1, 1, size, size], align_corners=False)
    coarse = torch.from_numpy(rng.normal(0, 0.025, (1, 2, 5, 5)).astype(np.float32))
    bend = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
    return grid + bend.permute(0, 2, 3, 1)
