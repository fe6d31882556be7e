"""Blocks for the 3D network to learn from: an object's surroundings, what was prompted, and its true body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.body.space import BLOCK_ANCHOR
from volsweep.engine.network.body_net import FINE, SIDE
from volsweep.train.blocks.pose import BODY_NET, draw_pose, measured
from volsweep.train.blocks.prompts import draw_maps
from volsweep.train.blocks.sample import COVERED, between_ends, draw_sample
from volsweep.train.blocks.source import BlockSource

_KINDS, _SHARES = ("box", "mask", "line"), (0.56, 0.3, 0.14)


@dataclass(frozen=True)
class Blocks:
    """B blocks, for one of the 3D networks.

    Parameters
    ----------
    grey, maps
        (B, 2, 48, 64, 64) and (B, 4, 48, 32, 32), as `BodyNet` takes them; (B, 32, 96, 96) and
        (B, 10, 32, 48, 48), as `Refiner` does.
    truth
        (B, planes, rows, columns) bool, of the body as it is predicted.
    known
        As `truth`: where it is known.
    """

    grey: Tensor
    maps: Tensor
    truth: Tensor
    known: Tensor

    @staticmethod
    def stack(blocks: Sequence[Blocks]) -> Blocks:
        """Join batches of one."""
        return Blocks(*(torch.cat(same) for same in zip(*(b._tensors() for b in blocks), strict=True)))

    def to(self, device: torch.device) -> Blocks:
        """The blocks on a device."""
        return Blocks(*(t.to(device, non_blocking=True) for t in self._tensors()))

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.grey, self.maps, self.truth, self.known


def draw_block(rng: np.random.Generator, source: BlockSource) -> Blocks | None:
    """Draw one block of an object; None where this draw shows too little of it."""
    kind = str(rng.choice(_KINDS, p=_SHARES))
    pose = draw_pose(rng, source, kind == "line")
    if pose is None:
        return None
    sample = draw_sample(rng, source, pose, BODY_NET)
    if sample is None:
        return None
    grey, inside, here = sample.grey, sample.inside, sample.covered[BLOCK_ANCHOR].numpy() > COVERED
    told = torch.ones_like(grey)
    if rng.random() < 0.7:
        told = inside.float()
        grey = grey * told
    coarse = F.avg_pool2d(sample.covered[:, None], 2)[:, 0]
    known = F.avg_pool2d(inside.float()[:, None], 2)[:, 0] > COVERED
    truth = (coarse > COVERED) & known
    if truth[BLOCK_ANCHOR].sum() < 4:
        return None
    if source.open_ended and pose.axis == 0:
        known = known & between_ends(truth)
    prompt = measured(here, kind == "line") * SIDE / FINE
    maps = draw_maps(rng, kind, prompt, coarse, known)
    return Blocks(torch.stack([grey, told])[None], maps[None], truth[None], known[None])
