"""How far to trust each slice, and which to look at next: the one rule for steps, reports and the plugin."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from volsweep.masks import LabelMasks, SliceMask

DOUBTFUL_DICE = 0.71
"""A mask that is expected to have less than this DSC on its slice is flagged: of those under 0.7, seven in ten."""
DOUBTFUL_IOU = 0.6
"""So is one that overlaps its neighbour, or the other pass, less than this."""


_TOLD, _SURELY = 4, 0.02
"""Slices on either side that an outlined one helps; and how wrong a mask is at least that nothing is held against."""


@dataclass(frozen=True)
class SliceTrust:
    """How far to trust one slice of one label.

    Parameters
    ----------
    neighbour_iou
        Overlap with the slice it was reached from; None on a prompted slice, or beside none.
    predicted_iou
        How good the network thinks the mask is, 0 to 1.
    object_score
        Logit that the object is on this slice at all.
    agreement
        IoU of the forward and the backward pass, where two met.
    expected_dice
        The DSC that the mask probably has; None where nothing is expected of it (see `SliceMask`).
    prompted, empty
        Whether a reader prompted this slice; whether the object is absent from it.
    from_file, from_finder
        Whether the mask was read from a file: no network made it; or drawn by a finder: no reader and no sweep did.
    """

    neighbour_iou: float | None
    predicted_iou: float
    object_score: float
    agreement: float | None
    prompted: bool
    empty: bool
    expected_dice: float | None = None
    from_file: bool = False
    from_finder: bool = False

    @staticmethod
    def of(mask: SliceMask, neighbour: SliceMask | None) -> SliceTrust:
        """Trust in a mask that was reached from its neighbour's, where it has one."""
        drawn = mask.prompted or mask.from_file or mask.from_finder
        overlap = None if drawn or neighbour is None else mask.iou_with(neighbour)
        return SliceTrust(
            overlap,
            mask.iou,
            mask.object_score,
            mask.agreement,
            mask.prompted,
            mask.is_empty,
            mask.expected_dice,
            mask.from_file,
            mask.from_finder,
        )

    @property
    def trust(self) -> float:
        """The DSC to be expected, 0 to 1; 1 where prompted.

        Of a network that is not calibrated, the overlap with the slice before, or with the other pass if that
        is less; its own guess counts only where there is nothing better.
        """
        if self.prompted:
            return 1.0
        if self.expected_dice is not None:
            return self.expected_dice
        signs = [s for s in (self.neighbour_iou, self.agreement) if s is not None]
        return min(signs, default=max(0.0, min(1.0, self.predicted_iou)))

    @property
    def doubtful(self) -> bool:
        """Whether someone should look: the mask is probably poor, it jumped, or the two passes disagree."""
        if self.prompted or self.from_file:
            return False
        if self.expected_dice is not None and self.expected_dice < DOUBTFUL_DICE:
            return True
        jumped = self.neighbour_iou is not None and self.neighbour_iou < DOUBTFUL_IOU and not self.empty
        return jumped or (self.agreement is not None and self.agreement < DOUBTFUL_IOU)


def trust_of(masks: LabelMasks) -> dict[int, SliceTrust]:
    """Trust in every slice a label has a mask on, or was looked for on.

    A slice is compared with the one that it was reached from: the next towards the nearest prompted
    slice, and of those that the network drew the next that it drew, however many it skipped.
    """
    by_slice = masks.by_slice
    prompted = sorted(z for z, mask in by_slice.items() if mask.prompted)
    drawn = sorted(z for z, mask in by_slice.items() if not mask.interpolated)
    trust = {}
    for z, mask in sorted(by_slice.items()):
        step = 1 if _nearest(prompted, z) > z else -1
        before = z + step if mask.interpolated else _next(drawn, z, step)
        trust[z] = SliceTrust.of(mask, None if before is None else by_slice.get(before))
    return trust


def _nearest(prompted: Sequence[int], z: int) -> int:
    """The prompted slice nearest to a slice, the lower of two; below all where there is none."""
    return min(prompted, key=lambda p: abs(p - z), default=-1)


def _next(drawn: Sequence[int], z: int, step: int) -> int | None:
    place = bisect(drawn, z) if step > 0 else bisect(drawn, z - 1) - 1
    return drawn[place] if 0 <= place < len(drawn) else None


def next_doubtful(
    marks: Mapping[int, SliceTrust], accepted: frozenset[int], current: int, *, backwards: bool = False
) -> int | None:
    """The next slice to look at, going round at the end; None where none is left."""
    waiting = [z for z in sorted(marks) if marks[z].doubtful and z not in accepted]
    if not waiting:
        return None
    if backwards:
        return next((z for z in reversed(waiting) if z < current), waiting[-1])
    return next((z for z in waiting if z > current), waiting[0])


def suggested_slice(marks: Mapping[int, SliceTrust], voxels: Mapping[int, int]) -> int | None:
    """The slice to outline or correct next, for the largest gain that is to be expected.

    What is probably wrong on a slice, times how many slices that would also tell: those as near to it as it is to the
    nearest prompted one, up to a few. `benchmarks/which_slice.py` holds it against evenly spaced slices.

    Parameters
    ----------
    marks
        Of one label, along the plane that it was swept along.
    voxels
        How many the label has on each slice.

    Returns
    -------
    int or None
        None where no slice is left, or nothing was prompted.
    """
    given = [z for z, mark in marks.items() if mark.prompted]
    gains = {
        z: max(1 - mark.trust, _SURELY) * voxels.get(z, 0) * min(*(abs(z - g) for g in given), _TOLD)
        for z, mark in sorted(marks.items())
        if given and not mark.prompted and not mark.empty
    }
    best = max(gains, key=lambda z: gains[z], default=None)
    return best if best is not None and gains[best] > 0 else None
