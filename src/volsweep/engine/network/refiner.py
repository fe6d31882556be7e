"""A network that refines an object's body: ImageNet features of planes, decoded in 3D, corrected by clicks.

Its trunk looks at each plane of a block with its two neighbours as colours and is told nothing of the
prompts: its features are kept, and a click costs the decoder alone. What was prompted comes to every
level of the decoder as maps; what was predicted before a correction is what the correction is added to.
It learned corrections from clicks on its own mistakes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from volsweep.engine.network.trunk import CHANNELS, Trunk

DEPTH, SIDE, OUT = 32, 96, 48
"""Planes of the block, its side in pixels, and the side at which the body comes."""
MAPS = 10
ELLIPSOID, DRAWN, ELLIPSE, OFFSET, APART, INSIDE, ENDS, BEFORE, POSITIVE, NEGATIVE = range(MAPS)
"""What the maps tell, see `volsweep.engine.body.refiner_maps`."""
_WIDTHS = (12, 24, 32, 48, 64)
"""Channels of the decoder, at strides 2 to 32 in plane."""
_DILATIONS = (1, 1, 2, 2)
"""Planes between what its convolutions look at, at strides 2 to 16; 2 and 4 at the deepest level."""
_MEAN, _STD = 0.45, 0.25
"""About ImageNet's, of grey photographs."""


class Refiner(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        reduced = [nn.Conv2d(c, w, 1) for c, w in zip(CHANNELS[:-1], _WIDTHS[:-1], strict=True)]
        self.reduced = nn.ModuleList([*reduced, nn.Identity()])
        deepest = _WIDTHS[-1]
        self.deepest = nn.ModuleList([Residual(deepest + MAPS, deepest, 2), Residual(deepest, deepest, 4)])
        self.levels = nn.ModuleList(
            Residual(own + below + MAPS, own, dilation)
            for own, below, dilation in zip(_WIDTHS[:-1], _WIDTHS[1:], _DILATIONS, strict=True)
        )
        self.fine = nn.Conv3d(_WIDTHS[0], 1, 1)
        self.coarse = nn.Conv3d(_WIDTHS[1], 1, 1)
        self.gain = nn.Parameter(torch.tensor(3.0))

    def forward(self, grey: Tensor, maps: Tensor) -> Tensor:
        """The body for a first prompt: `encode`, `first_start` and `decode` in one."""
        return self.decode(self.encode(grey), maps, self.first_start(maps))

    def encode(self, grey: Tensor) -> list[Tensor]:
        """Look at a block.

        Parameters
        ----------
        grey
            (B, 32, 96, 96): grey values in [0, 1], 0 where there is no image.

        Returns
        -------
        list[Tensor]
            (B, C, 32, S, S) for S = 48, 24, 12, 6, 3: what `decode` takes.
        """
        planes = (grey - _MEAN) / _STD
        padded = torch.cat([planes[:, :1], planes, planes[:, -1:]], 1)
        images = torch.stack([padded[:, :-2], planes, padded[:, 2:]], 2).flatten(0, 1)
        features = self.trunk(images.contiguous(memory_format=torch.channels_last))
        reduced = [reduce(f) for reduce, f in zip(self.reduced, features, strict=True)]
        return [r.unflatten(0, (len(grey), DEPTH)).transpose(1, 2).contiguous() for r in reduced]

    def first_start(self, maps: Tensor) -> Tensor:
        """What a body is added to that nothing was predicted of before: (B, 1, 32, 48, 48) logits of the ellipsoid."""
        return self.gain * maps[:, ELLIPSOID : ELLIPSOID + 1]

    def decode(self, features: Sequence[Tensor], maps: Tensor, start: Tensor) -> Tensor:
        """Predict the body.

        Parameters
        ----------
        features
            As `encode` made them.
        maps
            (B, 10, 32, 48, 48): what `volsweep.engine.body.refiner_maps` makes.
        start
            (B, 1, 32, 48, 48): `first_start`, or the body that is corrected.

        Returns
        -------
        Tensor
            (B, 1, 32, 48, 48) logits, float32: above 0 is object.
        """
        told = [maps]
        for _ in _WIDTHS[1:]:
            told.append(F.avg_pool3d(told[-1], (1, 2, 2)))
        x = torch.cat([features[-1], told[-1]], 1)
        for residual in self.deepest:
            x = residual(x)
        correction = start.float()
        for i in reversed(range(len(self.levels))):
            wider = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
            x = self.levels[i](torch.cat([features[i], wider, told[i]], 1))
            if i == 1:
                coarse = self.coarse(x).float()
                correction = correction + F.interpolate(coarse, scale_factor=(1, 2, 2), mode="trilinear")
        return Tensor(correction + self.fine(x).float())


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, dilation: int) -> None:
        super().__init__()
        groups, along = min(8, after // 4), (dilation, 1, 1)
        self.first = nn.Conv3d(before, after, 3, padding=along, dilation=along, bias=False)
        self.second = nn.Conv3d(after, after, 3, padding=along, dilation=along, bias=False)
        self.first_norm, self.second_norm = nn.GroupNorm(groups, after), nn.GroupNorm(groups, after)
        self.shortcut = nn.Conv3d(before, after, 1, bias=False) if before != after else None

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, before, 32, S, S) to (B, after, 32, S, S)."""
        y = F.silu(self.first_norm(self.first(x)))
        beside = x if self.shortcut is None else self.shortcut(x)
        return F.silu(self.second_norm(self.second(y)) + beside)
