"""The 2D trunk of the body network: EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946), as features.

Its ImageNet weights know edges and textures that some hundred patients do not teach. Batch norms are
folded into the convolutions: nothing was trained through them, and folded they cost nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from volsweep.engine.network.device import has_onednn

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
_SHALLOW = _KEPT[1] + 1
"""Blocks at strides 2 and 4, whose planes are wide: 96 channels of 48 x 48."""
_TOGETHER = 8
"""Images that go through those at once: what lies between them fits the processor's cache. 32 at once take a fifth
longer in float32, a quarter in bfloat16; the deeper blocks, whose weights are many, are fastest with all of them."""


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
        shallow = [self._shallow(some) for some in torch.split(images, _TOGETHER)]
        kept = [torch.cat(same) for same in zip(*shallow, strict=True)]
        return [*kept, *self._looked(kept[-1], _SHALLOW, len(self.blocks))]

    def _shallow(self, images: Tensor) -> list[Tensor]:
        return self._looked(self.stem(images, clamped=True), 0, _SHALLOW)

    def _looked(self, x: Tensor, first: int, end: int) -> list[Tensor]:
        """What is kept of some blocks, given what came before them."""
        kept = []
        for i in range(first, end):
            x = self.blocks[i](x)
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
        wide = x if self.expand is None else self.expand(x, clamped=True)
        out: Tensor = self.project(self.depthwise(wide, clamped=True))
        return x + out if self.adds else out


class _Conv(nn.Module):
    """A convolution padded as TensorFlow does, in which the weights were made: at stride 2 more behind than before."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        in_front = (kernel - stride) // 2
        self.padding = (in_front, kernel - stride - in_front) * 2 if stride > 1 else None
        self.conv = nn.Conv2d(before, after, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups)

    def forward(self, x: Tensor, clamped: bool = False) -> Tensor:
        """Convolve; `clamped` to [0, 6], which is ReLU6."""
        if self.padding is not None:
            x = F.pad(x, self.padding)
        if x.device.type == "cpu" and not torch.is_grad_enabled() and has_onednn():
            return self._at_once(x, clamped)
        if self.conv.groups == 1:
            out = Tensor(self.conv(x))
        else:
            # On CPUs bfloat16 makes gradients of depthwise convolutions four times as slow (AVX512_BF16, torch 2.13).
            with torch.autocast(x.device.type, enabled=False):
                out = Tensor(self.conv(x.float()))
        return F.relu6(out) if clamped else out

    def _at_once(self, x: Tensor, clamped: bool) -> Tensor:
        """Convolved and clamped without reading what was convolved again: half the time, 2.7 times less in bfloat16."""
        conv, dtype = self.conv, torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        assert conv.bias is not None
        weight = conv.weight.to(dtype, memory_format=torch.channels_last)
        where = conv.padding, conv.stride, conv.dilation, conv.groups
        clamp = ("hardtanh", [0.0, 6.0], "") if clamped else ("none", [], "")
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(x.to(dtype), weight, conv.bias.to(dtype), *where, *clamp)
        return made
