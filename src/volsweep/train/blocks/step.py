"""What one step teaches the 3D network: bodies from prompts, and from clicks on what it got wrong."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from volsweep.engine.body.space import BLOCK_ANCHOR
from volsweep.engine.network.body_net import BodyNet
from volsweep.train.blocks.blocks import Blocks
from volsweep.train.blocks.prompts import click_on_errors
from volsweep.train.losses import Tally, add_bodies

_CLICKED = 0.4
"""Share of steps with one or two rounds of clicks."""


def run_blocks(net: BodyNet, blocks: Blocks, tally: Tally, rng: np.random.Generator) -> None:
    """Predict the bodies of a batch of blocks, adding losses to a tally."""
    maps = blocks.maps.clone()
    for _ in range(int(rng.integers(1, 3)) if rng.random() < _CLICKED else 0):
        with torch.no_grad():
            found: Tensor = net(blocks.grey, maps)
        click_on_errors(rng, found, blocks.truth, blocks.known, maps)
    add_bodies(tally, net(blocks.grey, maps)[:, 0], blocks.truth, blocks.known, BLOCK_ANCHOR)
