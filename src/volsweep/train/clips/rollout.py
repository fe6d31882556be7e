"""Run the network over a batch of clips as the engine will, with gradients, and add up the losses.

The network stays in evaluation mode, so that it attends to what it will attend to in use;
memories are made from its own masks, so that it learns to live with its own drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from volsweep.engine.network.expectation import showing
from volsweep.engine.network.sam2 import GIVEN_LOGIT, PRIOR_CLAMP
from volsweep.train.activations import ActivationWatch, feature_spread, spread_penalty
from volsweep.train.clips.bodies import ClipBodies
from volsweep.train.clips.clips import Batch
from volsweep.train.clips.network_pass import ClipPass, Outputs, encode_clip
from volsweep.train.clips.rough_masks import RoughMasks
from volsweep.train.data.prompts import corrective_clicks
from volsweep.train.losses import SweptVolume, Tally, add_slice


@dataclass
class DecoderOutputs:
    """What the mask decoder returned last, before masks of absent objects are blanked."""

    masks: Tensor | None = None
    ious: Tensor | None = None
    score: Tensor | None = None

    @contextmanager
    def listening(self, model: SAM2Base) -> Iterator[DecoderOutputs]:
        """Listen to a network's decoder."""

        def keep(_module: object, _inputs: object, outputs: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
            self.masks, self.ious, _, self.score = outputs

        handle = model.sam_mask_decoder.register_forward_hook(keep)
        try:
            yield self
        finally:
            handle.remove()

    def add_to(self, tally: Tally, truth: Tensor, scored: Tensor) -> None:
        """Add the last decoding's losses."""
        masks, ious, score = self._last
        add_slice(tally, masks, ious, score, truth, scored)

    def add_to_volume(self, volume: SweptVolume, truth: Tensor, scored: Tensor) -> None:
        """Add the last decoding's best masks."""
        masks, ious, score = self._last
        volume.add(masks[torch.arange(len(masks)), ious.argmax(1)], score, truth, scored)

    @property
    def _last(self) -> tuple[Tensor, Tensor, Tensor]:
        assert self.masks is not None
        assert self.ious is not None
        assert self.score is not None
        return self.masks.float(), self.ious.float(), self.score.float()


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


def run_batch(
    model: SAM2Base,
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
    model
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
    feats, positions, sizes = encode_clip(model, batch.grey, learning)
    rms, spread = feature_spread(feats)
    once = torch.ones(1, dtype=torch.bool, device=rms.device)
    tally.add("features", spread_penalty(rms, spread)[None], once)
    net = getattr(model, "foresight", None)
    bodies = None if net is None else ClipBodies(net, batch, rng)
    run = ClipPass(model, batch, bodies, feats, positions, sizes)
    with ActivationWatch().watching(model) as watch:
        _track(run, tally, corrections, rng)
    tally.add("branches", watch.branch_penalty()[None], once)
    tally.add("tracking_features", watch.spread_penalty()[None], once)
    levels = {f"spread_{level}": float(value) for level, value in enumerate(spread.detach())}
    return {**levels, "largest_branch": watch.largest_branch(), "smallest_spread": watch.smallest_spread()}


def _track(run: ClipPass, tally: Tally, corrections: Corrections, rng: np.random.Generator) -> None:
    batch, tap = run.batch, DecoderOutputs()
    frames = len(batch.grey)
    with tap.listening(run.model):
        outputs = _prompted_slice(run, tap, tally, corrections, rng)
        if frames == 1:
            return
        pretended = RoughMasks(rng, len(batch.masks[0])) if corrections.true_memories else None
        outputs = _pretending(pretended, outputs, batch.masks[0])
        run.remember(0, outputs, conditioning=True, from_points=batch.shape.kind != "mask")
        bodies = run.bodies
        if bodies is not None and (batch.shape.kind in ("point", "mask") or corrections.on_prompted):
            bodies.from_masks(outputs["low"])
        volume = SweptVolume()
        for t in range(1, frames):
            truth, scored = batch.masks[t], batch.scored[t]
            if t <= batch.shape.given:
                given = run.step(t, mask=truth[:, None].float())
                run.remember(t, given, conditioning=False)
                continue
            outputs = run.track(t)
            tap.add_to(tally, truth, scored)
            tap.add_to_volume(volume, truth, scored)
            corrected = t == corrections.later_slice and bool(truth.flatten(1).any(1).all())
            if corrected:
                outputs = _correct(run, tap, tally, t, outputs, None, corrections.on_later, rng)
            outputs = _pretending(pretended, outputs, truth)
            if corrected and bodies is not None:
                bodies.add_masks(t, outputs["low"])
            if t < frames - 1:
                run.remember(t, outputs, conditioning=corrected, from_points=corrected)
        volume.add_to(tally)


def _pretending(pretended: RoughMasks | None, outputs: Outputs, truth: Tensor) -> Outputs:
    """What the memory encoder takes, as if the network had been nearly right."""
    if pretended is None:
        return outputs
    low, score = pretended.logits(truth)
    high = F.interpolate(low, size=truth.shape[-2:], mode="bilinear", align_corners=False)
    return {**outputs, "low": low, "high": high, "score": score}


def _prompted_slice(
    run: ClipPass, tap: DecoderOutputs, tally: Tally, corrections: Corrections, rng: np.random.Generator
) -> Outputs:
    batch = run.batch
    truth, scored = batch.masks[0], batch.scored[0]
    if batch.shape.kind == "mask":
        return run.step(0, mask=truth[:, None].float(), conditioning=True)
    points = {"point_coords": batch.points_xy, "point_labels": batch.kinds}
    start = None
    if run.bodies is not None and batch.shape.kind in ("box", "line"):
        run.bodies.from_prompts()
        start = run.bodies.section(0)
    with showing(start):
        outputs = run.step(0, points=points, conditioning=True)
    tap.add_to(tally, truth, scored)
    return _correct(run, tap, tally, 0, outputs, points, corrections.on_prompted, rng)


def _correct(
    run: ClipPass,
    tap: DecoderOutputs,
    tally: Tally,
    t: int,
    outputs: Outputs,
    points: dict[str, Tensor] | None,
    clicks: int,
    rng: np.random.Generator,
) -> Outputs:
    """Click on slice t again and again, each time feeding back the mask so far."""
    truth, scored = run.batch.masks[t], run.batch.scored[t]
    for _ in range(clicks):
        xy, kinds = corrective_clicks(rng, outputs["high"], truth)
        if points is not None:
            xy = torch.cat([points["point_coords"], xy], 1)
            kinds = torch.cat([points["point_labels"], kinds], 1)
        points = {"point_coords": xy, "point_labels": kinds}
        outputs = run.step(t, points=points, prior=_prior(rng, outputs), conditioning=True)
        tap.add_to(tally, truth, scored)
    return outputs


def _prior(rng: np.random.Generator, outputs: Outputs) -> Tensor:
    """The mask so far: the network's own logits, or (as for a mask loaded from a file) hard ones."""
    logits: Tensor = outputs["low"].detach().float()
    if rng.random() < 0.5:
        return logits.clamp(-PRIOR_CLAMP, PRIOR_CLAMP)
    return torch.where(logits > 0, GIVEN_LOGIT, -GIVEN_LOGIT)
