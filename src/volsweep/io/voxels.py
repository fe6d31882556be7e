"""Voxels as files hold them: values scaled and kept small, labels told from images, sizes and places that can be."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError, OutputError
from volsweep.volume import finite

_INTEGERS = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64)
_EXACT_UP_TO = {2: 2**11, 4: 2**24, 8: 2**53}
"""By bytes of a floating-point number: above, neighbouring whole numbers are one and the same."""
_SCALING_ERROR = 1e-5
"""Relative: how far slope and intercept, which files hold in single precision, may move a whole number."""
_SMALLEST_MM, _LARGEST_MM = 1e-4, 1e3
"""From a tenth of a micrometre, finer than any microscope, to a metre."""
_FARTHEST_MM = 1e6
"""From the origin of the patient's space: a kilometre."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_GZIP = b"\x1f\x8b"
_CHUNK = 2**20
_PADDING = 0.01
"""Of the voxels' bytes: so many may follow them."""
_FEW_LABELS = 32
"""So many are labels, however they lie."""
_LEAST_ALIKE = 0.5
"""Of neighbours along one axis: the share that has one value. Regions of labels have few voxels at their edges; the
noise of an image gives neighbours different values."""


def stays_whole(slope: float, intercept: float) -> bool:
    """Whether integers stay integers, of 64 bits at most, under this slope and intercept."""
    return all(float(v).is_integer() and abs(v) < 2**31 for v in (slope, intercept))


def rescale(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return `stored` x slope + intercept: integer where both are whole numbers, else float32."""
    if slope == 1 and intercept == 0:
        return stored
    if stored.dtype.kind in "iu" and stays_whole(slope, intercept):
        small = stored.dtype.itemsize <= 2 and abs(slope) < 2**14 and abs(intercept) < 2**30
        whole: NDArray[Any] = stored.astype(np.int32 if small else np.int64)
        np.multiply(whole, int(slope), out=whole)
        np.add(whole, int(intercept), out=whole)
        return whole
    values = np.empty(stored.shape, dtype=np.float32)
    # One slice at a time in double precision: slopes of PET are small and intercepts of MR large.
    for index in np.ndindex(stored.shape[:1] if stored.ndim > 2 else ()):
        with np.errstate(over="ignore", invalid="ignore"):
            values[index] = stored[index] * np.float64(slope) + np.float64(intercept)
    return values


def tidy(array: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Bring an array from a file into the types that volumes have.

    Returns
    -------
    ndarray
        In native byte order; float64 and float16 as float32, boolean as uint8, and without
        NaN or infinity.
    tuple of str
        Warnings.

    Raises
    ------
    InputError
        If the values are not real numbers, or none is finite.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} holds {array.dtype} values; only one grey value per voxel can be segmented")
    if array.dtype.kind == "b":
        return array.astype(np.uint8), ()
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind != "f":
        return array, ()
    if array.dtype != np.float32:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    return finite(array, name)


def whole_numbers(
    stored: NDArray[Any], slope: float, intercept: float, name: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read labels as labels: stored x slope + intercept, to the number, and no label where it is NaN.

    Returns
    -------
    ndarray
        Integers in native byte order.
    tuple of str
        Warnings.

    Raises
    ------
    InputError
        If a value is no whole number, or too large to tell from its neighbours in the type that it has.
    """
    if stored.dtype.kind not in "biuf":
        raise InputError(f"{name} holds {stored.dtype} values; labels are one whole number per voxel")
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if stored.dtype.kind == "b":
        stored = stored.astype(np.uint8)
    scaled = (slope, intercept) != (1, 0)
    if stored.dtype.kind != "f" and (not scaled or stays_whole(slope, intercept)):
        return rescale(stored, slope, intercept), ()
    if stored.dtype.kind == "f":
        _check_exact(stored, name)
    with np.errstate(all="ignore"):
        values = stored * np.float64(slope) + np.float64(intercept) if scaled else stored
    absent = np.isnan(values)
    nowhere = int(absent.sum())
    if nowhere == values.size:
        raise InputError(f"{name} holds no number at all")
    values = np.where(absent, 0, values)
    whole = np.rint(values)
    if np.isinf(values).any():
        raise InputError(f"{name} holds values that are infinite, which are no labels")
    apart = np.abs(values - whole) > _SCALING_ERROR * np.maximum(np.abs(whole), 1) * scaled
    if apart.any():
        value = float(values[apart][0])
        raise InputError(f"{name} holds fractions, such as {value:.9g}, so it is an image rather than labels")
    told = (f"{nowhere} voxels are no number (NaN) and became background",) if nowhere else ()
    return whole.astype(np.int64), told


def _check_exact(stored: NDArray[Any], name: str) -> None:
    limit = _EXACT_UP_TO.get(stored.dtype.itemsize, 2**53)
    with np.errstate(invalid="ignore"):
        beyond = np.isfinite(stored) & (np.abs(stored) >= limit)  # which its upper neighbour was rounded to
    if beyond.any():
        raise InputError(
            f"{name} holds the number {stored[beyond][0]:.0f}, and {stored.dtype} tells whole numbers apart only below "
            f"{limit}, so labels may have become one; save them as integers"
        )


def smallest_integers(array: NDArray[Any]) -> NDArray[Any]:
    """Integers in the smallest type that holds them.

    Raises
    ------
    OutputError
        If none does.
    """
    low, high = int(array.min()), int(array.max())
    for kind in _INTEGERS:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind, copy=False)
    raise OutputError(f"labels from {low} to {high} fit no integer type")


