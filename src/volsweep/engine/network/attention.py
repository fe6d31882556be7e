"""SAM 2's memory attention, arranged so that nothing is computed twice.

The same network as `sam2.modeling.memory_attention` and, up to rounding, the same numbers:

- The first layer's self-attention sees no memory, so a slice needs it once, whoever tracks over it.
- Attention weights add up to one, hence A (V W + b) = (A V) W + b: weights are applied to memories of
  64 channels, and only their average is projected to the width of the features.
- Rotary encodings multiply keys where they lie, all memories at once, without copies of the keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor

from volsweep.engine.network.device import times_transposed
from volsweep.engine.network.net import VolsweepNet

_ROWS = 256
"""Queries at a time on a CPU: their weights then stay in its cache."""


def is_usual(model: SAM2Base) -> bool:
    """Whether a network's memory attention is built as SAM 2's is, in every published size."""
    attention = model.memory_attention
    return bool(attention.pos_enc_at_input) and all(
        layer.pos_enc_at_cross_attn_keys
        and not layer.pos_enc_at_cross_attn_queries
        and not layer.pos_enc_at_attn
        and layer.self_attn.num_heads == layer.cross_attn_image.num_heads == 1
        and hasattr(layer.self_attn, "compute_cis")
        and hasattr(layer.cross_attn_image, "compute_cis")
        for layer in attention.layers
    )


@dataclass(frozen=True)
class Recall:
    """What one new slice attends to, as (tokens, temporal slot) and (pointer, distance) pairs."""

    spatial: list[tuple[Tensor, int]]
    pointers: list[tuple[Tensor, float]]

    @property
    def shape(self) -> tuple[int, int]:
        """Counts of spatial memories and pointers: recalls of equal shape run as one batch."""
        return len(self.spatial), len(self.pointers)


def attend(net: VolsweepNet, attended: Tensor, recalls: Sequence[Recall], num_frames: int) -> Tensor:
    """Condition a batch of slices on their memories.

    Parameters
    ----------
    net
        The network.
    attended
        (B, H * W, C): coarse features of slices that have attended to themselves.
    recalls
        One for each slice, all of the same shape.
    num_frames
        Slices of the whole volume: it scales the pointers' distances.

    Returns
    -------
    Tensor
        (B, C, H, W): the coarse features, conditioned.
    """
    sam2 = net.sam2
    batch, tokens, channels = attended.shape
    side = round(tokens**0.5)
    _, n_pointers = recalls[0].shape
    slots = torch.tensor([[slot for _, slot in r.spatial] for r in recalls], device=net.device)
    in_time = sam2.maskmem_tpos_enc[slots, 0, 0]  # (B, n, M)
    memory = [torch.stack([torch.cat([memory for memory, _ in r.spatial]) for r in recalls])]  # (B, n * HW, M)
    position = [(in_time[:, :, None] + net.positions.memory).flatten(1, 2)]

    pointer_tokens = 0
    if n_pointers and sam2.use_obj_ptrs_in_encoder:
        per_pointer = max(1, channels // sam2.mem_dim)
        pointer_tokens = n_pointers * per_pointer
        vectors = torch.stack([torch.stack([p for p, _ in r.pointers]) for r in recalls])  # (B, n, C)
        memory.append(vectors.reshape(batch, pointer_tokens, sam2.mem_dim))
        distances = torch.tensor([[d for _, d in r.pointers] for r in recalls], device=net.device)
        encoded = _pointer_position(net, distances, num_frames)  # (B, n, M)
        position.append(encoded.repeat_interleave(per_pointer, dim=1))

    conditioned = attend_to_memory(sam2, attended, torch.cat(memory, dim=1), torch.cat(position, dim=1), pointer_tokens)
    return conditioned.transpose(1, 2).reshape(batch, channels, side, side)


def _pointer_position(net: VolsweepNet, distances: Tensor, num_frames: int) -> Tensor:
    sam2 = net.sam2
    if not sam2.add_tpos_enc_to_obj_ptrs:
        return distances.new_zeros((*distances.shape, sam2.mem_dim), dtype=torch.float32)
    furthest = min(num_frames, sam2.max_obj_ptrs_in_encoder) - 1
    width = sam2.hidden_dim if sam2.proj_tpos_enc_in_obj_ptrs else sam2.mem_dim
    sines = get_1d_sine_pe(distances.flatten() / max(furthest, 1), dim=width)
    encoded: Tensor = sam2.obj_ptr_tpos_proj(sines)
    return encoded.view(*distances.shape, sam2.mem_dim)


def attend_within(model: SAM2Base, coarse: Tensor, position: Tensor) -> Tensor:
    """Let slices attend to themselves, as far as no memory is needed.

    Parameters
    ----------
    model
        The network.
    coarse
        (B, C, H, W): coarse features.
    position
        (H * W, C): their positional encoding.

    Returns
    -------
    Tensor
        (B, H * W, C): what `attend_to_memory` goes on from.
    """
    x = coarse.flatten(2).transpose(1, 2) + 0.1 * position
    return _attend_within(model.memory_attention.layers[0], x)


def attend_to_memory(model: SAM2Base, attended: Tensor, memory: Tensor, position: Tensor, pointers: int) -> Tensor:
    """Condition slices on their memories.

    Parameters
    ----------
    model
        The network.
    attended
        (B, H * W, C), from `attend_within`.
    memory
        (B, n * H * W + pointers, M): n spatial memories, then the tokens of object pointers.
    position
        The same shape: positional encoding of the memories.
    pointers
        How many of the last tokens are of object pointers.

    Returns
    -------
    Tensor
        (B, H * W, C): conditioned features.
    """
    x, keys = attended, memory + position
    for i, layer in enumerate(model.memory_attention.layers):
        if i:
            x = _attend_within(layer, x)
        x = _attend_across(layer, x, memory, keys, pointers)
        x = x + layer.linear2(layer.activation(layer.linear1(layer.norm3(x))))
    conditioned: Tensor = model.memory_attention.norm(x)
    return conditioned


def _attend_within(layer: Any, x: Tensor) -> Tensor:
    attention, normed = layer.self_attn, layer.norm1(x)
    rotation = _rotation(attention, x)
    queries = _rotated(attention.q_proj(normed), rotation)
    keys = _rotated(attention.k_proj(normed), rotation)
    found: Tensor = attention.out_proj(_average(queries, keys, attention.v_proj(normed)))
    return x + found


def _attend_across(layer: Any, x: Tensor, memory: Tensor, keys_in: Tensor, pointers: int) -> Tensor:
    attention = layer.cross_attn_image
    rotation = _rotation(attention, x)
    queries = _rotated(attention.q_proj(layer.norm2(x)), rotation)
    keys = attention.k_proj(keys_in)
    spatial = keys[:, : keys.shape[1] - pointers]
    # A pointer has no place in the slice, so it is not turned.
    spatial.copy_(_rotated(spatial.unflatten(1, (-1, x.shape[1])), rotation).flatten(1, 2))
    found: Tensor = attention.out_proj(attention.v_proj(_average(queries, keys, memory)))
    return x + found


def _rotation(attention: Any, x: Tensor) -> Tensor:
    """(H * W, C / 2): unit complex numbers of the rotary encoding, kept by the network itself."""
    if attention.freqs_cis.shape[0] != x.shape[1]:
        side = round(x.shape[1] ** 0.5)
        attention.freqs_cis = attention.compute_cis(end_x=side, end_y=side)
    attention.freqs_cis = attention.freqs_cis.to(x.device)
    rotation: Tensor = attention.freqs_cis
    return rotation


def _rotated(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary encoding (Su et al. 2021, arXiv:2104.09864) of (..., H * W, C)."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotation).flatten(-2).type_as(x)


def _average(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Values (B, N, M) averaged for queries (B, L, C) by their likeness to keys (B, N, C): (B, L, M)."""
    if queries.device.type != "cpu":
        return F.scaled_dot_product_attention(queries, keys, values)
    scaled = queries * queries.shape[-1] ** -0.5
    return torch.stack([_average_one(q, k, v.T.contiguous()) for q, k, v in zip(scaled, keys, values, strict=True)])


def _average_one(queries: Tensor, keys: Tensor, values_mn: Tensor) -> Tensor:
    parts = [
        times_transposed(torch.softmax(times_transposed(rows, keys), dim=-1), values_mn)
        for rows in torch.split(queries, _ROWS)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
