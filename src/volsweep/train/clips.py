"""Clips: short runs of neighbouring slices around a target, cut as the engine cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.crop import Crop, mask_box_xyxy
from volsweep.train.augment import Warp, default_window, random_window, shows, vary_grey
from volsweep.train.carried import carried_masks
from volsweep.train.cases import Case, Target
from volsweep.train.prompts import PromptKind, SlicePrompt, draw_prompt

ZOOM = 2.2
"""Side of the crop over the prompt's longer side: most clips use it, the others lie around it."""
CLIPS_ENDING, JUMPS_ENDING = 0.4, 0.6
"""Shares of clips in which the object ends, where it can. With more, the network learns that
objects end after about as many slices as a clip has, and long sweeps stop early."""
ANTIALIASED = 0.8
"""Share of clips resampled as the engine does; the others are sharper and noisier."""


@dataclass(frozen=True)
class ClipShape:
    """What all clips of a batch have in common, so that they can be tracked side by side.

    Parameters
    ----------
    times
        Place of each slice in the pass, as the network is told; the first, 0, is the prompted one.
    jumps
        Whether the slices after the prompted one lie further along the sweep.
    given
        How many slices after the prompted one come with their true masks as memories.
    kind
        The prompt.
    size
        Side of the model's input in pixels.
    sweep
        Whether the prompted slice is among the object's largest, and the others follow it to the
        object's end and beyond.
    carried
        Whether the object is a shape that the slices do not show.
    """

    times: tuple[int, ...]
    given: int = 0
    kind: PromptKind = "box"
    size: int = 128
    jumps: bool = False
    sweep: bool = False
    carried: bool = False


@dataclass(frozen=True)
class Clip:
    """T slices of one object, in the order they are visited.

    Parameters
    ----------
    grey
        (T, 1, S, S) float32 in [0, 1].
    masks
        (T, S, S) bool.
    scored
        (T,) bool: where it is known whether the object is on the slice.
    places
        (T,) float32: distance from the prompted slice, in model pixels.
    points_xy, kinds
        (n, 2) float32 model pixels and (n,) int32 of the prompt on the first slice.
    """

    grey: Tensor
    masks: Tensor
    scored: Tensor
    places: Tensor
    points_xy: Tensor
    kinds: Tensor


@dataclass(frozen=True)
class Batch:
    """B clips of one shape, stacked as (T, B, ...)."""

    shape: ClipShape
    grey: Tensor
    masks: Tensor
    scored: Tensor
    places: Tensor
    points_xy: Tensor
    kinds: Tensor

    @staticmethod
    def stack(shape: ClipShape, clips: Sequence[Clip]) -> Batch:
        """Join clips."""
        return Batch(
            shape,
            torch.stack([c.grey for c in clips], dim=1),
            torch.stack([c.masks for c in clips], dim=1),
            torch.stack([c.scored for c in clips], dim=1),
            torch.stack([c.places for c in clips], dim=1),
            torch.stack([c.points_xy for c in clips]),
            torch.stack([c.kinds for c in clips]),
        )

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        tensors = (self.grey, self.masks, self.scored, self.places, self.points_xy, self.kinds)
        return Batch(self.shape, *(t.to(device, non_blocking=True) for t in tensors))


@dataclass(frozen=True)
class _Run:
    """Slices of a clip along one axis of a case: `indices[0]` is prompted.

    `places` are where they would lie if the volume went on.
    """

    axis: int
    indices: tuple[int, ...]
    places: tuple[int, ...] = ()


