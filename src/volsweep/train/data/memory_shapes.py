"""Shapes that only memory can know: blobs painted over slices that do not show them.

A network that tracks well on its training clips may never have looked at its memories: objects
lie in the middle of their crop and stand out, so that a mask can be guessed from the slice alone.
Given such a shape on the first slice, nothing but the memory of it tells where it is on the next.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_FEWEST_PIXELS = 30


def memory_masks(rng: np.random.Generator, frames: int, size: int) -> Tensor:
    """Unions of one to three ellipses that drift and swell slowly from slice to slice.

    Parameters
    ----------
    rng
        Randomness.
    frames
        Number of slices T.
    size
        Side S of the model's input in pixels.

    Returns
    -------
    Tensor
        (T, S, S) bool, never empty.
    """
    while True:
        masks = _draw(rng, frames, size)
        if int(masks.flatten(1).sum(1).min()) >= _FEWEST_PIXELS:
            return masks


def _draw(rng: np.random.Generator, frames: int, size: int) -> Tensor:
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    parts = int(rng.integers(1, 4))
    centres = rng.uniform(0.15, 0.85, 2) + rng.normal(0, 0.08, (parts, 2))
    radii = rng.uniform(0.06, 0.25, (parts, 2))
    angles = rng.uniform(0, np.pi, parts)
    velocity, growth = rng.normal(0, 0.012, 2), float(rng.normal(0, 0.03))
    masks = np.zeros((frames, size, size), dtype=np.bool_)
    for t in range(frames):
        scale = np.exp(growth * t)
        for centre, radius, angle in zip(centres, radii, angles, strict=True):
            dx, dy = x - (centre + velocity * t)[0], y - (centre + velocity * t)[1]
            along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
            masks[t] |= (along / (radius[0] * scale)) ** 2 + (across / (radius[1] * scale)) ** 2 < 1
    return torch.from_numpy(masks)
