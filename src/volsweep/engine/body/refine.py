"""Two networks' body: the mean of what both predict from what was drawn, then corrected by one of them click by click.

The small 3D network (`volsweep.engine.body.predict`) starts from shapes and is the better one on bodies that
nobody taught; the refiner sees edges. Their mean is better than either (dev, one box, bodies alone: sarcoma CT
0.771 and 0.769, mean 0.788; T1 0.772, 0.762, 0.789; ctlesion 0.797, 0.785, 0.807).

What a click changes is the difference that it makes to the refiner: taken as it is, the refiner's answer to the
first click forgot what the other network knew (mean of six dev families from 0.741 to 0.753 with one click; by
the difference to 0.770; after five clicks 0.824 and 0.823).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.body.obeyed import obeyed
from volsweep.engine.body.predict import BodyPredictor, KnownSlice
from volsweep.engine.body.refiner_maps import add_before, add_click, away_from, drawn_on
from volsweep.engine.body.space import PLANES_ANCHOR, PLANES_PER_SIDE, Body, Planes
from volsweep.engine.network.body_net import SIDE as _BLOCK_SIDE
from volsweep.engine.network.device import bfloat16_pays
from volsweep.engine.network.refiner import DEPTH, NEGATIVE, OUT, POSITIVE, SIDE, Prepared, Refiner, RefinerDecoder
from volsweep.engine.slices.others import Others
from volsweep.engine.slices.view import ByteCache, Frames
from volsweep.geometry import BoxXYXY
from volsweep.masks import SliceMask
from volsweep.prompts.kinds import Box, Click
from volsweep.prompts.recist import Recist

_SHARE = 0.7
"""The refiner's share of the first body (mean of six dev families from one box: 0.784 with 0.6, 0.787 with 0.7)."""
_LESS_WITH_EACH, _LEAST_SHARE = 0.1, 0.15
"""What its share loses with each further slice that was drawn: few blocks taught it those (protocol D, mean of sarcomas
and CT lesions after one outlined slice and after five: 0.858 and 0.933 with 0.15 at once, 0.864 and 0.935). A slice
that is clicked on is none of them (five clicks on ctlesion: 0.858 if it were, 0.880 as it is)."""
_FIT, _FIT_AT_MOST = 0.35, 2.0
"""How far a first body gives way to what bounds it: of the mean logit with which it touches that, and in logits."""
_RIM = 0.06
"""Part of a box's side within which the object touches it."""
_FADES = 20.0
"""Pixels from a click at which what it changes counts for three fifths, as in a bell: nearly half of what was prompted
(protocol B on dev: without it two clicks of 75 on sarcomas cost the object more than 0.02, with it none; mean of
sarcomas, CT lesions and hippocampi after five clicks 0.856 and 0.859)."""
_FEATURES_BYTES, _STATES_BYTES = 128 * 2**20, 64 * 2**20
"""What the trunk saw of one place takes 13 MB, a body with its maps 3."""

_HELD = 4.0
"""How far below 0 a body's logits are at least where other objects are."""
_PLACES = 32
"""Along a stroke, at most."""

_At = tuple[int, Click, SliceMask | None]
"""A click, its slice, and the mask that it corrects there, where a sweep found that."""
_Key = tuple[tuple[KnownSlice, ...], int, tuple[_At, ...]]


