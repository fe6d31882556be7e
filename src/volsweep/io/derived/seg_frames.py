"""The frames of a SEG as they are stored: bits in bytes, plain, deflated or run-length encoded, or an image a frame."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, RLELossless

from volsweep.errors import InputError
from volsweep.io.dicom.values import syntax_name, uid_of

_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
"""Deflated Image Frame Compression, which pydicom 3.0 does not know."""


def is_encapsulated(dataset: pydicom.Dataset) -> bool:
    """Whether the frames are items of their own, whatever the transfer syntax is called."""
    return "PixelData" in dataset and bool(dataset["PixelData"].is_undefined_length)


def stored_frames(path: Path, dataset: pydicom.Dataset) -> Iterator[NDArray[Any]]:
    """Stored values, (rows, columns), frame by frame.

    Raises
    ------
    InputError
        If they cannot be decoded, with the name of their transfer syntax.
    """
    syntax = UID(uid_of(getattr(dataset, "file_meta", pydicom.Dataset()), "TransferSyntaxUID"))
    try:
        if not is_encapsulated(dataset) and dataset.BitsAllocated == 1:
            yield from _unpacked(dataset)
        elif syntax == _DEFLATED_FRAMES:
            for frame in _items(dataset):
                yield _as_frame(dataset, _inflated(frame, _bytes_of(dataset)))
        elif syntax == RLELossless and dataset.BitsAllocated == 1:
            for frame in _items(dataset):
                yield _as_frame(dataset, _run_length_decoded(frame, _bytes_of(dataset)))
        else:
            yield from iter_pixels(dataset, raw=True)
    except Exception:  # each decoder has its own
        named = syntax_name(syntax)
        raise InputError(
            f"the pixels of {path.name} cannot be decoded: they are damaged, or its transfer syntax, {named}, is none "
            "that is read; convert it to an uncompressed one with other software"
        ) from None


def _unpacked(dataset: pydicom.Dataset) -> Iterator[NDArray[np.uint8]]:
    """Bits, eight to a byte: a frame begins where the one before ends, also within a byte.

    pydicom 3.0 unpacks all frames at once, or one by one only where they begin with a byte.
    """
    stored = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    size = dataset.Rows * dataset.Columns
    for start in range(0, size * int(dataset.NumberOfFrames), size):
        touched = stored[start // 8 : (start + size + 7) // 8]
        bits = np.unpackbits(touched, bitorder="little")[start % 8 :][:size]
        yield bits.reshape(dataset.Rows, dataset.Columns)


def _items(dataset: pydicom.Dataset) -> Iterator[bytes]:
    return generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))


def _bytes_of(dataset: pydicom.Dataset) -> int:
    """Of a frame by itself; one of bits begins with a byte here."""
    return (int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) + 7) // 8


def _as_frame(dataset: pydicom.Dataset, content: bytes) -> NDArray[Any]:
    shape = int(dataset.Rows), int(dataset.Columns)
    if len(content) < _bytes_of(dataset):
        raise ValueError
    if dataset.BitsAllocated == 1:
        bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8), bitorder="little")
        return bits[: shape[0] * shape[1]].reshape(shape)
    kind = np.dtype(f"<u{int(dataset.BitsAllocated) // 8}")
    return np.frombuffer(content[: _bytes_of(dataset)], dtype=kind).reshape(shape)


def _inflated(frame: bytes, size: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, size + 1)


def _run_length_decoded(frame: bytes, size: int) -> bytes:
    """PackBits of the one segment that bits have (PS3.5, annex G); pydicom refuses RLE of single bits."""
    count, at = (int.from_bytes(frame[n : n + 4], "little") for n in (0, 4))
    if count != 1:
        raise ValueError
    content = bytearray()
    while len(content) < size and at + 1 < len(frame):
        head = frame[at]
        if head < 128:
            content += frame[at + 1 : at + 2 + head]
            at += 2 + head
        else:
            if head > 128:
                content += frame[at + 1 : at + 2] * (257 - head)
            at += 2 if head > 128 else 1
    return bytes(content)
