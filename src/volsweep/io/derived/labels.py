"""DICOM SEG and RTSTRUCT files as objects, in and out, and what was written read back."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError, OutputError
from volsweep.geometry import Grid
from volsweep.io.derived.reference import load_dataset
from volsweep.io.derived.rtstruct_read import farthest_off_plane_mm, read_rtstruct
from volsweep.io.derived.rtstruct_write import write_rtstruct
from volsweep.io.derived.seg_read import farthest_corner_mm, read_seg
from volsweep.io.derived.seg_write import write_seg
from volsweep.io.derived.subject import referenced_images, referenced_series
from volsweep.io.dicom.values import code_of, quiet
from volsweep.io.formats import Kind
from volsweep.io.overlaps import Labelled, LabelledObject, Objects, Proof
from volsweep.io.placement import Place, find_place
from volsweep.volume import Label, Source, Volume

LEAST_DICE = 0.98
"""Contours that fill to less than this are not written."""


def read_dicom_objects(path: Path, source: str | os.PathLike[str] | Volume | Place | None) -> Objects:
    """Read the objects of a SEG or RTSTRUCT file onto the grid of its series.

    Parameters
    ----------
    path
        The file.
    source
        The series; a SEG without one lies on its own grid, an RTSTRUCT needs it.

    Raises
    ------
    InputError
        If the file is neither, or damaged.
    GeometryError
        If it does not fit the series.
    """
    dataset = load_dataset(path, "segmentation or contours")
    modality = code_of(dataset, "Modality")
    if modality not in ("SEG", "RTSTRUCT"):
        raise InputError(
            f"{path.name} is DICOM of modality {modality or 'unknown'}, not labels; SEG and RTSTRUCT are read"
        )
    with quiet():
        place = None if source is None else find_place(source, referenced_series(dataset), referenced_images(dataset))
    if modality == "SEG":
        return read_seg(path, dataset, place)
    if place is None:
        raise InputError(
            f"{path.name} is an RTSTRUCT: contours in millimetres, without voxels; "
            "give the series they were drawn on (source=)"
        )
    return read_rtstruct(path, dataset, place)


def check_series_can_hold(kind: Kind, grid: Grid, source: Source | None) -> None:
    """Make an object of one voxel about a series, in memory, so that what its headers forbid is known before the work.

    Raises
    ------
    OutputError
        As `write_seg` and `write_rtstruct`.
    """
    one = LabelledObject(1, Label.default(1), patches={grid.shape_zyx[0] // 2: (0, 0, np.ones((1, 1), dtype=bool))})
    write = write_seg if kind == "seg" else write_rtstruct
    write(BytesIO(), Objects(grid, [one], source))


def write_seg_file(path: Path, labels: Labelled, *, name: str, drawn_here: bool = True, creator: str = "") -> Proof:
    """Write a SEG file, read it back with the reader of this package, and compare.

    Parameters
    ----------
    path
        Where it is written for now.
    labels
        On the grid of a DICOM series with its UIDs.
    name
        What the file will be called.
    drawn_here
        Whether Volsweep made the labels; otherwise the file says that what did is not known.
    creator
        Who it says that made it; empty: nobody.

    Raises
    ------
    OutputError
        As `write_labels`.
    """
    algorithm = "Volsweep" if drawn_here else "unknown, converted by Volsweep"
    notes = write_seg(path, labels, algorithm=algorithm, creator=creator)
    dataset = load_dataset(path, "labels")
    found = read_seg(path, dataset, Place(labels.grid, labels.source))
    if any(not np.array_equal(found.mask_zyx(value), labels.mask_zyx(value)) for value in labels.labels):
        raise OutputError(f"{name} was not written: what was read back has other voxels; check the disk")
    return Proof(dict.fromkeys(labels.values(), 1.0), farthest_corner_mm(path, dataset, labels.grid), notes)


def write_rtstruct_file(path: Path, labels: Labelled, *, name: str, drawn_here: bool = True) -> Proof:
    """Write an RTSTRUCT file, fill its contours again, and compare.

    Parameters, Raises
    ------------------
    As `write_seg_file`.
    """
    notes = write_rtstruct(path, labels, algorithm="SEMIAUTOMATIC" if drawn_here else "")
    if not labels.values():
        return Proof({}, 0.0, notes)
    dataset, place = load_dataset(path, "labels"), Place(labels.grid, labels.source)
    found = read_rtstruct(path, dataset, place)
    dice = {value: _dice(found.mask_zyx(value), labels.mask_zyx(value)) for value in labels.values()}
    worst = min(dice, key=lambda value: dice[value])
    if dice[worst] < LEAST_DICE:
        raise OutputError(
            f"{name} was not written: the contours of label {worst} fill to a Dice of {dice[worst]:.3f} with it, "
            f"less than {LEAST_DICE}"
        )
    return Proof(dice, farthest_off_plane_mm(dataset, place), notes)


def _dice(one: NDArray[Any], other: NDArray[Any]) -> float:
    return round(2 * float((one & other).sum()) / float(one.sum() + other.sum()), 6)
