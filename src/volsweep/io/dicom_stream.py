"""A file as pydicom reads it, that ends where damage would keep the parser busy for minutes."""

from __future__ import annotations

from typing import Any, BinaryIO

_ELEMENT_HEADER = 8
_MAX_EMPTY_ELEMENTS = 1000


class GuardedStream:
    """Stops a run of zeros from being read as millions of empty elements.

    Copies that broke off are often filled up with zeros; each eight of them parse as one more
    element (0000,0000) of no length.

    Parameters
    ----------
    stream
        What to read from.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._empty = 0

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does; `ValueError` in a run of zeros."""
        data = self._stream.read(size)
        if size == _ELEMENT_HEADER and not any(data):
            self._empty += 1
            if self._empty > _MAX_EMPTY_ELEMENTS:
                raise ValueError("a run of zeros where elements should be")
        elif data:
            self._empty = 0
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
