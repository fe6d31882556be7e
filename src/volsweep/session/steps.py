"""A sweep as a series of steps: one for each slice of each label, with signs of how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from volsweep.engine.sweep.plan import Direction, plan_legs
from volsweep.geometry import Plane
from volsweep.masks import SliceMask
from volsweep.prompts.kinds import Prompt
from volsweep.session.actions import Propagate

if TYPE_CHECKING:
    from volsweep.engine.sweep.sweeper import Sweeper

DOUBTFUL_IOU = 0.6
"""A mask that overlaps its neighbour, or the other pass, less than this is flagged."""


@dataclass(frozen=True, eq=False)
class Step:
    """One slice of one label, as a sweep found it.

    Parameters
    ----------
    label
        The label.
    plane, slice
        Where.
    mask
        The mask and its scores; empty where the object is absent.
    done
        Slices finished so far, of at most `total`; a sweep that finds the object's ends stops
        earlier.
    neighbour_iou
        Overlap with the slice before it in its pass; None on a prompted slice.
    interpolated
        Whether the slice was skipped by the stride and filled from its neighbours.
    """

    label: int
    plane: Plane
    slice: int
    mask: SliceMask
    done: int
    total: int
    neighbour_iou: float | None = None
    interpolated: bool = False

    @property
    def score(self) -> float:
        """How good the network thinks the mask is, 0 to 1."""
        return self.mask.iou

    @property
    def doubtful(self) -> bool:
        """Whether someone should look: the mask jumped, or the two passes disagree."""
        if self.mask.prompted:
            return False
        jumped = self.neighbour_iou is not None and self.neighbour_iou < DOUBTFUL_IOU and not self.mask.is_empty
        return jumped or (self.mask.agreement is not None and self.mask.agreement < DOUBTFUL_IOU)


def covered_slices(prompted: Sequence[int], action: Propagate) -> set[int]:
    """The slices a sweep could visit for a label, were its object nowhere to end.

    Raises
    ------
    PromptError
        If no prompted slice lies in the range to sweep.
    """
    legs = plan_legs(prompted, action.first, action.last, action.direction)
    inside = {index for index in prompted if action.first <= index <= action.last}
    return inside | {z for leg in legs for z in range(leg.start, leg.last + leg.step, leg.step)}


def sweep_steps(
    sweeper: Sweeper, prompts: dict[int, dict[int, tuple[Prompt, ...]]], action: Propagate
) -> Iterator[Step]:
    """Run a sweep.

    Parameters
    ----------
    sweeper
        Of the plane to sweep.
    prompts
        Label -> prompted slice -> the prompts there, in order.
    action
        How far and how finely.
    """
    from volsweep.engine.sweep.sweeper import SweepOptions  # torch: seconds to import

    options = SweepOptions(action.first, action.last, Direction(action.direction), action.stride, action.patience)
    total = sum(len(covered_slices(list(by_slice), action)) for by_slice in prompts.values())
    found: dict[tuple[int, int], SliceMask] = {}
    for tracked in sweeper.sweep(prompts, options):
        mask = tracked.mask
        before = found.get((tracked.label, mask.slice - tracked.leg.step))
        found[tracked.label, mask.slice] = mask
        overlap = None if before is None or mask.prompted else mask.iou_with(before)
        yield Step(tracked.label, action.plane, mask.slice, mask, len(found), total, overlap, tracked.interpolated)
