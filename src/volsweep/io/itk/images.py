"""NRRD and MetaImage in, through SimpleITK, whose indices are (x, y, z) and millimetres LPS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError, OutputError, why_failed
from volsweep.geometry import FloatArray, Grid, reverse_index_order
from volsweep.io.itk.fields import read_fields
from volsweep.io.itk.header import check_axes, check_data_file, contradictions, intensity_function, mm_per_unit, unsaid
from volsweep.io.itk.stored import check_stored
from volsweep.io.voxels import check_place, check_voxel_sizes, rescale, tidy, whole_numbers
from volsweep.volume import Source, Volume

_NO_REASON = ("Unable to determine ImageIO", "File cannot be read", "no reason is given")
_ASIDE = 0.1
"""Of a voxel: labels may lie so far beside their image."""
_SWITCH, _BEFORE = Lock(), list[bool]()
_TERMINAL, _ELSEWHERE = 2, list[int]()
"""The number of standard error; where it leads while it is turned away, a number for each who does."""


def _simpleitk() -> Any:
    """The library."""
    import SimpleITK  # half a second, and not needed for DICOM

    return SimpleITK


@contextmanager
def in_silence() -> Iterator[Any]:
    """SimpleITK while it warns nobody on the terminal; we look ourselves."""
    sitk = _simpleitk()
    with _SWITCH:  # other threads may read meanwhile: the last of them leaves it as the first found it
        _BEFORE.append(sitk.ProcessObject.GetGlobalWarningDisplay())
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield sitk
    finally:
        with _SWITCH:
            before = _BEFORE.pop()
            if not _BEFORE:
                sitk.ProcessObject.SetGlobalWarningDisplay(before)


@contextmanager
def stderr_away() -> Iterator[None]:
    """Standard error led nowhere, for all of the process: MetaIO and nifti_io obey no switch."""
    with _SWITCH:
        _turn_away()
    try:
        yield
    finally:
        with _SWITCH:
            _turn_back()


def _turn_away() -> None:
    with suppress(OSError):  # a program without a console has no standard error
        _ELSEWHERE.append(os.dup(_TERMINAL))
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), _TERMINAL)


def _turn_back() -> None:
    if not _ELSEWHERE:
        return
    where = _ELSEWHERE.pop()
    with suppress(OSError):
        if not _ELSEWHERE:
            os.dup2(where, _TERMINAL)
        os.close(where)


def read_itk(path: Path, *, labels: bool = False) -> Volume:
    """Read an NRRD, MHA or MHD file.

    Parameters
    ----------
    path
        The file.
    labels
        Whether its values are numbers of labels: exact integers then.

    Raises
    ------
    InputError
        If the file is damaged, has several values per voxel, or is not three-dimensional.
    """
    fields = read_fields(path)
    check_data_file(path, fields)
    check_axes(path, fields)
    image = read_image(path)
    affine, notes = geometry_of(path, image, fields)
    stored, scaling = whole_array(path, image, fields), intensity_function(path, fields)
    if labels:
        array, warnings = whole_numbers(stored, *scaling, path.name)
    else:
        array, warnings = tidy(rescale(stored, *scaling), path.name)
    if scaling != (1.0, 0.0):
        told = (
            "its values were scaled by {:g} and {:g} (ElementToIntensityFunctionSlope and -Offset); ITK leaves that out"
        )
        warnings += (told.format(*scaling),)
    source = Source(
        path=path.absolute(), kind="nrrd" if "sizes" in fields else "metaimage", rescaled=scaling != (1.0, 0.0)
    )
    return Volume(array, Grid(array.shape, affine), source=source, warnings=(*warnings, *notes))


def _is_nrrd(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"NRRD"


def geometry_of(path: Path, image: Any, fields: dict[str, str]) -> tuple[FloatArray, tuple[str, ...]]:
    """Where an image lies, as its header says: LPS affine of (z, y, x) indices in millimetres, and warnings.

    Raises
    ------
    GeometryError
        If its voxels have a size that nothing has.
    InputError
        If its lengths are in no one unit of length.
    """
    mm, notes = mm_per_unit(path, fields)
    affine = np.diag([mm, mm, mm, 1.0]) @ affine_of(image)
    check_voxel_sizes(np.linalg.norm(affine[:3, :3], axis=0), path.name)
    check_place(affine, path.name)
    return affine, (*notes, *unsaid(fields), *contradictions(fields, affine[:3, 2::-1]))


def read_image(path: Path, *, several: bool = False) -> Any:
    """Read a three-dimensional image with one value per voxel, or where that is said with `several`."""
    reader = _simpleitk().ImageFileReader()
    reader.SetFileName(str(path))
    aside = nullcontext if _is_nrrd(path) else stderr_away
    try:
        with in_silence(), aside():
            reader.ReadImageInformation()
            size = list(reader.GetSize())
            if reader.GetNumberOfComponents() != 1 and not several:
                raise InputError(
                    f"{path.name} holds {reader.GetNumberOfComponents()} values per voxel; "
                    "only one grey value can be segmented"
                )
            if len(size) < 3 or any(n > 1 for n in size[3:]):
                raise InputError(f"{path.name} has size {tuple(size)}; one three-dimensional volume is needed")
            if len(size) > 3:
                reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
            return reader.Execute()
    except RuntimeError as error:
        reason = why_failed(error)
        if reason.startswith(
            ("Unable to determine ImageIO", "File cannot be read", "no reason")
        ):  # and the path over again
            reason = "it is empty, cut short, or no image of the kind that its name says"
        raise InputError(f"{path.name} cannot be read: {reason}") from None


def read_geometry(path: Path) -> Any:
    """The file's first voxel where ITK lays it, with spacing and directions; None where ITK does not read the file."""
    reader = _simpleitk().ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with in_silence():
            reader.ReadImageInformation()
            if reader.GetDimension() < 3:
                return None
            reader.SetExtractSize([1, 1, 1, *[0] * (reader.GetDimension() - 3)])
            return reader.Execute()
    except RuntimeError:
        return None