def _choose_run(rng: np.random.Generator, case: Case, target: Target, shape: ClipShape) -> _Run | None:
    """Pick the slices of a clip, mostly so that the object ends within it; None if none fit."""
    # The acquired slices mostly; the other planes too, since they show the same object in other shapes.
    axis = int(rng.choice(3, p=(0.8, 0.1, 0.1)))
    length = case.image_zyx.shape[axis]
    first, last = target.extents[axis]
    forward = bool(rng.random() < 0.5)
    # Mirrored so that every pass counts upwards.
    if not forward:
        first, last = length - 1 - last, length - 1 - first
    spacing = case.spacing_zyx_mm[axis]
    stride = 1
    if rng.random() < 0.6:
        stride = max(1, round(float(rng.uniform(0.7, 4.5)) / spacing)) if spacing < 3 else 1 + int(rng.random() < 0.2)
    areas = target.areas[axis] if forward else target.areas[axis][::-1]
    frames = len(shape.times)
    if frames == 1:
        index = int(rng.choice(np.flatnonzero(areas)))
        return _Run(axis, (index if forward else length - 1 - index,))

    if shape.sweep:
        places = _sweep(rng, areas, frames, axis)
        if places is None:
            return None
        indices = [min(place, length - 1) for place in places]
        return _Run(axis, tuple(i if forward else length - 1 - i for i in indices), tuple(places))
    window = frames - 1 if shape.jumps else frames
    after_possible = (length - 1 - last) // stride
    open_end = (target.open_ended and axis == 0) or last == length - 1
    # Some of the window shows the object: all slices given, and the prompted one or one more.
    most = window - (1 + shape.given if shape.jumps else min(2, window - 1))
    may_end = not open_end and min(after_possible, most) >= 1
    if may_end and rng.random() < (JUMPS_ENDING if shape.jumps else CLIPS_ENDING):
        after = int(rng.integers(1, min(after_possible, most) + 1))
        offset = int(rng.integers(0, stride))
        end = last - min(offset, last - first)
        start = end - (window - after - 1) * stride
    else:
        start = int(rng.integers(first, max(first, last - (window - 1) * stride) + 1))
    if shape.jumps:
        # Prompted near the largest slice, as people do, with the window further along.
        start = max(start, first)
        candidates = np.arange(first, max(first, start - stride) + 1)
        weights = areas[candidates].astype(np.float64) ** 2
        if not weights.sum():
            return None
        prompted = int(rng.choice(candidates, p=weights / weights.sum()))
        indices = [prompted, *(start + k * stride for k in range(window))]
    else:
        start = max(start, first)
        indices = [start + k * stride for k in range(window)]
    if indices[-1] >= length or not areas[indices[0]]:
        return None
    return _Run(axis, tuple(i if forward else length - 1 - i for i in indices))


