"""What a prompted slice leads one to expect of the others, and a decoder that starts from it.

The bundled network learned from few patients. On its own it follows tumours worse than a spheroid
over the prompted outline does (docs/training.md), and it does not know how far apart slices are.
So it is not asked for masks but for corrections: what the shape (`volsweep.engine.spheroid`) and
the look (`volsweep.engine.appearance`) of the prompted object make of another slice is shown to
the decoder as a dense prompt, and the decoder's masks and object scores are added to it. A box is
answered in the same way from the ellipse in it, and a correcting click from the outline that it moves
(`volsweep.engine.nudge`): with the mask added as it was, clicks hardly changed it.

Networks that were trained without this (SAM 2.1 and its kin) never see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from volsweep.engine.appearance import Appearance
from volsweep.engine.spheroid import Outline, shrunk_further

_AS_WIDE = 1.1
"""Two radii that differ by less are the same: so much a correction may take off."""

_shown: ContextVar[Tensor | None] = ContextVar("what the decoder starts from", default=None)


@dataclass(frozen=True)
class Wider:
    """Where an object is widest, on the far side of the mask a pass starts from.

    Parameters
    ----------
    distance
        From the slice the pass starts from.
    times
        The radius there over that of the mask the pass starts from.
    """

    distance: float
    times: float

    @staticmethod
    def behind(distance: float, times: float) -> Wider | None:
        """Tell from another prompted mask behind, `times` as wide; None where the object is widest at the start.

        Between two masks of much the same size it is widest half-way: with every correction the
        corrected slice would else become the middle of a body of its own.
        """
        if times >= _AS_WIDE:
            return Wider(distance, times)
        return Wider(distance / 2, 1.0) if times > 1 / _AS_WIDE else None


@dataclass(frozen=True)
class Expectation:
    """What one object's prompted slices say of the others, in one window.

    Parameters
    ----------
    outline
        Of the prompted mask.
    look
        Of what it covers and of its surroundings; None where there is too little to see.
    bound
        Outline of the prompted mask on the other side, if the slices lie between two.
    wider
        A wider mask behind the prompted one, if there is one; distance in logits.
    """

    outline: Outline
    look: Appearance | None
    bound: Outline | None = None
    wider: Wider | None = None

    @staticmethod
    def of(
        mask_yx: NDArray[np.bool_],
        described: NDArray[np.float32],
        bound_yx: NDArray[np.bool_] | None = None,
        wider: Wider | None = None,
    ) -> Expectation:
        """Look at prompted masks (H, W) and the description (3, H, W) of the first one's slice."""
        bound = None if bound_yx is None else Outline.of(bound_yx)
        return Expectation(Outline.of(mask_yx), Appearance.of(described, mask_yx), bound, wider)

    def logits(self, described: NDArray[np.float32], distance: float, share: float = 0.0) -> Tensor:
        """What to expect of another slice.

        Parameters
        ----------
        described
            (3, H, W): the slice's description.
        distance
            From the prompted slice, in logits.
        share
            The same as a share of the way to the bound.

        Returns
        -------
        Tensor
            (H, W), float32.
        """
        section = self._section(distance, share)
        return section if self.look is None else section + torch.from_numpy(self.look.evidence(described))

    def _section(self, distance: float, share: float) -> Tensor:
        if self.bound is not None:
            return self.outline.towards(self.bound, share).section(1.0)
        radius = self.outline.radius
        if self.wider is None or not radius:
            return self.outline.section(self.outline.shrunk_after(distance))
        return self.outline.section(shrunk_further(self.wider.times * radius, radius, self.wider.distance, distance))


def start_from_expectations(model: SAM2Base) -> None:
    """Have a network's decoder add its masks and scores to what it is shown, if it is shown anything."""
    model.sam_mask_decoder.register_forward_hook(_add)


@contextmanager
def showing(expected: Tensor | None) -> Iterator[None]:
    """Show logits (B, 1, S/4, S/4) to what is decoded within, in this thread."""
    token = _shown.set(expected)
    try:
        yield
    finally:
        _shown.reset(token)


def _add(
    _module: object, _inputs: object, outputs: tuple[Tensor, Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    expected = _shown.get()
    if expected is None:
        return outputs
    masks, ious, tokens, score = outputs
    # The object is as likely there as its most likely pixel.
    return masks + expected, ious, tokens, score + expected.amax((-2, -1))
