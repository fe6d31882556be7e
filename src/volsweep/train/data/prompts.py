"""Prompts as people place them: boxes that miss by a little, RECIST lines, clicks, corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from volsweep.geometry import BoxXYXY, mask_box_xyxy

PromptKind = Literal["box", "line", "point", "mask"]

POSITIVE, NEGATIVE, TOP_LEFT, BOTTOM_RIGHT = 1, 0, 2, 3
"""SAM 2's point labels."""


@dataclass(frozen=True)
class SlicePrompt:
    """A prompt on one slice in voxels: what the crop is put around, and the points in it.

    Parameters
    ----------
    extent_xyxy
        What the crop is put around.
    points_xy
        (n, 2).
    kinds
        (n,): SAM 2's point labels; empty for a mask prompt.
    """

    extent_xyxy: BoxXYXY
    points_xy: NDArray[np.float64]
    kinds: NDArray[np.int32]


def jittered_box(rng: np.random.Generator, box_xyxy: BoxXYXY, fraction: float) -> BoxXYXY:
    """Move every side by a normal deviate of `fraction` of the box's extent across it."""
    x0, y0, x1, y1 = box_xyxy
    width, height = x1 - x0 + 1, y1 - y0 + 1
    dx0, dy0, dx1, dy1 = rng.normal(0, fraction, 4) * (width, height, width, height)
    left, right = sorted((x0 + dx0, x1 + dx1))
    top, bottom = sorted((y0 + dy0, y1 + dy1))
    return left, top, right, bottom


