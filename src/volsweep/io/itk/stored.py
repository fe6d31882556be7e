"""Voxels as an NRRD or MetaImage file stores them, held against what ITK made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import SEEK_CUR, SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError
from volsweep.io.itk.fields import data_file, pass_header
from volsweep.io.voxels import check_count, check_packed

_TEXT = ("ascii", "text", "txt")
_GZIP = ("gz", "gzip")
_TO_THE_END = -1
"""As a number of bytes to skip: the voxels are the file's last bytes."""


def check_stored(path: Path, fields: dict[str, str], array: NDArray[Any]) -> None:
    """Read the voxels once more than ITK did, for it reads damaged and cut ones without a word.

    Parameters
    ----------
    path, fields
        The file, and its header.
    array
        What ITK read, (z, y, x); several values of a voxel are the last axis.

    Raises
    ------
    InputError
        If they are others than the file holds, or it holds many more than its header says.
    """
    name, skipped = data_file(fields), _number(path, fields, "byteskip")
    header_bytes, length = (_number(path, fields, key) for key in ("headersize", "compresseddatasize"))
    with (path.parent / name if name else path).open("rb") as stream:
        if not name:
            pass_header(stream)
        for _ in range(_number(path, fields, "lineskip")):
            stream.readline()
        start = stream.seek(max(header_bytes, 0), SEEK_CUR)
        if _is_packed(fields):
            if _TO_THE_END in (skipped, header_bytes if name else 0):
                raise InputError(
                    f"{path.name} has compressed voxels and does not say where they begin (byte skip or HeaderSize "
                    "-1); save it without compression"
                )
            _check_packed(path, BytesIO(stream.read(length)) if length > 0 else stream, skipped, array)
        elif _is_text(fields):
            _check_text(path, stream, array)
        elif fields.get("encoding", "raw").lower() == "raw":
            there = stream.seek(0, SEEK_END) - start
            to_the_end = skipped == _TO_THE_END or (name and header_bytes == _TO_THE_END)
            check_count(path.name, min(there, array.nbytes) if to_the_end else there - skipped, array.nbytes)


def _is_packed(fields: dict[str, str]) -> bool:
    return fields.get("encoding", "").lower() in _GZIP or (fields.get("compresseddata") or "no")[0] in "Tt1"


def _is_text(fields: dict[str, str]) -> bool:
    return fields.get("encoding", "").lower() in _TEXT or (fields.get("binarydata") or "true")[0] not in "Tt1"


def _check_packed(path: Path, stream: BinaryIO, skipped: int, array: NDArray[Any]) -> None:
    crc = check_packed(stream, path.name, array.nbytes, skipped)
    # Of several values a voxel, ITK has put the axis of these last, wherever it is in the file.
    if array.ndim == 3 and crc not in _checksums(array):
        raise InputError(f"{path.name} cannot be read: ITK does not unpack it; save it without compression")


def _check_text(path: Path, stream: BinaryIO, array: NDArray[Any]) -> None:
    """Numbers in words: ITK takes 300 for 44 where the type has eight bits, and 1.5 for 1."""
    words = stream.read().split()
    if len(words) != array.size:
        count = "more" if len(words) > array.size else "fewer"
        raise InputError(
            f"{path.name} is damaged: it holds {count} voxels than its header says ({len(words)}, not {array.size}); "
            "write it again, or fetch it again"
        )
    try:
        stated = np.array(words, dtype=np.float64)
    except ValueError:
        raise InputError(f"{path.name} is damaged: its voxels are no numbers; write it again") from None
    with np.errstate(over="ignore"):
        in_type = stated.astype(array.dtype) if array.dtype.kind == "f" else stated
    differ = (in_type != array.ravel()) & ~np.isnan(stated)
    if array.ndim == 3 and differ.any():
        raise InputError(
            f"{path.name} holds the number {float(stated[differ][0]):.9g}, which its type ({array.dtype}) has not; "
            "save it in a type that holds its values"
        )


def _checksums(array: NDArray[Any]) -> Iterator[int]:
    """CRC-32 of values in this machine's order of bytes, then, where it is asked for, in the other one."""
    yield crc32(np.ascontiguousarray(array).data)
    yield crc32(array.byteswap().data)


def _number(path: Path, fields: dict[str, str], name: str) -> int:
    text = fields.get(name, "0")
    if not re.fullmatch(r"-1|\d{1,15}", text):
        raise InputError(f"{path.name} is damaged: its header gives {text[:20]!r} where a number of bytes should be")
    return int(text)
