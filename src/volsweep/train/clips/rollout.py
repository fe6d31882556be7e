"""Run the network over a batch of clips as the engine will, with gradients, and add up the losses.

The network stays in evaluation mode, so that it attends to what it will attend to in use;
memories are made from its own masks, so that it learns to live with its own drift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.network.inference import GIVEN_LOGIT, PRIOR_CLAMP
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import Decoded
from volsweep.train.activations import ActivationWatch, feature_spread, spread_penalty
from volsweep.train.clips.bodies import ClipBodies
from volsweep.train.clips.clips import Batch
from volsweep.train.clips.network_pass import ClipPass, encode_clip
from volsweep.train.clips.rough_masks import RoughMasks
from volsweep.train.data.prompts import corrective_clicks
from volsweep.train.losses import SweptVolume, Tally, add_slice


@dataclass(frozen=True)
class Corrections:
    """Corrective clicks to simulate.

    Parameters
    ----------
    on_prompted
        Clicks on the prompted slice, one after another.
    later_slice
        Position in the clip of a tracked slice to correct, or 0 for none.
    on_later
        Clicks on that slice.
    true_memories
        Remember masks near the truth instead of the network's own (see
        `volsweep.train.clips.rough_masks`): reading memory is learned faster where it is worth reading.
    """

    on_prompted: int = 0
    later_slice: int = 0
    on_later: int = 1
    true_memories: bool = False


@dataclass(frozen=True, eq=False)
class _Clicked:
    """Slice of a clip that is corrected: what was decoded of it, and the points given there."""

    slice: int
    decoded: Decoded
    points: dict[str, Tensor] | None = None


def run_batch(
    net: VolsweepNet,
    batch: Batch,
    corrections: Corrections,
    tally: Tally,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
) -> dict[str, float]:
    """Track a batch of clips, adding losses to a tally.

    Parameters
    ----------
    net
        The network.
    batch
        Clips.
    corrections
        Clicks to simulate.
    tally
        Where losses go.
    rng
        For the clicks.
    share
        Share of the slices after the prompted one that teach the image encoder.

    Returns
    -------
    dict
        The spread of each feature level, finest first, the largest residual branch and the smallest spread in tracking.
    """
    tracked = np.arange(1, len(batch.grey))
    learning = [0, *sorted(rng.permutation(tracked)[: round(share * len(tracked))].tolist())]
    levels = encode_clip(net.sam2, batch.grey, learning)
    rms, spread = feature_spread(levels.features)
    once = torch.ones(1, dtype=torch.bool, device=rms.device)
    tally.add("features", spread_penalty(rms, spread)[None], once)
    bodies = None if net.body_net is None else ClipBodies(net.body_net, batch, rng)
    run = ClipPass(net, batch, bodies, levels)
    with ActivationWatch().watching(net.sam2) as watch:
        _track(run, tally, corrections, rng)
    tally.add("branches", watch.branch_penalty()[None], once)
    tally.add("tracking_features", watch.spread_penalty()[None], once)
    spreads = {f"spread_{level}": float(value) for level, value in enumerate(spread.detach())}
    return {**spreads, "largest_branch": watch.largest_branch(), "smallest_spread": watch.smallest_spread()}


def _track(run: ClipPass, tally: Tally, corrections: Corrections, rng: np.random.Generator) -> None:
    batch, bodies = run.batch, run.bodies
    frames = len(batch.grey)
    decoded = _prompted_slice(run, tally, corrections, rng)
    if frames == 1:
        return
    rough = RoughMasks(rng, len(batch.masks[0])) if corrections.true_memories else None
    decoded = _roughly(rough, decoded, batch.masks[0])
    run.remember(0, decoded, conditioning=True, from_points=batch.shape.kind != "mask")
    if bodies is not None and (batch.shape.kind in ("point", "mask") or corrections.on_prompted):
        bodies.from_masks(decoded.logits)
    volume = SweptVolume()
    for t in range(1, frames):
        truth, scored = batch.masks[t], batch.scored[t]
        if t <= batch.shape.given:
            run.remember(t, run.step(t, mask=truth[:, None].float()), conditioning=False)
            continue
        decoded = run.track(t)
        _add_losses(tally, decoded, truth, scored)
        best = decoded.candidates[torch.arange(len(truth)), decoded.ious.argmax(1)]
        volume.add(best, decoded.object_score, truth, scored=scored)
        corrected = t == corrections.later_slice and bool(truth.flatten(1).any(1).all())
        if corrected:
            decoded = _correct(run, tally, _Clicked(t, decoded), corrections.on_later, rng)
        decoded = _roughly(rough, decoded, truth)
        if corrected and bodies is not None:
            bodies.add_masks(t, decoded.logits)
        if t < frames - 1:
            run.remember(t, decoded, conditioning=corrected, from_points=corrected)
    volume.add_to(tally)


def _add_losses(tally: Tally, decoded: Decoded, truth: Tensor, scored: Tensor) -> None:
    add_slice(tally, decoded.candidates, decoded.ious, decoded.object_score, truth, scored=scored)


def _roughly(rough: RoughMasks | None, decoded: Decoded, truth: Tensor) -> Decoded:
    """What the memory encoder takes, as if the network had been nearly right."""
    if rough is None:
        return decoded
    low, score = rough.logits(truth)
    high = F.interpolate(low, size=truth.shape[-2:], mode="bilinear", align_corners=False)
    return replace(decoded, logits=low, input_logits=high, object_score=score)


def _prompted_slice(run: ClipPass, tally: Tally, corrections: Corrections, rng: np.random.Generator) -> Decoded:
    batch = run.batch
    truth, scored = batch.masks[0], batch.scored[0]
    if batch.shape.kind == "mask":
        return run.step(0, mask=truth[:, None].float(), conditioning=True)
    points = {"point_coords": batch.points_xy, "point_labels": batch.kinds}
    start = None
    if run.bodies is not None and batch.shape.kind in ("box", "line"):
        run.bodies.from_prompts()
        start = run.bodies.section(0)
    decoded = run.step(0, points=points, start=start, conditioning=True)
    _add_losses(tally, decoded, truth, scored)
    return _correct(run, tally, _Clicked(0, decoded, points), corrections.on_prompted, rng)


def _correct(run: ClipPass, tally: Tally, at: _Clicked, clicks: int, rng: np.random.Generator) -> Decoded:
    """Click on a slice again and again, each time feeding back the mask so far."""
    decoded, points = at.decoded, at.points
    truth, scored = run.batch.masks[at.slice], run.batch.scored[at.slice]
    for _ in range(clicks):
        xy, kinds = corrective_clicks(rng, decoded.input_logits, truth)
        if points is not None:
            xy = torch.cat([points["point_coords"], xy], 1)
            kinds = torch.cat([points["point_labels"], kinds], 1)
        points = {"point_coords": xy, "point_labels": kinds}
        decoded = run.step(at.slice, points=points, prior=_prior(rng, decoded), conditioning=True)
        _add_losses(tally, decoded, truth, scored)
    return decoded


def _prior(rng: np.random.Generator, decoded: Decoded) -> Tensor:
    """The mask so far: the network's own logits, or (as for a mask loaded from a file) hard ones."""
    logits: Tensor = decoded.logits.detach().float()
    if rng.random() < 0.5:
        return logits.clamp(-PRIOR_CLAMP, PRIOR_CLAMP)
    return torch.where(logits > 0, GIVEN_LOGIT, -GIVEN_LOGIT)
