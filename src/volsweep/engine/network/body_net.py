"""A small 3D network that predicts an object's body from the slices that were prompted.

SAM 2 sees one slice at a time, and what it knows of the others are memories. What a box on one
slice leaves open, how far a tumour reaches and where it bends, is seen better in the block around it
at once. The network is a U-Net (Ronneberger et al. 2015, arXiv:1505.04597; in 3D Cicek et al.
2016, arXiv:1606.06650) over that block; it corrects the spheroid that the prompts suggest
(`volsweep.engine.body.spheroid`), and what it returns is in turn what SAM 2's decoder corrects.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

DEPTH, SIDE, FINE = 48, 32, 64
"""Planes of the block, its side in voxels (cubes, a plane apart), and the side at which grey values come."""
MAPS = 4
SPHEROID, MASKS, SHAPES, CLICKS = range(MAPS)
"""Maps of what was prompted: the first guess, drawn masks, boxes and lines, clicks."""
_WIDTHS = (24, 48, 96, 128)
_GROUPS = 8
_GUESS = 0.3
"""How far the first guess is trusted: with its logits of +-8 as they are, what lies beyond it was hardly learned."""


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, 3, stride, 1, bias=False)
        self.norm = nn.GroupNorm(_GROUPS, after)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class BodyNet(nn.Module):
    """The network.

    Its last layer starts at zero: untrained, it returns the spheroid, less sure of itself.
    """

    def __init__(self) -> None:
        super().__init__()
        first = _WIDTHS[0]
        steps = list(pairwise(_WIDTHS))
        self.grey = nn.Conv3d(2, first, (3, 4, 4), (1, 2, 2), 1)
        self.hints = nn.Conv3d(MAPS, first, 3, 1, 1)
        self.top = _Block(first, first)
        self.downs = nn.ModuleList(nn.Sequential(_Block(a, b, 2), _Block(b, b)) for a, b in steps)
        self.ups = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in steps)
        self.joins = nn.ModuleList(_Block(2 * a, a) for a, _ in steps)
        self.out = nn.Conv3d(first, 1, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, grey: Tensor, maps: Tensor) -> Tensor:
        """Logits of the body.

        Parameters
        ----------
        grey
            (B, 2, 48, 64, 64): grey values in [0, 1], and 1 where there is image.
        maps
            (B, 4, 48, 32, 32): the spheroid's logits; then maps in [-1, 1], 0 where nothing was
            said: drawn masks, boxes, clicks.

        Returns
        -------
        Tensor
            (B, 1, 48, 32, 32), float32.
        """
        spheroid = maps[:, :1]
        # What lies last in memory is what convolutions on a CPU read first.
        seen = (grey - 0.5).contiguous(memory_format=torch.channels_last_3d)
        told = torch.cat([spheroid / 8, maps[:, 1:]], 1).contiguous(memory_format=torch.channels_last_3d)
        x = self.top(F.relu(self.grey(seen) + self.hints(told)))
        skips = [x]
        for down in self.downs:
            x = down(x)
            skips.append(x)
        for up, join, skip in list(zip(self.ups, self.joins, skips[:-1], strict=True))[::-1]:
            x = F.interpolate(up(x), scale_factor=2, mode="trilinear", align_corners=False)
            x = join(torch.cat([x, skip], 1))
        correction: Tensor = self.out(x).float()
        return self.guess(maps) + correction

    @staticmethod
    def guess(maps: Tensor) -> Tensor:
        """What an untrained network returns for these maps."""
        return _GUESS * maps[:, :1].float()
