"""A job's context: objects of a file, such as a TotalSegmentator result, that no object takes voxels from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError
from volsweep.geometry import Grid, Plane
from volsweep.io import read_objects
from volsweep.io.overlaps import Labelled, LabelledObject, Objects
from volsweep.operations.brought import Load
from volsweep.prompts.kinds import Prompt
from volsweep.prompts.mask import Mask
from volsweep.session.actions import EditLabel, Operate
from volsweep.session.compose import label_dtype
from volsweep.session.session import Session
from volsweep.terminology.resolve import one_thing
from volsweep.volume import MAX_LABEL, Label, LabelVolume, Volume

CONTEXT = MAX_LABEL
"""The number that all of the context has in a job's session: no prompt has it."""
_MOSTLY = 0.5
"""Of what is prompted: an object that holds more of it is where the prompted one lies."""
_NOTHING = (0, 0, np.zeros((0, 0), dtype=bool))


@dataclass(frozen=True)
class Context:
    """Objects that stay as they are.

    Parameters
    ----------
    path
        Their file.
    objects
        Those in which nothing was prompted.
    around
        Names of those in which something was: a lesion in its liver takes voxels from that.
    told
        What was decided while reading them: what is left out is held by nobody.
    """

    path: Path
    objects: tuple[LabelledObject, ...]
    around: tuple[str, ...]
    told: tuple[str, ...] = ()

    def hold_in(self, session: Session) -> None:
        """Draw all of it as one locked object, which the networks are told of and nothing is drawn over."""
        found = self._masks(session.volume.grid)
        if not found:
            return
        names = {CONTEXT: "context"}
        session.apply(Operate(label=CONTEXT, operation=Load(), found=found, names=names))
        session.apply(EditLabel(label=CONTEXT, locked=True))

    def _masks(self, grid: Grid) -> tuple[Mask, ...]:
        held_zyx = np.zeros(grid.shape_zyx, dtype=bool)
        for one in self.objects:
            for part, patch in one.over(held_zyx):
                part |= patch
        return tuple(
            Mask.from_array(held_zyx[index], label=CONTEXT, slice=index, plane=grid.own_plane)
            for index in sorted({index for one in self.objects for index in one.patches})
        )

    def apart_from(self, labels: Labelled, *, keep: bool) -> Labelled:
        """What was segmented, without the context; with `keep` with its objects by their names, under free numbers."""
        free = max([0, *(value for value in labels.labels if value != CONTEXT)]) + 1
        kept = [replace(one, value=free + place) for place, one in enumerate(self.objects)] if keep else []
        if isinstance(labels, Objects):
            return replace(labels, found=[*(one for one in labels.found if one.value != CONTEXT), *kept])
        names = {value: label for value, label in labels.labels.items() if value != CONTEXT}
        names |= {one.value: one.label for one in kept}
        array = np.where(labels.array_zyx == CONTEXT, 0, labels.array_zyx).astype(label_dtype(names))
        for one in kept:
            for part, patch in one.over(array):
                part[patch] = one.value
        return LabelVolume(array, labels.grid, names, labels.source, labels.warnings, complete=True)

    def notes_on(self, prompted: Mapping[int, Label]) -> tuple[str, ...]:
        """As `notes`, and what of it means the same as an object that is prompted, which gets none of its voxels."""
        twice = (
            f"object {value} {label.name} means the same as {one.label.name} of the context, and gets none of its "
            "voxels; leave that out of the context to draw it anew"
            for value, label in prompted.items()
            for one in self.objects
            if label.is_named(value) and one_thing(label, one.label)
        )
        return (*self.notes, *twice)

    @property
    def notes(self) -> tuple[str, ...]:
        """What someone who reads the result should know of it."""
        held = f"context of {self.path.name}, over which nothing was drawn: {len(self.objects)} objects"
        if not self.around:
            return (held, *self.told)
        return held, *self.told, f"prompts lie in {', '.join(self.around)}, which is therefore no context"


def context_of(path: Path, volume: Volume, prompts: Sequence[Prompt]) -> Context:
    """Read objects that are to stay as they are, but for those in which something is prompted.

    Parameters
    ----------
    path
        Labels on the volume's grid, SEG or RTSTRUCT: whatever `read_labels` reads, names included.
    volume
        What is segmented.
    prompts
        Of what.

    Raises
    ------
    InputError, GeometryError
        If it cannot be read, holds no object, or does not lie on the volume.
    """
    objects = read_objects(path, source=volume)
    there = [one for one in objects.found if one.patches]
    if not there:
        raise InputError(f"{path.name} holds no object that could be context: it is empty")
    regions = list(_regions(prompts, volume.grid))
    around = [one for one in there if any(_holds(one, region, volume.grid) for region in regions)]
    names = tuple(_name(one.label, one.value) for one in around)
    return Context(
        path, tuple(one for one in there if all(one is not other for other in around)), names, objects.warnings
    )


def _name(label: Label, value: int) -> str:
    return label.name if label.is_named(value) else label.with_number(value)


_Region = tuple[Plane, int, tuple[slice, slice], NDArray[np.bool_] | None]


def _regions(prompts: Iterable[Prompt], grid: Grid) -> Iterable[_Region]:
    """Rows and columns of a slice that are said to be of an object; of a drawn mask which of them."""
    for prompt in prompts:
        if not prompt.is_there:
            continue
        extent = prompt.extent_xyxy(grid.plane_spacing_mm(prompt.plane)[1:])
        mask = prompt.to_array() if isinstance(prompt, Mask) else None
        if extent is not None:
            x0, y0, x1, y1 = (max(0, round(v)) for v in extent)
            where = slice(y0, y1 + 1), slice(x0, x1 + 1)
            yield prompt.plane, prompt.slice, where, None if mask is None else mask[where]


def _holds(one: LabelledObject, region: _Region, grid: Grid) -> bool:
    """Whether most of a region lies in an object."""
    plane, index, where, mask = region
    axis = grid.plane_axis(plane)
    here = np.zeros(grid.plane_shape(plane)[1:], dtype=bool)
    for at, (top, left, patch) in one.patches.items() if axis else [(index, one.patches.get(index, _NOTHING))]:
        if axis == 0:
            here[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
        elif axis == 1 and top <= index < top + patch.shape[0]:
            here[at, left : left + patch.shape[1]] = patch[index - top]
        elif axis == 2 and left <= index < left + patch.shape[1]:
            here[at, top : top + patch.shape[0]] = patch[:, index - left]
    held = here[where] if mask is None else here[where][mask]
    return bool(held.size) and float(held.mean()) > _MOSTLY
