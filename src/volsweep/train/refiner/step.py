"""What one step teaches the refiner: bodies from prompts, and from clicks on its own mistakes.

Each block is corrected some times without gradients, each answer becoming what the next is added to (as
Liu et al. 2024, arXiv:2409.06605, train); the last answer learns.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from volsweep.engine.body.refiner_maps import OnPlane, add_before, add_click
from volsweep.engine.body.space import PLANES_ANCHOR
from volsweep.engine.network.refiner import DEPTH, OUT, SIDE, Refiner
from volsweep.train.blocks.blocks import Blocks
from volsweep.train.losses import Tally, add_refined
from volsweep.train.refiner.corrections import Correction, next_correction

_CLICKS = (0.30, 0.20, 0.16, 0.12, 0.11, 0.11)
"""Shares of blocks that are corrected 0, 1, 2 ... times."""
_SLICE_DRAWN, _SLICE_SHOWN = 0.06, 0.5
"""Shares of corrections that draw the whole slice, and after which the slice is told as it is shown then: what a reader
sees there is right where it was clicked on, and may be wrong elsewhere."""


def run_planes(net: Refiner, blocks: Blocks, tally: Tally, rng: np.random.Generator) -> None:
    """Predict and correct the bodies of a batch of blocks, adding losses to a tally."""
    features = net.encode(blocks.grey)
    first = net.first_start(blocks.maps)
    maps = blocks.maps.clone()  # told of clicks, while gradients of what came before still need theirs
    held = [level.detach() for level in features]
    start, corrections = _corrected(net, held, blocks, maps, rng)
    begun = torch.tensor([bool(made) for made in corrections], device=maps.device)
    logits = net.decode(features, maps, torch.where(begun[:, None, None, None, None], start, first))
    near = torch.stack([_nearness(made) for made in corrections]).to(maps.device)
    planes = [made[-1].cell_zyx[0] if made else None for made in corrections]
    add_refined(tally, logits[:, 0].float(), (blocks.truth, blocks.known), PLANES_ANCHOR, (near, planes))


@torch.no_grad()
def _corrected(
    net: Refiner, features: list[Tensor], blocks: Blocks, maps: Tensor, rng: np.random.Generator
) -> tuple[Tensor, list[list[Correction]]]:
    """Bodies (B, 1, 32, 48, 48) before each block's last click, and its clicks; they are told in the maps, in place."""
    count = len(maps)
    wanted = rng.choice(len(_CLICKS), count, p=_CLICKS)
    made: list[list[Correction]] = [[] for _ in range(count)]
    start = net.first_start(maps).float()
    for turn in range(int(wanted.max(initial=0))):
        going = [i for i in range(count) if wanted[i] > turn and len(made[i]) == turn]
        if not going:
            break
        found = net.decode([level[going] for level in features], maps[going], start[going]).float()
        for place, i in enumerate(going):
            logits = found[place, 0]
            click = next_correction(rng, *(t.cpu().numpy() for t in (logits > 0, blocks.truth[i], blocks.known[i])))
            if click is None:
                continue
            made[i].append(click)
            start[i, 0] = logits
            add_click(maps[i], click.pixel_zyx(rng), click.positive)
            add_before(maps[i], logits)
            plane, chance = click.cell_zyx[0], rng.random()
            if plane != PLANES_ANCHOR and chance < _SLICE_DRAWN + _SLICE_SHOWN:
                mask = blocks.truth[i, plane].cpu().numpy().repeat(SIDE // OUT, 0).repeat(SIDE // OUT, 1)
                if chance >= _SLICE_DRAWN:
                    mask = click.shown_after(rng, logits, blocks.truth[i])
                OnPlane.mask(mask).add(maps[i], plane)
    return start, made


def _nearness(corrections: list[Correction]) -> Tensor:
    if not corrections:
        return torch.zeros(DEPTH, OUT, OUT)
    return torch.stack([one.nearness() for one in corrections]).amax(0)
