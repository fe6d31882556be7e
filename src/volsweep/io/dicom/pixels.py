"""Decode slices one by one into a single array, in the units the scanner meant."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)
from scipy import ndimage

from volsweep.errors import InputError, why_failed
from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.headers import Header, read_dataset
from volsweep.io.dicom.jpeg import check_ends, mend_scans
from volsweep.io.dicom.mosaic import WHAT_TO_DO, tiles_across
from volsweep.io.dicom.values import numbers_of, quiet, syntax_name
from volsweep.io.voxels import rescale, stays_whole

_WITH_ENDS = [*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes]
_LEAST_AROUND = 0.005
"""Share of a slice: less than this in one piece at its border, or in its corners together, is tissue that has the
padding's value, as one in fifty slices of CT in steps of 8 HU would have it at a corner by chance."""


def decode(frames: Sequence[Frame], headers: dict[DicomFile, Header], *, inverted: bool = False) -> NDArray[Any]:
    """Stack the frames' values.

    Parameters
    ----------
    frames
        In slice order, all of one matrix size.
    headers
        The header of each frame's file, by file.
    inverted
        Whether dark and bright will be exchanged, so that the largest value is the darkest.

    Returns
    -------
    ndarray, (slices, rows, columns)
        After rescale slope and intercept: int16 where every value fits, else int32 or int64, or
        float32 where slope or intercept are not whole numbers.

    Raises
    ------
    InputError
        If a file's pixels are damaged or in a syntax no installed decoder reads.
    """
    whole = all(stays_whole(f.slope, f.intercept) for f in frames)
    array = np.empty(0)
    for index, (frame, stored) in enumerate(zip(frames, _stored(frames, headers), strict=True)):
        if stored.shape != frame.shape_yx:
            raise InputError(
                f"{frame} decodes to shape {stored.shape}, not {frame.shape_yx} as its header says; it is damaged"
            )
        values = _in_units(stored, frame, headers[frame.file])
        if index == 0:
            kind = np.int16 if whole and values.dtype.kind in "iu" else np.float32
            array = _allocate((len(frames), *frame.shape_yx), kind)
        array = _widened(array, values)
        array[index] = values
    _darken_padding(array, frames, headers, inverted)
    return array


def _widened(array: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """The array in an integer type that holds these values, too."""
    while array.dtype.kind == "i" and values.size:
        limits = np.iinfo(array.dtype)
        if limits.min <= int(values.min()) and int(values.max()) <= limits.max:
            break
        array = array.astype(np.int32 if array.dtype == np.int16 else np.int64)
    return array


def same_pixels(one: DicomFile, other: DicomFile) -> bool:
    """Whether two files hold the same stored values; in any transfer syntax."""
    with one.open() as a, other.open() as b:
        if a.read() == b.read():
            return True
    try:
        arrays = []
        for file in (one, other):
            with file.open() as stream, quiet():
                arrays.append(pydicom.dcmread(stream, force=True).pixel_array)
    except Exception:  # what cannot be decoded cannot be shown to be a copy
        return False
    return np.array_equal(arrays[0], arrays[1])


def check_not_tiled(headers: Sequence[Header]) -> None:
    """Refuse what says that it is one MR slice, and looks like several tiled in one image.

    The tags that tell a mosaic are lost where a file was anonymised; the picture stays.

    Raises
    ------
    InputError
        If the images, which lie at one place, are such a picture.
    """
    frames = [frame for header in headers for frame in header.frames]
    first = headers[0]
    if first.modality != "MR" or len({f.position_mm for f in frames}) != 1 or first.frames[0].tile is not None:
        return
    try:
        image = next(_stored(frames[:1], {first.file: first}))
    except InputError:  # said where the volume is read
        return
    if across := tiles_across(image, _acquired(first.file)):
        raise InputError(
            f"{frames[0]} is no slice but a mosaic: {across} x {across} pictures, tiled in one image, "
            f"and its header does not say so (its tags were removed); {WHAT_TO_DO}"
        )


def _acquired(file: DicomFile) -> list[int]:
    """Rows and columns that an MR image was measured with: by frequency or by phase, and 0 by the other."""
    with file.open() as stream, quiet():
        found = pydicom.dcmread(stream, force=True, specific_tags=["AcquisitionMatrix"], stop_before_pixels=True)
    rows, columns, rows_too, columns_too = numbers_of(found, "AcquisitionMatrix", 4) or (0, 0, 0, 0)
    return [int(rows or rows_too), int(columns or columns_too)]


def invert(array: NDArray[Any]) -> float:
    """Exchange dark and bright in place, over the range the array has; return the sum of its ends."""
    turn = array.min().item() + array.max().item()
    for index in range(len(array)):
        array[index] = turn - array[index].astype(np.float32 if array.dtype.kind == "f" else np.int64)
    return float(turn)


def _stored(frames: Sequence[Frame], headers: dict[DicomFile, Header]) -> Iterator[NDArray[Any]]:
    """Stored values of each frame in turn; a multi-frame file is opened once for its run of frames."""
    start = 0
    while start < len(frames):
        end = start
        while end < len(frames) and frames[end].file == frames[start].file:
            end += 1
        yield from _stored_in_one_file(frames[start:end], headers[frames[start].file])
        start = end


def _stored_in_one_file(frames: Sequence[Frame], header: Header) -> Iterator[NDArray[Any]]:
    transfer_syntax = header.transfer_syntax
    indices = None if frames[0].number is None else [f.number - 1 for f in frames if f.number is not None]
    with frames[0].file.open() as stream, closing(_iterate(stream, indices, header)) as pixels:
        if frames[0].tile is not None:
            image = _next(pixels, frames[0], transfer_syntax)
            for tile, (rows, columns) in ((f.tile, f.shape_yx) for f in frames if f.tile is not None):
                yield image[tile.row : tile.row + rows, tile.column : tile.column + columns]
            return
        for frame in frames:
            yield _next(pixels, frame, transfer_syntax)


def _iterate(stream: BinaryIO, indices: list[int] | None, header: Header) -> Generator[NDArray[Any], None, None]:
    transfer_syntax = header.transfer_syntax
    # As fast as pylibjpeg's, which panics on damaged data with what is no Exception.
    plugin = "pydicom" if transfer_syntax == RLELossless else ""
    if header.bits_below:
        dataset = pydicom.dcmread(stream, force=True)
        dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)
        dataset.BitsStored += header.bits_below
        for values in iter_pixels(dataset, indices=indices, raw=True, decoding_plugin=plugin):
            yield _above(values, header.bits_below)
    elif transfer_syntax in _WITH_ENDS:
        dataset = pydicom.dcmread(stream)
        count = int(dataset.get("NumberOfFrames") or 1)
        check_ends(dataset, count)
        if transfer_syntax in (JPEGBaseline8Bit, JPEGExtended12Bit):
            mend_scans(dataset, count)
        yield from iter_pixels(dataset, indices=indices, raw=True)
    elif transfer_syntax == DeflatedExplicitVRLittleEndian:  # has to be inflated as a whole
        yield from iter_pixels(pydicom.dcmread(stream), indices=indices, raw=True)
    else:
        yield from iter_pixels(
            stream, indices=indices, raw=True, transfer_syntax_uid=transfer_syntax, decoding_plugin=plugin
        )


