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
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from volsweep.errors import InputError
from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.headers import Header, read_dataset
from volsweep.io.dicom.values import quiet
from volsweep.io.scaling import rescale, stays_whole


def decode(frames: Sequence[Frame], headers: dict[DicomFile, Header]) -> NDArray[Any]:
    """Stack the frames' values.

    Parameters
    ----------
    frames
        In slice order, all of one matrix size.
    headers
        The header of each frame's file, by file.

    Returns
    -------
    ndarray, (slices, rows, columns)
        After rescale slope and intercept: int16 where every value fits, else int32, or
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
        if array.dtype == np.int16 and values.size and (values.max() > 2**15 - 1 or values.min() < -(2**15)):
            array = array.astype(np.int32)
        array[index] = values
    _darken_padding(array, frames, headers)
    return array


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
        yield from _stored_in_one_file(frames[start:end], headers[frames[start].file].transfer_syntax)
        start = end


def _stored_in_one_file(frames: Sequence[Frame], transfer_syntax: str) -> Iterator[NDArray[Any]]:
    indices = None if frames[0].number is None else [f.number - 1 for f in frames if f.number is not None]
    with frames[0].file.open() as stream, closing(_iterate(stream, indices, transfer_syntax)) as pixels:
        for frame in frames:
            yield _next(pixels, frame)


def _iterate(stream: BinaryIO, indices: list[int] | None, transfer_syntax: str) -> Generator[NDArray[Any], None, None]:
    if transfer_syntax == DeflatedExplicitVRLittleEndian:  # has to be inflated as a whole
        yield from iter_pixels(pydicom.dcmread(stream), indices=indices, raw=True)
    else:
        # As fast as pylibjpeg's, which panics on damaged data with what is no Exception.
        plugin = "pydicom" if transfer_syntax == RLELossless else ""
        yield from iter_pixels(
            stream, indices=indices, raw=True, transfer_syntax_uid=transfer_syntax, decoding_plugin=plugin
        )


def _next(pixels: Iterator[NDArray[Any]], frame: Frame) -> NDArray[Any]:
    try:
        with quiet():
            return next(pixels)
    except Exception as error:  # each decoder has its own
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"the pixels of {frame} cannot be decoded: {reason}") from None


def _in_units(stored: NDArray[Any], frame: Frame, header: Header) -> NDArray[Any]:
    if header.has_lut and frame.number is None:
        return np.asarray(apply_modality_lut(stored, read_dataset(frame.file)))
    return rescale(stored, frame.slope, frame.intercept)


def _allocate(shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    try:
        return np.empty(shape, dtype=kind)
    except (MemoryError, ValueError):
        raise InputError(f"a volume of shape {shape} does not fit into memory") from None


def _darken_padding(array: NDArray[Any], frames: Sequence[Frame], headers: dict[DicomFile, Header]) -> None:
    """Give the surroundings of the image its darkest value where their padding is brighter.

    Padding below every real value is left as the scanner wrote it.
    """
    padded: list[tuple[int, NDArray[np.bool_]]] = []
    darkest = np.inf
    for index, frame in enumerate(frames):
        padding = headers[frame.file].padding
        real = array[index]
        if padding is not None:
            ends = rescale(np.array(padding, dtype=np.int32), frame.slope, frame.intercept).astype(array.dtype)
            mask = (real >= ends.min()) & (real <= ends.max())
            if mask.any():
                padded.append((index, mask))
                real = real[~mask]
        if real.size:
            darkest = min(darkest, real.min())
    for index, mask in padded:
        if np.isfinite(darkest):
            np.putmask(array[index], mask & (array[index] > darkest), darkest)
