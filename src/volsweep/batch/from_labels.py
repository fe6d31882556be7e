"""Prompts from a label file: every label's largest slice becomes a box, a line or a mask."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from volsweep.batch.manifest import Row
from volsweep.crop import mask_box_xyxy
from volsweep.errors import PromptError
from volsweep.io import read_labels
from volsweep.measure import in_plane_vectors_mm, recist_diameters
from volsweep.prompts import Box, Line, Mask, Prompt, PromptSet
from volsweep.volume import LabelVolume, Volume

_VOXEL_FORMATS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def prompts_from_file(path: Path, row: Row, volume: Volume) -> PromptSet:
    """Read a label file and prompt what its largest slices show.

    Parameters
    ----------
    path
        NIfTI, NRRD or MetaImage on the volume's own grid.
    row
        Says which labels, in which plane and range, and as what.
    volume
        The image to be segmented.

    Raises
    ------
    InputError
        If the file cannot be read.
    PromptError
        If it lies on another grid, or a label is not in it.
    """
    labels = _read(path)
    if not labels.grid.matches(volume.grid):
        raise PromptError(
            f"{path.name} {labels.shape_zyx} does not lie on the grid of its series {volume.shape_zyx}; "
            "prompts are taken from labels drawn on the series itself"
        )
    wanted = _choose(labels, row.label, path)
    prompts = tuple(_prompt(labels, value, row) for value in wanted)
    return PromptSet(prompts, {value: labels.labels[value] for value in wanted})


def _read(path: Path) -> LabelVolume:
    """The one door to formats of labels; those of DICOM need the series they refer to."""
    if path.name.lower().endswith(_VOXEL_FORMATS):
        return read_labels(path)
    raise PromptError(f"{path.name}: prompts are taken from {', '.join(_VOXEL_FORMATS)}")


def _choose(labels: LabelVolume, wanted: Iterable[str], path: Path) -> list[int]:
    there = labels.values()
    chosen = []
    for name in wanted:
        fits = [v for v in there if str(v) == name or labels.labels[v].name.casefold() == name.casefold()]
        if not fits:
            known = ", ".join(f"{v} {labels.labels[v].name}" for v in there) or "none"
            raise PromptError(f"there is no label {name!r} in {path.name}; there are: {known}")
        chosen += fits
    if not there:
        raise PromptError(f"{path.name} is empty: it has no label to prompt")
    return list(dict.fromkeys(chosen)) or there


def _prompt(labels: LabelVolume, value: int, row: Row) -> Prompt:
    axis = labels.grid.plane_axis(row.plane)
    masks_nyx = np.moveaxis(labels.mask_zyx(value), axis, 0)
    areas = masks_nyx.sum(axis=(1, 2))
    if row.range is not None:
        outside = np.ones(len(areas), dtype=bool)
        outside[row.range[0] : row.range[1] + 1] = False
        areas[outside] = 0
    index = int(areas.argmax())
    mask_yx = np.asarray(masks_nyx[index])
    box_xyxy = mask_box_xyxy(mask_yx)
    diameters = recist_diameters(mask_yx, in_plane_vectors_mm(labels.grid, row.plane))
    if not areas[index] or box_xyxy is None or diameters is None:
        raise PromptError(f"label {value} has no voxels on slices {row.range}")
    if row.draw == "mask":
        return Mask.from_array(mask_yx, label=value, slice=index, plane=row.plane)
    if row.draw == "line":
        return Line(label=value, slice=index, plane=row.plane, line_xyxy=diameters.long_xyxy)
    return Box(label=value, slice=index, plane=row.plane, box_xyxy=box_xyxy)
