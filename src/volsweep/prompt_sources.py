"""Prompts from labels that exist already: the largest slice of each becomes a box, a line or a mask."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

import numpy as np

from volsweep.crop import mask_box_xyxy
from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.io import read_labels
from volsweep.measure import in_plane_vectors_mm, recist_diameters
from volsweep.prompts import Box, Line, Mask, Prompt, PromptSet
from volsweep.volume import LabelVolume, Volume

DrawnAs = Literal["box", "line", "mask"]


def prompts_from_labels(
    labels: LabelVolume,
    *,
    kind: DrawnAs = "box",
    plane: Plane | str = Plane.AXIAL,
    only: Iterable[str | int] = (),
    slices: tuple[int, int] | None = None,
) -> PromptSet:
    """Prompt what the largest slice of every label shows.

    Parameters
    ----------
    labels
        On the grid of the volume to be segmented.
    kind
        ``"box"`` around the slice's mask, ``"line"`` along its longest diameter (RECIST), or the
        ``"mask"`` itself.
    plane
        The plane whose slices are compared.
    only
        Numbers or names of the labels to take, upper or lower case; all by default.
    slices
        First and last slice to look at.

    Returns
    -------
    PromptSet
        One prompt per label, with the labels' names and colours. Of slices that are equally
        large, the first is taken.

    Raises
    ------
    PromptError
        If a label is not there, or has no voxel on these slices.
    """
    chosen = _choose(labels, only)
    prompts = tuple(_prompt(labels, value, kind, Plane(plane), slices) for value in chosen)
    return PromptSet(prompts, {value: labels.labels[value] for value in chosen})


def prompts_from_file(
    path: str | os.PathLike[str],
    volume: Volume,
    *,
    kind: DrawnAs = "box",
    plane: Plane | str = Plane.AXIAL,
    only: Iterable[str | int] = (),
    slices: tuple[int, int] | None = None,
) -> PromptSet:
    """Read an RTSTRUCT, a DICOM SEG or a mask drawn on a volume, and prompt what it shows.

    Parameters
    ----------
    path
        What `read_labels` reads.
    volume
        The image to be segmented.
    kind, plane, only, slices
        See `prompts_from_labels`.

    Raises
    ------
    InputError
        If the file cannot be read.
    GeometryError
        If it was not drawn on the volume.
    PromptError
        As `prompts_from_labels`.
    """
    labels = read_labels(path, source=volume)
    return prompts_from_labels(labels, kind=kind, plane=plane, only=only, slices=slices)


def _choose(labels: LabelVolume, only: Iterable[str | int]) -> list[int]:
    there = labels.values()
    if not there:
        raise PromptError("the labels are empty: there is nothing to prompt")
    chosen: list[int] = []
    for name in map(str, only):
        fits = [v for v in there if str(v) == name or labels.labels[v].name.casefold() == name.casefold()]
        if not fits:
            known = ", ".join(f"{v} {labels.labels[v].name}" for v in there)
            raise PromptError(f"there is no label {name!r}; there are: {known}")
        chosen += fits
    return list(dict.fromkeys(chosen)) or there


def _prompt(labels: LabelVolume, value: int, kind: DrawnAs, plane: Plane, slices: tuple[int, int] | None) -> Prompt:
    axis = labels.grid.plane_axis(plane)
    masks_nyx = np.moveaxis(labels.mask_zyx(value), axis, 0)
    areas = masks_nyx.sum(axis=(1, 2))
    if slices is not None:
        numbers = np.arange(len(areas))
        areas[(numbers < slices[0]) | (numbers > slices[1])] = 0
    index = int(areas.argmax())
    mask_yx = np.asarray(masks_nyx[index])
    box_xyxy = mask_box_xyxy(mask_yx)
    if not areas[index] or box_xyxy is None:
        raise PromptError(f"label {value} ({labels.labels[value].name}) has no voxels on slices {slices}")
    if kind == "mask":
        return Mask.from_array(mask_yx, label=value, slice=index, plane=plane)
    if kind == "box":
        return Box(label=value, slice=index, plane=plane, box_xyxy=box_xyxy)
    if kind != "line":
        raise PromptError(f"labels become 'box', 'line' or 'mask' prompts, not {kind!r}")
    diameters = recist_diameters(mask_yx, in_plane_vectors_mm(labels.grid, plane))
    if diameters is None:
        raise PromptError(f"label {value} has no diameter on slice {index}")
    return Line(label=value, slice=index, plane=plane, line_xyxy=diameters.long_xyxy)
