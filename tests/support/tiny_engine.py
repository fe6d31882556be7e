"""An engine of arithmetic whose masks depend on all that a network's do: prompts, those before, window, zoom, locks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from volsweep.engine.sweep.plan import Leg, Tracked, plan_legs, within_ends
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.masks import SliceMask, trim
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Box, Point, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.session.actions import MadeWith
from volsweep.session.session import Session
from volsweep.volume import Label, Volume


class TinyEngine:
    """Fills boxes and discs, wider where the window is, shifted by what was drawn before; a stroke is many."""

    def __init__(self, grid: Grid, made_with: MadeWith) -> None:
        self.grid = grid
        self.visited = 0
        self.grow = int(made_with.window[0]) % 3 + (0 if made_with.zoom is None else round(made_with.zoom) % 2)
        self.grow += (made_with.second is not None) + (made_with.model == "sam2.1-tiny")

    @staticmethod
    def describe() -> dict[str, str | int]:
        return {"device": "an abacus"}

    def get_ready(self) -> None:
        """A click on an abacus waits for nothing."""

    def encode(self, plane: Plane, index: int) -> int:
        """Arithmetic encodes nothing."""
        return 0

    def preview(self, by_slice, index: int, extent=None) -> SliceMask:
        prompts = by_slice[index]
        earlier = len([z for z in list(by_slice)[: list(by_slice).index(index)] if not by_slice[z][0].is_click])
        shape = self.grid.plane_shape(prompts[0].plane)[1:]
        y, x = np.indices(shape)
        mask = np.zeros(shape, dtype=bool)
        for prompt in prompts:
            if prompt.is_painted:
                mask = prompt.to_array()
            elif prompt.is_click:
                radius = 1 + self.grow + earlier % 2
                near = [(x - at[0]) ** 2 + (y - at[1]) ** 2 <= radius**2 for at in prompt.vertices_xy()]
                disc = np.logical_or.reduce(near)
                mask = mask | disc if prompt.positive else mask & ~disc
            else:
                x0, y0, x1, y1 = prompt.extent_xyxy()
                below = extent is not None and extent.first is not None
                mask |= (x >= x0 - self.grow) & (x <= x1 + earlier % 2) & (y >= y0) & (y <= y1 + below)
        last = prompts[-1]
        sure = 10.0 if isinstance(last, Mask) and last.verbatim else 2.0 + self.grow
        return self._mask(mask, prompts[0].slice, sure).but(prompted=True)

    def _mask(self, mask, index: int, sure: float) -> SliceMask:
        logits = np.where(mask, sure, -4.0).astype(np.float32)
        return trim(logits, slice=index, shape_yx=mask.shape, iou=0.9, object_score=5.0)

    def sweep(self, plane: Plane, prompts, options, extents, held_zyx=None) -> Iterator[Tracked]:
        live = []
        held_nyx = None if held_zyx is None else np.moveaxis(held_zyx, self.grid.plane_axis(plane), 0)
        for label, by_slice in prompts.items():
            extent = extents.get(label)
            first, last = within_ends((options.first, options.last), extent.ends if extent else (None, None))
            for index in sorted(i for i in by_slice if first <= i <= last):
                yield Tracked(label, Leg(index, index), self.preview(by_slice, index, extent))
            for leg in plan_legs(list(by_slice), first, last, options.direction):
                start = self.preview(by_slice, leg.start, extent)
                live.append((label, leg, start, iter(leg.slices(options.stride))))
        while live:
            for entry in list(live):
                label, leg, start, slices = entry
                index = next(slices, None)
                if index is None:
                    live.remove(entry)
                    continue
                self.visited += 1
                far = abs(index - leg.start)
                drawn = np.roll(start.mask_yx(), far, axis=1) if far < 3 + self.grow else np.zeros(start.shape_yx, bool)
                if held_nyx is not None:
                    drawn = drawn & ~held_nyx[index]
                mask = replace(self._mask(drawn, index, 1.0 + far), agreement=None)
                yield Tracked(label, leg, mask, leg.start)


class TinySession(Session):
    """A session on the tiny engine; `loaded` counts how often one was made."""

    loaded = 0
    arithmetic = ("float32", "an abacus")

    def _arithmetic(self) -> dict[str, str]:
        return dict(zip(("precision", "processor"), self.arithmetic, strict=True))

    def _load(self, made_with: MadeWith) -> TinyEngine:
        self.loaded += 1
        return TinyEngine(self.volume.grid, made_with)


SHAPE = (9, 14, 16)
"""Of the volume that `tiny` sessions are of, (z, y, x)."""


def tiny(**options) -> TinySession:
    """A session on nine slices of nothing."""
    volume = Volume(np.zeros(SHAPE, np.int16), Grid.axis_aligned(SHAPE, (3, 1, 1)), "CT")
    return TinySession(volume, window=Window(40, 400), device="cpu", **options)


def box(session, label: int, index: int, left: int = 4) -> None:
    session.add_box(label=label, slice=index, box_xyxy=(left, 4, left + 4, 8))


def replayed(session, **options) -> np.ndarray:
    """Labels that a journal leads to, done once more."""
    again = tiny(**options)
    list(again.replay(session.journal.effective))
    return again.labels.array_zyx


def loaded(index: int = 4) -> PromptSet:
    """Prompts of two labels, one locked, as a file holds them."""
    prompts = (
        Box(label=1, slice=index, box_xyxy=(4, 4, 8, 8)),
        Point(label=1, slice=index + 2, point_xy=(6, 6), positive=False),
        Mask.from_array(np.ones((14, 16), bool), label=2, slice=index),
    )
    labels = {1: Label("lesion", "#102030"), 2: Label("node", "#405060", locked=True)}
    return PromptSet(prompts, labels, extents=(Extent(label=1, first=1),))
