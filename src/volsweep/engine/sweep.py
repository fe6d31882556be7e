"""Run passes side by side: whatever remembers equally much is one batch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from volsweep.crop import Crop
from volsweep.engine import heads
from volsweep.engine.cache import ByteCache
from volsweep.engine.expectation import Wider, showing
from volsweep.engine.features import Features
from volsweep.engine.fusion import fuse
from volsweep.engine.heads import Decoded
from volsweep.engine.interpolate import between
from volsweep.engine.memory import Recall, attend, encode_memory
from volsweep.engine.passes import Pass
from volsweep.engine.plan import Direction, Leg, plan_legs
from volsweep.engine.result import CropLogits, SliceMask
from volsweep.engine.view import View, nearest_side_mm
from volsweep.prompts import Point, Prompt

_MAX_BATCH = 8
"""Passes run as one batch; beyond it a CPU gains nothing and a GPU's memory fills."""


_REMEMBERED_BYTES = 256 * 2**20
"""Legs remembered per plane: hundreds of a lesion's, some tens of a liver's."""


@dataclass(frozen=True)
class SweepOptions:
    """How far and how finely to sweep.

    Parameters
    ----------
    first, last
        Slices that may be visited, inclusive.
    direction
        Both ways, or only towards higher (forward) or lower slice indices.
    stride
        Visit every n-th slice.
    patience
        End a pass after this many slices in a row without the object; 0 never ends it.
        Between two prompted slices a pass always runs through.
    """

    first: int
    last: int
    direction: Direction = Direction.BOTH
    stride: int = 1
    patience: int = 2


@dataclass(frozen=True)
class Tracked:
    """One object on one slice, as a sweep found it; a later one for the same slice replaces it."""

    label: int
    leg: Leg
    mask: SliceMask
    interpolated: bool = False
    """Whether the slice was skipped and filled from its neighbours."""


@dataclass(frozen=True)
class _Request:
    label: int
    leg: Leg
    start: tuple[tuple[Prompt, ...], float | None]
    bound: tuple[tuple[Prompt, ...], float | None] | None
    wider: Wider | None
    options: SweepOptions


@dataclass(frozen=True, eq=False)
class _Ran:
    """What a leg found, and the logits of those slices where it meets another one."""

    found: list[tuple[Tracked, CropLogits | None]]

    @property
    def nbytes(self) -> int:
        return sum(t.mask.logits.nbytes + (0 if c is None else c.logits.nbytes) for t, c in self.found)


