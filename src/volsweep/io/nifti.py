"""NIfTI in: RAS and (x, y, z) become LPS and (z, y, x) here and nowhere else."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import LPS_TO_RAS, FloatArray, Grid, reverse_index_order
from volsweep.io.scaling import rescale, tidy
from volsweep.volume import Source, Volume

# What nibabel raises on damaged files; EOFError and zlib.error come from gzip.
_ERRORS = (
    ImageFileError,
    nibabel.spatialimages.HeaderDataError,
    OSError,
    ValueError,
    EOFError,
    zlib.error,
    KeyError,
    OverflowError,
    MemoryError,
)

# A quaternion in single precision can be a tenth of a millimetre out at a far corner.
_QFORM_TOLERANCE_MM = 0.005

_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}


def to_nifti_affine(affine: FloatArray) -> FloatArray:
    """Affine of (x, y, z) indices in RAS from one of (z, y, x) indices in LPS."""
    return reverse_index_order(LPS_TO_RAS @ affine)


def from_nifti_affine(affine: FloatArray) -> FloatArray:
    """Affine of (z, y, x) indices in LPS from one of (x, y, z) indices in RAS."""
    return reverse_index_order(LPS_TO_RAS @ affine)


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file; what is not compressed stays on the disk until looked at.

    Raises
    ------
    InputError
        If the file is damaged, in colour, or has more than three axes longer than one.
    """
    try:
        image = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti1Pair):
            raise InputError(f"{path.name} is {type(image).__name__}, not NIfTI; convert it first")
        _check_length(image, path)
        shape = _three_axes(image.shape, path)
        array, warnings = _values(image, shape, path)
    except _ERRORS as error:
        raise InputError(f"{path.name} cannot be read as NIfTI: {str(error)[:200]}") from None
    affine, more = _affine(image, path)
    grid = Grid(shape[::-1], affine)
    source = Source(path=path.absolute(), kind="nifti", rescaled=_scaling(image) != (1.0, 0.0))
    return Volume(array, grid, source=source, warnings=warnings + more)


def _three_axes(shape: tuple[int, ...], path: Path) -> tuple[int, int, int]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    shape = (*shape, 1, 1)[:3] if len(shape) < 3 else shape
    if len(shape) != 3:
        raise InputError(
            f"{path.name} has shape {shape}, several volumes in one file (time points or channels); "
            "save one of them by itself"
        )
    return shape


def _scaling(image: Any) -> tuple[float, float]:
    return float(image.dataobj.slope), float(image.dataobj.inter)


def _check_length(image: Any, path: Path) -> None:
    """Refuse a damaged header before its dimensions are asked of the memory: deflate packs 1032 to 1 at most."""
    if min(image.shape, default=0) < 1:
        raise InputError(f"{path.name} is damaged: its header gives the shape {image.shape}")
    needed = math.prod(image.shape) * image.get_data_dtype().itemsize
    if needed > 1032 * path.stat().st_size:
        raise InputError(f"{path.name} is damaged: its header promises {needed} bytes, more than the file can hold")


def _values(image: Any, shape: tuple[int, int, int], path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    stored = np.asanyarray(image.dataobj.get_unscaled())
    if stored.dtype.fields is not None or stored.dtype.kind == "c":
        raise InputError(f"{path.name} is in colour or complex; only one grey value per voxel can be segmented")
    return tidy(rescale(stored.reshape(shape, order="F").T, *_scaling(image)), path.name)


def _affine(image: Any, path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """LPS affine in mm: the sform, else the qform, else what the voxel sizes alone say."""
    header = image.header
    warnings: tuple[str, ...] = ()
    found: FloatArray | None = None
    for name in ("sform", "qform"):
        try:
            affine, code = getattr(header, f"get_{name}")(coded=True)
        except _ERRORS:
            affine, code = None, -1
        if affine is None and code == 0:
            continue
        if affine is None or not _usable(affine):
            warnings += (f"its {name} is damaged and was passed over",)
        elif found is None:
            found = np.asarray(affine, dtype=np.float64)
        elif not np.allclose(affine, found, atol=0.01):
            warnings += ("its sform and qform disagree; the sform was used",)
    if found is None:
        found = np.asarray(header.get_base_affine(), dtype=np.float64)
        warnings += ("it does not say where it lies in the patient (no sform, no qform); left and right are assumed",)
        if not _usable(found):
            raise GeometryError(f"{path.name} has no usable voxel sizes: {header.get_zooms()}")
    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:
        unit = "unknown"
        warnings += ("its unit of length is damaged; millimetres are assumed",)
    scale = np.diag([_MM_PER_UNIT.get(unit, 1.0)] * 3 + [1.0])
    return from_nifti_affine(scale @ found), warnings


def _usable(affine: FloatArray) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-12)


def write_nifti(path: Path, array_zyx: NDArray[Any], grid: Grid) -> tuple[NDArray[Any], list[FloatArray]]:
    """Write integers, and return what other readers find: the voxels and the LPS affines.

    The sform holds the grid's geometry, sheared or not; the qform says the same where
    rotations and voxel sizes, in single precision, can; else it is marked absent.
    """
    affine = to_nifti_affine(grid.affine)
    image: Any = nibabel.Nifti1Image(array_zyx.T, affine, dtype=array_zyx.dtype)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner", strip_shears=True)
    held = Grid(grid.shape_zyx, from_nifti_affine(image.get_qform()))
    if not held.matches(grid, _QFORM_TOLERANCE_MM):
        image.set_qform(None, code="unknown")
    nibabel.save(image, path)
    return _read_back(path)


def _read_back(path: Path) -> tuple[NDArray[Any], list[FloatArray]]:
    from volsweep.io.itk import affine_of, as_array, read_image

    image: Any = nibabel.load(path)
    affines = [from_nifti_affine(image.get_sform())]
    if not int(image.header["qform_code"]):
        return np.asarray(image.dataobj).T, affines
    other = read_image(path)
    return as_array(other), [*affines, from_nifti_affine(image.get_qform()), affine_of(other)]
