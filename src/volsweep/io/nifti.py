"""NIfTI in: RAS and (x, y, z) become LPS and (z, y, x) here and nowhere else."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from threading import get_ident
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import logger as nibabel_log
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError, OutputError, why_failed
from volsweep.geometry import LPS_TO_RAS, FloatArray, Grid, reverse_index_order
from volsweep.io.voxels import check_place, check_voxel_sizes, check_whole, rescale, tidy, whole_numbers
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

# What says where a volume lies; of arrays the first four values.
_PLACING = ("pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
            "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units")  # fmt: skip

_SIZE_TOLERANCE = 0.01
_LARGEST_FACTOR = 1e12
_LARGEST_SIZE = 1e6
"""In any unit: a metre in micrometres."""

_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}


def to_nifti_affine(affine: FloatArray) -> FloatArray:
    """Affine of (x, y, z) indices in RAS from one of (z, y, x) indices in LPS."""
    return reverse_index_order(LPS_TO_RAS @ affine)


def from_nifti_affine(affine: FloatArray) -> FloatArray:
    """Affine of (z, y, x) indices in LPS from one of (x, y, z) indices in RAS."""
    return reverse_index_order(LPS_TO_RAS @ affine)


def read_nifti(path: Path, *, labels: bool = False, at: int | None = None) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file; what is not compressed stays on the disk until looked at.

    Parameters
    ----------
    path
        The file.
    labels
        Whether its values are numbers of labels: exact integers then.
    at
        Which volume of a file of four axes.

    Raises
    ------
    InputError
        If the file is damaged, in colour, or has more than three axes longer than one.
    """
    try:
        image = load_in_silence(path)
        if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti1Pair):
            raise InputError(f"{path.name} is {type(image).__name__}, not NIfTI; convert it first")
        _check_length(image, path)
        raw = _raw_header(path, image.header)
        _check_sizes(path, raw)
        shape = _three_axes(image.shape if at is None else image.shape[:3], path)
        array, warnings = _values(image, shape, path, labels, at)
    except _ERRORS as error:
        raise InputError(f"{path.name} cannot be read as NIfTI: {why_failed(error)}") from None
    affine, more = _affine(image, path)
    grid = Grid(shape[::-1], affine)
    check_voxel_sizes(grid.spacing_zyx_mm, path.name)
    check_place(affine, path.name)
    more += _other_sizes(raw, grid)
    rescaled = _scaling(image) != (1.0, 0.0)
    source = Source(path=path.absolute(), kind="nifti", rescaled=rescaled, placed_by=_placing(image.header))
    return Volume(array, grid, source=source, warnings=warnings + more)


def load_in_silence(path: Path) -> Any:
    """What nibabel reads, without what it says on the terminal of what it repairs: we look ourselves."""
    here = get_ident()
    nibabel_log.addFilter(others := lambda _: get_ident() != here)  # what other threads read may be told
    try:
        with np.errstate(all="ignore"):
            return nibabel.load(path)
    finally:
        nibabel_log.removeFilter(others)


def _placing(header: Any) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """The fields that place an image; none where some are damaged, which would place its labels nowhere."""
    fields = tuple((name, _field(header, name)) for name in _PLACING)
    return fields if all(math.isfinite(v) for _, values in fields for v in values) else ()


def _field(header: Any, name: str) -> tuple[float, ...]:
    values = np.atleast_1d(header[name]).astype(np.float64)
    if name == "xyzt_units":
        values = np.floor(values) % 8  # without the unit of time
    return tuple(values[:4].tolist())


def _raw_header(path: Path, header: Any) -> Any:
    """The header as it is in the file: nibabel has repaired it by now, sizes of 0 to 1 mm and of -4 to 4."""
    with ImageOpener(str(path)) as stream:
        return type(header).from_fileobj(stream, check=False)


def _other_sizes(raw: Any, grid: Grid) -> tuple[str, ...]:
    """A warning where the voxel sizes are not those of the form that was used: other programs count on them."""
    scale = _MM_PER_UNIT.get({1: "meter", 3: "micron"}.get(int(raw["xyzt_units"]) % 8, ""), 1.0)
    stated = np.array(raw["pixdim"][1:4], dtype=np.float64) * scale
    used = grid.spacing_zyx_mm[::-1]
    there = np.array(grid.shape_zyx[::-1]) > 1
    if not (np.abs(stated - used) > _SIZE_TOLERANCE * used)[there].any():
        return ()
    told, ours = (" x ".join(f"{v:g}" for v in sizes) for sizes in (stated, np.round(used, 4)))
    return (f"its voxel sizes (pixdim) are {told} mm, and its sform or qform, which was used, has {ours} mm",)


