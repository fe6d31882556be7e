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

from volsweep.engine.slices.crop import Crop
from volsweep.geometry import mask_box_xyxy
from volsweep.train.clips.slices import ClipShape, Run, choose_run
from volsweep.train.data.augment import Warp, default_window, random_window, shows, vary_grey
from volsweep.train.data.case import Case, Target
from volsweep.train.data.memory_shapes import memory_masks
from volsweep.train.data.prompts import SlicePrompt, draw_prompt

ZOOM = 2.2
"""Side of the crop over the prompt's longer side: most clips use it, the others lie around it."""
ANTIALIASED = 0.8
"""Share of clips resampled as the engine does; the others are sharper and noisier."""


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


def _take(array: NDArray[Any], run: Run) -> NDArray[Any]:
    """The run's slices, (T, rows, columns)."""
    return np.moveaxis(array, run.axis, 0)[list(run.indices)]


def _thickened(rng: np.random.Generator, case: Case, run: Run, slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sometimes average each slice with both beside it: thicker slices, more partial volume, where they were."""
    if rng.random() > 0.12:
        return slices
    last = case.image_zyx.shape[run.axis] - 1
    before, after = (
        _take(case.image_zyx, Run(run.axis, tuple(min(max(i + step, 0), last) for i in run.indices)))
        for step in (-1, 1)
    )
    return np.asarray(slices / 2 + (before.astype(np.float32) + after.astype(np.float32)) / 4)


def draw_clip(rng: np.random.Generator, case: Case, target: Target, shape: ClipShape) -> Clip | None:
    """Draw one clip of a target; None where this draw does not fit the volume."""
    run = choose_run(rng, case, target, shape)
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
    model_masks = memory_masks(rng, len(masks), shape.size) if shape.from_memory else soft[:, 0] >= 0.5
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


def _places(rng: np.random.Generator, run: Run, crop: Crop, spacing_mm: float, column_mm: float) -> Tensor:
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
