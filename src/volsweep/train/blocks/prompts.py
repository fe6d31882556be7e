"""What is prompted in a block: boxes, lines and masks as people and decoders make them, and corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from volsweep.engine.body.predict import Drawn, paint_click
from volsweep.engine.body.space import BLOCK_ANCHOR
from volsweep.engine.network.body_net import CLICKS, DEPTH, MAPS, SIDE
from volsweep.operations.distance import signed_distance

_STRAY, _STRAY_SHARES = (0.0, 0.05, 0.1), (0.45, 0.3, 0.25)
"""How far prompts stray, as a fraction of their sides, and how often."""
_APART = 2
"""Planes between prompted ones, at least."""
_FEWEST = 4
"""Wrong voxels below which nobody clicks."""


def draw_maps(
    rng: np.random.Generator, kind: str, prompt: NDArray[np.float64], covered: Tensor, known: Tensor
) -> Tensor:
    """Maps (4, 48, 32, 32) of what was prompted, as `BodyNet` takes them.

    Parameters
    ----------
    rng
        Randomness.
    kind
        ``"box"``, ``"line"`` or ``"mask"``: what is given on the middle plane.
    prompt
        The box's edges or the line's ends, block voxels.
    covered
        (48, 32, 32): how much of each voxel is object.
    known
        (48, 32, 32) bool: where that is known.
    """
    maps = torch.zeros((MAPS, DEPTH, SIDE, SIDE))
    if kind == "mask":
        Drawn.mask(drawn(rng, covered[BLOCK_ANCHOR]).numpy()).begin(maps)
    elif kind == "box":
        Drawn.box(strayed(rng, prompt, np.tile(prompt[2:] - prompt[:2], 2))).begin(maps)
    else:
        Drawn.line(strayed(rng, prompt, np.hypot(*(prompt[2:] - prompt[:2])))).begin(maps)
    for plane in _also_known(rng, covered, known):
        Drawn.mask(drawn(rng, covered[plane]).numpy()).add(maps, plane)
    return maps


def strayed(rng: np.random.Generator, prompt: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """A box's edges or a line's ends as people put them: at times off by a twentieth or a tenth of their sides."""
    return prompt + rng.uniform(-1, 1, 4) * float(rng.choice(_STRAY, p=_STRAY_SHARES)) * sides


def drawn(rng: np.random.Generator, covered_yx: Tensor) -> Tensor:
    """A mask (N, N) as a decoder may have drawn it: the true one, or swollen and dented."""
    mask_yx = covered_yx > 0.5
    if rng.random() < 0.25 or not mask_yx.any():
        return mask_yx
    radius = float(np.sqrt(int(mask_yx.sum()) / np.pi))
    dents = ndimage.zoom(rng.standard_normal((6, 6)), len(mask_yx) / 6, order=1)
    off = radius * (rng.normal(0, 0.06) + 0.12 * rng.random() * dents)
    moved = torch.from_numpy(signed_distance(mask_yx.numpy()) + off > 0)
    return moved if moved.any() else mask_yx


@dataclass(frozen=True, eq=False)
class WrongPart:
    """A region that came out wrong: its mask in its bounding box, and where that begins."""

    mask_zyx: NDArray[np.bool_]
    start_zyx: tuple[int, int, int]

    def deep(
        self, rng: np.random.Generator, share: float, sampling: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ) -> tuple[int, int, int]:
        """A voxel (plane, row, column) at `share` of the greatest depth at least, voxels being of such sides."""
        depth = ndimage.distance_transform_edt(np.pad(self.mask_zyx, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
        inner = np.argwhere(depth >= share * depth.max())
        z, y, x = (int(i) + at for i, at in zip(inner[int(rng.integers(len(inner)))], self.start_zyx, strict=True))
        return z, y, x


def wrong_part(rng: np.random.Generator, wrong_zyx: NDArray[np.bool_], largest: float, fewest: int) -> WrongPart | None:
    """The region that somebody clicks on; None where little is wrong.

    Parameters
    ----------
    rng
        Randomness.
    wrong_zyx
        Where something else was found than is true.
    largest
        Share of clicks on the largest region; the others go to any, larger ones more often.
    fewest
        Wrong voxels below which nobody clicks.
    """
    parts, count = ndimage.label(wrong_zyx, structure=np.ones((3, 3, 3)))
    if not count:
        return None
    sizes = np.bincount(parts.reshape(-1))[1:]
    part = int(sizes.argmax()) if rng.random() < largest else int(rng.choice(count, p=sizes / sizes.sum()))
    if sizes[part] < fewest:
        return None
    box = ndimage.find_objects(parts, max_label=part + 1)[part]
    return WrongPart(parts[box] == part + 1, (box[0].start, box[1].start, box[2].start))


def click_on_errors(rng: np.random.Generator, logits: Tensor, truth: Tensor, known: Tensor, maps: Tensor) -> None:
    """Add a click to each block's maps, in place: near the middle of a large wrong region.

    At times the slice is known from then on, as when a reader corrects it.

    Parameters
    ----------
    rng
        Randomness.
    logits
        (B, 1, 48, 32, 32), as predicted.
    truth, known
        (B, 48, 32, 32) bool.
    maps
        (B, 4, 48, 32, 32).
    """
    for found, true, where, told in zip(logits[:, 0] > 0, truth, known, maps, strict=True):
        part = wrong_part(rng, ((found != true) & where).cpu().numpy(), 0.7, _FEWEST)
        if part is None:
            continue
        z, y, x = part.deep(rng, 0.75)
        paint_click(told[CLICKS], (z, y, x), bool(true[z, y, x]))
        if z != BLOCK_ANCHOR and rng.random() < 0.4:
            Drawn.mask(drawn(rng, true[z].float().cpu()).numpy()).add(told, z)


def _also_known(rng: np.random.Generator, covered: Tensor, known: Tensor) -> list[int]:
    """Other planes that were corrected already."""
    if rng.random() < 0.6:
        return []
    there = torch.nonzero((covered > 0.5).flatten(1).any(1))[:, 0].numpy()
    chosen = [BLOCK_ANCHOR]
    for _ in range(int(rng.integers(1, 4))):
        plane = int(rng.choice(there))
        if rng.random() < 0.15:  # beyond an end: the object is not there
            plane = int(there[0] - rng.integers(1, 5) if rng.random() < 0.5 else there[-1] + rng.integers(1, 5))
        plane = min(max(plane, 0), DEPTH - 1)
        if known[plane].any() and all(abs(plane - other) >= _APART for other in chosen):
            chosen.append(plane)
    return chosen[1:]
