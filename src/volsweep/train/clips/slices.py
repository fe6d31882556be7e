"""Which slices a clip shows: a run along one axis of a case, from a slice that is prompted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from volsweep.train.data.case import Case, Target
from volsweep.train.data.prompts import PromptKind

CLIPS_ENDING, JUMPS_ENDING = 0.4, 0.6
"""Shares of clips in which the object ends, where it can. With more, the network learns that
objects end after about as many slices as a clip has, and long sweeps stop early."""


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
    from_memory
        Whether the object is a shape that the slices do not show.
    """

    times: tuple[int, ...]
    given: int = 0
    kind: PromptKind = "box"
    size: int = 128
    jumps: bool = False
    sweep: bool = False
    from_memory: bool = False


@dataclass(frozen=True)
class Run:
    """Slices of a clip along one axis of a case: `indices[0]` is prompted.

    `places` are where they would lie if the volume went on.
    """

    axis: int
    indices: tuple[int, ...]
    places: tuple[int, ...] = ()


def choose_run(rng: np.random.Generator, case: Case, target: Target, shape: ClipShape) -> Run | None:
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
        return Run(axis, (index if forward else length - 1 - index,))

    if shape.sweep:
        places = _sweep(rng, areas, frames, axis)
        if places is None:
            return None
        indices = [min(place, length - 1) for place in places]
        return Run(axis, tuple(i if forward else length - 1 - i for i in indices), tuple(places))
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
    return Run(axis, tuple(i if forward else length - 1 - i for i in indices))


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
