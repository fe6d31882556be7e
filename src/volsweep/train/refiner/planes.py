"""Blocks of planes for the refiner to learn from: what it is shown, what was prompted, and the true body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.body.refiner_maps import Ends, OnPlane
from volsweep.engine.body.space import PLANES_ANCHOR
from volsweep.engine.network.refiner import DEPTH, OUT, SIDE
from volsweep.train.blocks.blocks import Blocks
from volsweep.train.blocks.pose import REFINER, Pose, draw_pose, measured
from volsweep.train.blocks.prompts import drawn, strayed
from volsweep.train.blocks.sample import COVERED, Sample, between_ends, draw_sample
from volsweep.train.blocks.source import BlockSource

_KINDS, _SHARES = ("box", "mask", "line"), (0.72, 0.14, 0.14)
_FLAT, _LONG = 0.25, 0.1
"""Shares of made bodies that are pressed along the swept axis, and drawn out: few real ones are as flat as a disc."""
_FLATTEST, _LONGEST = 4.5, 0.55
_ENDS_TOLD, _BOTH = 0.4, 0.45
_END_OFF = 0.4
"""Planes by which an end is told too early or too late, at most: it is told as a slice."""
_OTHERS = 0.12
"""Share of blocks in which masks of other planes are known."""
_APART = 2
"""Planes between those and the anchor, at least."""
_FEWEST_CELLS = 4


def draw_planes(rng: np.random.Generator, source: BlockSource, *, made: bool = False) -> Blocks | None:
    """Draw one block of an object, as `Refiner` takes it; None where this draw shows too little of it.

    Its maps tell what was prompted, before any click.

    Parameters
    ----------
    rng
        Randomness.
    source
        The object and its surroundings.
    made
        Whether the object is no patient's, so that it may as well be flatter or longer.
    """
    kind = str(rng.choice(_KINDS, p=_SHARES))
    pose = draw_pose(rng, source, kind == "line", REFINER)
    if pose is None:
        return None
    if made:
        pose = _pressed(rng, pose)
    sample = draw_sample(rng, source, pose, REFINER)
    if sample is None:
        return None
    coarse, inside = (F.avg_pool2d(t.float()[:, None], SIDE // OUT)[:, 0] for t in (sample.covered, sample.inside))
    known = inside > COVERED
    truth = (coarse > COVERED) & known
    if truth[PLANES_ANCHOR].sum() < _FEWEST_CELLS:
        return None
    ends: Ends = (None, None)
    if source.open_ended and pose.axis == 0:
        known = known & between_ends(truth)
    else:
        ends = _ends(rng, truth)
    maps = _prompt(rng, kind, sample).first_maps(inside, ends)
    for plane in _others(rng, truth, known):
        OnPlane.mask(drawn(rng, sample.covered[plane]).numpy()).add(maps, plane)
    grey = sample.grey * sample.inside
    return Blocks(grey[None], maps[None], truth[None], known[None])


def _pressed(rng: np.random.Generator, pose: Pose) -> Pose:
    chance = rng.random()
    if chance < _FLAT:
        factor = float(np.exp(rng.uniform(0, np.log(_FLATTEST))))
    elif chance < _FLAT + _LONG:
        factor = float(np.exp(rng.uniform(np.log(_LONGEST), 0)))
    else:
        return pose
    matrix = pose.matrix.copy()
    matrix[:, 0] *= factor  # planes lie further apart in the source: fewer of them show the object
    return replace(pose, matrix=matrix)


def _prompt(rng: np.random.Generator, kind: str, sample: Sample) -> OnPlane:
    covered = sample.covered[PLANES_ANCHOR]
    if kind == "mask":
        return OnPlane.mask(drawn(rng, covered).numpy())
    prompt = measured(covered.numpy() > COVERED, kind == "line")
    sides = prompt[2:] - prompt[:2]
    if kind == "line":
        return OnPlane.line(strayed(rng, prompt, np.hypot(*sides)))
    return OnPlane.box(strayed(rng, prompt, np.tile(sides, 2)))


def _ends(rng: np.random.Generator, truth: Tensor) -> Ends:
    """At times one end is told, at times both, in planes from the anchor."""
    if rng.random() > _ENDS_TOLD:
        return None, None
    planes = torch.nonzero(truth.flatten(1).any(1))[:, 0] - PLANES_ANCHOR
    first = min(float(planes.min()) + float(rng.uniform(-_END_OFF, _END_OFF)), 0.0)
    last = max(float(planes.max()) + float(rng.uniform(-_END_OFF, _END_OFF)), 0.0)
    if rng.random() < _BOTH:
        return first, last
    return (first, None) if rng.random() < 0.5 else (None, last)


def _others(rng: np.random.Generator, truth: Tensor, known: Tensor) -> list[int]:
    if rng.random() > _OTHERS:
        return []
    there = torch.nonzero(truth.flatten(1).any(1))[:, 0]
    low, high = max(int(there.min()) - 3, 0), min(int(there.max()) + 4, DEPTH)
    chosen = rng.integers(low, high, int(rng.integers(1, 4)))
    return [int(plane) for plane in chosen if abs(plane - PLANES_ANCHOR) >= _APART and known[plane].any()]
