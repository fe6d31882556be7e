"""DICOM SEG and RTSTRUCT files as label volumes, in and out, with a receipt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from volsweep.errors import InputError, OutputError
from volsweep.io.derived.reference import load_dataset
from volsweep.io.derived.rtstruct_read import farthest_off_plane_mm, read_rtstruct, referenced_series
from volsweep.io.derived.rtstruct_write import write_rtstruct
from volsweep.io.derived.seg_read import farthest_corner_mm, read_seg
from volsweep.io.derived.seg_write import write_seg
from volsweep.io.dicom.values import code_of, quiet
from volsweep.io.labels import DicomKind
from volsweep.io.placement import Place, find_place
from volsweep.io.receipt import Receipt, sha256
from volsweep.io.writing import replacing
from volsweep.volume import LabelVolume, Volume

LEAST_DICE = 0.98
"""Contours that fill to less than this are not written."""


def read_dicom_labels(path: Path, source: str | os.PathLike[str] | Volume | Place | None) -> LabelVolume:
    """Read a SEG or RTSTRUCT file onto the grid of its series.

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
        place = None if source is None else find_place(source, referenced_series(dataset))
    if modality == "SEG":
        return read_seg(path, dataset, place)
    if place is None:
        raise InputError(
            f"{path.name} is an RTSTRUCT: contours in millimetres, without voxels; "
            "give the series they were drawn on (source=, --source)"
        )
    return read_rtstruct(path, dataset, place)


def write_dicom_labels(
    path: Path, labels: LabelVolume, kind: DicomKind, *, drawn_here: bool = True, overwrite: bool = False
) -> Receipt:
    """Write a SEG or RTSTRUCT file, read it back with the readers of this package, and compare.

    Parameters
    ----------
    path, labels, kind, overwrite
        See `write_labels`.
    drawn_here
        Whether Volsweep made the labels; otherwise the file says that what did is not known.

    Raises
    ------
    OutputError
        As `write_labels`.
    """
    with replacing((path,), overwrite=overwrite) as (temporary,):
        if kind == "seg":
            write_seg(temporary, labels, algorithm="Volsweep" if drawn_here else "unknown, converted by Volsweep")
        else:
            write_rtstruct(temporary, labels, algorithm="SEMIAUTOMATIC" if drawn_here else "")
        dataset = load_dataset(temporary, "labels")
        dice, error_mm = _compare(path, labels, dataset, kind)
        values, counts = np.unique(labels.array_zyx, return_counts=True)
        return Receipt(
            path=path.absolute(),
            sha256=sha256(temporary),
            sidecar=None,
            sidecar_sha256=None,
            shape_zyx=labels.shape_zyx,
            dtype=labels.array_zyx.dtype,
            affine=labels.affine,
            voxels={int(v): int(n) for v, n in zip(values, counts, strict=True) if v != 0},
            max_corner_error_mm=error_mm,
            dice=dice,
            warnings=labels.warnings,
        )


def _compare(
    path: Path, labels: LabelVolume, dataset: pydicom.Dataset, kind: DicomKind
) -> tuple[dict[int, float], float]:
    """Dice of every label as found in the file, and how far it lies from its slices in mm."""
    place = Place(labels.grid, labels.source)
    if kind == "seg":
        found = read_seg(path, dataset, place)
        if not np.array_equal(found.array_zyx, labels.array_zyx):
            raise OutputError(f"{path.name} was not written: what was read back has other voxels; check the disk")
        return dict.fromkeys(labels.values(), 1.0), farthest_corner_mm(path, dataset, labels.grid)
    if not labels.values():
        return {}, 0.0
    array = read_rtstruct(path, dataset, place).array_zyx
    dice = {value: _dice(array == value, labels.mask_zyx(value)) for value in labels.values()}
    worst = min(dice, key=lambda value: dice[value])
    if dice[worst] < LEAST_DICE:
        raise OutputError(
            f"{path.name} was not written: the contours of label {worst} fill to a Dice of {dice[worst]:.3f} with it, "
            f"less than {LEAST_DICE}"
        )
    return dice, farthest_off_plane_mm(path, dataset, labels.grid)


def _dice(one: NDArray[Any], other: NDArray[Any]) -> float:
    return round(2 * float((one & other).sum()) / float(one.sum() + other.sum()), 6)