def _check_sizes(path: Path, raw: Any) -> None:
    """Refuse sizes and a scaling that cannot be; ITK counts on the sizes, and NaN and 0 scale nothing."""
    slope = float(raw["scl_slope"])
    if math.isinf(slope) or abs(slope) > _LARGEST_FACTOR:
        raise InputError(f"{path.name} scales its values by {slope:g} (scl_slope), so what they mean is unknown")
    count = min(3, int(raw["dim"][0]))
    sizes = [float(size) for size in raw["pixdim"][1 : 1 + count]]
    if all(0 < size <= _LARGEST_SIZE for size in sizes):
        return
    told = " x ".join(f"{size:g}" for size in sizes)
    what = f"{path.name} has voxel sizes (pixdim) of {told}, so neither its extent nor a volume in mL is known"
    raise GeometryError(f"{what}; write it again with the right ones")


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
    with path.open("rb") as stream:
        check_whole(stream, path, int(image.dataobj.offset) + needed)


def _values(
    image: Any, shape: tuple[int, int, int], path: Path, labels: bool, at: int | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    stored = np.asanyarray(image.dataobj.get_unscaled())[..., slice(None) if at is None else at]
    if stored.dtype.fields is not None or stored.dtype.kind == "c":
        raise InputError(f"{path.name} is in colour or complex; only one grey value per voxel can be segmented")
    stored = stored.reshape(shape, order="F").T
    if labels:
        return whole_numbers(stored, *_scaling(image), path.name)
    return tidy(rescale(stored, *_scaling(image)), path.name)


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
            check_voxel_sizes(header.get_zooms()[:3], path.name)
            raise GeometryError(f"{path.name} has voxel sizes (pixdim) that are no three numbers; write it again")
    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:
        unit = "unknown"
        warnings += ("its unit of length is damaged; millimetres are assumed",)
    if unit in _MM_PER_UNIT:
        warnings += (f"its unit of length is the {unit}; it was converted to millimetres",)
    scale = np.diag([_MM_PER_UNIT.get(unit, 1.0)] * 3 + [1.0])
    return from_nifti_affine(scale @ found), warnings


def _usable(affine: FloatArray) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-12)


def write_nifti(
    path: Path, array_zyx: NDArray[Any], grid: Grid, source: Source | None = None
) -> tuple[NDArray[Any], list[FloatArray]]:
    """Write integers, and return what other readers find: the voxels and the LPS affines.

    Labels of a NIfTI get the very fields of its header that place it, so that every program lays them where it
    lays the image. Else the sform holds the grid's geometry, sheared or not; the qform says the same where
    rotations and voxel sizes, in single precision, can; else it is marked absent.
    """
    if source is not None and source.placed_by:
        placed = _placed_as(array_zyx, source)
        if grid.matches(Grid(grid.shape_zyx, _affine(placed, path)[0])):
            nibabel.save(placed, path)
            return _read_back_placed(path, source)
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


def _placed_as(array_zyx: NDArray[Any], source: Source) -> Any:
    """An image with the fields of its source's header that place it."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(array_zyx.dtype)
    header.set_data_shape(array_zyx.shape[::-1])
    for name, values in source.placed_by:
        if header[name].ndim:
            header[name][: len(values)] = values
        else:
            header[name] = values[0]
    return nibabel.Nifti1Image(array_zyx.T, None, header, dtype=array_zyx.dtype)


def _read_back_placed(path: Path, source: Source) -> tuple[NDArray[Any], list[FloatArray]]:
    """As `_read_back`, after holding what nibabel and ITK make of the labels against what they make of the source."""
    from volsweep.io.itk.images import affine_of, as_array, read_geometry, read_image

    image: Any = nibabel.load(path)
    if any(not np.allclose(_field(image.header, n), v, rtol=1e-6, atol=0, equal_nan=True) for n, v in source.placed_by):
        raise OutputError(
            f"the labels were not written: their header does not place them as that of {source.path.name} does"
        )
    itk = read_geometry(source.path) if source.path.is_file() else None
    if itk is None:  # ITK reads no sheared NIfTI
        return np.asarray(image.dataobj).T, [_affine(image, path)[0]]
    other = read_image(path)
    away = np.abs(affine_of(other) - affine_of(itk)).max()
    if away > _QFORM_TOLERANCE_MM:
        raise OutputError(f"the labels were not written: ITK lays them {away:.3f} mm from {source.path.name}")
    return as_array(other), [_affine(image, path)[0]]


def _read_back(path: Path) -> tuple[NDArray[Any], list[FloatArray]]:
    from volsweep.io.itk.images import affine_of, as_array, read_image

    image: Any = nibabel.load(path)
    affines = [from_nifti_affine(image.get_sform())]
    if not int(image.header["qform_code"]):
        return np.asarray(image.dataobj).T, affines
    other = read_image(path)
    return as_array(other), [*affines, from_nifti_affine(image.get_qform()), affine_of(other)]
