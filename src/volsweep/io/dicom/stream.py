"""A file as pydicom reads it, that ends where damage would keep the parser busy for minutes."""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

_ELEMENT_HEADER = 8
_MAX_EMPTY_ELEMENTS = 1000
_MAX_INFLATED_BYTES = 2**28


class GuardedStream:
    """Stops a run of zeros from being read as millions of empty elements, and bombs from being inflated.

    Copies that broke off are often filled up with zeros; each eight of them parse as one more
    element (0000,0000) of no length. A deflated object is read to its end and inflated whole.

    Parameters
    ----------
    stream
        What to read from.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._empty = 0

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does; `ValueError` in a run of zeros, or before what inflates to over 256 MiB."""
        data = self._stream.read(size)
        if size == _ELEMENT_HEADER and not any(data):
            self._empty += 1
            if self._empty > _MAX_EMPTY_ELEMENTS:
                raise ValueError("a run of zeros where elements should be")
        elif data:
            self._empty = 0
        if size < 0 and _inflates_beyond(data, _MAX_INFLATED_BYTES):
            raise ValueError("a deflated object of more than 256 MiB")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _inflates_beyond(data: bytes, limit: int) -> bool:
    inflater, inflated = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        while data and inflated <= limit:
            inflated += len(inflater.decompress(data, 2**20))
            data = inflater.unconsumed_tail
    except zlib.error:  # not deflated at all; the parser says so
        return False
    return inflated > limit