def _sweep(rng: np.random.Generator, areas: NDArray[np.int64], frames: int, axis: int) -> list[int] | None:
    """A half sweep as people make it: from one of the largest slices to the end, and somewhat beyond.

    In volumes cut close around the object the last slice is held for a while; None where it
    would be held for most of the way.
    """
    weights = (areas / areas.max()) ** 6
    prompted = int(rng.choice(len(areas), p=weights / weights.sum()))
    ahead = int(np.flatnonzero(areas)[-1]) - prompted
    stride = 1
    if ahead > frames - 2 and (axis > 0 or rng.random() < 0.75):
        # The whole way in as many slices as there are: thicker slices of a like object.
        stride = int(np.ceil(ahead / rng.integers(frames // 2, frames - 1)))
    indices = prompted + stride * np.arange(frames)
    if (indices >= len(areas)).sum() > frames // 2:
        return None
    return [int(i) for i in indices]


def _take(array: NDArray[Any], run: _Run) -> NDArray[Any]:
    """The run's slices, (T, rows, columns)."""
    return np.moveaxis(array, run.axis, 0)[list(run.indices)]


def _thickened(rng: np.random.Generator, case: Case, run: _Run, slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sometimes average each slice with the next: thicker slices, more partial volume."""
    if rng.random() > 0.12:
        return slices
    length = case.image_zyx.shape[run.axis]
    beside = _Run(run.axis, tuple(min(i + 1, length - 1) for i in run.indices))
    return np.asarray((slices + _take(case.image_zyx, beside).astype(np.float32)) / 2)


def draw_clip(rng: np.random.Generator, case: Case, target: Target, shape: ClipShape) -> Clip | None:
    """Draw one clip of a target; None where this draw does not fit the volume."""
    run = _choose_run(rng, case, target, shape)
    if run is None:
        return None
    in_plane = [a for a in range(3) if a != run.axis]
    spacing_yx = (case.spacing_zyx_mm[in_plane[0]], case.spacing_zyx_mm[in_plane[1]])
    masks = np.asarray(_take(case.labels_zyx, run) == target.value, dtype=np.bool_)
    if masks[0].sum() < 4:
        return None
    prompt = draw_prompt(rng, masks[0], spacing_yx, shape.kind)
    crop = _choose_crop(rng, prompt, masks, spacing_yx, shape)
    shift = _drift(rng, len(run.indices), crop)
    window = random_window(rng, case)
    raw = _thickened(rng, case, run, _take(case.image_zyx, run).astype(np.float32))
    if not shows(window.frame(raw[0]), masks[0]):
        window = default_window(case)
    frames = window.frame(raw)
    grey = torch.from_numpy(np.stack([_moved(crop, s).cut(f) for f, s in zip(frames, shift, strict=True)]))[:, None]
    cut = torch.from_numpy(
        np.stack([_moved(crop, s).cut(m.astype(np.float32)) for m, s in zip(masks, shift, strict=True)])
    )[:, None]
    size = (shape.size, shape.size)
    grey = F.interpolate(
        grey, size=size, mode="bilinear", align_corners=False, antialias=bool(rng.random() < ANTIALIASED)
    )
    soft = F.interpolate(cut, size=size, mode="bilinear", align_corners=False, antialias=True)
    warp = Warp.draw(rng, shape.size)
    grey, soft = warp.apply(grey), warp.apply(soft)
    model_masks = carried_masks(rng, len(masks), shape.size) if shape.carried else soft[:, 0] >= 0.5
    if model_masks[0].sum() < 4:
        return None
    if warp.rotates or shape.kind == "point":
        # A turned box is no box: prompt what is seen.
        seen = draw_prompt(rng, model_masks[0].numpy(), (1.0, 1.0), shape.kind)
        points, kinds = seen.points_xy, seen.kinds
    else:
        points, kinds = _corners_in_order(warp.map_points(crop.to_model_xy(prompt.points_xy)), prompt.kinds)
    present = np.asarray(model_masks.flatten(1).any(1))
    scored = np.full(len(present), not (target.open_ended and run.axis == 0)) | present
    grey = vary_grey(rng, grey.clamp_(0, 1))
    return Clip(
        grey,
        model_masks,
        torch.from_numpy(scored),
        _places(rng, run, crop, case.spacing_zyx_mm[run.axis], spacing_yx[1]),
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(kinds),
    )


def _places(rng: np.random.Generator, run: _Run, crop: Crop, spacing_mm: float, column_mm: float) -> Tensor:
    """How far each slice is from the prompted one in model pixels, in a body stretched a little across its slices."""
    slices = np.array(run.places or run.indices, dtype=np.float64)
    pixel_mm = crop.width * column_mm / crop.size
    stretch = float(np.exp(rng.normal(0, 0.1)))
    return torch.from_numpy((np.abs(slices - slices[0]) * spacing_mm / pixel_mm * stretch).astype(np.float32))


def _corners_in_order(
    points: NDArray[np.float64], kinds: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Flips swap a box's corners; the first is always top left."""
    if len(kinds) >= 2 and kinds[0] == 2:
        corners = points[:2]
        points = np.concatenate([[corners.min(axis=0), corners.max(axis=0)], points[2:]])
    return points, kinds


def _choose_crop(
    rng: np.random.Generator,
    prompt: SlicePrompt,
    masks: NDArray[np.bool_],
    spacing_yx: tuple[float, float],
    shape: ClipShape,
) -> Crop:
    """The engine's crop with a zoom around its 2.2; at times much wider, so that the object is small in it."""
    zoom = float(
        rng.choice(
            [ZOOM, float(rng.uniform(1.7, 2.8)), float(np.exp(rng.uniform(np.log(1.4), np.log(5))))],
            p=(0.45, 0.35, 0.2),
        )
    )
    if shape.kind in ("point", "mask"):
        zoom = float(np.exp(rng.uniform(np.log(1.5), np.log(4))))
    extent = prompt.extent_xyxy
    crop = Crop.around(extent, spacing_yx, zoom, shape.size)
    if rng.random() < 0.5:
        # The engine grows a crop that the object leaves: show all of it at times.
        whole = mask_box_xyxy(np.asarray(masks.any(axis=0)))
        if whole is not None and crop.reaches_edge(whole, masks.shape[1:], 0.0):
            crop = Crop.around(whole, spacing_yx, float(rng.uniform(1.3, 2.2)), shape.size)
    return crop


def _drift(rng: np.random.Generator, frames: int, crop: Crop) -> NDArray[np.int64]:
    """In-plane movement from slice to slice, (T, 2) whole voxels, as of an oblique sweep."""
    if rng.random() > 0.25:
        return np.zeros((frames, 2), dtype=np.int64)
    rate = rng.normal(0, 0.02, 2) * (crop.width, crop.height)
    return np.round(np.arange(frames)[:, None] * rate).astype(np.int64)


def _moved(crop: Crop, shift_xy: NDArray[np.int64]) -> Crop:
    return Crop(crop.left + int(shift_xy[0]), crop.top + int(shift_xy[1]), crop.width, crop.height, crop.size)
