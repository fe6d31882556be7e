"""The network on two series at once: it looks at each by itself, and what it sees is fused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from volsweep.geometry import Grid, Plane
from volsweep.masks import SliceMask, trim
from volsweep.session.trust import DOUBTFUL_DICE
from volsweep.volume import take_slice

if TYPE_CHECKING:
    from volsweep.engine.sweep.plan import SweepOptions, Tracked
    from volsweep.prompts.extent import Extent
    from volsweep.prompts.kinds import Prompt
    from volsweep.session.networks.any_engine import AnyEngine

    _Found: TypeAlias = dict[tuple[int, int], Tracked]

_NEVER_SURE = 1e-4
_CONFIDENT = 2.0
"""Logits are held to this before they are averaged, so that neither series shouts the other down; what lies outside of
a mask is that sure of background. Chosen on the sarcomas to train on, measured in benchmarks/two_series.py."""


class FusedEngine:
    """Two engines in the place of one: prompts are told to both, masks are the mean of what both see.

    What both draw is drawn and what neither does is not, so that both keep to clicks where each does. No share depends
    on the slice: a click changes nothing where it changes neither of the two.

    Parameters
    ----------
    first, second
        On the series that is segmented, and on the other one as it shows on the same voxels.
    grid
        Of both.
    imaged_zyx
        Which voxels the second series shows at all: elsewhere the first decides alone. None where it shows them all.
    """

    def __init__(
        self,
        first: AnyEngine,
        second: AnyEngine,
        grid: Grid,
        imaged_zyx: NDArray[np.bool_] | None,
    ) -> None:
        self._engines = first, second
        self._grid, self._imaged_zyx = grid, imaged_zyx

    def preview(
        self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, extent: Extent | None = None
    ) -> SliceMask:
        """Mask of one prompted slice of an object, from what is seen in both series."""
        first, second = (engine.preview(by_slice, index, extent) for engine in self._engines)
        return self._fused(by_slice[index][0].plane, first, second)

    def get_ready(self) -> None:
        """Do what the next click would wait for."""
        for engine in self._engines:
            engine.get_ready()

    def encode(self, plane: Plane, index: int) -> int:
        """Encode a slice of both series before anybody prompts it; the bytes that it takes."""
        return sum(engine.encode(plane, index) for engine in self._engines)

    def sweep(
        self,
        plane: Plane,
        prompts: Mapping[int, Mapping[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        extents: Mapping[int, Extent] | None = None,
        held_zyx: NDArray[np.bool_] | None = None,
    ) -> Iterator[Tracked]:
        """Follow objects through both series, step by step in turn; a slice comes when both have been there.

        Where one of them has ended and the other goes on, the object has ended.
        """
        found: tuple[_Found, _Found] = ({}, {})
        sweeps: list[Iterator[Tracked]] = [
            engine.sweep(plane, prompts, options, extents, held_zyx) for engine in self._engines
        ]
        for steps in zip_longest(*sweeps):
            for which, tracked in enumerate(steps):
                if tracked is None:
                    continue
                key = tracked.label, tracked.mask.slice
                found[which][key] = tracked
                if key in found[1 - which]:
                    yield self._both(plane, tracked, found[0][key], found[1][key])
        for which, other in ((0, 1), (1, 0)):
            for key, tracked in found[which].items():
                if key not in found[other]:
                    yield self._alone(plane, tracked, which)

    def _both(self, plane: Plane, tracked: Tracked, first: Tracked, second: Tracked) -> Tracked:
        mask = self._fused(plane, first.mask, second.mask)
        return replace(tracked, mask=mask, interpolated=first.interpolated and second.interpolated)

    def _alone(self, plane: Plane, tracked: Tracked, which: int) -> Tracked:
        """A slice to which one of the sweeps did not come: it had seen the object end before."""
        mask = tracked.mask
        nothing = replace(mask, top=0, left=0, logits=np.zeros((0, 0), np.float16), expected_dice=None)
        pair = (mask, nothing) if which == 0 else (nothing, mask)
        return replace(tracked, mask=self._fused(plane, *pair))

    def _fused(self, plane: Plane, first: SliceMask, second: SliceMask) -> SliceMask:
        imaged = self._imaged_zyx
        seen_yx = None if imaged is None else take_slice(imaged, self._grid, plane, first.slice)
        return fused(first, second, seen_yx)

    @property
    def visited(self) -> int:
        """Slices tracked in both series."""
        return sum(engine.visited for engine in self._engines)

    def release(self) -> None:
        """Let go of what was encoded."""
        for engine in self._engines:
            engine.release()

    def describe(self) -> dict[str, str | int]:
        """As of the first: both are the same network."""
        return {**self._engines[0].describe(), "series": 2}


def fused(first: SliceMask, second: SliceMask, seen_yx: NDArray[np.bool_] | None = None) -> SliceMask:
    """The mean of what is seen of an object on a slice of two series.

    Parameters
    ----------
    first, second
        Its masks.
    seen_yx
        Where the second series shows anything, on the whole slice (rows, columns); None: everywhere.

    Returns
    -------
    SliceMask
        Its scores are the means of both, its agreement the lesser, its expected DSC `expected_of` both; the first
        itself where they are the same voxels, as of a mask that was drawn by hand.
    """
    if (first.top, first.left) == (second.top, second.left) and np.array_equal(first.inner, second.inner):
        return replace(first, expected_dice=expected_of(first.expected_dice, second.expected_dice))
    there = [mask.bounds for mask in (first, second) if not mask.is_empty]
    top, left = (min(bounds[axis].start for bounds in there) for axis in (0, 1))
    bottom, right = (max(bounds[axis].stop for bounds in there) for axis in (0, 1))
    sides = []
    for mask in (first, second):
        logits = np.full((bottom - top, right - left), -_CONFIDENT, dtype=np.float32)
        if not mask.is_empty:
            rows, columns = mask.bounds
            own = np.clip(mask.logits.astype(np.float32), -_CONFIDENT, _CONFIDENT)
            logits[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = own
        sides.append(logits)
    mean = (sides[0] + sides[1]) / 2
    if seen_yx is not None:
        mean = np.where(seen_yx[top:bottom, left:right], mean, sides[0])
    iou, object_score = ((getattr(first, of) + getattr(second, of)) / 2 for of in ("iou", "object_score"))
    where, shape_yx = first.slice, first.shape_yx
    mask = trim(
        mean.astype(np.float32),
        slice=where,
        shape_yx=shape_yx,
        origin_yx=(top, left),
        iou=iou,
        object_score=object_score,
    )
    agreed = [one.agreement for one in (first, second) if one.agreement is not None]
    return replace(
        mask,
        prompted=first.prompted,
        agreement=min(agreed, default=None),
        interpolated=first.interpolated and second.interpolated,
        expected_dice=None if mask.is_empty else expected_of(first.expected_dice, second.expected_dice),
    )


def expected_of(*each: float | None) -> float | None:
    """The DSC that a fused mask probably has, from what either series' own mask probably has.

    Two looks say more than one: how far each is from what is doubtful adds up, in log odds. So what both hold for
    doubtful, and what their mean is doubtful of, stays so. None where nothing is expected of either.
    """
    told = [float(logit(np.clip(one, _NEVER_SURE, 1 - _NEVER_SURE))) for one in each if one is not None]
    doubtful = float(logit(DOUBTFUL_DICE))
    return float(expit(doubtful + sum(one - doubtful for one in told))) if told else None
