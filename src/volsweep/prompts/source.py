"""Prompts from what exists already: labels, of which the largest slice is taken, and what readers drew."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.io import read_labels
from volsweep.io.placement import Place
from volsweep.io.volumes import kind_of
from volsweep.prompts.kinds import Prompt, PromptSet
from volsweep.prompts.shapes import DrawnAs, Slice, choose, prompt_of_mask, prompts_from_annotations
from volsweep.volume import LabelVolume, Volume


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
    there = {value: labels.labels[value] for value in labels.values()}
    if not there:
        raise PromptError("the labels are empty: there is nothing to prompt")
    chosen = choose(there, only)
    prompts = tuple(_prompt(labels, value, kind, Plane(plane), slices) for value in chosen)
    return PromptSet(prompts, {value: there[value] for value in chosen})


def prompts_from_file(
    path: str | os.PathLike[str],
    volume: Volume | Place,
    *,
    kind: DrawnAs = "box",
    plane: Plane | str = Plane.AXIAL,
    only: Iterable[str | int] = (),
    slices: tuple[int, int] | None = None,
) -> PromptSet:
    """Read what was drawn on a volume, and prompt what it shows.

    Parameters
    ----------
    path
        An RTSTRUCT, a DICOM SEG or a mask (whatever `read_labels` reads); or a DICOM SR with measurements,
        or a presentation state (GSPS) with graphics.
    volume
        The image to be segmented, or its place: its pixels are not looked at.
    kind, plane, only, slices
        See `prompts_from_labels`. Lines that a reader drew stay lines, and points stay points.

    Raises
    ------
    InputError
        If the file cannot be read.
    GeometryError
        If it was not drawn on the volume.
    PromptError
        As `prompts_from_labels`.
    """
    from volsweep.io.derived.annotations import read_annotations

    path, format = kind_of(path)
    place = Place(volume.grid, volume.source)
    annotations = read_annotations(path) if format == "dicom" and path.is_file() else None
    if annotations is not None:
        return prompts_from_annotations(
            annotations, place.grid, place.source, kind=kind, plane=plane, only=only, slices=slices
        )
    labels = read_labels(path, source=place)
    return prompts_from_labels(labels, kind=kind, plane=plane, only=only, slices=slices)


def _prompt(labels: LabelVolume, value: int, kind: DrawnAs, plane: Plane, slices: tuple[int, int] | None) -> Prompt:
    axis = labels.grid.plane_axis(plane)
    masks_nyx = np.moveaxis(labels.mask_zyx(value), axis, 0)
    areas = masks_nyx.sum(axis=(1, 2))
    if slices is not None:
        numbers = np.arange(len(areas))
        areas[(numbers < slices[0]) | (numbers > slices[1])] = 0
    index = int(areas.argmax())
    if not areas[index]:
        raise PromptError(f"label {value} ({labels.labels[value].name}) has no voxels on slices {slices}")
    return prompt_of_mask(np.asarray(masks_nyx[index]), value, Slice(labels.grid, plane, index), kind)
