"""The endless stream of batches: batch n follows from the seed and n alone, so a run can resume anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch.utils.data import Dataset

from volsweep.errors import InputError
from volsweep.finder.regions import Region
from volsweep.train.blocks.blocks import Blocks, draw_block
from volsweep.train.blocks.source import ACROSS, ACROSS_PLANES, BlockSource
from volsweep.train.clips.clips import Batch, Clip, draw_clip
from volsweep.train.clips.rollout import Corrections
from volsweep.train.clips.slices import ClipShape
from volsweep.train.config import TrainConfig
from volsweep.train.data.case import Case
from volsweep.train.data.prompts import PromptKind
from volsweep.train.data.regions import case_of, find_regions
from volsweep.train.data.synthetic import add_lesion, synthetic_case
from volsweep.train.refiner.planes import draw_planes

_TRIES = 400
_FLAT, _DEEP = (20, 72, 72), (28, 72, 72)
"""Made volumes for clips, and for blocks."""


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
    if mode < config.single_slices + config.jumps + config.memory_shapes:
        shape = ClipShape(_times(1, config.frames), 0, "mask", size, from_memory=True)
        return StepPlan(shape, config.batch, Corrections(true_memories=forced))
    if mode < config.single_slices + config.jumps + config.memory_shapes + config.sweeps:
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


@dataclass(frozen=True)
class StepData:
    """What one step is shown: clips, blocks, blocks of planes; what it has of them."""

    clips: Batch | None
    blocks: Blocks | None
    planes: Blocks | None = None

    def to(self, device: torch.device) -> StepData:
        """The same on a device."""
        return StepData(
            None if self.clips is None else self.clips.to(device),
            None if self.blocks is None else self.blocks.to(device),
            None if self.planes is None else self.planes.to(device),
        )


class StepStream(Dataset[StepData]):
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
        self._sources = [_sources_of(case) for case in cases] if config.blocks else []
        self._plane_sources = [_sources_of(case, ACROSS_PLANES) for case in cases] if config.planes else []
        self._regions: dict[int, list[Region]] = {}

    def __len__(self) -> int:
        return max(0, self.config.steps - self.start)

    def __getitem__(self, index: int) -> StepData:
        step = self.start + index
        clips = blocks = planes = None
        if self.config.batch:
            plan = plan_step(self.config, step, self.size)
            rng = np.random.default_rng([self.config.seed, step, 1])
            clips = Batch.stack(plan.shape, [self._clip(rng, plan.shape) for _ in range(plan.clips)])
        if self.config.blocks:
            rng = np.random.default_rng([self.config.seed, step, 3])
            blocks = Blocks.stack([self._block(rng) for _ in range(self.config.blocks)])
        if self.config.planes:
            rng = np.random.default_rng([self.config.seed, step, 5])
            planes = Blocks.stack([self._planes(rng) for _ in range(self.config.planes)])
        return StepData(clips, blocks, planes)

    def _clip(self, rng: np.random.Generator, shape: ClipShape) -> Clip:
        for _ in range(_TRIES):
            case, _ = self._case(rng)
            target = case.targets[int(rng.integers(len(case.targets)))] if case.targets else None
            clip = draw_clip(rng, case, target, shape) if target is not None else None
            if clip is not None:
                return clip
        raise InputError(
            f"no clip of {len(shape.times)} slices fits the training cases; use fewer frames, or larger volumes"
        )

    def _block(self, rng: np.random.Generator) -> Blocks:
        found = self._drawn(rng, self._sources, ACROSS, lambda source, _: draw_block(rng, source))
        if found is None:
            raise InputError("no block fits the training cases; their objects are too small, or blocks should be 0")
        return found

    def _planes(self, rng: np.random.Generator) -> Blocks:
        found = self._drawn(
            rng, self._plane_sources, ACROSS_PLANES, lambda source, made: draw_planes(rng, source, made=made)
        )
        if found is None:
            raise InputError("no planes fit the training cases; their objects are too small, or planes should be 0")
        return found

    def _drawn(
        self,
        rng: np.random.Generator,
        real: list[list[BlockSource]],
        across: int,
        draw: Callable[[BlockSource, bool], Blocks | None],
    ) -> Blocks | None:
        """The first draw that shows enough; `draw` takes a source and whether it is no patient's as it is."""
        for _ in range(_TRIES):
            case, place = self._case(rng, _DEEP)
            sources = _sources_of(case, across) if place is None else real[place]
            block = draw(sources[int(rng.integers(len(sources)))], place is None) if sources else None
            if block is not None:
                return block
        return None

    def _case(self, rng: np.random.Generator, made_shape: tuple[int, int, int] = _FLAT) -> tuple[Case, int | None]:
        """A case, and its place among the real ones where it is one of them as it is."""
        source = rng.random()
        if source < self.config.made or not self.cases:
            return synthetic_case(rng, made_shape), None
        place = int(rng.choice(len(self.cases), p=self._chances))
        case = self.cases[place]
        if source < self.config.made + self.config.lesions:
            return add_lesion(rng, case), None
        if rng.random() < self.config.regions and (regions := self._regions_of(place)):
            return case_of(regions[int(rng.integers(len(regions)))], case), None
        return case, place

    def _regions_of(self, place: int) -> list[Region]:
        """Regions of a case, searched when they are first asked for: it takes a second or two."""
        if place not in self._regions:
            self._regions[place] = find_regions(self.cases[place])
        return self._regions[place]


def _sources_of(case: Case, across: int = ACROSS) -> list[BlockSource]:
    return [source for target in case.targets if (source := BlockSource.of(case, target, across)) is not None]
