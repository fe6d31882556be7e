"""Label volumes out, and the receipt of what was written.

What is written is read back by another library and compared, voxel by voxel and corner by
corner, before it gets its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError, OutputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.formats import DicomKind, format_written_as, load
from volsweep.io.itk.images import check_one_place
from volsweep.io.labels_read import read_labelled, read_labels
from volsweep.io.overlaps import Labelled, Objects, Proof, whole
from volsweep.io.sidecar import FOUR_AXES, Part, files_of, sidecar_path, sidecar_text
from volsweep.io.voxels import smallest_integers
from volsweep.io.writing import CORNER_TOLERANCE_MM, check_spares, replacing, sha256
from volsweep.io.writing.signed import signed_by
from volsweep.settings import expanded
from volsweep.volume import LabelVolume, Source, Volume


@dataclass(frozen=True, eq=False)
class Receipt:
    """Proof of a written label volume: it was read back and compared before it got its name."""

    path: Path
    sha256: str
    sidecar: Path | None
    """The JSON beside it; None for DICOM, which holds names and colours itself."""
    sidecar_sha256: str | None
    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    affine: FloatArray
    """4x4, array index (z, y, x, 1) -> LPS mm."""
    voxels: Mapping[int, int]
    """Voxels of every label, background left out."""
    max_corner_error_mm: float
    """Largest distance of a corner of the written volume from the same corner of the source; for contours, of a
    point from the plane of its slice."""
    dice: Mapping[int, float] = field(default_factory=dict)
    """Dice of every label, as found in the file, with what was written: 1 where voxels are compared one by one."""
    warnings: tuple[str, ...] = ()
    """What was decided while reading the labels."""
    others: tuple[Receipt, ...] = ()
    """Of the files beside it that hold objects which overlap with those in this one."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "sidecar": self.sidecar and str(self.sidecar),
            "sidecar_sha256": self.sidecar_sha256,
            "shape_zyx": list(self.shape_zyx),
            "dtype": str(self.dtype),
            "affine": self.affine.tolist(),
            "voxels": {str(value): count for value, count in self.voxels.items()},
            "max_corner_error_mm": self.max_corner_error_mm,
            "dice": {str(value): dice for value, dice in self.dice.items()},
            "warnings": list(self.warnings),
            **({"others": [other.to_dict() for other in self.others]} if self.others else {}),
        }


