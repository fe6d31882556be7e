"""Keep activations in the range where the network can still tell one slice from another.

Two ways in which a SAM 2 trained from little data went blind here, both invisible in the loss
curve: the neck has no normalisation, so that features grew until positions drowned in them; and
residual branches of memory attention and of the mask decoder grew (to 70 times the stream) into
a constant, which the LayerNorm after them turned into features that were the same for every
slice. The object score could then not depend on the image at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

BRANCH_LIMIT = 1.5
"""A residual branch may have this rms; streams are normalised to about 1."""


def feature_spread(levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Root mean square of each feature level (HW, N, C), and the same around each channel's mean."""
    rms, spread = [], []
    for level in levels:
        values = level.float().flatten(0, 1)
        rms.append(values.square().mean().sqrt())
        spread.append((values - values.mean(0)).square().mean().sqrt())
    return torch.stack(rms), torch.stack(spread)


def spread_penalty(rms: Tensor, spread: Tensor) -> Tensor:
    """Mean squared logs: 0 where every level varies by about 1 around 0."""
    return (torch.log(rms.clamp(min=1e-6)).square() + torch.log(spread.clamp(min=1e-6)).square()).mean() / 2


def residual_branches(model: SAM2Base) -> list[nn.Module]:
    """What memory attention and the decoder's transformer add to their streams."""
    branches: list[nn.Module] = []
    for layer in model.memory_attention.layers:
        branches += [layer.self_attn, layer.cross_attn_image, layer.linear2]
    for layer in model.sam_mask_decoder.transformer.layers:
        branches += [layer.self_attn, layer.cross_attn_token_to_image, layer.mlp, layer.cross_attn_image_to_token]
    return branches


class ActivationWatch:
    """Collects, while the network runs, the rms of residual branches and the spread of what tracking works on.

    That is the spatial memories, and the features conditioned on them that the decoder gets.
    """

    def __init__(self) -> None:
        self._rms: list[Tensor] = []
        self._spread: list[Tensor] = []

    @contextmanager
    def watching(self, model: SAM2Base) -> Iterator[ActivationWatch]:
        """Watch a network."""

        def keep_memory(_module: object, _inputs: object, output: Tensor) -> None:
            self._keep_spread(output.movedim(1, -1))

        def keep_conditioned(_module: object, _inputs: object, output: Tensor) -> None:
            self._keep_spread(output)

        def keep(_module: object, _inputs: object, output: Tensor) -> None:
            self._rms.append(output.float().square().mean().sqrt())

        handles = [branch.register_forward_hook(keep) for branch in residual_branches(model)]
        handles.append(model.memory_encoder.out_proj.register_forward_hook(keep_memory))
        handles.append(model.memory_attention.register_forward_hook(keep_conditioned))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _keep_spread(self, values: Tensor) -> None:
        flat = values.float().flatten(0, -2)
        self._spread.append((flat - flat.mean(0)).square().mean().sqrt())

    def spread_penalty(self) -> Tensor:
        """Mean squared log of the spreads: 0 where all are at 1, or nothing was tracked."""
        if not self._spread:
            return torch.zeros_like(self._rms[0])
        return torch.log(torch.stack(self._spread).clamp(min=1e-6)).square().mean()

    def branch_penalty(self) -> Tensor:
        """Mean squared log of how far branches exceed the limit: 0 while none does."""
        return torch.log((torch.stack(self._rms) / BRANCH_LIMIT).clamp(min=1.0)).square().mean()

    def largest_branch(self) -> float:
        """The largest rms of a branch."""
        return float(torch.stack(self._rms).detach().max())

    def smallest_spread(self) -> float:
        """The smallest spread of a memory or of conditioned features; 1 where nothing was tracked."""
        return float(torch.stack(self._spread).detach().min()) if self._spread else 1.0
