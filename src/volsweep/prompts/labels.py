"""Prompts from labels that exist already: of each one the largest slice."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.io.overlaps import Labelled, own_numbers
from volsweep.prompts.kinds import Prompt, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.prompts.shapes import DrawnAs, Slice, choose, prompt_of_mask


def prompts_from_labels(
    labels: Labelled,
    *,
    kind: DrawnAs = "box",
    plane: Plane | str | None = None,
    only: Iterable[str | int] = (),
    slices: tuple[int, int] | None = None,
) -> PromptSet:
    """Prompt what the largest slice of every label shows.

    Parameters
    ----------
    labels
        On the grid of the volume to be segmented. Of `read_objects`, objects that overlap are whole.
    kind
        ``"box"`` around the slice's mask, ``"line"`` along its longest diameter (RECIST), ``"recist"`` that and the
        longest one across it, or the ``"mask"`` itself.
    plane
        The plane whose slices are compared; by default the one in which the slices are stacked.
    only
        Numbers or names of the labels to take (see `volsweep.terminology.named`); all by default. A number is the one
        that the file gives the object.
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
    chosen = choose(there, only, own_numbers(labels))
    plane = labels.grid.own_plane if plane is None else Plane(plane)
    prompts = tuple(_prompt(labels, value, kind, plane, slices) for value in chosen)
    return PromptSet(prompts, {value: there[value] for value in chosen}, labels.warnings)


def masks_from_labels(labels: Labelled, first: int) -> PromptSet:
    """Every slice of every label as a drawn mask, in the plane in which the slices are stacked.

    Parameters
    ----------
    labels
        On the grid of the volume. Of `read_objects`, objects that overlap are whole.
    first
        The number of the first of them, the others count on from there.

    Returns
    -------
    PromptSet
        The masks, with the labels' names and colours.

    Raises
    ------
    PromptError
        If there is no label with a voxel.
    """
    masks, known = [], {}
    for number, value in enumerate(labels.values(), start=first):
        mask_zyx = labels.mask_zyx(value)
        known[number] = labels.labels[value]
        for index in np.flatnonzero(mask_zyx.any(axis=(1, 2))).tolist():
            masks.append(Mask.from_array(mask_zyx[index], label=number, slice=index, plane=labels.grid.own_plane))
    if not masks:
        raise PromptError("the labels are empty: there is nothing to show")
    return PromptSet(tuple(masks), known, labels.warnings)


def prompt_of_object(
    mask_zyx: NDArray[np.bool_],
    label: int,
    at: tuple[Grid, Plane],
    kind: DrawnAs = "box",
    slices: tuple[int, int] | None = None,
) -> Prompt | None:
    """Prompt an object on its largest slice, the first of equals; None where it has no voxel there.

    Parameters
    ----------
    mask_zyx
        The object, on the grid.
    label
        What it is to be.
    at
        The grid, and the plane whose slices are compared.
    kind, slices
        As in `prompts_from_labels`.
    """
    grid, plane = at
    masks_nyx = np.moveaxis(mask_zyx, grid.plane_axis(plane), 0)
    areas = masks_nyx.sum(axis=(1, 2))
    if slices is not None:
        numbers = np.arange(len(areas))
        areas[(numbers < slices[0]) | (numbers > slices[1])] = 0
    index = int(areas.argmax())
    return (
        prompt_of_mask(np.asarray(masks_nyx[index]), label, Slice(grid, plane, index), kind) if areas[index] else None
    )


def _prompt(labels: Labelled, value: int, kind: DrawnAs, plane: Plane, slices: tuple[int, int] | None) -> Prompt:
    prompt = prompt_of_object(labels.mask_zyx(value), value, (labels.grid, plane), kind, slices)
    if prompt is None:
        raise PromptError(f"{labels.labels[value].with_number(value)} has no voxels on slices {slices}")
    return prompt
