"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685): tune a large network through a few weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from volsweep.errors import ModelError

_BASE, _DOWN, _UP = ".base.", ".lora_down", ".lora_up"


class LoraLinear(nn.Module):
    """A frozen linear layer plus a trained product of two thin matrices.

    The up matrix starts at 0, so that an adapted network first computes what it did before.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        for parameter in base.parameters():
            parameter.requires_grad_(False)
        self.lora_down = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_up = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Add what was learned to what was known."""
        return Tensor(self.base(x) + (x @ self.lora_down.T) @ self.lora_up.T)


def add_lora(model: nn.Module, rank: int) -> int:
    """Put adapters on every linear layer of attention blocks, freeze all other weights, return how many.

    The object score's head and the IoU head are small and stay fully trainable.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    count = 0
    for name, module in list(model.named_modules()):
        for child_name, child in list(module.named_children()):
            if (
                isinstance(child, nn.Linear)
                and min(child.in_features, child.out_features) > rank
                and "head" not in name
            ):
                setattr(module, child_name, LoraLinear(child, rank))
                count += 1
    for name, parameter in model.named_parameters():
        if "prediction_head" in name or "pred_obj_score_head" in name:
            parameter.requires_grad_(True)
    if not count:
        raise ModelError(f"no layer is larger than LoRA rank {rank}; use a smaller rank, or none")
    return count


def merged_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with every adapter folded into its layer: keys and shapes of the plain network."""
    merged = {}
    for name, tensor in state.items():
        if name.endswith((_DOWN, _UP)):
            continue
        plain = name.replace(_BASE, ".")
        layer = name.rsplit(_BASE, 1)[0] if _BASE in name else ""
        if layer and name.endswith(".weight") and layer + _DOWN in state:
            tensor = tensor + state[layer + _UP].to(tensor) @ state[layer + _DOWN].to(tensor)
        merged[plain] = tensor
    return merged