def _above(stored: NDArray[Any], below: int) -> NDArray[Any]:
    """Values in the upper bits of what is stored: pydicom and ITK take the lower ones, whatever HighBit says."""
    if np.bitwise_and(stored, (1 << below) - 1).any():
        raise ValueError(
            f"HighBit says that the lowest {below} bits are beneath the values, and there is something in them, so "
            "which bits are the values is unknown; have the images exported again"
        )
    return np.asarray(np.right_shift(stored, below))


def _next(pixels: Iterator[NDArray[Any]], frame: Frame, syntax: str) -> NDArray[Any]:
    try:
        with quiet():
            return next(pixels)
    except Exception as error:  # each decoder has its own
        reason, first = why_failed(error), str(error).partition("\n")[0]
        if first.endswith(":") or "transfer syntax" in reason.lower():  # a list of decoders, each with its own words
            reason = "they are damaged, or no decoder that is installed reads them"
        raise InputError(f"the pixels of {frame} cannot be decoded ({syntax_name(syntax)}): {reason}") from None


def _in_units(stored: NDArray[Any], frame: Frame, header: Header) -> NDArray[Any]:
    if header.has_lut and frame.number is None:
        return np.asarray(apply_modality_lut(stored, read_dataset(frame.file)))
    return rescale(stored, frame.slope, frame.intercept)


def _allocate(shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    try:
        return np.empty(shape, dtype=kind)
    except (MemoryError, ValueError):
        raise InputError(f"a volume of shape {shape} does not fit into memory") from None


def _darken_padding(
    array: NDArray[Any], frames: Sequence[Frame], headers: dict[DicomFile, Header], inverted: bool
) -> None:
    """Give the surroundings of the image its darkest value where their padding is brighter.

    Surroundings are what has the padding's value and hangs together with the slice's border: the same value
    within the image is tissue. Padding darker than every real value is left as the scanner wrote it.
    """
    padded: list[tuple[int, NDArray[np.bool_]]] = []
    darkest: float | None = None
    for index, frame in enumerate(frames):
        padding = headers[frame.file].padding
        real = array[index]
        if padding is not None:
            ends = rescale(np.array(padding, dtype=np.int64), frame.slope, frame.intercept)
            mask = _from_the_border((real >= ends.min()) & (real <= ends.max()))
            if mask.any():
                padded.append((index, mask))
                real = real[~mask]
        if real.size:
            value = (real.max() if inverted else real.min()).item()
            darkest = value if darkest is None else (max if inverted else min)(darkest, value)
    for index, mask in padded:
        if darkest is not None:
            brighter = array[index] < darkest if inverted else array[index] > darkest
            np.putmask(array[index], mask & brighter, darkest)


def _from_the_border(mask_yx: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What of a mask hangs together with the border of the slice, if it is more than a few pixels."""
    if not mask_yx.any():
        return mask_yx
    pieces, _ = ndimage.label(mask_yx)
    sizes = np.bincount(pieces.ravel())
    border = np.concatenate([pieces[[0, -1]].ravel(), pieces[:, [0, -1]].ravel()])
    at_corners = {int(n) for n in pieces[[0, 0, -1, -1], [0, -1, 0, -1]] if n}
    enough = _LEAST_AROUND * mask_yx.size
    around = {int(n) for n in border if n and sizes[n] >= enough}
    if sum(sizes[n] for n in at_corners) >= enough:
        around |= at_corners
    return np.isin(pieces, list(around))