def longest_diameter(
    mask_yx: NDArray[np.bool_], spacing_yx_mm: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Ends (x0, y0, x1, y1) of the longest line between two voxels of a mask, measured in mm.

    This is the long axis of RECIST 1.1 (Eisenhauer et al. 2009) for a convex lesion.
    """
    points = np.argwhere(mask_yx ^ ndimage.binary_erosion(mask_yx)).astype(np.float64)
    in_mm = points * spacing_yx_mm
    if len(points) > 3:
        try:
            hull = ConvexHull(in_mm).vertices
        except QhullError:  # all on one line
            hull = np.arange(len(points))
        points, in_mm = points[hull], in_mm[hull]
    distances = ((in_mm[:, None] - in_mm[None]) ** 2).sum(-1)
    a, b = np.unravel_index(int(distances.argmax()), distances.shape)
    return float(points[a, 1]), float(points[a, 0]), float(points[b, 1]), float(points[b, 0])


def draw_prompt(
    rng: np.random.Generator, mask_yx: NDArray[np.bool_], spacing_yx_mm: tuple[float, float], kind: PromptKind
) -> SlicePrompt:
    """A prompt for the object `mask_yx` on its slice, as a person would place it."""
    box = mask_box_xyxy(mask_yx)
    if box is None:
        raise ValueError("there is nothing on this slice to prompt")
    if kind == "line":
        ends = np.array(longest_diameter(mask_yx, spacing_yx_mm)).reshape(2, 2)
        ends = ends + rng.normal(0, rng.choice([0.0, 0.03, 0.06]), (2, 2)) * np.abs(ends[1] - ends[0]).max()
        middle = ends.mean(axis=0)
        x0, y0, x1, y1 = square_around_line(ends, spacing_yx_mm)
        points = np.array([[x0, y0], [x1, y1], middle])
        return SlicePrompt((x0, y0, x1, y1), points, np.array([TOP_LEFT, BOTTOM_RIGHT, POSITIVE], dtype=np.int32))
    if kind == "box":
        x0, y0, x1, y1 = jittered_box(rng, box, float(rng.choice([0.0, 0.02, 0.05, 0.1], p=(0.35, 0.25, 0.25, 0.15))))
        corners = np.array([[x0, y0], [x1, y1]])
        return SlicePrompt((x0, y0, x1, y1), corners, np.array([TOP_LEFT, BOTTOM_RIGHT], dtype=np.int32))
    if kind == "point":
        point = inner_point(rng, mask_yx)
        return SlicePrompt(box, np.array([point], dtype=np.float64), np.array([POSITIVE], dtype=np.int32))
    return SlicePrompt(box, np.zeros((0, 2)), np.zeros(0, dtype=np.int32))


def square_around_line(ends_xy: NDArray[np.float64], spacing_yx_mm: tuple[float, float]) -> BoxXYXY:
    """The square (in mm) whose side is the line's length, centred on its middle."""
    per_voxel = np.array([spacing_yx_mm[1], spacing_yx_mm[0]])
    length_mm = float(np.linalg.norm((ends_xy[1] - ends_xy[0]) * per_voxel))
    half = length_mm / 2 / per_voxel
    (x0, y0), (x1, y1) = ends_xy.mean(axis=0) - half, ends_xy.mean(axis=0) + half
    return float(x0), float(y0), float(x1), float(y1)


def inner_point(rng: np.random.Generator, mask_yx: NDArray[np.bool_]) -> tuple[float, float]:
    """A click (x, y) well inside a mask: its innermost voxel, or one at least half as deep."""
    depth = ndimage.distance_transform_edt(np.pad(mask_yx, 1))[1:-1, 1:-1]
    deep = np.argwhere(depth >= rng.uniform(0.5, 1.0) * depth.max())
    y, x = deep[rng.integers(len(deep))]
    return float(x), float(y)


def corrective_click(
    rng: np.random.Generator, predicted_yx: NDArray[np.bool_], truth_yx: NDArray[np.bool_], jitter: bool = True
) -> tuple[float, float, int]:
    """A click (x, y, kind) in the largest region where a prediction is wrong.

    It lies at the region's innermost voxel (CVPR 2025 interactive protocol), or, with
    `jitter`, at one nearly as deep. Where nothing is wrong it confirms: a positive click
    inside the object, or a negative one anywhere.
    """
    wrong = predicted_yx ^ truth_yx
    if not wrong.any():
        if truth_yx.any():
            return (*inner_point(rng, truth_yx), POSITIVE)
        y, x = rng.integers(0, truth_yx.shape[0]), rng.integers(0, truth_yx.shape[1])
        return float(x), float(y), NEGATIVE
    # A region is missed or added throughout: the two kinds never merge.
    best, best_size = None, 0
    for kind, region in ((POSITIVE, truth_yx & ~predicted_yx), (NEGATIVE, predicted_yx & ~truth_yx)):
        components, count = ndimage.label(region, structure=np.ones((3, 3)))
        if count:
            sizes = np.bincount(components.ravel())[1:]
            if sizes.max() > best_size:
                best, best_size = (kind, components == sizes.argmax() + 1), int(sizes.max())
    assert best is not None
    kind, region = best
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    threshold = rng.uniform(0.6, 1.0) * depth.max() if jitter else depth.max()
    deep = np.argwhere(depth >= threshold)
    y, x = deep[rng.integers(len(deep))] if jitter else deep[0]
    return float(x), float(y), kind


def corrective_clicks(rng: np.random.Generator, logits_b1yx: Tensor, truth_byx: Tensor) -> tuple[Tensor, Tensor]:
    """One corrective click per object of a batch: coordinates (B, 1, 2) and kinds (B, 1)."""
    predicted = (logits_b1yx[:, 0].detach() > 0).cpu().numpy()
    truth = truth_byx.cpu().numpy()
    clicks = [corrective_click(rng, p, t) for p, t in zip(predicted, truth, strict=True)]
    points = torch.tensor([[[x, y]] for x, y, _ in clicks], dtype=torch.float32)
    kinds = torch.tensor([[kind] for _, _, kind in clicks], dtype=torch.int32)
    return points.to(logits_b1yx.device), kinds.to(logits_b1yx.device)
