"""Label volumes out and in.

What is written is read back by another library and compared, voxel by voxel and corner by
corner, before it gets its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError, OutputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.formats import DicomKind, Kind, format_of, format_written_as, kind_of, load
from volsweep.io.overlaps import Labelled, Objects, Proof, whole
from volsweep.io.plausible import refuse_images
from volsweep.io.scaling import smallest_integers
from volsweep.io.sidecar import files_of, origins_on, read_sidecar, sidecar_path, sidecar_text
from volsweep.io.spared import check_spares
from volsweep.io.writing import CORNER_TOLERANCE_MM, Receipt, replacing, sha256
from volsweep.settings import expanded
from volsweep.volume import LabelVolume, Source, Volume

if TYPE_CHECKING:
    from volsweep.io.placement import Place


def write_labels(
    path: str | os.PathLike[str],
    labels: Labelled,
    *,
    overwrite: bool = False,
    dicom: DicomKind | None = None,
    drawn_here: bool = True,
) -> Receipt:
    """Write a label volume on exactly the grid of the volume it was drawn on.

    Parameters
    ----------
    path
        ``.nii.gz`` or ``.nii`` (sform, and a qform wherever one can hold the geometry: not when
        sheared), or ``.nrrd``. A sidecar of the same name with ``.labels.json`` holds names, colours
        and, for unequally spaced slices, their true positions. SimpleITK and ITK-SNAP read
        sheared volumes (gantry tilt) from NRRD, not from NIfTI. Or ``.seg.nrrd``, a segmentation of
        3D Slicer, which holds names, colours and codes itself, and overlaps. Or ``.dcm``: an RTSTRUCT
        where the name ends with ``.rtstruct.dcm`` (or ``.rs.dcm``), else a DICOM SEG; both need labels
        drawn on a DICOM series whose files are still there.
    labels
        What to write; it is stored as the smallest integer type that holds it.
    overwrite
        Whether existing files may be replaced.
    dicom
        ``"seg"`` or ``"rtstruct"``, whatever the name of a ``.dcm`` says.
    drawn_here
        Whether Volsweep made the labels; a DICOM file otherwise says that it is not known what did.

    Returns
    -------
    Receipt
        Hashes and geometry of what is on the disk.

    Raises
    ------
    OutputError
        If a file exists and may not be replaced, the suffix is unknown, the disk refuses, or
        what is read back differs from what was written (contours: a Dice under 0.98); nothing is
        left behind then. Also if a DICOM file is asked for and there is no series to refer to.
    """
    path = expanded(path)
    _spare(path, labels.source)
    row = format_written_as(path, dicom)
    write = load(row.writer)
    painted = labels if isinstance(labels, LabelVolume) else labels.painted()
    array = smallest_integers(painted.array_zyx)
    grid = Grid(labels.grid.shape_zyx, labels.grid.affine)
    sidecar = sidecar_path(path) if row.sidecar else None
    with replacing(files_of(path, dicom), overwrite=overwrite, labels=True) as temporary:
        if sidecar is None:
            with _read_back(temporary[-1], path):
                proof: Proof = write(temporary[-1], labels, name=path.name, drawn_here=drawn_here)
            voxels = {value: int(np.count_nonzero(labels.mask_zyx(value))) for value in labels.values()}
            told = (*labels.warnings, *proof.warnings)
        else:
            temporary[0].write_text(sidecar_text(painted), encoding="utf-8")
            with _read_back(temporary[-1], path):
                found = write(temporary[-1], array, grid, labels.source)
            error_mm = _compare(array, labels.grid, found, path)
            proof = Proof(dict.fromkeys(painted.values(), 1.0), error_mm)
            values, counts = np.unique(array, return_counts=True)
            voxels = {int(v): int(n) for v, n in zip(values, counts, strict=True) if v != 0}
            told = painted.warnings
        return Receipt(
            path=path.absolute(),
            sha256=sha256(temporary[-1]),
            sidecar=sidecar and sidecar.absolute(),
            sidecar_sha256=None if sidecar is None else sha256(temporary[0]),
            shape_zyx=grid.shape_zyx,
            dtype=array.dtype,
            affine=grid.affine,
            voxels=voxels,
            max_corner_error_mm=proof.max_error_mm,
            dice=proof.dice,
            warnings=told,
        )


@contextmanager
def _read_back(temporary: Path, path: Path) -> Iterator[None]:
    """Say that a file was not written, where what was written of it cannot be read."""
    try:
        yield
    except InputError as error:
        why = str(error).replace(temporary.name, path.name)
        raise OutputError(
            f"{path.name} was not written, for it could not be read back: {why}; check that the disk has room"
        ) from None


def _spare(path: Path, source: Source | None) -> None:
    """Refuse to write labels over the scan that they lie on; a file of labels may be saved over itself."""
    try:
        check_spares((path,), source)
    except OutputError:
        assert source is not None
        with suppress(InputError):
            read_labels(source.path)
            return
        raise


def check_can_hold(path: str | os.PathLike[str], source: Source | None, grid: Grid | None = None) -> None:
    """Refuse before the work what `write_labels` would refuse after it.

    Parameters
    ----------
    path
        Where labels are to be written.
    source, grid
        Of the volume that they will be about. With the grid a DICOM object of one voxel is made for trial, out of
        the headers of the series.

    Raises
    ------
    OutputError
        If the suffix is unknown, the path is the source itself, or a DICOM file is asked for and there is no series
        to refer to, or none whose headers make one.
    """
    check_spares((expanded(path),), source)
    row = format_written_as(Path(path))
    if row.is_dicom:
        from volsweep.io.derived.labels import check_series_can_hold
        from volsweep.io.derived.reference import check_can_refer

        check_can_refer(source)
        if grid is not None:
            check_series_can_hold(row.kind, grid, source)


def read_labels(
    path: str | os.PathLike[str], *, source: str | os.PathLike[str] | Volume | Place | None = None
) -> LabelVolume:
    """Read a label volume, with its names, colours and slice positions where they are known.

    Parameters
    ----------
    path
        NIfTI, NRRD or MetaImage file of whole numbers, with its sidecar if it has one; a segmentation of 3D
        Slicer; or a DICOM SEG or RTSTRUCT file.
    source
        The series that the labels belong to, as a path, a volume or its place: they are then put on its
        grid, voxel on voxel. An RTSTRUCT has no voxels and needs one.

    Returns
    -------
    LabelVolume
        Read its `warnings`: objects that overlap are resolved in favour of the smaller one.

    Raises
    ------
    InputError
        If the file or its sidecar is damaged, or holds values that are not whole numbers.
    GeometryError
        If the labels do not lie on the voxels of the source.
    """
    objects = _read(path, source)
    return objects if isinstance(objects, LabelVolume) else objects.painted()


def read_objects(
    path: str | os.PathLike[str], *, source: str | os.PathLike[str] | Volume | Place | None = None
) -> Objects:
    """Read labels one by one: those that overlap in the file are each whole.

    Parameters, Raises
    ------------------
    As `read_labels`.
    """
    return whole(_read(path, source))


def _read(path: str | os.PathLike[str], source: str | os.PathLike[str] | Volume | Place | None) -> Labelled:
    path, kind = kind_of(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the SEG or RTSTRUCT file in it")
    if door := format_of(kind).objects:
        objects: Objects = load(door)(path, source)
        return objects
    labels = _read_voxels(path, kind)
    if source is None:
        return labels
    from volsweep.io.placement import find_place, put_on

    return put_on(labels, find_place(source, labels.source.series_uid if labels.source else None))


def convert(
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | Volume | None = None,
    dicom: DicomKind | None = None,
    overwrite: bool = False,
) -> Receipt:
    """Convert labels between NIfTI, NRRD, 3D Slicer's segmentations, DICOM SEG and RTSTRUCT.

    Parameters
    ----------
    in_path
        What `read_labels` reads.
    out_path
        What `write_labels` writes; the name chooses the format.
    source
        The series that the labels belong to: what is written lies on its slices. An RTSTRUCT
        cannot be read, nor DICOM written, without it.
    dicom
        ``"seg"`` or ``"rtstruct"``, whatever the name of a ``.dcm`` says.
    overwrite
        Whether existing files may be replaced.

    Returns
    -------
    Receipt
        Of what was written; its `warnings` are those of reading.

    Raises
    ------
    InputError
        If the labels cannot be read.
    GeometryError
        If they do not lie on the voxels of the series.
    OutputError
        If they cannot be written.
    """
    labels = _read(in_path, source)
    return write_labels(out_path, labels, overwrite=overwrite, dicom=dicom, drawn_here=False)


def _read_voxels(path: Path, kind: Kind) -> LabelVolume:
    volume: Volume = load(format_of(kind).reader)(path, labels=True)
    source = volume.source
    assert source is not None
    array = np.array(volume.array_zyx)  # not a view into a file that may soon be overwritten
    sidecar = read_sidecar(source.path)
    refuse_images(array, path, sidecar.labels)
    try:
        origins, doubts = origins_on(sidecar, volume.grid, source.path.name)
        grid = Grid(volume.shape_zyx, volume.affine, origins)
    except (GeometryError, ValueError) as error:
        raise InputError(f"{sidecar_path(source.path).name} does not fit its volume: {error}") from None
    source = replace(
        source,
        series_uid=sidecar.series_uid,
        study_uid=sidecar.study_uid,
        frame_of_reference_uid=sidecar.frame_of_reference_uid,
    )
    return LabelVolume(smallest_integers(array), grid, sidecar.labels, source, (*volume.warnings, *doubts))


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
