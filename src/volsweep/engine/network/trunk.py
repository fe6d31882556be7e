"""The 2D trunk of the body network: EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946), as features.

Its ImageNet weights know edges and textures that some hundred patients do not teach. Batch norms are
folded into the convolutions: nothing was trained through them, and folded they cost nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

CHANNELS = (16, 24, 40, 112, 64)
"""Channels of the features, at strides 2, 4, 8, 16 and 32."""
_STEM = 32
_STAGES = (
    (1, 3, 1, 1, 16),
    (6, 3, 2, 2, 24),
    (6, 5, 2, 2, 40),
    (6, 3, 2, 3, 80),
    (6, 5, 1, 3, 112),
    (6, 5, 2, 4, 192),
    (6, 3, 1, 1, 64),
)
"""Expansion, kernel, stride of the first block, blocks, and channels of each stage. The last has 320 channels in
EfficientNet; nothing but 64 sums of them was read here, and they are what its weights now make (0.6 MB less)."""
_KEPT = (0, 2, 4, 10, 15)
"""Blocks whose results are the features: the last ones at each stride."""


class Trunk(nn.Module):
    """Images to features at five strides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Conv(3, _STEM, 3, 2)
        self.blocks = nn.ModuleList()
        before = _STEM
        for expansion, kernel, stride, count, after in _STAGES:
            for i in range(count):
                self.blocks.append(_Inverted(before, after, expansion, kernel, stride if i == 0 else 1))
                before = after

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features (N, C, S/stride, S/stride) of images (N, 3, S, S), S a multiple of 32, for each of `CHANNELS`."""
        kept = []
        x = F.relu6(self.stem(images))
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in _KEPT:
                kept.append(x)
        return kept


class _Inverted(nn.Module):
    """Widen, filter each channel by itself, narrow; what came in is added where it fits."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = _Conv(before, wide, 1) if expansion > 1 else None
        self.depthwise = _Conv(wide, wide, kernel, stride, wide)
        self.project = _Conv(wide, after, 1)
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else F.relu6(self.expand(x))
        out: Tensor = self.project(F.relu6(self.depthwise(wide)))
        return x + out if self.adds else out


class _Conv(nn.Module):
    """A convolution padded as TensorFlow does, in which the weights were made: at stride 2 more behind than before."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        in_front = (kernel - stride) // 2
        self.padding = (in_front, kernel - stride - in_front) * 2 if stride > 1 else None
        self.conv = nn.Conv2d(before, after, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.padding is not None:
            x = F.pad(x, self.padding)
        if self.conv.groups == 1:
            return Tensor(self.conv(x))
        # On CPUs bfloat16 makes gradients of depthwise convolutions four times as slow (AVX512_BF16, torch 2.13).
        with torch.autocast(x.device.type, enabled=False):
            return Tensor(self.conv(x.float()))
