"""A mask on a slice as the prompt that it is to be, and which objects of a file are meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane, mask_box_xyxy
from volsweep.prompts.kinds import Box, Line, Prompt
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.terminology import named_all
from volsweep.volume import Label

DrawnAs = Literal["box", "line", "recist", "mask"]


@dataclass(frozen=True)
class Slice:
    """A slice of a grid, as a plane shows it."""

    grid: Grid
    plane: Plane
    index: int


def prompt_of_mask(mask_yx: NDArray[np.bool_], label: int, at: Slice, kind: DrawnAs) -> Prompt:
    """Make a mask the prompt that it is to be.

    Parameters
    ----------
    mask_yx
        Of the whole slice; not empty.
    label
        What it shows.
    at
        The slice.
    kind
        ``"box"`` around the mask, ``"line"`` along its longest diameter (RECIST), ``"recist"`` that and the
        longest one across it, or the ``"mask"`` itself.

    Raises
    ------
    PromptError
        If `kind` is none of these.
    """
    if kind == "mask":
        return Mask.from_array(mask_yx, label=label, slice=at.index, plane=at.plane)
    if kind == "box":
        box_xyxy = mask_box_xyxy(mask_yx)
        assert box_xyxy is not None  # not empty
        return Box(label=label, slice=at.index, plane=at.plane, box_xyxy=box_xyxy)
    if kind not in ("line", "recist"):
        raise PromptError(f"labels become 'box', 'line', 'recist' or 'mask' prompts, not {kind!r}")
    from volsweep.measurement import recist_diameters  # scipy: half a second to import

    diameters = recist_diameters(mask_yx, at.grid.in_plane_vectors_mm(at.plane))
    if diameters is None:
        raise PromptError(f"label {label} has no diameter on slice {at.index}")
    if kind == "recist":
        axes = (*diameters.long_xyxy, *diameters.short_xyxy)
        return Recist(label=label, slice=at.index, plane=at.plane, axes_xyxy=axes)
    return Line(label=label, slice=at.index, plane=at.plane, line_xyxy=diameters.long_xyxy)


def choose(
    there: dict[int, Label], only: Iterable[str | int], own_numbers: Mapping[int, int] | None = None
) -> list[int]:
    """Find labels by number or name (see `volsweep.terminology.named`); all where none is named.

    Parameters
    ----------
    there
        Label -> name and colour.
    only
        Numbers or names.
    own_numbers
        Label -> its number in its file, where that is another one.

    Raises
    ------
    PromptError
        If one is not there, or two are called so.
    """
    return named_all(only, there, own_numbers) or list(there)
