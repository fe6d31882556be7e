"""A small 3D network that says where named organs lie: low resolution in, one map a name out.

A U-Net (Ronneberger et al. 2015, arXiv:1505.04597) that works on cells of two points a side and answers for every
point in them. It sees a volume along the patient's own axes, so that left and right are what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

WIDTHS = (16, 32, 48, 64)
"""Channels at every level; each level's cells are twice as large as those above it."""
_GROUPS = 8


class FinderNet(nn.Module):
    """The network.

    Parameters
    ----------
    names
        How many maps it returns.
    widths
        Channels at every level, multiples of 8.
    """

    def __init__(self, names: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.names = names
        self.whole = 2 ** len(widths)
        """Points along each axis that make a whole number of cells at every level."""
        self.stem = _Layer(2, widths[0], 4, 2)
        self.top = _Layer(widths[0], widths[0])
        self.downs = nn.ModuleList(nn.Sequential(_Layer(a, b, 3, 2), _Layer(b, b)) for a, b in steps)
        self.ups = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in steps)
        self.joins = nn.ModuleList(_Layer(a, a) for a, _ in steps)
        self.out = nn.Conv3d(widths[0], 8 * names, 1)
        nn.init.constant_(self.out.bias, -4.0)  # type: ignore[arg-type]

    def forward(self, seen: Tensor) -> Tensor:
        """Logits (B, names, Z, Y, X) of every name at every point.

        Parameters
        ----------
        seen
            (B, 2, Z, Y, X): what `channels_of` makes of Hounsfield units; Z, Y and X are multiples of `whole`, z
            towards the head, y to the back, x to the patient's left.
        """
        x = self.top(self.stem(seen))
        skips = [x]
        for down in self.downs:
            x = down(x)
            skips.append(x)
        for up, join, skip in list(zip(self.ups, self.joins, skips[:-1], strict=True))[::-1]:
            x = join(skip + F.interpolate(up(x), scale_factor=2, mode="trilinear", align_corners=False))
        b, _, z, y, columns = x.shape
        answers = self.out(x).reshape(b, self.names, 2, 2, 2, z, y, columns)
        joined: Tensor = answers.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, self.names, 2 * z, 2 * y, 2 * columns)
        return joined


def channels_of(hounsfield: Tensor) -> Tensor:
    """Soft tissue, and everything from air to bone, as (B, 2, Z, Y, X) in about -1 to 1, of units (B, Z, Y, X)."""
    soft = (hounsfield - 40).clamp(-200, 200) / 200
    wide = (hounsfield - 100).clamp(-1100, 1100) / 1100
    return torch.stack([soft, wide], dim=1)


class _Layer(nn.Module):
    def __init__(self, before: int, after: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, kernel, stride, 1, bias=False)
        self.norm = nn.GroupNorm(_GROUPS, after)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))
