"""What the mask of a prompted slice depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.prompts.kinds import Prompt


@dataclass(frozen=True)
class Given:
    """All that the mask of a prompted slice depends on, beside the view.

    Parameters
    ----------
    prompts
        Of one object on one slice, in the order they were given.
    target_mm
        How large the object is known to be elsewhere, for slices with nothing but clicks.
    elsewhere
        What was drawn on other slices before, for clicks that correct this one.
    """

    prompts: tuple[Prompt, ...]
    target_mm: float | None = None
    elsewhere: tuple[KnownSlice, ...] = ()


def nearest_side_mm(
    by_slice: Mapping[int, Sequence[Prompt]], index: int, spacing_yx_mm: tuple[float, float]
) -> float | None:
    """Longer side in mm of the box, line or mask that was drawn on the slice nearest to `index`."""
    row_mm, column_mm = spacing_yx_mm
    sides: dict[int, float] = {}
    for other, prompts in by_slice.items():
        for prompt in prompts:
            extent = None if prompt.is_click else prompt.extent_xyxy(spacing_yx_mm)
            if extent is not None:
                x0, y0, x1, y1 = extent
                side = max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)
                sides[other] = max(side, sides.get(other, 0.0))
    nearest = min(sides, key=lambda other: (abs(other - index), other), default=None)
    return None if nearest is None else sides[nearest]