class Sweeper:
    """Sweeps over one view, remembering the legs it ran: a correction re-runs only what it touches."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._finished: ByteCache[_Ran] = ByteCache(_REMEMBERED_BYTES)
        self.visited = 0
        """Slices tracked so far; legs answered from memory do not count."""

    def sweep(self, prompts: dict[int, dict[int, tuple[Prompt, ...]]], options: SweepOptions) -> Iterator[Tracked]:
        """Follow objects through the volume.

        Parameters
        ----------
        prompts
            Label -> prompted slice -> the prompts there, in order; slices in the order they were first prompted.
        options
            How far and how finely.

        Yields
        ------
        Tracked
            First the prompted slices, then one for each slice that a pass visits, last those
            that a stride skipped.
        """
        shown: dict[int, dict[int, SliceMask]] = {label: {} for label in prompts}
        requests: list[_Request] = []
        for tracked in self._track(prompts, options, requests):
            shown[tracked.label][tracked.mask.slice] = tracked.mask
            yield tracked
        if options.stride > 1:
            yield from _fill(requests, shown)

    def preview(self, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> tuple[SliceMask, Crop, Decoded]:
        """Segment one prompted slice of an object, given all its prompts: slice -> prompts."""
        return self.view.preview(by_slice[index], self.target_mm(by_slice, index))

    def target_mm(self, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> float | None:
        """How large an object is elsewhere, for a slice with nothing but clicks; None for all others."""
        if all(isinstance(prompt, Point) for prompt in by_slice[index]):
            return nearest_side_mm(by_slice, index, self.view.frames.spacing_yx_mm)
        return None

    def _track(
        self,
        prompts: dict[int, dict[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        requests: list[_Request],
    ) -> Iterator[Tracked]:
        starts = {}
        for label, by_slice in prompts.items():
            for index in sorted(p for p in by_slice if options.first <= p <= options.last):
                starts[label, index] = start = self.preview(by_slice, index)
                yield Tracked(label, Leg(index, index), start[0])
            absent = {index for (of, index), (mask, _, _) in starts.items() if of == label and mask.is_empty}
            legs = plan_legs(list(by_slice), options.first, options.last, options.direction, absent)
            ends = {index: (given, self.target_mm(by_slice, index)) for index, given in by_slice.items()}
            order = {index: place for place, index in enumerate(by_slice)}
            found = {index: mask for (of, index), (mask, _, _) in starts.items() if of == label}
            for leg in legs:
                towards = None if leg.bound is None else ends[leg.bound]
                # A correction moves what comes after it, never what the first prompts found elsewhere.
                earlier = {index for index, place in order.items() if place < order[leg.start]}
                wider = _wider_behind(leg, found, earlier) if self.view.network.expects else None
                requests.append(_Request(label, leg, ends[leg.start], towards, wider, options))
        meeting: dict[tuple[int, int], CropLogits] = {}
        results: dict[_Request, list[tuple[Tracked, CropLogits | None]]] = {}
        live: list[tuple[Pass, _Request]] = []
        for request in requests:
            ran = self._finished.get(request)
            if ran is not None:
                for item in ran.found:
                    yield self._meet(item, meeting)
                continue
            one = Pass(self.view, request.label, request.leg, options.stride)
            bound = None if request.leg.bound is None else starts[request.label, request.leg.bound][0]
            one.begin(starts[request.label, request.leg.start], bound, request.wider)
            live.append((one, request))
            results[request] = []
        while live:
            for one, request, item in self._round(live):
                results[request].append(item)
                patience = 0 if request.leg.bound is not None else options.patience
                gap = one.note_absence(item[0].mask, patience)
                yield self._meet(item, meeting)
                for mask in gap:
                    filled = Tracked(request.label, request.leg, mask, interpolated=True)
                    results[request].append((filled, None))
                    yield filled
            for one, request in live:
                if one.done:
                    self._finished.put(request, _Ran(results[request]))
            live = [entry for entry in live if not entry[0].done]

    def _round(
        self, live: Sequence[tuple[Pass, _Request]]
    ) -> Iterator[tuple[Pass, _Request, tuple[Tracked, CropLogits | None]]]:
        """Move every live pass on by one slice, batching those that remember equally much."""
        groups: dict[tuple[int, int], list[tuple[Pass, _Request, Recall]]] = defaultdict(list)
        for one, request in live:
            recalled = one.recall()
            groups[recalled.shape].append((one, request, recalled))
        for group in groups.values():
            for i in range(0, len(group), _MAX_BATCH):
                yield from self._batch(group[i : i + _MAX_BATCH])

    def _batch(
        self, batch: Sequence[tuple[Pass, _Request, Recall]]
    ) -> Iterator[tuple[Pass, _Request, tuple[Tracked, CropLogits | None]]]:
        view = self.view
        features = Features.stack(view.features([(one.slice, one.crop) for one, _, _ in batch]))
        with view.network.running():
            recalls = [recalled for _, _, recalled in batch]
            conditioned = attend(view.network, features, recalls, len(view.frames))
            each = [wanted for one, _, _ in batch if (wanted := one.expected()) is not None]
            expected = torch.stack(each).to(view.network.device) if each else None
            with showing(expected):
                decoded = heads.decode(view.network, features, conditioned, prior_logits=expected)
            tokens, pointers = encode_memory(view.network, features, decoded, prompted=False)
        self.visited += len(batch)
        for i, (one, request, _) in enumerate(batch):
            logits = view.logits(decoded, one.crop, i)
            mask = view.to_mask(logits, one.slice, decoded, i)
            if one.take(mask, tokens[i], pointers[i]):
                # Only where two passes meet are the logits beyond the mask needed again.
                kept = logits if request.leg.bound is not None else None
                yield one, request, (Tracked(request.label, request.leg, mask), kept)

    def _meet(self, item: tuple[Tracked, CropLogits | None], meeting: dict[tuple[int, int], CropLogits]) -> Tracked:
        """Fuse the two passes between prompted slices where the second one arrives."""
        tracked, logits = item
        leg, mask = tracked.leg, tracked.mask
        if leg.bound is None or logits is None:
            return tracked
        other = meeting.pop((tracked.label, mask.slice), None)
        if other is None:
            meeting[tracked.label, mask.slice] = logits
            return tracked
        nearness = abs(leg.bound - mask.slice) / abs(leg.bound - leg.start)
        fused = fuse(mask, logits, other, nearness)
        return Tracked(tracked.label, leg, fused)


def _wider_behind(leg: Leg, found: dict[int, SliceMask], earlier: set[int]) -> Wider | None:
    """Where the object is widest behind an open leg's start, told from the widest mask prompted there earlier."""
    behind = [index for index in found if index in earlier and (leg.start - index) * leg.step > 0]
    areas = {index: int(found[index].inner.sum()) for index in behind}
    if leg.bound is not None or not areas or not (own := int(found[leg.start].inner.sum())):
        return None
    widest = max(areas, key=lambda index: areas[index])
    # To a tenth: a correction there that hardly changes its size leaves this leg as it is.
    times = round(math.sqrt(areas[widest] / own), 1)
    return Wider.behind(float(abs(leg.start - widest)), times)


def _fill(requests: Sequence[_Request], shown: dict[int, dict[int, SliceMask]]) -> Iterator[Tracked]:
    for request in requests:
        masks = shown[request.label]
        low, high = sorted((request.leg.start, request.leg.last if request.leg.bound is None else request.leg.bound))
        known = sorted(index for index in masks if low <= index <= high)
        for a, b in pairwise(known):
            for mask in between(masks[a], masks[b]):
                masks[mask.slice] = mask
                yield Tracked(request.label, request.leg, mask, interpolated=True)
