"""A file that may be DICOM, on the disk or in a zip, and opening it so that damage cannot keep a parser busy."""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from volsweep.errors import InputError, why_failed

_ELEMENT_HEADER = 8
_MAX_EMPTY_ELEMENTS = 1000
_MAX_INFLATED_BYTES = 2**28

# What damaged or hostile archives make zipfile and its decompressors raise.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)


@dataclass(frozen=True, order=True)
class DicomFile:
    """A file on the disk, or a member of a zip."""

    path: Path
    """For a member of a zip: the zip's path followed by the member's name."""
    archive: zipfile.ZipFile | None = field(default=None, compare=False)
    member: str = ""

    @property
    def name(self) -> str:
        """Last part of its path, for messages."""
        return self.path.name

    @property
    def folder(self) -> Path:
        """The folder it lies in."""
        return self.path.parent

    def open(self) -> BinaryIO:
        """Open for reading.

        Raises
        ------
        InputError
            If the file cannot be read, or a zip's member is damaged, encrypted or over 1 GiB.
        """
        try:
            if self.archive is None:
                return self.path.open("rb")
            return BytesIO(self.archive.read(self.member))
        except ZIP_ERRORS as error:
            raise InputError(
                f"{self.name} cannot be read ({why_failed(error)}); check its permissions and that it is whole"
            ) from None


def starts_like_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes are those of a DICOM file, with or without preamble."""
    if head[128:132] == b"DICM":
        return True
    # Old files begin at once with group 0002 or 0008, little-endian, a low element number.
    return len(head) >= 8 and head[0] in (2, 8) and head[1] == 0 and head[3] == 0 and head[2] in (0, 1, 5, 8)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def common_folder(files: Sequence[Path]) -> Path:
    """The folder that files lie in, or the one above theirs.

    Raises
    ------
    InputError
        If there is no file.
    """
    if not files:
        raise InputError("no files were given to read")
    return Path(os.path.commonpath([file.absolute().parent for file in files]))


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
