"""Run passes side by side: whatever remembers equally much is one batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from volsweep.engine.body.predict import KnownSlice
from volsweep.engine.body.space import Body
from volsweep.engine.network.attention import Recall, attend
from volsweep.engine.network.inference import Features, decode, encode_memory, leaned, without
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.others import Others
from volsweep.engine.slices.view import ByteCache, Frames, View
from volsweep.engine.sweep.fill import between
from volsweep.engine.sweep.known import clicked_or
from volsweep.engine.sweep.meeting import Meeting
from volsweep.engine.sweep.passes import Found, Pass, Ran, Request, Track
from volsweep.engine.sweep.plan import (
    Leg,
    ObjectEnd,
    SweepOptions,
    Tracked,
    is_told_end,
    plan_legs,
    wall_ahead,
    walls_of,
    within_ends,
)
from volsweep.engine.sweep.prompted import Preview, Previewer
from volsweep.masks import SliceMask
from volsweep.prompts.extent import NO_ENDS, Ends, Extent
from volsweep.prompts.kinds import ObjectPrompts, Prompt

_MAX_BATCH = 8
"""Passes run as one batch; beyond it a CPU gains nothing and a GPU's memory fills."""
_LEAN = 0.4
"""How far masks lean towards the body that the decoder started from: it draws about a tenth more than that everywhere.
Leaning is better on tumours, whose bodies are large enough, and worse on vertebrae, whose bodies are small (half of it,
one box, dev: CT lesions 0.825 to 0.836, sarcoma CT 0.814 to 0.819, vertebrae 0.780 to 0.764)."""
_LEAN_OF_SEVERAL = 0.8
"""The same, where several slices were drawn (five of them, mean of sarcomas and CT lesions: 0.919 with 0.4, 0.921)."""
_REMEMBERED_BYTES = 256 * 2**20
"""Legs remembered per plane: hundreds of a lesion's, some tens of a liver's."""


