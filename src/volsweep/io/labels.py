"""Label volumes out and in.

What is written is read back by another library and compared, voxel by voxel and corner by
corner, before it gets its name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError, OutputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.atomic import replacing
from volsweep.io.receipt import Receipt
from volsweep.io.sidecar import read_sidecar, sidecar_path, sidecar_text
from volsweep.volume import LabelVolume, Source

CORNER_TOLERANCE_MM = 0.01

_TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64)


def write_labels(path: str | os.PathLike[str], labels: LabelVolume, *, overwrite: bool = False) -> Receipt:
    """Write a label volume on exactly the grid of the volume it was drawn on.

    Parameters
    ----------
    path
        ``.nii.gz`` or ``.nii`` (sform, and a qform wherever one can hold the geometry: not when
        sheared), or ``.nrrd``. A sidecar of the same name with ``.labels.json`` holds names, colours
        and, for unequally spaced slices, their true positions. SimpleITK and ITK-SNAP read
        sheared volumes (gantry tilt) from NRRD, not from NIfTI.
    labels
        What to write; it is stored as the smallest integer type that holds it.
    overwrite
        Whether existing files may be replaced.

    Returns
    -------
    Receipt
        Hashes and geometry of what is on the disk.

    Raises
    ------
    OutputError
        If a file exists and may not be replaced, the suffix is unknown, the disk refuses, or
        what is read back differs from what was written; nothing is left behind then.
    """
    path = Path(path).expanduser()
    writer = _writer(path)
    array = _smallest(labels.array_zyx)
    grid = Grid(labels.grid.shape_zyx, labels.grid.affine)
    sidecar = sidecar_path(path)
    with replacing((sidecar, path), overwrite=overwrite) as (temporary_sidecar, temporary):
        temporary_sidecar.write_text(sidecar_text(labels), encoding="utf-8")
        error_mm = _compare(array, labels.grid, writer(temporary, array, grid), path)
        values, counts = np.unique(array, return_counts=True)
        return Receipt(
            path=path.absolute(),
            sha256=_sha256(temporary),
            sidecar=sidecar.absolute(),
            sidecar_sha256=_sha256(temporary_sidecar),
            shape_zyx=grid.shape_zyx,
            dtype=array.dtype,
            affine=grid.affine,
            voxels={int(v): int(n) for v, n in zip(values, counts, strict=True) if v != 0},
            max_corner_error_mm=error_mm,
        )


def read_labels(path: str | os.PathLike[str]) -> LabelVolume:
    """Read a label volume, with its names, colours and slice positions where a sidecar has them.

    Parameters
    ----------
    path
        NIfTI, NRRD or MetaImage file of whole numbers.

    Raises
    ------
    InputError
        If the file or its sidecar is damaged, or holds values that are not whole numbers.
    """
    from volsweep.io.reading import read_volume

    volume = read_volume(path)
    source = volume.source
    if source is None or source.kind == "dicom":
        raise InputError(f"{path} is DICOM, not a label volume; NIfTI, NRRD and MetaImage are read")
    array = volume.array_zyx
    if array.dtype.kind == "f":
        whole = np.rint(array)
        if not np.array_equal(whole, array):
            raise InputError(f"{Path(path).name} holds fractions, so it is an image rather than labels")
        array = whole.astype(np.int64)
    array = np.array(array)  # not a view into a file that may soon be overwritten
    sidecar = read_sidecar(source.path)
    try:
        origins = sidecar.slice_origins_mm
        grid = Grid(volume.shape_zyx, volume.affine, None if origins is None else np.array(origins, dtype=np.float64))
    except (GeometryError, ValueError) as error:
        raise InputError(f"{sidecar_path(source.path).name} does not fit its volume: {error}") from None
    source = Source(
        path=source.path,
        kind=source.kind,
        series_uid=sidecar.series_uid,
        study_uid=sidecar.study_uid,
        frame_of_reference_uid=sidecar.frame_of_reference_uid,
    )
    return LabelVolume(_smallest(array), grid, sidecar.labels, source)


def _writer(path: Path) -> Any:
    """Pick the function that writes a format and returns what other readers see in the file."""
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        from volsweep.io.nifti import write_nifti

        return write_nifti
    if name.endswith(".nrrd"):
        from volsweep.io.itk import write_nrrd

        return write_nrrd
    raise OutputError(f"labels are written as .nii.gz, .nii or .nrrd, not as {path.name!r}")


def _smallest(array: NDArray[Any]) -> NDArray[Any]:
    low, high = int(array.min()), int(array.max())
    for kind in _TYPES:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind, copy=False)
    raise OutputError(f"labels from {low} to {high} fit no integer type")


def _compare(array: NDArray[Any], grid: Grid, found: tuple[NDArray[Any], Sequence[FloatArray]], path: Path) -> float:
    """Largest corner error in mm of what was read back, after checking that it is what was meant."""
    read, affines = found
    if read.dtype != array.dtype or not np.array_equal(read, array):
        raise OutputError(f"{path.name} was not written: what was read back has other voxels; check the disk")
    corners = grid.corners_lps_mm()
    error_mm = max(
        float(np.linalg.norm(Grid(read.shape, affine).corners_lps_mm() - corners, axis=1).max()) for affine in affines
    )
    if error_mm > CORNER_TOLERANCE_MM:
        raise OutputError(
            f"{path.name} was not written: the format places its corners {error_mm:.3f} mm from the source's"
        )
    return error_mm


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
