"""Masks as the engine hands them out: one object on one slice, trimmed to what it covers."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import BoxXYXY, Grid, Plane, mask_box_xyxy

ABSENT_LOGIT = -32.0
"""Logit of voxels that were not looked at: as sure of background as SAM 2 gets."""
_SURELY, _FAINT = 0.01, 0.01
"""How sure nobody is of a mask that a finder drew, and the least logit of it."""
_OVERHEAD_BYTES = 512
"""What a mask takes beside its logits: an empty one is not free."""


@dataclass(frozen=True, eq=False)
class SliceMask:
    """One object's mask on one slice.

    Parameters
    ----------
    slice
        Index of the slice in its plane.
    shape_yx
        Of the whole slice.
    top, left
        First row and column of `logits` in the slice.
    logits
        (h, w) float16: above 0 is object; everything outside is background. Trimmed to the
        mask's bounding box, so shape (0, 0) where the object is absent.
    iou
        How good the network thinks the mask is, 0 to 1.
    object_score
        Logit that the object is on this slice at all.
    prompted
        Whether a reader prompted this slice.
    agreement
        Where two passes met: the IoU of their masks, 1 for two empty ones.
    expected_dice
        The DSC that the mask probably has on this slice, 0 to 1; None where that is not known: of drawn
        masks, empty ones, and networks that nobody calibrated.
    interpolated
        Whether no network looked at this slice: it was filled from its neighbours.
    from_file
        Whether it was read from a file, or made of such a mask: there is no network to doubt.
    from_finder
        Whether a finder drew it, or it was made of such a mask: no sweep did, and no reader.
    """

    slice: int
    shape_yx: tuple[int, int]
    top: int
    left: int
    logits: NDArray[np.float16]
    iou: float
    object_score: float
    prompted: bool = False
    agreement: float | None = None
    interpolated: bool = False
    expected_dice: float | None = None
    from_file: bool = False
    from_finder: bool = False
    drawn: NDArray[np.int32] | int = 0
    """Which of its voxels were drawn by hand, and when: 0 where the network said so, more the later."""

    @cached_property
    def inner(self) -> NDArray[np.bool_]:
        """The mask within its bounding box."""
        return np.asarray(self.logits > 0)

    @property
    def bounds(self) -> tuple[builtins.slice, builtins.slice]:
        """Rows and columns of the slice that `inner` covers."""
        height, width = self.logits.shape
        return builtins.slice(self.top, self.top + height), builtins.slice(self.left, self.left + width)

    @property
    def box_xyxy(self) -> BoxXYXY | None:
        """Tight box of the mask, inclusive; None where it is empty."""
        height, width = self.logits.shape
        if not height:
            return None
        return float(self.left), float(self.top), float(self.left + width - 1), float(self.top + height - 1)

    @property
    def is_empty(self) -> bool:
        """Whether the object is absent from this slice."""
        return not self.logits.size

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.logits.nbytes + _OVERHEAD_BYTES

    def mask_yx(self) -> NDArray[np.bool_]:
        """The mask on the whole slice, (rows, columns)."""
        mask = np.zeros(self.shape_yx, dtype=bool)
        mask[self.bounds] = self.inner
        return mask

    @property
    def digest(self) -> str:
        """Sixteen characters that are the same for the same voxels, whatever they were found by."""
        where = f"{self.shape_yx} {self.top} {self.left} {self.logits.shape} ".encode()
        return hashlib.blake2b(where + np.packbits(self.inner).tobytes(), digest_size=8).hexdigest()

    def brought(self, expected_dice: float | None) -> SliceMask:
        """The same as one that no sweep drew: as a file has it, or of a finder, as sure as what is expected of it."""
        if expected_dice is None:
            return replace(self, prompted=False, from_file=True)
        odds = expected_dice / max(1 - expected_dice, _SURELY)
        logits = np.where(self.inner, max(float(np.log(max(odds, _SURELY))), _FAINT), ABSENT_LOGIT).astype(np.float16)
        drawn = replace(self, prompted=False, from_finder=True, logits=logits, drawn=0)
        return replace(drawn, iou=expected_dice, expected_dice=expected_dice, agreement=None)

    def iou_with(self, other: SliceMask) -> float:
        """Intersection over union of two masks of one plane, 1 where both are empty."""
        if self.is_empty or other.is_empty:
            return float(self.is_empty and other.is_empty)
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = (min(a.stop, b.stop) for a, b in zip(self.bounds, other.bounds, strict=True))
        both = 0
        if bottom > top and right > left:
            mine, theirs = (
                m.inner[top - m.top : bottom - m.top, left - m.left : right - m.left] for m in (self, other)
            )
            both = int((mine & theirs).sum())
        return both / (int(self.inner.sum()) + int(other.inner.sum()) - both)

    def only(self, keep_yx: NDArray[np.bool_]) -> SliceMask:
        """The part of the mask that lies within another, given on the whole slice (rows, columns)."""
        kept = self.inner & keep_yx[self.bounds]
        if kept.sum() == self.inner.sum():
            return self
        logits = np.where(kept, self.logits.astype(np.float32), ABSENT_LOGIT)
        at = (self.top, self.left)
        cut = trim(
            logits, slice=self.slice, shape_yx=self.shape_yx, origin_yx=at, iou=self.iou, object_score=self.object_score
        )
        height, width = cut.logits.shape
        row, column = cut.top - self.top, cut.left - self.left
        drawn = self.drawn if isinstance(self.drawn, int) else self.drawn[row : row + height, column : column + width]
        return replace(self, top=cut.top, left=cut.left, logits=cut.logits, drawn=drawn)

    def but(self, *, prompted: bool) -> SliceMask:
        """The same mask, marked as prompted or not."""
        return self if self.prompted == prompted else replace(self, prompted=prompted)


def trim(
    logits_yx: NDArray[np.float32],
    *,
    slice: int,
    shape_yx: tuple[int, int],
    origin_yx: tuple[int, int] = (0, 0),
    iou: float,
    object_score: float,
) -> SliceMask:
    """Cut logits down to the mask's bounding box; `origin_yx` is where they begin on the slice."""
    box = mask_box_xyxy(logits_yx > 0)
    if box is None:
        return SliceMask(slice, shape_yx, 0, 0, np.zeros((0, 0), dtype=np.float16), iou, object_score)
    x0, y0, x1, y1 = (int(v) for v in box)
    # Rounding to float16 must not turn a tiny positive logit into a background 0.
    inner = logits_yx[y0 : y1 + 1, x0 : x1 + 1]
    kept = np.where(inner > 0, np.maximum(inner, 1e-4), inner).astype(np.float16)
    top, left = origin_yx[0] + y0, origin_yx[1] + x0
    return SliceMask(slice, shape_yx, top, left, kept, iou, object_score)


@dataclass(frozen=True)
class LabelMasks:
    """The masks of one label over one plane, by slice."""

    plane: Plane
    by_slice: Mapping[int, SliceMask]

    def region(self, grid: Grid) -> tuple[slice, slice, slice] | None:
        """Smallest block (z, y, x) of the volume that holds the masks; None where all are empty."""
        axis = grid.plane_axis(self.plane)
        low, high = np.array(grid.shape_zyx), np.zeros(3, dtype=int)
        for index, mask in self.by_slice.items():
            if not mask.is_empty:
                rows, columns = mask.bounds
                low = np.minimum(low, np.insert([rows.start, columns.start], axis, index))
                high = np.maximum(high, np.insert([rows.stop, columns.stop], axis, index + 1))
        if (high <= low).any():
            return None
        z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        return z, y, x
