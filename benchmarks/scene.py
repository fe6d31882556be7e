"""The volume and the prompts that the benchmarks share, and small helpers to time and to print."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box, Point, Prompt
from volsweep.volume import Volume

WINDOW = "400/40"


@dataclass(frozen=True)
class Ball:
    """A ball in the scene: its label, its slices (first to last), and where it is."""

    label: int
    first: int
    last: int
    centre_yx: tuple[float, float]
    radius: float

    @property
    def middle(self) -> int:
        """Its largest slice."""
        return (self.first + self.last) // 2

    def mask_yx(self, index: int, shape_yx: tuple[int, int]) -> np.ndarray:
        """Its true mask on a slice."""
        half = (self.last - self.first + 1) / 2
        height = (index - (self.first + self.last) / 2) / half
        radius = self.radius * np.sqrt(max(0.0, 1 - height**2))
        rows, columns = np.ogrid[: shape_yx[0], : shape_yx[1]]
        y, x = self.centre_yx
        return (rows - y) ** 2 + (columns - x) ** 2 < radius**2

    def box_xyxy(self) -> tuple[float, float, float, float]:
        """Box around its largest slice."""
        y, x = self.centre_yx
        r = self.radius - 1
        return (x - r, y - r, x + r, y + r)


@dataclass(frozen=True)
class Scene:
    """A CT-like stack with balls in it."""

    volume: Volume
    balls: Sequence[Ball]


def make_scene(slices: int, side: int, balls: Sequence[Ball]) -> Scene:
    """Draw a stack of `slices` x `side` x `side`, int16, noise and soft structures, and the balls in it."""
    rng = np.random.default_rng(11)
    rows, columns = np.mgrid[:side, :side]
    body = ((rows - side / 2) / 0.42) ** 2 + ((columns - side / 2) / 0.47) ** 2 < side**2
    texture = 25 * np.sin(columns / 17) * np.cos(rows / 23)
    noise = rng.normal(0, 18, (8, side, side))
    array = np.empty((slices, side, side), dtype=np.int16)
    for z in range(slices):
        plane = np.where(body, 40 + texture + 10 * np.sin(z / 9), -1000.0) + noise[z % len(noise)]
        for ball in balls:
            plane[ball.mask_yx(z, (side, side))] += 110
        array[z] = plane
    return Scene(Volume(array, Grid.axis_aligned(array.shape, (2.5, 0.8, 0.8)), modality="CT"), balls)


def annotation_scene(slices: int, side: int) -> Scene:
    """The stack of the annotation session: three objects over some 30 of its slices."""
    extent = min(30, slices // 2)
    first = slices // 2 - extent // 2
    shift = extent // 5
    balls = [
        Ball(1, first, first + extent - 1, (side * 0.42, side * 0.40), side * 0.07),
        Ball(2, first - shift, first + extent - 2 * shift, (side * 0.60, side * 0.62), side * 0.05),
        Ball(3, first + shift, first + extent + shift // 2, (side * 0.38, side * 0.66), side * 0.04),
    ]
    return make_scene(slices, side, balls)


def session_prompts(scene: Scene) -> list[tuple[str, list[Prompt]]]:
    """What the reader does, in order: a name for each action and the prompts it adds."""
    first, *others = scene.balls
    y, x = first.centre_yx
    third = (first.last - first.first) // 4
    actions: list[tuple[str, list[Prompt]]] = [
        ("box, sweep", [Box(label=1, slice=first.middle, box_xyxy=first.box_xyxy())]),
        ("correction 1, sweep", [Point(label=1, slice=first.middle + third, point_xy=(x, y))]),
        ("correction 2, sweep", [Point(label=1, slice=first.middle - third, point_xy=(x, y))]),
    ]
    for ball in others:
        box = Box(label=ball.label, slice=ball.middle, box_xyxy=ball.box_xyxy())
        actions.append((f"object {ball.label}, sweep", [box]))
    return actions


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice coefficient; 1 for two empty masks."""
    total = int(a.sum()) + int(b.sum())
    return 1.0 if not total else 2 * int((a & b).sum()) / total


Masks = dict[tuple[int, int], np.ndarray]
"""(label, slice) -> mask (rows, columns)."""


@dataclass
class Stopwatch:
    """Seconds by name, in the order they were measured: by the clock, and of the processor."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Time a block."""
        started, processor = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = time.perf_counter() - started
        self.processor_seconds[name] = time.process_time() - processor


class PeakMemory:
    """Highest resident memory of this process inside a block, sampled, in bytes."""

    def __init__(self) -> None:
        self.peak = self.start = 0

    def __enter__(self) -> PeakMemory:
        self.start = self.peak = _resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, _resident())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, _resident())

    @property
    def grown(self) -> int:
        """Peak over what was there at the start."""
        return self.peak - self.start


def _resident() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    cells = [[f"{c:.3g}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(h), *(len(row[i]) for row in cells)) for i, h in enumerate(headings)]
    for row in (list(headings), ["-" * w for w in widths], *cells):
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |")


def save(results: object, path: Path | None) -> None:
    """Write results as JSON where asked to."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")


def rest(window: Any, seconds: float) -> None:
    """Let a window of `tests/support/napari_window.py` live for a while, as a reader does who looks at it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        window.settle()
