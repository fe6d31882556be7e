"""What a finder is, and what it says: where in a volume something with a name probably lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import BoxXYXY, Grid, Plane, mask_box_xyxy
from volsweep.operations.brought import Load
from volsweep.prompts.extent import Extent, Region
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.terminology import called
from volsweep.volume import Volume

_DEEP = 0.9
"""Of the depth of the deepest voxel of a slice: what is as deep is deep."""


@dataclass(frozen=True)
class Section:
    """A slice of a plane that shows something well, and the box around it there.

    Parameters
    ----------
    slice
        Its index.
    box_xyxy
        First column, first row, last column, last row, edge voxels inside.
    deepest_xy
        A voxel that lies deep in it there, where its outline is known.
    """

    slice: int
    box_xyxy: BoxXYXY
    deepest_xy: tuple[float, float] | None = None

    @property
    def point_xy(self) -> tuple[float, float]:
        """A place in it: of a horseshoe, in whose box's middle there is something else, too."""
        x0, y0, x1, y1 = self.box_xyxy
        return self.deepest_xy or ((x0 + x1) / 2, (y0 + y1) / 2)


@dataclass(frozen=True, eq=False)
class Outline:
    """What a finder draws itself, of something that a sweep from its box would draw worse.

    Parameters
    ----------
    mask_zyx
        In a block of the volume, with a voxel at least.
    likely_zyx
        How likely each voxel of the block is, 0 to 1.
    low_zyx
        The block's first voxel.
    share
        What is left, on a slice, of the DSC that these probabilities promise: measured, since networks are too sure.
    """

    mask_zyx: NDArray[np.bool_]
    likely_zyx: NDArray[np.float32]
    low_zyx: tuple[int, int, int]
    share: float

    def slices(self, plane: Plane, grid: Grid) -> Iterator[tuple[int, NDArray[np.bool_], float]]:
        """Slices of a plane on which there is something: index, mask of the whole slice, and the DSC to be expected."""
        axis = grid.plane_axis(plane)
        rows, columns = (
            slice(low, low + size)
            for a, (low, size) in enumerate(zip(self.low_zyx, self.mask_zyx.shape, strict=True))
            if a != axis
        )
        for at in np.flatnonzero(self.mask_zyx.any(axis=tuple(a for a in range(3) if a != axis))).tolist():
            inside, likely = np.take(self.mask_zyx, at, axis), np.take(self.likely_zyx, at, axis)
            promised = 2 * float(likely[inside].sum()) / float(inside.sum() + likely.sum())
            mask_yx = np.zeros(grid.plane_shape(plane)[1:], dtype=bool)
            mask_yx[rows, columns] = inside
            yield at + self.low_zyx[axis], mask_yx, self.share * promised


