"""A network that refines an object's body: ImageNet features of planes, decoded in 3D, corrected by clicks.

Its trunk looks at each plane of a block with its two neighbours as colours and is told nothing of the
prompts: its features are kept, and a click costs the decoder alone. What was prompted comes to every
level of the decoder as maps; what was predicted before a correction is what the correction is added to.
It learned corrections from clicks on its own mistakes.

`Refiner` is what is trained, `RefinerDecoder` how its decoder is run: what no prompt changes is computed once for a
place. Its convolutions are linear in what they look at, so each is taken apart: the trunk's features are convolved when
a place is looked at first, maps once for a body, and for a click the one map that it changes; what comes from the level
below is convolved without being made wider first (a transposed convolution over the coarser grid, 12 products for 27).
The sums are those of `Refiner.decode`, in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from volsweep.engine.network.device import convolved
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
_LAYOUT = torch.channels_last_3d


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


@dataclass(frozen=True)
class Prepared:
    """What the features of a place come to, level by level from the finest, with maps or before they are added.

    Parameters
    ----------
    first, beside
        Of the first convolution of each level, and of its shortcut.
    """

    first: tuple[Tensor, ...]
    beside: tuple[Tensor, ...]

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self.first[0].device

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(t.numel() * t.element_size() for t in (*self.first, *self.beside))


class RefinerDecoder:
    """Decodes what a refiner saw; its weights are taken as they are now."""

    def __init__(self, refiner: Refiner) -> None:
        self._refiner = refiner
        blocks = [level for level in refiner.levels if isinstance(level, Residual)]
        self._levels = [_Level(block, block.first.in_channels - block.second.out_channels - MAPS) for block in blocks]
        first, *self._deeper = [block for block in refiner.deepest if isinstance(block, Residual)]
        self._deepest = _Level(first, 0)

    def prepare(self, features: Sequence[Tensor]) -> Prepared:
        """Take what `Refiner.encode` made of one place or several."""
        made = [level.of_features(f) for level, f in zip((*self._levels, self._deepest), features, strict=True)]
        return Prepared(*zip(*made, strict=True))

    def told(self, seen: Prepared, maps: Tensor, which: int = 0) -> Prepared:
        """What features come to, and what they came to before, with maps added to them.

        Parameters
        ----------
        seen
            What `prepare` made of the features, or this of other maps.
        maps
            (B, n, 32, 48, 48): some of the maps, or by how much they differ from those that were told.
        which
            The first of them.
        """
        first, beside = [], []
        for level, features, shortcut in zip((*self._levels, self._deepest), seen.first, seen.beside, strict=True):
            here, there = level.of_maps(maps, which)
            first.append(here.add_(features))
            beside.append(there.add_(shortcut))
            if level is not self._deepest:
                maps = F.avg_pool3d(maps, (1, 2, 2))
        return Prepared(tuple(first), tuple(beside))

    def decode(self, told: Prepared, start: Tensor) -> Tensor:
        """As `Refiner.decode`, with what `told` made of features and maps for both."""
        x = self._deepest.run(told.first[-1], told.beside[-1])
        for residual in self._deeper:
            x = residual(x)
        correction = start.float()
        for i in reversed(range(len(self._levels))):
            x = self._levels[i].run(told.first[i], told.beside[i], x)
            if i == 1:
                coarse = _logits(x, self._refiner.coarse)
                correction = correction + F.interpolate(coarse, scale_factor=(1, 2, 2), mode="trilinear")
        return Tensor(correction + _logits(x, self._refiner.fine))


class _Level:
    """A block of the decoder whose input is features, what comes from the coarser level, and maps."""

    def __init__(self, block: Residual, coarser: int) -> None:
        self._block = block
        self._dilation = int(block.first.dilation[0])
        own = block.first.in_channels - MAPS - coarser
        self._first = _split(block.first, own, coarser)
        assert block.shortcut is not None  # what comes in has other channels than what goes out
        self._beside = _split(block.shortcut, own, coarser)
        self._wider = _transposed(self._first[1])
        self._second = block.second.weight.detach().contiguous(memory_format=_LAYOUT)

    def of_features(self, features: Tensor) -> tuple[Tensor, Tensor]:
        features = features.contiguous(memory_format=_LAYOUT)
        return _convolved(features, self._first[0], self._dilation), _convolved(features, self._beside[0])

    def of_maps(self, maps: Tensor, which: int) -> tuple[Tensor, Tensor]:
        maps = maps.contiguous(memory_format=_LAYOUT)
        first, beside = (weight[2][:, which : which + maps.shape[1]] for weight in (self._first, self._beside))
        return _convolved(maps, first, self._dilation), _convolved(maps, beside)

    def run(self, first: Tensor, beside: Tensor, below: Tensor | None = None) -> Tensor:
        """What goes out, for sums over features and maps, which are kept as they are."""
        block, along = self._block, self._dilation
        if below is not None:
            stride, padding, dilation = (1, 2, 2), (along, 1, 1), (along, 1, 1)
            wide = F.conv_transpose3d(below, self._wider, stride=stride, padding=padding, dilation=dilation)
            first = wide.add_(first)
            coarse = _convolved(below, self._beside[1])
            beside = coarse.repeat_interleave(2, -1).repeat_interleave(2, -2).add_(beside)
        x = F.silu(block.first_norm(first), inplace=True)
        x = block.second_norm(_convolved(x, self._second, along))
        return F.silu(x.add_(beside), inplace=True)


def _split(convolution: nn.Conv3d, own: int, coarser: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights for features, for the coarser level and for maps."""
    features, below, maps = torch.split(convolution.weight.detach(), [own, coarser, MAPS], 1)
    return features.contiguous(memory_format=_LAYOUT), below.contiguous(), maps.contiguous(memory_format=_LAYOUT)


def _transposed(weight: Tensor) -> Tensor:
    """Of a convolution over what was made twice as wide, that over the coarser grid itself: (in, out, 3, 4, 4)."""
    turned = weight.flip(2, 3, 4).transpose(0, 1)
    out = turned.new_zeros((*turned.shape[:3], 4, 4))
    for row in (0, 1):
        for column in (0, 1):
            out[..., row : row + 3, column : column + 3] += turned
    return out


def _convolved(x: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """A convolution that keeps the size; `dilation` is across planes."""
    reach = weight.shape[-1] // 2
    return convolved(x, weight, padding=(dilation * reach, reach, reach), dilation=(dilation, 1, 1))


def _logits(x: Tensor, last: nn.Conv3d) -> Tensor:
    """What a convolution to one channel makes of features."""
    assert last.bias is not None
    return _convolved(x, last.weight).float() + last.bias
