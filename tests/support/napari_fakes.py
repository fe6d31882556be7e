"""A session whose network is replaced by arithmetic: a box is filled, and swept as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np

from volsweep.engine.sweep.plan import Leg, Tracked, plan_legs
from volsweep.geometry import Grid, Plane
from volsweep.masks import SliceMask, trim
from volsweep.prompts.kinds import Prompt
from volsweep.prompts.mask import Mask
from volsweep.session.session import Session


class FakeSweeper:
    """Fills boxes; a click is a disc of radius 3; the object goes on for ever."""

    def __init__(self, shape_yx: tuple[int, int]) -> None:
        self.shape_yx = shape_yx
        self.before_slice: Callable[[int], None] = lambda _: None
        self.previews = self.sweeps = 0
        self.threads: set[str] = set()

    def preview(self, prompts) -> SliceMask:
        self.previews += 1
        self.threads.add(threading.current_thread().name)
        y, x = np.indices(self.shape_yx)
        mask = np.zeros(self.shape_yx, dtype=bool)
        for prompt in prompts:
            if isinstance(prompt, Mask):
                mask = prompt.to_array()
            elif prompt.kind == "point":
                disc = (x - prompt.point_xy[0]) ** 2 + (y - prompt.point_xy[1]) ** 2 <= 9
                mask = mask | disc if prompt.positive else mask & ~disc
            else:
                x0, y0, x1, y1 = prompt.extent_xyxy()
                mask |= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        return self._mask(mask, prompts[0].slice).but(prompted=True)

    def _mask(self, mask, index: int) -> SliceMask:
        logits = np.where(mask, 4.0, -4.0).astype(np.float32)
        return trim(logits, slice=index, shape_yx=self.shape_yx, iou=0.9, object_score=5.0)

    def sweep(self, prompts, options) -> Iterator[Tracked]:
        self.sweeps += 1
        for label, by_slice in prompts.items():
            for index in by_slice:
                yield Tracked(label, Leg(index, index), self.preview(by_slice[index]))
            for leg in plan_legs(list(by_slice), options.first, options.last, options.direction):
                start = self.preview(by_slice[leg.start])
                before = leg.start
                for index in leg.slices(options.stride):
                    self.before_slice(index)
                    yield Tracked(label, leg, self._mask(start.mask_yx(), index), before)
                    before = index


class FakeEngine:
    """The fake sweepers of every plane, asked as a session asks its engine."""

    def __init__(self, grid: Grid) -> None:
        self.sweeper = {p: FakeSweeper(grid.plane_shape(p)[1:]) for p in Plane}.__getitem__
        self.made_ready = 0

    def get_ready(self) -> None:
        self.made_ready += 1

    def given(self, by_slice, index: int, extent=None) -> tuple[Prompt, ...]:
        return by_slice[index]

    def encode(self, plane: Plane, index: int) -> int:
        """Arithmetic encodes nothing."""
        return 0

    def preview(self, by_slice, index: int, extent=None) -> SliceMask:
        return self.sweeper(by_slice[index][0].plane).preview(by_slice[index])

    def sweep(self, plane, prompts, options, extents=None, held_zyx=None) -> Iterator[Tracked]:
        return self.sweeper(plane).sweep(prompts, options)


class FakeSession(Session):
    """A session with a fake network that stays through changes of window and model."""

    def _load(self, made_with):
        if not hasattr(self, "fake"):
            self.fake = FakeEngine(self.volume.grid)
        return self.fake


class InlineRunner:
    """Does the work at once, in the caller's thread; `between` is called before each event."""

    def __init__(self) -> None:
        self.between: Callable[[object], None] = lambda _: None

    def run(self, work, handle, done) -> None:
        for event in work():
            self.between(event)
            handle(event)
        done()


RECTANGLE = np.array([[5, 10, 12], [5, 10, 20], [5, 18, 20], [5, 18, 12]], dtype=float)
"""Around what a test draws, (z, y, x)."""


def draw(controller, vertices=RECTANGLE, kind="rectangle") -> None:
    """Draw a shape, as the mouse does."""
    controller.layers.shapes.add(vertices, shape_type=kind)


def shown(controller) -> np.ndarray:
    """The labels on the canvas."""
    return np.asarray(controller.layers.objects.data)


def kinds(controller) -> list[str]:
    """What is in the journal."""
    return [action.action for action in controller.session.journal]