@dataclass(frozen=True)
class Proposal:
    """Where something probably lies.

    Parameters
    ----------
    words
        What was asked for, as it was asked.
    name
        What that was understood as.
    score
        0 to 1; of the bundled finder how much of the usual volume it expects there, of a CLIP how much better it likes
        this region than others; None of finders that give none. Those of different finders are not comparable.
    low_zyx, high_zyx
        First and last voxel of the box around it, inclusive.
    finder
        Which finder says so.
    sections
        The slice of a plane to prompt, for the planes where one is better than the box's middle.
    open_ended
        Whether the scan does not say where it begins and ends along the body: then its box's ends are none.
    within
        Where it is likely at all: what a sweep finds beyond is not its own. None of finders that do not say so.
    outline
        What the finder draws itself, where that is better than what would be swept from the box.
    """

    words: str
    name: str
    score: float | None
    low_zyx: tuple[int, int, int]
    high_zyx: tuple[int, int, int]
    finder: str
    sections: Mapping[Plane, Section] = field(default_factory=dict)
    open_ended: bool = False
    within: Region | None = None
    outline: Outline | None = field(default=None, repr=False, compare=False)

    @property
    def told_score(self) -> str:
        """The score for a sentence."""
        return "without a score" if self.score is None else f"score {self.score:.2f}"

    @property
    def center_zyx(self) -> tuple[float, float, float]:
        """The middle of its box, in voxels."""
        z, y, x = ((low + high) / 2 for low, high in zip(self.low_zyx, self.high_zyx, strict=True))
        return z, y, x

    def section(self, plane: Plane, grid: Grid) -> Section:
        """The slice of a plane to prompt, with its box."""
        if plane in self.sections:
            return self.sections[plane]
        axis = grid.plane_axis(plane)
        row, column = (a for a in range(3) if a != axis)
        low, high = self.low_zyx, self.high_zyx
        box = float(low[column]), float(low[row]), float(high[column]), float(high[row])
        return Section((low[axis] + high[axis]) // 2, box)

    def box(self, plane: Plane, grid: Grid, label: int) -> Box:
        """The prompt that it is."""
        where = self.section(plane, grid)
        return Box(label=label, plane=plane, slice=where.slice, box_xyxy=where.box_xyxy)

    def extent(self, plane: Plane, grid: Grid, label: int) -> Extent | None:
        """How far it reaches across the slices, with one to spare at either end, and where it is likely at all; None
        where that is not known.
        """
        if self.open_ended:
            return None
        axis = grid.plane_axis(plane)
        first, last = self.low_zyx[axis] - 1, self.high_zyx[axis] + 1
        last = min(last, grid.shape_zyx[axis] - 1)
        return Extent(label=label, plane=plane, first=max(first, 0), last=last, within=self.within)

    def prompts(self, plane: Plane, grid: Grid, label: int) -> PromptSet:
        """All that it says about a label: the box, how far it reaches, and what it is called."""
        extent = self.extent(plane, grid, label)
        named = {label: called(self.name, label)}
        extents = () if extent is None else (extent,)
        return PromptSet((self.box(plane, grid, label),), named, extents=extents, words={label: self.words})

    def drawn(self, plane: Plane, grid: Grid, label: int) -> tuple[Load, tuple[Mask, ...]]:
        """What the finder draws itself, on every slice of a plane, and how good that is to be expected; nothing where
        it has no outline.
        """
        found = [] if self.outline is None else list(self.outline.slices(plane, grid))
        masks = tuple(Mask.from_array(mask, label=label, slice=index, plane=plane) for index, mask, _ in found)
        expected = tuple(round(share, 3) for _, _, share in found)
        return Load(finder=self.finder, words=self.words, expected=expected), masks

    def to_dict(self, plane: Plane, grid: Grid, label: int) -> dict[str, Any]:
        """For JSON: the words, what became of them, and how sure the finder is."""
        where = self.section(plane, grid)
        return {
            "words": self.words,
            "name": self.name,
            "label": label,
            "score": None if self.score is None else round(self.score, 3),
            "finder": self.finder,
            "plane": plane.value,
            "slice": where.slice,
            "box_xyxy": list(where.box_xyxy),
            "point_xy": list(where.point_xy),
            "low_zyx": list(self.low_zyx),
            "high_zyx": list(self.high_zyx),
            "taken": "box" if self.outline is None else "outline",
        }


@dataclass(frozen=True)
class Found:
    """What a finder says of something, but for where it is; fields as of `Proposal`."""

    words: str
    name: str
    score: float | None
    finder: str
    open_ended: bool = False
    within: Region | None = None
    outline: Outline | None = None


def proposal_of(mask_zyx: NDArray[np.bool_], low_zyx: Sequence[int], grid: Grid, found: Found) -> Proposal:
    """The proposal of a place: its box, and of every plane the slice on which it is largest.

    Parameters
    ----------
    mask_zyx
        The place, with a voxel at least.
    low_zyx
        Where the mask's first voxel lies in the volume.
    grid
        Of the volume.
    found
        What is said of it.
    """
    there = np.argwhere(mask_zyx) + np.asarray(low_zyx)
    low, high = (tuple(int(v) for v in end) for end in (there.min(axis=0), there.max(axis=0)))
    sections = {}
    for plane in Plane:
        axis = grid.plane_axis(plane)
        areas = mask_zyx.sum(axis=tuple(a for a in range(3) if a != axis))
        index = int(areas.argmax())
        largest = np.take(mask_zyx, index, axis)
        box = mask_box_xyxy(largest)
        assert box is not None  # the largest of them
        row, column = (int(low_zyx[a]) for a in range(3) if a != axis)
        x0, y0, x1, y1 = box
        x, y = _deepest_xy(largest, grid.plane_spacing_mm(plane)[1:])
        box = x0 + column, y0 + row, x1 + column, y1 + row
        sections[plane] = Section(index + int(low_zyx[axis]), box, (x + column, y + row))
    where: Any = {"low_zyx": low, "high_zyx": high, "sections": sections}
    said: Any = {"finder": found.finder, "open_ended": found.open_ended, "within": found.within}
    said["outline"] = found.outline
    return Proposal(found.words, found.name, found.score, **said, **where)


def _deepest_xy(mask_yx: NDArray[np.bool_], spacing_yx: Sequence[float]) -> tuple[int, int]:
    """The voxel of a mask, with one at least, that is far from all that is not in it; of such the one in its middle."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(mask_yx, 1), sampling=spacing_yx)[1:-1, 1:-1]
    deep = np.argwhere(depth >= _DEEP * depth.max())
    away_mm = (deep - np.argwhere(mask_yx).mean(axis=0)) * np.asarray(spacing_yx)
    y, x = deep[int((away_mm**2).sum(axis=1).argmin())].tolist()
    return x, y


class Finder(Protocol):
    """Whatever turns words into boxes."""

    def find(self, volume: Volume, words: Sequence[str]) -> tuple[Proposal, ...]:
        """Where in a volume the things with these names probably lie: for each of them the likeliest place.

        Raises
        ------
        PromptError
            If it does not know a name, or does not find it in this volume: it never guesses.
        """
        ...
