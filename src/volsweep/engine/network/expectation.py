"""A decoder that starts from what is expected of a slice.

The bundled network learned from few patients. On its own it follows tumours worse than a spheroid
over the prompted outline does, and it does not know how far apart slices are (docs/training.md).
So it is not asked for masks but for corrections: the section of the body that is foreseen
(`volsweep.engine.body.predict`) is shown to the decoder as a dense prompt, and the decoder's masks and
object scores are added to it. A correcting click starts in the same way from the outline that it moves
(`volsweep.engine.sweep.click`): with the mask added as it was, clicks hardly changed it.

Networks that were trained without this (SAM 2.1 and its kin) never see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

_shown: ContextVar[Tensor | None] = ContextVar("what the decoder starts from", default=None)


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
