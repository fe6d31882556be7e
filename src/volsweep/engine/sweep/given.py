"""What the mask of a prompted slice depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.engine.sweep.known import DrawnPrompts
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

    @property
    def is_painted(self) -> bool:
        """Whether it is a mask and nothing else."""
        return len(self.prompts) == 1 and self.prompts[0].is_painted

    @property
    def before_click(self) -> Given | None:
        """What the mask depended on that the last prompt, a click, corrects; None where that corrects nothing."""
        *earlier, last = self.prompts
        if not earlier or not last.is_click:
            return None
        if len(DrawnPrompts.of(earlier).points) == len(DrawnPrompts.of(self.prompts).points):
            return replace(self, prompts=tuple(earlier))  # it was said before
        known = tuple(
            replace(one, clicks=one.clicks[:-1]) if one.slice == last.slice and one.clicks else one
            for one in self.elsewhere
        )
        return replace(self, prompts=tuple(earlier), elsewhere=known)


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
