"""What a pass remembers: the memory of each slice, and the bank that a new slice attends to.

SAM 2 keeps, for every slice it has seen, a spatial memory (the slice's features fused with
its mask, 64 channels) and an object pointer (one vector). A bank offers a new slice its
conditioning slices first, then the slices just before it, each marked with how far away it
is (Ravi et al. 2024, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor

from volsweep.engine.network.attention import attend_to_memory
from volsweep.engine.network.features import Features
from volsweep.engine.network.net import Network
from volsweep.engine.network.sam2 import Decoded

MAX_CONDITIONING = 4
"""Conditioning slices attended to, the closest ones."""


@dataclass(frozen=True)
class Memory:
    """What one slice leaves behind for one object.

    Parameters
    ----------
    time
        Slices from the start of the pass, in its direction.
    tokens
        (H * W, M): the spatial memory.
    pointer
        (C,): the object pointer.
    """

    time: int
    tokens: Tensor
    pointer: Tensor


@dataclass
class Bank:
    """The memories of one object in one pass.

    Parameters
    ----------
    conditioning
        The prompted slices, those still ahead included.
    recent
        The slices tracked so far, latest last.
    """

    conditioning: list[Memory] = field(default_factory=list)
    recent: list[Memory] = field(default_factory=list)

    def remember(self, memory: Memory, keep: int) -> None:
        """Add a tracked slice and forget those too far back to be attended to."""
        self.recent.append(memory)
        del self.recent[:-keep]


@dataclass(frozen=True)
class Recall:
    """What one new slice attends to, as (tokens, temporal slot) and (pointer, distance) pairs."""

    spatial: list[tuple[Tensor, int]]
    pointers: list[tuple[Tensor, float]]

    @property
    def shape(self) -> tuple[int, int]:
        """Counts of spatial memories and pointers: recalls of equal shape run as one batch."""
        return len(self.spatial), len(self.pointers)


def recall(network: Network, bank: Bank, time: int, stride: int, num_frames: int) -> Recall:
    """Choose what the slice at `time` attends to.

    Distances are in steps of `stride` slices: to the network, the slices visited are the video.
    """
    model = network.model
    last_slot = model.num_maskmem - 1
    by_distance = sorted(bank.conditioning, key=lambda memory: abs(memory.time - time))
    # In order of distance here, in order of time upstream: attention does not see the order.
    chosen = by_distance[:MAX_CONDITIONING]
    spatial = [(memory.tokens, last_slot) for memory in chosen]
    # Slot 0 is the slice just before, slot 1 the one before that.
    latest = bank.recent[: -last_slot - 1 : -1]
    spatial += [(memory.tokens, slot) for slot, memory in enumerate(latest)]

    furthest = min(num_frames, model.max_obj_ptrs_in_encoder)
    pointers = []
    for memory in chosen:
        distance = (time - memory.time) / stride
        if model.only_obj_ptrs_in_the_past_for_eval and distance < 0:
            continue
        pointers.append((memory.pointer, distance if model.use_signed_tpos_enc_to_obj_ptrs else abs(distance)))
    for memory in reversed(bank.recent):
        distance = (time - memory.time) / stride
        if distance >= furthest:
            break
        pointers.append((memory.pointer, distance))
    return Recall(spatial, pointers)


def attend(network: Network, features: Features, recalls: Sequence[Recall], num_frames: int) -> Tensor:
    """Condition a batch of slices on their memories.

    Parameters
    ----------
    network
        The network.
    features
        Of B slices.
    recalls
        One for each slice, all of the same shape.
    num_frames
        Slices of the whole volume: it scales the pointers' distances.

    Returns
    -------
    Tensor
        (B, C, H, W): the coarse features, conditioned.
    """
    model = network.model
    batch, channels, height, width = features.coarse.shape
    _, n_pointers = recalls[0].shape
    slots = torch.tensor([[slot for _, slot in r.spatial] for r in recalls], device=network.device)
    in_time = model.maskmem_tpos_enc[slots, 0, 0]  # (B, n, M)
    memory = [torch.stack([torch.cat([tokens for tokens, _ in r.spatial]) for r in recalls])]  # (B, n * HW, M)
    position = [(in_time[:, :, None] + network.positions.memory).flatten(1, 2)]

    pointer_tokens = 0
    if n_pointers and model.use_obj_ptrs_in_encoder:
        per_pointer = max(1, channels // model.mem_dim)
        pointer_tokens = n_pointers * per_pointer
        vectors = torch.stack([torch.stack([p for p, _ in r.pointers]) for r in recalls])  # (B, n, C)
        memory.append(vectors.reshape(batch, pointer_tokens, model.mem_dim))
        distances = torch.tensor([[d for _, d in r.pointers] for r in recalls], device=network.device)
        encoded = _pointer_position(network, distances, num_frames)  # (B, n, M)
        position.append(encoded.repeat_interleave(per_pointer, dim=1))

    conditioned = attend_to_memory(
        model, features.attended, torch.cat(memory, dim=1), torch.cat(position, dim=1), pointer_tokens
    )
    return conditioned.transpose(1, 2).reshape(batch, channels, height, width)


def _pointer_position(network: Network, distances: Tensor, num_frames: int) -> Tensor:
    model = network.model
    if not model.add_tpos_enc_to_obj_ptrs:
        return distances.new_zeros((*distances.shape, model.mem_dim), dtype=torch.float32)
    furthest = min(num_frames, model.max_obj_ptrs_in_encoder) - 1
    width = model.hidden_dim if model.proj_tpos_enc_in_obj_ptrs else model.mem_dim
    sines = get_1d_sine_pe(distances.flatten() / max(furthest, 1), dim=width)
    encoded: Tensor = model.obj_ptr_tpos_proj(sines)
    return encoded.view(*distances.shape, model.mem_dim)


def encode_memory(network: Network, features: Features, decoded: Decoded, prompted: bool) -> tuple[Tensor, Tensor]:
    """Fuse B slices with their masks: spatial memories (B, H * W, M) and pointers (B, C).

    Parameters
    ----------
    network
        The network.
    features
        Of the slices.
    decoded
        Their masks, scores and pointers.
    prompted
        Whether the masks come from points or boxes (some models binarise those first).
    """
    height, width = features.coarse.shape[-2:]
    tokens, _ = network.model._encode_new_memory(
        current_vision_feats=[features.coarse.flatten(2).permute(2, 0, 1)],
        feat_sizes=[(height, width)],
        pred_masks_high_res=decoded.input_logits,
        object_score_logits=decoded.object_score[:, None],
        is_mask_from_pts=prompted,
    )
    return tokens.flatten(2).transpose(1, 2), decoded.pointer
