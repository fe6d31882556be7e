"""Memories that a sweep gone a little wrong would have: the true masks, swollen, dented, or held on too long.

A network that remembers only true masks learns to copy them, and then copies its own mistakes.
One that remembers only its own starts too far from the truth to learn from it. These lie between,
as wrong as we like, and the same places stay wrong from slice to slice, as they do in a sweep.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.network.net import LOGIT_STRIDE

_CELLS = 6
"""Dents are about a sixth of the crop wide."""
_SHARPNESS = 16.0
"""Logits per unit of coverage; the network's own masks are about as sharp."""
_SURE = 10.0


class RoughMasks:
    """What to remember instead of the network's own masks, slice after slice.

    Parameters
    ----------
    rng
        Randomness.
    clips
        Batch size B. A third of the clips remember the truth itself.
    """

    def __init__(self, rng: np.random.Generator, clips: int) -> None:
        self._rng = rng
        wrong = rng.random(clips) > 1 / 3
        self._dents = torch.tensor(rng.uniform(0, 0.45, clips) * wrong, dtype=torch.float32)
        self._swelling = torch.tensor(rng.uniform(-0.2, 0.3, clips) * wrong, dtype=torch.float32)
        self._holds_on = torch.tensor(wrong & (rng.random(clips) < 0.7))
        self._lasting = self._noise()
        self._last: Tensor | None = None

    def _noise(self) -> Tensor:
        coarse = self._rng.standard_normal((len(self._dents), 1, _CELLS, _CELLS))
        return torch.tensor(coarse, dtype=torch.float32)

    def logits(self, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Mask logits and object scores to remember of one slice.

        Parameters
        ----------
        truth
            (B, S, S) bool.

        Returns
        -------
        tuple of Tensor
            (B, 1, S/4, S/4) mask logits and (B, 1) object scores. Where the object has ended, clips
            that hold on keep its last mask and say that it is there.
        """
        present = truth.flatten(1).any(1)
        held = truth
        if self._last is not None:
            keeps = ~present & self._holds_on.to(truth.device)
            held = torch.where(keeps[:, None, None], self._last, truth)
        self._last = held
        coverage = F.avg_pool2d(held[:, None].float(), LOGIT_STRIDE)
        # Blurred, so that a threshold anywhere makes a sensible outline; small objects do not fade.
        blurred = F.avg_pool2d(coverage, 5, 1, 2, count_include_pad=False)
        blurred = blurred / blurred.amax((-2, -1), keepdim=True).clamp(min=1e-3)
        noise = 0.8 * self._lasting + 0.6 * self._noise()
        noise = F.interpolate(noise.to(truth.device), size=coverage.shape[-2:], mode="bilinear", align_corners=False)
        dents, swelling = (v.to(truth.device)[:, None, None, None] for v in (self._dents, self._swelling))
        wrong = (dents > 0) | (swelling != 0)
        # Only near the object: far from it nothing is blurred, and noise alone stays below a half.
        shifted = torch.where(wrong, blurred + (dents * noise + swelling) * (blurred > 0.02), coverage)
        there = held.flatten(1).any(1)[:, None]
        return _SHARPNESS * (shifted - 0.5), torch.where(there, _SURE, -_SURE)