class BodyRefiner:
    """Both networks over one plane of a volume, remembering what they saw and predicted.

    Parameters
    ----------
    first
        Predicts from what was drawn.
    refiner
        Predicts as well, and corrects.
    frames
        The plane's slices.
    """

    def __init__(self, first: BodyPredictor, refiner: Refiner, frames: Frames) -> None:
        self._first = first
        self._refiner = refiner
        self._decoder = RefinerDecoder(refiner)
        self._frames = frames
        self._seen: ByteCache[_Seen] = ByteCache(_FEATURES_BYTES)
        self._states: ByteCache[_State] = ByteCache(_STATES_BYTES)
        self._latest: _Key | None = None
        self._latest_told: tuple[Tensor, Prepared] | None = None  # with the maps of its body; 13 MB

    def predict(self, known: Sequence[KnownSlice]) -> Body:
        """The body that fits what is known; run under `VolsweepNet.running`.

        Parameters
        ----------
        known
            The planes lie around the first, on which something is drawn. What lies beyond them says
            nothing. Clicks count in the order given, across slices.
        """
        drawn = tuple(replace(one, clicks=(), turns=()) for one in known if one.drawn is not None)
        clicks = in_order(known)
        # A slice that is clicked on may be known by the mask that the click corrects, which nobody drew.
        outlined = sum(one.drawn is not None and not one.clicks for one in known)
        keys: list[_Key] = [(drawn, outlined, clicks[:count]) for count in range(len(clicks) + 1)]
        done = next((i for i in reversed(range(len(keys))) if self._states.get(keys[i]) is not None), -1)
        state = self._states.get(keys[done]) if done >= 0 else None
        for i in range(done + 1, len(keys)):
            state = self._begun(drawn, outlined) if state is None else self._corrected(state, clicks[i - 1])
            self._states.put(keys[i], state)
        assert state is not None
        self._latest = keys[-1]
        return state.body

    def get_ready(self) -> None:
        """Do now what the next click at the latest body would wait for; run under `VolsweepNet.running`."""
        state = None if self._latest is None else self._states.get(self._latest)
        if state is not None and state.unclicked is None:
            self._states.put(self._latest, replace(state, unclicked=self._unclicked(state)))

    def _begun(self, known: Sequence[KnownSlice], outlined: int) -> _State:
        extent, drawn = known[0].extent_xyxy(self._frames.spacing_yx_mm), known[0].drawn
        assert extent is not None, "an absent object has no body"
        assert drawn is not None, "without anything drawn there is no extent"
        planes = Planes.around(extent, known[0].slice, self._frames)
        seen = self._look(planes)
        ends = tuple(None if end is None else planes.plane(end) - PLANES_ANCHOR for end in known[0].ends)
        maps = drawn_on(planes, drawn).first_maps(seen.inside, (ends[0], ends[1]))
        for other in known[1:]:
            plane = round(planes.plane(other.slice))
            # Slices closer than planes share one: the first stays where it is, of the others the last counts.
            if other.drawn is not None and planes.holds(other.slice) and plane != PLANES_ANCHOR:
                drawn_on(planes, other.drawn).add(maps, plane)
        told = self._sums(seen.prepared, maps)
        own = self._decoded(told, self._refiner.first_start(maps[None])[0, 0])
        share = max(_SHARE - _LESS_WITH_EACH * max(outlined - 1, 0), _LEAST_SHARE)
        mean = torch.lerp(_resampled(self._first.predict(known), planes), own, share)
        # Told what others hold in any of its maps, the refiner is worse: nobody taught it that (two halves of ten
        # hippocampi, the other one locked: 0.598; told as drawn 0.589, as clicks 0.587; the other network alone 0.606).
        if outlined <= 1 and isinstance(drawn, Box | Recist):
            mean = mean - _loose(mean[PLANES_ANCHOR], planes, extent)
        held = _held(planes, known[0].others)
        if held is not None:
            mean = torch.where(held, mean.clamp(max=-_HELD), mean)
        return _State(Body(planes, mean, of_several=outlined > 1), maps)

    def _corrected(self, before: _State, at: _At) -> _State:
        (index, click, found), planes = at, before.planes
        if not planes.holds(index):
            return before
        places = planes.pixels(click.along_xy(_PLACES) + 0.5).reshape(-1, 2)
        place = np.insert(places[:, ::-1], 0, planes.plane(index), axis=1)
        logits, plane = before.body.logits, round(planes.plane(index))
        if found is not None and plane != PLANES_ANCHOR:
            # With the click and without it: that the mask is wrong, the click says.
            before = replace(before, maps=before.maps.clone(), unclicked=None)
            drawn_on(planes, found).add(before.maps, plane)
        without = self._unclicked(before) if before.unclicked is None else before.unclicked
        maps = before.maps.clone()
        add_click(maps, place, click.positive)
        with_click = self._decoded(self._told_of_click(before, maps, click.positive), logits)
        near = torch.exp(-away_from(place).square() / (2 * _FADES**2))
        changed = obeyed(logits, logits + near * (with_click - without), place, click.positive)
        return _State(Body(planes, changed, corrected=True), maps)

    def _unclicked(self, state: _State) -> Tensor:
        """What the refiner makes of a body without a click: what a click changes is the difference from that."""
        return self._decoded(self._told(state), state.body.logits)

    def _told(self, state: _State) -> Prepared:
        """What features and maps come to, the body before the next click among them; kept of the latest body."""
        if self._latest_told is None or self._latest_told[0] is not state.maps:
            maps = state.maps.clone()
            add_before(maps, state.body.logits)
            self._latest_told = state.maps, self._sums(self._look(state.planes).prepared, maps)
        return self._latest_told[1]

    def _told_of_click(self, before: _State, maps: Tensor, positive: bool) -> Prepared:
        """The same with a click, which changes one map: `maps` are those before, with the click."""
        which = POSITIVE if positive else NEGATIVE
        return self._sums(self._told(before), (maps[which] - before.maps[which])[None], which)

    def _sums(self, seen: Prepared, maps: Tensor, which: int = 0) -> Prepared:
        """What features come to with maps (n, 32, 48, 48), of which `which` is the first."""
        with self._decoding(seen.device):
            return self._decoder.told(seen, maps[None].to(seen.device), which)

    def _decoded(self, told: Prepared, start: Tensor) -> Tensor:
        """Logits (32, 48, 48) for what features and maps come to and logits to start from."""
        # One by one: two at once are rounded in another way.
        with self._decoding(told.device):
            made = self._decoder.decode(told, start[None, None].to(told.device))
        return made[0, 0].float().cpu()

    def _look(self, planes: Planes) -> _Seen:
        found = self._seen.get(planes)
        if found is None:
            grey, inside = planes.shown(self._frames)
            device = next(self._refiner.parameters()).device
            with self._precision(device):
                features = self._refiner.encode(grey[None].to(device))
            prepared = self._decoder.prepare([feature.float() for feature in features])
            found = _Seen(prepared, F.avg_pool2d(inside, inside.shape[-1] // OUT))
            self._seen.put(planes, found)
        return found

    @staticmethod
    def _decoding(device: torch.device) -> torch.autocast:
        """On a processor float32 is the faster one here."""
        pays = device.type != "cpu" and bfloat16_pays(device)
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=pays)

    @staticmethod
    def _precision(device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device))