def check_one_place(kind: str, name: str, source: Source | None, grid: Grid | None) -> None:
    """Refuse NRRD, which programs that are built on ITK read, of a NIfTI that these lay elsewhere than we do.

    Raises
    ------
    OutputError
        If it is one: without sform and qform, or with two that disagree.
    """
    if source is None or grid is None or not source.placed_by or not kind.endswith("nrrd"):
        return
    if (itk := read_geometry(source.path)) is None:  # it is not there any more, or sheared
        return
    there = Grid(grid.shape_zyx, affine_of(itk))
    away_mm = float(np.linalg.norm(there.corners_lps_mm() - grid.corners_lps_mm(), axis=1).max())
    if away_mm > _ASIDE * float(grid.spacing_zyx_mm.min()):
        raise OutputError(
            f"{name} would lie {away_mm:.3g} mm from {source.path.name} in programs that are built on ITK, such as 3D "
            "Slicer: its sform and qform are missing or disagree. Write .nii.gz, whose header says the very same"
        )


def as_array(image: Any) -> NDArray[Any]:
    """Copy of the values, (z, y, x); several of a voxel are the last axis."""
    return np.asarray(_simpleitk().GetArrayFromImage(image))


def whole_array(path: Path, image: Any, fields: dict[str, str]) -> NDArray[Any]:
    """Values of a file, as `as_array`, when they were found to be those that it stores; `InputError` if not."""
    array = as_array(image)
    check_stored(path, fields, array)
    return array


def affine_of(image: Any) -> FloatArray:
    """LPS affine of (z, y, x) indices."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return reverse_index_order(affine)


def write_nrrd(
    path: Path, array_zyx: NDArray[Any], grid: Grid, _source: Source | None = None
) -> tuple[NDArray[Any], list[FloatArray]]:
    """Write integers, and return what is found in the file: the voxels and the LPS affine.

    NRRD's space directions hold any affine, sheared ones too.
    """
    sitk = _simpleitk()
    affine = reverse_index_order(grid.affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(array_zyx)
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OutputError(f"{path.parent} takes no NRRD file: {why_failed(error)}") from None
    found = read_image(path)
    return as_array(found), [affine_of(found)]
