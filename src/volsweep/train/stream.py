"""The endless stream of batches: batch n follows from the seed and n alone, so a run can resume anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from torch.utils.data import Dataset

from volsweep.errors import InputError
from volsweep.train.cases import Case
from volsweep.train.clips import Batch, Clip, ClipShape, draw_clip
from volsweep.train.config import TrainConfig
from volsweep.train.prompts import PromptKind
from volsweep.train.rollout import Corrections
from volsweep.train.synthetic import add_lesion, synthetic_case

_TRIES = 400


@dataclass(frozen=True)
class StepPlan:
    """What one step trains on."""

    shape: ClipShape
    clips: int
    corrections: Corrections


def _kind(rng: np.random.Generator, chances: dict[str, float]) -> PromptKind:
    return cast(PromptKind, str(rng.choice(list(chances), p=list(chances.values()))))


def plan_step(config: TrainConfig, step: int, size: int) -> StepPlan:
    """Decide what step `step` trains on; the same for everybody who asks."""
    rng = np.random.default_rng([config.seed, step, 0])
    mode = rng.random()
    if mode < config.single_slices:
        kind = _kind(rng, {"box": 0.6, "line": 0.2, "point": 0.2})
        return StepPlan(
            ClipShape((0,), 0, kind, size), 3 * config.batch, Corrections(on_prompted=int(rng.integers(1, 6)))
        )
    kind = _kind(rng, {"box": 0.62, "line": 0.16, "mask": 0.12, "point": 0.1})
    clicks = int(rng.integers(1, 3)) if rng.random() < 0.15 else 0
    forced = bool(rng.random() < config.true_memories)
    # Time says nothing about where the object ends: the same slices come early and late in a sweep.
    ahead = int(rng.integers(2, 36))
    if mode < config.single_slices + config.jumps:
        shape = ClipShape(_times(ahead, config.frames), int(rng.integers(0, 4)), kind, size, jumps=True)
        return StepPlan(shape, config.batch, Corrections(clicks, true_memories=forced))
    if mode < config.single_slices + config.jumps + config.carried:
        shape = ClipShape(_times(1, config.frames), 0, "mask", size, carried=True)
        return StepPlan(shape, config.batch, Corrections(true_memories=forced))
    if mode < config.single_slices + config.jumps + config.carried + config.sweeps:
        frames = int(rng.integers(config.frames, 2 * config.frames + 1))
        shape = ClipShape(tuple(range(frames)), 0, kind, size, sweep=True)
        clips = max(1, round(config.batch * config.frames / frames))
        # Early on, where every object is still there to be corrected.
        later = int(rng.integers(1, 4)) if rng.random() < 0.25 else 0
        return StepPlan(shape, clips, Corrections(clicks, later, int(rng.integers(1, 3)), forced))
    later = int(rng.integers(1, config.frames - 1)) if config.frames > 2 and rng.random() < 0.2 else 0
    shape = ClipShape(_times(ahead if rng.random() < 0.4 else 1, config.frames), 0, kind, size)
    return StepPlan(shape, config.batch, Corrections(clicks, later, int(rng.integers(1, 3)), forced))


def _times(second: int, frames: int) -> tuple[int, ...]:
    return (0, *range(second, second + frames - 1))


class ClipStream(Dataset[Batch]):
    """Batches by step number.

    Parameters
    ----------
    config
        The run.
    cases
        Real cases; may be empty where all clips are made.
    size
        Side of the model's input in pixels.
    start
        The step that index 0 stands for.
    """

    def __init__(self, config: TrainConfig, cases: list[Case], size: int, start: int = 0) -> None:
        self.config, self.cases, self.size, self.start = config, cases, size, start
        weights = np.array([config.family_weights.get(c.family, 1.0) for c in cases], dtype=np.float64)
        self._chances = weights / weights.sum() if len(cases) else weights

    def __len__(self) -> int:
        return max(0, self.config.steps - self.start)

    def __getitem__(self, index: int) -> Batch:
        step = self.start + index
        plan = plan_step(self.config, step, self.size)
        rng = np.random.default_rng([self.config.seed, step, 1])
        return Batch.stack(plan.shape, [self._clip(rng, plan.shape) for _ in range(plan.clips)])

    def _clip(self, rng: np.random.Generator, shape: ClipShape) -> Clip:
        for _ in range(_TRIES):
            case = self._case(rng)
            target = case.targets[int(rng.integers(len(case.targets)))] if case.targets else None
            clip = draw_clip(rng, case, target, shape) if target is not None else None
            if clip is not None:
                return clip
        raise InputError(
            f"no clip of {len(shape.times)} slices fits the training cases; use fewer frames, or larger volumes"
        )

    def _case(self, rng: np.random.Generator) -> Case:
        source = rng.random()
        if source < self.config.made or not self.cases:
            return synthetic_case(rng)
        case = self.cases[int(rng.choice(len(self.cases), p=self._chances))]
        return add_lesion(rng, case) if source < self.config.made + self.config.lesions else case
