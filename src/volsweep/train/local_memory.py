"""Let an untrained memory attention start by looking where it is.

From random weights, a query attends to all memories alike, gets their mean, and learns for
thousands of steps to ignore it: the mask of the last slice is never read. Rotary positions
(Su et al. 2021, RoFormer) make a local start cheap: where queries and keys hold the same
constant in the fast frequencies, their product falls off with the distance between tokens.
"""

from __future__ import annotations

import torch
from sam2.modeling.sam2_base import SAM2Base

_FREQUENCIES = 8
"""The fastest of each axis: slower ones hardly change over the few tokens of a small image."""
_CONTENT = 0.3
"""What is left of the projections, so that content does not outweigh position."""


@torch.no_grad()
def look_locally(model: SAM2Base, strength: float = 5.0) -> None:
    """Bias cross-attention to memories towards each token's own place.

    Parameters
    ----------
    model
        The network; changed in place.
    strength
        The constant. At 5 the neighbouring token gets about a tenth of the weight of the
        token itself.
    """
    for layer in model.memory_attention.layers:
        attention = layer.cross_attn_image
        for projection in (attention.q_proj, attention.k_proj):
            projection.weight.mul_(_CONTENT)
            projection.bias.zero_()
            # Pairs of channels turn together; the first half of them by x, the second by y.
            half = projection.bias.numel() // 2
            for start in (0, half):
                projection.bias[start : start + 2 * _FREQUENCIES : 2] = strength
