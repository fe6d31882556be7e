from __future__ import annotations

import torch

from volsweep.engine.network.build import build
from volsweep.models import find_model
from volsweep.train.local_memory import look_locally


def _answer(model, place):
    """How much each of 8 x 8 tokens changes when the memory of one of them does."""
    torch.manual_seed(1)
    tokens, memories = torch.randn(64, 1, 128), torch.randn(128, 1, 64)
    changed = memories.clone()
    changed[place] += 5
    none = torch.zeros_like
    before, after = (
        model.memory_attention(curr=tokens, curr_pos=none(tokens), memory=m, memory_pos=none(m))
        for m in (memories, changed)
    )
    return (after - before).square().sum((1, 2)).sqrt()


@torch.no_grad()
def test_a_memory_is_read_where_it_was_made():
    torch.manual_seed(0)
    model = build(find_model("volsweep-nano").config_path).sam2
    untrained = _answer(model, 27)
    assert untrained[27] < 2 * untrained.median()
    look_locally(model)
    for place in (0, 27, 63, 64 + 27):  # the last of a second memory
        local = _answer(model, place)
        assert int(local.argmax()) == place % 64
        assert local.max() > 4 * local.median()