def is_voxel_size(size_mm: float) -> bool:
    """Whether a voxel can be that large."""
    return _SMALLEST_MM <= size_mm <= _LARGEST_MM  # false for what is no number, too


def check_voxel_sizes(sizes_mm: Iterable[float], name: str) -> None:
    """Refuse voxel sizes that nothing has.

    Raises
    ------
    GeometryError
        If a size is no number, 0, negative, or as large as no voxel is; volumes in mL would be made of it.
    """
    sizes = [float(size) for size in sizes_mm]
    if not all(map(is_voxel_size, sizes)):
        told = " x ".join(f"{size:g}" for size in sizes)
        raise GeometryError(
            f"{name} has voxel sizes (spacing) of {told} mm, which no voxel has; its header is damaged or in another "
            "unit: write it again with the right ones"
        )


def check_place(affine: NDArray[np.float64], name: str) -> None:
    """Refuse a first voxel that lies where no scanner is.

    Raises
    ------
    GeometryError
        If it does, or nowhere.
    """
    origin = affine[:3, 3]
    if not (np.abs(origin) <= _FARTHEST_MM).all():  # false for what is no number, too
        told = ", ".join(f"{v:g}" for v in origin)
        raise GeometryError(f"{name} begins at ({told}) mm, where no patient is; its header is damaged: write it again")


def check_packed(stream: BinaryIO, name: str, promised: int, skipped: int = 0) -> int:
    """Unpack deflated voxels and hold them against their own checksum: nibabel and ITK do not, and read noise.

    Parameters
    ----------
    stream, name
        At the first packed byte; and what messages call the file.
    promised
        How many bytes the header says are in them; hardly more are unpacked.
    skipped
        How many unpacked bytes lie before these.

    Returns
    -------
    int
        CRC-32 of what was unpacked, without those that are skipped.

    Raises
    ------
    InputError
        If they are damaged, cut short, or are not as many.
    """
    count = crc = 0
    try:
        for piece in _unpacked(stream):
            crc = zlib.crc32(piece[max(skipped - count, 0) :], crc)
            count += len(piece)
            if count - skipped > promised * (1 + _PADDING):
                break
    except (zlib.error, EOFError) as error:
        how = "cut short" if isinstance(error, EOFError) else "not those that were written"
        raise InputError(f"{name} is damaged: its compressed voxels are {how}; fetch the file again") from None
    check_count(name, count - skipped, promised)
    return crc


def check_whole(stream: BinaryIO, path: Path, promised: int) -> None:
    """Hold a whole file, compressed or not, against what its header promises; `InputError` as `check_packed`."""
    if path.suffix.lower() == ".gz":
        check_packed(stream, path.name, promised)
    else:
        check_count(path.name, path.stat().st_size, promised)


def check_count(name: str, count: int, promised: int) -> None:
    """Refuse a file with fewer bytes of voxels than its header says, or so many more that the header must be wrong.

    Raises
    ------
    InputError
        If it is one.
    """
    if not promised <= count <= promised * (1 + _PADDING):
        raise InputError(
            f"{name} is damaged: it holds {'more' if count > promised else 'fewer'} voxels than its header says "
            f"({count} bytes, not {promised}); write it again, or fetch it again"
        )


def _unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """What a zlib stream, or the members of a gzip file, hold; the last piece comes when their checksum was right."""
    inflater, packed = zlib.decompressobj(_GZIP_OR_ZLIB), stream.read(_CHUNK)
    while True:
        if not packed:
            raise EOFError
        yield inflater.decompress(packed, _CHUNK)
        packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        packed = packed or stream.read(_CHUNK)
        if inflater.eof:
            if not packed.startswith(_GZIP):
                return
            inflater = zlib.decompressobj(_GZIP_OR_ZLIB)  # of several members, as bgzip writes them


def refuse_images(array: NDArray[Any], path: Path, named: Collection[int] = ()) -> None:
    """Refuse grey values: labels are not negative, and where there are many of them, neighbours have the same one.

    Parameters
    ----------
    array, path
        The voxels, and their file.
    named
        The values that its sidecar names; where it names them all they are labels, however they lie.

    Raises
    ------
    InputError
        If it is an image.
    """
    low, high = int(array.min()), int(array.max())
    values = np.unique(array)
    why = f"it holds {len(values)} different values from {low} to {high}"
    if low < 0:
        raise InputError(f"{path.name} is an image rather than labels, which are not negative: {why}")
    if len(values) <= _FEW_LABELS or set(values.tolist()) <= {0, *named}:
        return
    if max(_alike(np.moveaxis(array, axis, 0)) for axis in range(3)) < _LEAST_ALIKE:
        raise InputError(f"{path.name} is an image rather than labels, whose neighbouring voxels are alike: {why}")


def _alike(array: NDArray[Any]) -> float:
    """Share of the neighbours along the first axis, background left out, that have one value."""
    inside = (array[:-1] != 0) & (array[1:] != 0)
    return float(np.mean(array[:-1][inside] == array[1:][inside])) if inside.any() else 0.0
