"""Run passes side by side: whatever remembers equally much is one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from volsweep.engine.body.predict import Body
from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.engine.network import sam2 as heads
from volsweep.engine.network.expectation import showing
from volsweep.engine.network.features import Features
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.cache import ByteCache
from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.slices.view import View, nearest_side_mm
from volsweep.engine.sweep.fill import between
from volsweep.engine.sweep.fuse import fuse
from volsweep.engine.sweep.memory import Recall, attend, encode_memory
from volsweep.engine.sweep.passes import Pass
from volsweep.engine.sweep.plan import Leg, SweepOptions, plan_legs
from volsweep.masks import SliceMask
from volsweep.prompts.kinds import Prompt

_MAX_BATCH = 8
"""Passes run as one batch; beyond it a CPU gains nothing and a GPU's memory fills."""


_REMEMBERED_BYTES = 256 * 2**20
"""Legs remembered per plane: hundreds of a lesion's, some tens of a liver's."""


@dataclass(frozen=True)
class Tracked:
    """One object on one slice, as a sweep found it; a later one for the same slice replaces it."""

    label: int
    leg: Leg
    mask: SliceMask
    interpolated: bool = False
    """Whether the slice was skipped and filled from its neighbours."""


_End = tuple[tuple[Prompt, ...], float | None, tuple[KnownSlice, ...]]
"""A prompted slice: its prompts, and what else its mask depends on."""


@dataclass(frozen=True)
class _Request:
    label: int
    leg: Leg
    start: _End
    bound: _End | None
    known: tuple[_End, ...]
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
        options = options.within(len(self.view.frames))
        shown: dict[int, dict[int, SliceMask]] = {label: {} for label in prompts}
        requests: list[_Request] = []
        for tracked in self._track(prompts, options, requests):
            shown[tracked.label][tracked.mask.slice] = tracked.mask
            yield tracked
        if options.stride > 1:
            yield from _fill(requests, shown)

    def preview(self, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> tuple[SliceMask, Crop, Decoded]:
        """Segment one prompted slice of an object, given all its prompts: slice -> prompts."""
        return self.view.preview(by_slice[index], *self._context(by_slice, index))

    def _context(
        self, by_slice: dict[int, tuple[Prompt, ...]], index: int
    ) -> tuple[float | None, tuple[KnownSlice, ...]]:
        """What a slice's mask depends on beside its prompts: the object's size, what was drawn before elsewhere."""
        earlier = [] if self.view.network.body_net is None else list(by_slice)[: list(by_slice).index(index)]
        drawn = (KnownSlice.of(by_slice[other], None) for other in earlier)
        return self.target_mm(by_slice, index), tuple(one for one in drawn if one is not None)

    def target_mm(self, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> float | None:
        """How large an object is elsewhere, for a slice with nothing but clicks; None for all others."""
        if all(prompt.is_click for prompt in by_slice[index]):
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
            requests += self._plan(label, by_slice, absent, options)
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
            one.begin(starts[request.label, request.leg.start], bound, self._predict_body(request, starts))
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

    def _plan(
        self, label: int, by_slice: dict[int, tuple[Prompt, ...]], absent: set[int], options: SweepOptions
    ) -> Iterator[_Request]:
        """An object's legs, with the prompts that each depends on."""
        ends = {index: (given, *self._context(by_slice, index)) for index, given in by_slice.items()}
        order = {index: place for place, index in enumerate(by_slice)}
        for leg in plan_legs(list(by_slice), options.first, options.last, options.direction, absent):
            known: list[int] = []
            if self.view.network.body_net is not None:
                # A correction moves what comes after it, never what the first prompts found elsewhere.
                known = [i for i in by_slice if order[i] < order[leg.start] and (leg.start - i) * leg.step > 0]
                # Where the object was said not to be, a leg may end before it gets there.
                walls = [index for index in absent if (index - leg.start) * leg.step > 0]
                known += sorted(walls, key=lambda index: abs(index - leg.start))[:1]
            bound = None if leg.bound is None else ends[leg.bound]
            yield _Request(label, leg, ends[leg.start], bound, tuple(ends[index] for index in known), options)

    def _predict_body(
        self, request: _Request, starts: Mapping[tuple[int, int], tuple[SliceMask, Crop, Decoded]]
    ) -> Body | None:
        """The body that fits the prompts at both ends of a leg, behind it, and on the wall ahead of it."""
        given = [request.start, *request.known, *([] if request.bound is None else [request.bound])]
        known = []
        for prompts, *_ in given:
            start = starts.get((request.label, prompts[0].slice))
            one = KnownSlice.of(prompts, None if start is None else start[0])
            if one is not None:
                known.append(one)
        # Around the widest: the others are then within.
        known.sort(key=self._side_mm, reverse=True)
        return self.view.predict_body(known) if self._side_mm(known[0]) else None

    def _side_mm(self, one: KnownSlice) -> float:
        """Longer side of what is known of an object; 0 where it says that it is not there."""
        row_mm, column_mm = self.view.frames.spacing_yx_mm
        x0, y0, x1, y1 = one.extent_xyxy((row_mm, column_mm)) or (0.0, 0.0, -1.0, -1.0)
        return max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)

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
            bodies = [(one.body, one.slice, one.crop) for one, _, _ in batch if one.body is not None]
            start = view.starts(bodies) if bodies else None
            with showing(start):
                decoded = heads.decode(view.network, features, conditioned, prior_logits=start)
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


def _fill(requests: Sequence[_Request], shown: dict[int, dict[int, SliceMask]]) -> Iterator[Tracked]:
    for request in requests:
        masks = shown[request.label]
        low, high = sorted((request.leg.start, request.leg.last if request.leg.bound is None else request.leg.bound))
        known = sorted(index for index in masks if low <= index <= high)
        for a, b in pairwise(known):
            for mask in between(masks[a], masks[b]):
                masks[mask.slice] = mask
                yield Tracked(request.label, request.leg, mask, interpolated=True)