class Sweeper:
    """Sweeps over one view, remembering the legs it ran: a correction re-runs only what it touches."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.previewer = Previewer(view)
        self._finished: ByteCache[Ran] = ByteCache(_REMEMBERED_BYTES)
        self.visited = 0
        """Slices tracked so far; legs answered from memory do not count."""

    def sweep(
        self,
        prompts: Mapping[int, Mapping[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        extents: Mapping[int, Extent] | None = None,
        others: Others | None = None,
    ) -> Iterator[Tracked]:
        """Follow objects through the volume.

        Parameters
        ----------
        prompts
            Label -> prompted slice -> the prompts there, in order; slices in the order they were first prompted.
        options
            How far and how finely.
        extents
            Label -> how far it reaches, where that is told: no pass goes beyond.
        others
            Voxels that none of the objects hold: both networks are told, and no pass remembers one of them there.

        Yields
        ------
        Tracked
            First the prompted slices, then one for each slice that a pass visits, last those
            that a stride skipped.
        """
        options = options.within(len(self.view.frames))
        shown: dict[int, dict[int, SliceMask]] = {label: {} for label in prompts}
        requests: list[Request] = []
        ends = dict.fromkeys(prompts, NO_ENDS) | {v: extent.ends for v, extent in (extents or {}).items()}
        for tracked in self._track(prompts, (options, ends, others), requests):
            shown[tracked.label][tracked.mask.slice] = tracked.mask
            yield tracked
        if options.stride > 1:
            yield from _fill(requests, shown, self.view.frames)

    def _track(
        self,
        prompts: Mapping[int, Mapping[int, tuple[Prompt, ...]]],
        asked: tuple[SweepOptions, Mapping[int, Ends], Others | None],
        requests: list[Request],
    ) -> Iterator[Tracked]:
        options, ends, others = asked
        starts: dict[tuple[int, int], Preview] = {}
        for label, by_slice in prompts.items():
            masks: dict[int, SliceMask] = {}
            told = ends[label]
            first, last = within_ends((options.first, options.last), told)
            within = replace(options, first=first, last=last)
            for index in sorted(p for p in by_slice if first <= p <= last):
                starts[label, index] = start = self.previewer.preview(self.previewer.given(by_slice, index, told))
                masks[index] = start.mask
                yield Tracked(label, Leg(index, index), start.mask)
            requests += self._plan(label, by_slice, walls_of(masks), (within, told, others))
        # Those that remember equally much side by side, as they are batched.
        first_ends = bool(requests) and requests[0].leg.bound is None
        ordered = sorted(requests, key=lambda request: (request.leg.bound is None) != first_ends)
        lines = [self._line(request, starts) for request in ordered]
        meeting, turn = self._meeting(requests, starts), 0
        # Turn by turn, leg by leg: the order of what is found depends on prompts and options alone, not on what
        # is remembered, nor on whose window had to move.
        while any(line.goes_on(turn) for line in lines):
            for place, line in enumerate(lines):
                while line.one is not None and len(line.found) <= turn:
                    self._advance([one for one in lines[place:] if one.one is not None and len(one.found) <= turn])
                if turn < len(line.found):
                    yield from (one.tracked if meeting is None else meeting.take(one) for one in line.found[turn])
            turn += 1

    def _meeting(self, requests: Sequence[Request], starts: Mapping[tuple[int, int], Preview]) -> Meeting | None:
        """Where passes meet, with what was drawn by hand where they begin; None where none runs towards another.

        Outlines count for networks that predict bodies, with which that was measured.
        """
        if all(one.leg.bound is None for one in requests):
            return None
        predicts = self.view.net.body_net is not None
        drawn = {(one.label, one.leg.start) for one in requests if predicts and one.start.is_outlined}
        return Meeting(self.view.frames, {at: mask for at in drawn if not (mask := starts[at].mask).is_empty})

    def _line(self, request: Request, starts: Mapping[tuple[int, int], Preview]) -> Track:
        """A leg as it is remembered, or about to be run."""
        ran = self._finished.get(request)
        if ran is not None:
            return Track(request, None, list(ran.found))
        one = self._begin(request, starts)
        return Track(request, None if one.done else one, [])

    def _plan(
        self,
        label: int,
        by_slice: Mapping[int, tuple[Prompt, ...]],
        walls: set[int],
        asked: tuple[SweepOptions, Ends, Others | None],
    ) -> Iterator[Request]:
        """An object's legs, with the prompts that each depends on."""
        options, told, others = asked
        given = {index: self.previewer.given(by_slice, index, told) for index in by_slice}
        order = {index: place for place, index in enumerate(by_slice)}
        for leg in plan_legs(list(by_slice), options.first, options.last, options.direction, walls):
            known: list[int] = []
            said: ObjectPrompts | None = None
            if self.view.net.body_net is not None:
                # A correction moves what comes after it, never what the first prompts found elsewhere.
                known = [i for i in by_slice if order[i] < order[leg.start] and (leg.start - i) * leg.step > 0]
                # Where the object was said not to be, a leg may end before it gets there.
                wall = wall_ahead(leg, walls)
                known += [] if wall is None else [wall]
            if self.view.net.refiner is not None:
                here = {leg.start, next(iter(by_slice)), *known, *(() if leg.bound is None else (leg.bound,))}
                known, said = [], clicked_or(by_slice, here)
            bound = None if leg.bound is None else given[leg.bound]
            behind = tuple(given[i] for i in known)
            yield Request(label, leg, given[leg.start], bound, behind, options, told, others, said)

    def _begin(self, request: Request, starts: Mapping[tuple[int, int], Preview]) -> Pass:
        leg, options = request.leg, request.options
        is_told = is_told_end(leg, request.ends)
        one = Pass(self.view, ObjectEnd(leg, options.stride, options.patience, is_told))
        bound = None if leg.bound is None else starts[request.label, leg.bound].mask
        if request.said is None:
            body = self._predict_body(request, starts)
        else:
            known = self.previewer.known.of(request.said, request.ends)
            known = tuple(replace(each, others=request.others) for each in known)
            body = self.previewer.decoder.predict_body(known) if known else None
        one.begin(starts[request.label, leg.start], bound, body)
        return one

    def _predict_body(self, request: Request, starts: Mapping[tuple[int, int], Preview]) -> Body | None:
        """The body that fits the prompts at both ends of a leg, behind it, and on the wall ahead of it."""
        given = [request.start, *request.known, *([] if request.bound is None else [request.bound])]
        known = []
        for prompted in given:
            start = starts.get((request.label, prompted.prompts[0].slice))
            one = KnownSlice.of(prompted.prompts, None if start is None else start.mask)
            if one is not None:
                known.append(replace(one, ends=request.ends, others=request.others))
        # Around the widest: the others are then within.
        known.sort(key=self._side_mm, reverse=True)
        return self.previewer.decoder.predict_body(known) if self._side_mm(known[0]) else None

    def _side_mm(self, known: KnownSlice) -> float:
        """Longer side of what is known of an object; 0 where it is known not to be there."""
        row_mm, column_mm = self.view.frames.spacing_yx_mm
        x0, y0, x1, y1 = known.extent_xyxy((row_mm, column_mm)) or (0.0, 0.0, -1.0, -1.0)
        return max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)

    def _advance(self, lines: Sequence[Track]) -> None:
        """Move the first of some legs on by a slice, and as many others as remember equally much."""
        batch: list[tuple[Track, Pass, Recall]] = []
        for line in lines:
            if line.one is not None and len(batch) < _MAX_BATCH:
                recalled = line.one.recall()
                if not batch or recalled.shape == batch[0][2].shape:
                    batch.append((line, line.one, recalled))
        self._batch(batch)

    def _batch(self, batch: Sequence[tuple[Track, Pass, Recall]]) -> None:
        view = self.view
        features = Features.stack(view.features([(one.slice, one.crop) for _, one, _ in batch]))
        with view.net.running():
            recalls = [recalled for _, _, recalled in batch]
            conditioned = attend(view.net, features.attended, recalls, len(view.frames))
            bodies = [(one.body, one.slice, one.crop) for _, one, _ in batch if one.body is not None]
            start = self.previewer.decoder.starts(bodies) if bodies else None
            decoded = decode(view.net, features, conditioned, prior_logits=start, start=start)
            if start is not None:
                decoded = leaned(decoded, start, [_lean(one.body) for _, one, _ in batch])
            held = self._held(batch, decoded)
            decoded = decoded if held is None else without(decoded, held)
            tokens, pointers = encode_memory(view.net, features, decoded, prompted=False)
        self.visited += len(batch)
        for i, (line, one, _) in enumerate(batch):
            logits = view.logits(decoded, one.crop, i)
            corrected = one.body is not None and one.body.corrected
            before, mask = one.before, view.to_mask(logits, one.slice, decoded, i, corrected=corrected)
            if one.take(mask, tokens[i], pointers[i]):
                self._keep(line, one, Found(Tracked(line.request.label, line.request.leg, mask, before), logits))

    @staticmethod
    def _held(batch: Sequence[tuple[Track, Pass, Recall]], decoded: Decoded) -> Tensor | None:
        """How much of each cell (B, 1, S/4, S/4) other objects hold; None where they hold nothing."""
        side, found = decoded.logits.shape[-1], []
        for line, one, _ in batch:
            others = line.request.others
            found.append(None if others is None else others.shares(one.slice, one.crop, side))
        if all(each is None for each in found):
            return None
        nothing = torch.zeros((side, side))
        return torch.stack([nothing if each is None else each for each in found])[:, None].to(decoded.logits.device)

    def _keep(self, line: Track, one: Pass, found: Found) -> None:
        """Add a slice to what a leg found, and what it shows to have been no gap; remember the leg at its end."""
        request = line.request
        # Only where two passes meet are the logits beyond the mask needed again.
        step = [found if request.leg.bound is not None else replace(found, logits=None)]
        for mask in one.settle(found.tracked.mask):
            step.append(Found(Tracked(request.label, request.leg, mask, interpolated=True)))
        line.found.append(step)
        if one.done:
            line.one = None
            self._finished.put(request, Ran(list(line.found)))


def _fill(requests: Sequence[Request], shown: dict[int, dict[int, SliceMask]], frames: Frames) -> Iterator[Tracked]:
    for request in requests:
        masks = shown[request.label]
        low, high = sorted((request.leg.start, request.leg.last if request.leg.bound is None else request.leg.bound))
        known = sorted(index for index in masks if low <= index <= high)
        for a, b in pairwise(known):
            for mask in between(masks[a], masks[b], frames):
                masks[mask.slice] = mask
                yield Tracked(request.label, request.leg, mask, interpolated=True)


def _lean(body: Body | None) -> float:
    """How far masks lean towards a body; one that clicks corrected knows more than the decoder behind it."""
    if body is None:
        return 0.0
    if body.corrected:
        return 1.0
    return _LEAN_OF_SEVERAL if body.of_several else _LEAN
