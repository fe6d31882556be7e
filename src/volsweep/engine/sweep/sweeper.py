"""Run passes side by side: whatever remembers equally much is one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from volsweep.engine.body.predict import Body
from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.engine.network.attention import Recall, attend
from volsweep.engine.network.decode import decode, encode_memory
from volsweep.engine.network.features import Features
from volsweep.engine.slices.cache import ByteCache
from volsweep.engine.slices.crop import CropLogits
from volsweep.engine.slices.view import View
from volsweep.engine.sweep.fill import between
from volsweep.engine.sweep.fuse import fuse
from volsweep.engine.sweep.object_end import ObjectEnd, wall_ahead, walls_of
from volsweep.engine.sweep.passes import Pass
from volsweep.engine.sweep.plan import Leg, SweepOptions, plan_legs
from volsweep.engine.sweep.prompted import Given, Preview, Previewer
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
    before: int | None = None
    """The slice visited before it in its pass; None on prompted slices and on those that were filled."""
    interpolated: bool = False
    """Whether the slice was skipped and filled from its neighbours."""


@dataclass(frozen=True)
class _Request:
    label: int
    leg: Leg
    start: Given
    bound: Given | None
    known: tuple[Given, ...]
    options: SweepOptions


@dataclass(frozen=True, eq=False)
class _Found:
    """A slice as one pass found it; its logits are kept where another pass comes towards it."""

    tracked: Tracked
    logits: CropLogits | None = None

    @property
    def nbytes(self) -> int:
        return self.tracked.mask.nbytes + (0 if self.logits is None else self.logits.logits.nbytes)


@dataclass(frozen=True, eq=False)
class _Ran:
    """What a leg found."""

    found: list[_Found]

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self.found)


class Sweeper:
    """Sweeps over one view, remembering the legs it ran: a correction re-runs only what it touches."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.previewer = Previewer(view)
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

    def _track(
        self,
        prompts: dict[int, dict[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        requests: list[_Request],
    ) -> Iterator[Tracked]:
        starts: dict[tuple[int, int], Preview] = {}
        for label, by_slice in prompts.items():
            masks: dict[int, SliceMask] = {}
            for index in sorted(p for p in by_slice if options.first <= p <= options.last):
                starts[label, index] = start = self.previewer.preview(self.previewer.given(by_slice, index))
                masks[index] = start.mask
                yield Tracked(label, Leg(index, index), start.mask)
            requests += self._plan(label, by_slice, walls_of(masks), options)
        meeting = _Meeting()
        results: dict[_Request, list[_Found]] = {}
        live: list[tuple[Pass, _Request]] = []
        for request in requests:
            ran = self._finished.get(request)
            if ran is not None:
                for found in ran.found:
                    yield meeting.take(found)
                continue
            one = self._begin(request, starts)
            results[request] = []
            live += [] if one.done else [(one, request)]
        while live:
            for one, request, found in self._round(live):
                results[request].append(found)
                gap = one.settle(found.tracked.mask)
                yield meeting.take(found)
                for mask in gap:
                    filled = Tracked(request.label, request.leg, mask, interpolated=True)
                    results[request].append(_Found(filled))
                    yield filled
            for one, request in live:
                if one.done:
                    self._finished.put(request, _Ran(results[request]))
            live = [entry for entry in live if not entry[0].done]

    def _plan(
        self, label: int, by_slice: dict[int, tuple[Prompt, ...]], walls: set[int], options: SweepOptions
    ) -> Iterator[_Request]:
        """An object's legs, with the prompts that each depends on."""
        ends = {index: self.previewer.given(by_slice, index) for index in by_slice}
        order = {index: place for place, index in enumerate(by_slice)}
        for leg in plan_legs(list(by_slice), options.first, options.last, options.direction, walls):
            known: list[int] = []
            if self.view.net.body_net is not None:
                # A correction moves what comes after it, never what the first prompts found elsewhere.
                known = [i for i in by_slice if order[i] < order[leg.start] and (leg.start - i) * leg.step > 0]
                # Where the object was said not to be, a leg may end before it gets there.
                wall = wall_ahead(leg, walls)
                known += [] if wall is None else [wall]
            bound = None if leg.bound is None else ends[leg.bound]
            yield _Request(label, leg, ends[leg.start], bound, tuple(ends[index] for index in known), options)

    def _begin(self, request: _Request, starts: Mapping[tuple[int, int], Preview]) -> Pass:
        leg, options = request.leg, request.options
        one = Pass(self.view, ObjectEnd(leg, options.stride, options.patience))
        bound = None if leg.bound is None else starts[request.label, leg.bound].mask
        one.begin(starts[request.label, leg.start], bound, self._predict_body(request, starts))
        return one

    def _predict_body(self, request: _Request, starts: Mapping[tuple[int, int], Preview]) -> Body | None:
        """The body that fits the prompts at both ends of a leg, behind it, and on the wall ahead of it."""
        given = [request.start, *request.known, *([] if request.bound is None else [request.bound])]
        known = []
        for prompted in given:
            start = starts.get((request.label, prompted.prompts[0].slice))
            one = KnownSlice.of(prompted.prompts, None if start is None else start.mask)
            if one is not None:
                known.append(one)
        # Around the widest: the others are then within.
        known.sort(key=self._side_mm, reverse=True)
        return self.previewer.predict_body(known) if self._side_mm(known[0]) else None

    def _side_mm(self, known: KnownSlice) -> float:
        """Longer side of what is known of an object; 0 where it is known not to be there."""
        row_mm, column_mm = self.view.frames.spacing_yx_mm
        x0, y0, x1, y1 = known.extent_xyxy((row_mm, column_mm)) or (0.0, 0.0, -1.0, -1.0)
        return max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)

    def _round(self, live: Sequence[tuple[Pass, _Request]]) -> Iterator[tuple[Pass, _Request, _Found]]:
        """Move every live pass on by one slice, batching those that remember equally much."""
        groups: dict[tuple[int, int], list[tuple[Pass, _Request, Recall]]] = defaultdict(list)
        for one, request in live:
            recalled = one.recall()
            groups[recalled.shape].append((one, request, recalled))
        for group in groups.values():
            for i in range(0, len(group), _MAX_BATCH):
                yield from self._batch(group[i : i + _MAX_BATCH])

    def _batch(self, batch: Sequence[tuple[Pass, _Request, Recall]]) -> Iterator[tuple[Pass, _Request, _Found]]:
        view = self.view
        features = Features.stack(view.features([(one.slice, one.crop) for one, _, _ in batch]))
        with view.net.running():
            recalls = [recalled for _, _, recalled in batch]
            conditioned = attend(view.net, features.attended, recalls, len(view.frames))
            bodies = [(one.body, one.slice, one.crop) for one, _, _ in batch if one.body is not None]
            start = self.previewer.starts(bodies) if bodies else None
            decoded = decode(view.net, features, conditioned, prior_logits=start, start=start)
            tokens, pointers = encode_memory(view.net, features, decoded, prompted=False)
        self.visited += len(batch)
        for i, (one, request, _) in enumerate(batch):
            logits = view.logits(decoded, one.crop, i)
            before, mask = one.before, view.to_mask(logits, one.slice, decoded, i)
            if one.take(mask, tokens[i], pointers[i]):
                # Only where two passes meet are the logits beyond the mask needed again.
                kept = logits if request.leg.bound is not None else None
                yield one, request, _Found(Tracked(request.label, request.leg, mask, before), kept)


class _Meeting:
    """Fuses the two passes between prompted slices where the second one arrives."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int], _Found] = {}

    def take(self, found: _Found) -> Tracked:
        """What to show for a slice that a pass has found."""
        tracked = found.tracked
        leg, mask = tracked.leg, tracked.mask
        if leg.bound is None or found.logits is None:
            return tracked
        other = self._waiting.pop((tracked.label, mask.slice), None)
        if other is None or other.logits is None:
            self._waiting[tracked.label, mask.slice] = found
            return tracked
        nearness = abs(leg.bound - mask.slice) / abs(leg.bound - leg.start)
        return replace(tracked, mask=fuse(mask, found.logits, other.logits, nearness))


def _fill(requests: Sequence[_Request], shown: dict[int, dict[int, SliceMask]]) -> Iterator[Tracked]:
    for request in requests:
        masks = shown[request.label]
        low, high = sorted((request.leg.start, request.leg.last if request.leg.bound is None else request.leg.bound))
        known = sorted(index for index in masks if low <= index <= high)
        for a, b in pairwise(known):
            for mask in between(masks[a], masks[b]):
                masks[mask.slice] = mask
                yield Tracked(request.label, request.leg, mask, interpolated=True)