@dataclass(frozen=True)
class _State:
    """A body, the maps it was predicted from, and what the refiner makes of it without a click, once that is known."""

    body: Body
    maps: Tensor
    unclicked: Tensor | None = None

    @property
    def planes(self) -> Planes:
        assert isinstance(self.body.block, Planes)
        return self.body.block

    @property
    def nbytes(self) -> int:
        tensors = (self.maps,) if self.unclicked is None else (self.maps, self.unclicked)
        return self.body.nbytes + sum(t.numel() * t.element_size() for t in tensors)


@dataclass(frozen=True)
class _Seen:
    """What the trunk saw, and how much of each cell (32, 48, 48) is volume."""

    prepared: Prepared
    inside: Tensor

    @property
    def nbytes(self) -> int:
        return self.prepared.nbytes + self.inside.numel() * self.inside.element_size()


def in_order(known: Sequence[KnownSlice]) -> tuple[_At, ...]:
    """All clicks, as they were given."""
    given = [
        (turn, (one.slice, click, one.found))
        for one in known
        for turn, click in zip(one.turns or (0,) * len(one.clicks), one.clicks, strict=True)
    ]
    return tuple(at for _, at in sorted(given, key=lambda each: each[0]))


def _loose(section: Tensor, planes: Planes, extent_xyxy: BoxXYXY) -> float:
    """What a body's logits are to give way by, so that its section (48, 48) fits what was drawn around it.

    A reader's box is tight: the object touches each of its sides (Lempitsky et al., ICCV 2009). Where the section is
    sure of more than that, all of the body is too large. One that falls short is left as it is: let out in the same
    way, small nodules grew by an eighth too much.
    """
    x0, y0, x1, y1 = extent_xyxy
    left, top, right, bottom = planes.pixels((x0, y0, x1 + 1, y1 + 1)) * OUT / SIDE
    middles = np.arange(OUT) + 0.5
    inside = section.numpy()[np.ix_((middles > top) & (middles < bottom), (middles > left) & (middles < right))]
    if not inside.size:
        return 0.0
    touched = []
    for along in (inside.max(1), inside.max(0)):
        rim = max(1, round(_RIM * len(along)))
        touched += [along[:rim].max(), along[-rim:].max()]
    return float(np.clip(_FIT * np.mean(touched), 0, _FIT_AT_MOST))


def _held(planes: Planes, others: Others | None) -> Tensor | None:
    """The cells (32, 48, 48) that others hold; None where they hold none."""
    if others is None:
        return None
    held = torch.zeros((DEPTH, OUT, OUT), dtype=torch.bool)
    for plane, index in enumerate(planes.nearest()):
        shares = None if index is None else others.shares(index, planes.crop, OUT)
        if shares is not None:
            held[plane] = shares > 0.5
    return held if held.any() else None


def _resampled(body: Body, planes: Planes) -> Tensor:
    """A body's logits (32, 48, 48) in the cells of planes; beyond its block its border goes on."""
    block, crop = body.block, planes.crop
    cells = (torch.arange(OUT) + 0.5) / OUT
    x = (crop.left + cells * crop.width - block.crop.left) / block.crop.width * 2 - 1
    y = (crop.top + cells * crop.height - block.crop.top) / block.crop.height * 2 - 1
    # Both lie around the same slice; distances between planes are parts of their windows' sides.
    step = planes.crop.width / PLANES_PER_SIDE / (block.crop.width / _BLOCK_SIDE)
    at = block.plane(planes.anchor) + (torch.arange(DEPTH) - PLANES_ANCHOR) * step
    z = (at + 0.5) / len(body.logits) * 2 - 1
    grid = torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], -1)[None]
    return F.grid_sample(body.logits[None, None], grid, padding_mode="border", align_corners=False)[0, 0]