def write_labels(
    path: str | os.PathLike[str],
    labels: Labelled,
    *,
    overwrite: bool = False,
    dicom: DicomKind | None = None,
    drawn_here: bool = True,
    overlaps: Literal["paint", "files"] = "paint",
    creator: str = "",
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
    overlaps
        What becomes of objects that overlap in NIfTI and NRRD: painted, the smaller over the larger, or whole, in
        ``x.nii.gz``, ``x.overlap-2.nii.gz`` and so on. Under a name such as ``x.4d.nii.gz`` all are in one NIfTI.
    creator
        Who a DICOM SEG says that made it (ContentCreatorName); empty: nobody. No other format says it.

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
    check_one_place(row.kind, path.name, labels.source, labels.grid)
    if creator:
        signed_by(path, creator, dicom)
    write = load(row.writer)
    if row.sidecar:
        if FOUR_AXES in path.name.lower() or (overlaps == "files" and isinstance(labels, Objects)):
            from volsweep.io.groups import parts_of

            parts, told = parts_of(path, row, whole(labels)), labels.warnings
        else:
            painted = labels if isinstance(labels, LabelVolume) else labels.painted()
            told = painted.warnings
            parts = [Part(path, smallest_integers(painted.array_zyx), sidecar_text(painted), write)]
        with replacing([f for p in parts for f in files_of(p.path)], overwrite=overwrite, labels=True) as temporary:
            pairs = zip(parts, temporary[::2], temporary[1::2], strict=True)
            first, *others = [_write_part(part, labels, (beside, file)) for part, beside, file in pairs]
            return replace(first, warnings=told, others=tuple(others))
    with replacing([path], overwrite=overwrite, labels=True) as (file,):
        with _read_back(file, path):
            signed = {"creator": creator} if creator else {}
            proof: Proof = write(file, labels, name=path.name, drawn_here=drawn_here, **signed)
        return Receipt(
            path=path.absolute(),
            sha256=sha256(file),
            sidecar=None,
            sidecar_sha256=None,
            shape_zyx=labels.shape_zyx,
            dtype=np.min_scalar_type(max(labels.values(), default=0)),
            affine=labels.grid.affine,
            voxels={value: int(np.count_nonzero(labels.mask_zyx(value))) for value in labels.values()},
            max_corner_error_mm=proof.max_error_mm,
            dice=proof.dice,
            warnings=(*labels.warnings, *proof.warnings),
        )


def _write_part(part: Part, labels: Labelled, temporary: tuple[Path, Path]) -> Receipt:
    """Write one file of labels and its sidecar under temporary names, and compare what is found there."""
    array, grid = part.array, Grid(labels.grid.shape_zyx, labels.grid.affine)
    temporary[0].write_text(part.text, encoding="utf-8")
    with _read_back(temporary[1], part.path):
        found = part.write(temporary[1], array, grid, labels.source)
    error_mm = _compare(array, labels.grid, found, part.path)
    values, counts = np.unique(array, return_counts=True)
    voxels = {int(v): int(n) for v, n in zip(values, counts, strict=True) if v != 0}
    return Receipt(
        path=part.path.absolute(),
        sha256=sha256(temporary[1]),
        sidecar=sidecar_path(part.path).absolute(),
        sidecar_sha256=sha256(temporary[0]),
        shape_zyx=grid.shape_zyx,
        dtype=array.dtype,
        affine=grid.affine,
        voxels=voxels,
        max_corner_error_mm=error_mm,
        dice=dict.fromkeys(voxels, 1.0),
    )


@contextmanager
def _read_back(temporary: Path, path: Path) -> Iterator[None]:
    """Say that a file was not written, where what was written of it cannot be read."""
    try:
        yield
    except InputError as error:
        why = str(error).replace(temporary.name, path.name)
        raise OutputError(
            f"{path} cannot be written: what the disk took of it cannot be read back ({why}); make room there, or "
            "choose another folder"
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
    check_one_place(row.kind, Path(path).name, source, grid)
    if row.is_dicom:
        from volsweep.io.derived.labels import check_series_can_hold
        from volsweep.io.derived.reference import check_can_refer

        check_can_refer(source, drawn=False)
        if grid is not None:
            check_series_can_hold(row.kind, grid, source)


def convert(
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | Volume | None = None,
    dicom: DicomKind | None = None,
    overwrite: bool = False,
    overlaps: Literal["paint", "files"] = "paint",
) -> Receipt:
    """Convert labels between NIfTI, NRRD, 3D Slicer's segmentations, DICOM SEG and RTSTRUCT.

    Parameters
    ----------
    in_path
        What `read_labels` reads.
    out_path
        What `write_labels` writes; the name chooses the format.
    source
        The series of the labels: what is written lies on its slices. No RTSTRUCT is read without it, no DICOM written.
    dicom, overwrite, overlaps
        As in `write_labels`; objects that do not overlap are one file all the same.

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
    from volsweep.io.groups import check_spares_read

    check_spares_read(expanded(out_path), expanded(in_path))
    labels = read_labelled(in_path, source)
    if isinstance(labels, Objects) and overlaps == "files" and len(labels.layers()) == 1:
        overlaps = "paint"
    return write_labels(out_path, labels, overwrite=overwrite, dicom=dicom, drawn_here=False, overlaps=overlaps)


def _compare(array: NDArray[Any], grid: Grid, found: tuple[NDArray[Any], Sequence[FloatArray]], path: Path) -> float:
    """Largest corner error in mm of what was read back, after checking that it is what was meant."""
    read, affines = found
    if read.dtype != array.dtype or not np.array_equal(read, array):
        raise OutputError(f"{path.name} was not written: what was read back has other voxels; check the disk")
    corners = grid.corners_lps_mm()
    error_mm = max(
        float(np.linalg.norm(Grid(grid.shape_zyx, affine).corners_lps_mm() - corners, axis=1).max())
        for affine in affines
    )
    if error_mm > CORNER_TOLERANCE_MM:
        raise OutputError(
            f"{path.name} was not written: the format places its corners {error_mm:.3f} mm from the source's"
        )
    return error_mm
