"""The text of an NRRD or MetaImage header, field by field, and the keys that programs put into one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from volsweep.errors import InputError

_MOST_BYTES = 2**16
_MOST_BYTES_OF_KEYS = 2**24
"""3D Slicer writes some 500 bytes for a segment."""
_KEY_OF_SEGMENTATION = re.compile(r"Segment(ation|\d+)_\w+")


def read_fields(path: Path) -> dict[str, str]:
    """Fields of a header by name in small letters without blanks; the last one is what ends it.

    Raises
    ------
    InputError
        If a field is there twice with two values: programs differ in which they believe.
    """
    with path.open("rb") as stream:
        text = stream.read(_MOST_BYTES).decode("latin-1")
    is_nrrd = text.startswith("NRRD")
    fields: dict[str, str] = {}
    for line in (_text(line.encode("latin-1")) for line in re.split("\r\n|\n|\r", text)):
        if is_nrrd and not line.strip():
            break
        name, sign, value = line.partition(":" if is_nrrd else "=")
        if is_nrrd and value.startswith("="):
            continue  # a key of somebody's, not a field
        name, said = name.replace(" ", "").lower(), name.strip()
        if sign and not name.startswith(("#", "comment")) and fields.setdefault(name, value.strip()) != value.strip():
            raise InputError(f"{path.name} is damaged: its header says {said[:40]} twice, and not the same")
        if name == "elementdatafile":
            break
    return fields


def pass_header(stream: BinaryIO) -> None:
    """Read a header up to the first byte of its voxels, where these follow it."""
    is_nrrd = (line := stream.readline()).startswith(b"NRRD")
    while line.strip() if is_nrrd else line and not line.lower().startswith(b"elementdatafile"):
        line = stream.readline()


def read_keys(path: Path) -> dict[str, str]:
    """The keys that a program put into an NRRD header beside the format's own fields (``key:=value``), in their order.

    Raises
    ------
    InputError
        If the header does not end.
    """
    return dict(_keys(path))


def is_segmentation(path: Path) -> bool:
    """Whether an NRRD file says in its keys that it is a segmentation of 3D Slicer, whatever it is called."""
    try:
        return any(_KEY_OF_SEGMENTATION.fullmatch(key) for key, _ in _keys(path))
    except (OSError, InputError):
        return False  # who reads it says what is wrong


def _keys(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as stream:
        if not stream.readline(_MOST_BYTES).startswith(b"NRRD"):
            return
        left = _MOST_BYTES_OF_KEYS
        while (line := stream.readline(left)).strip():
            left -= len(line)
            if not line.endswith(b"\n"):
                raise InputError(f"{path.name} is damaged: its header has no end")
            key, sign, value = _text(line.rstrip(b"\r\n")).partition(":=")
            if sign and not key.startswith("#"):
                yield key, re.sub(r"\\([n\\])", lambda found: "\n" if found[1] == "n" else "\\", value)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def data_file(fields: dict[str, str]) -> str:
    """The file that a header names for its voxels; empty where they follow it."""
    name = next((fields[key] for key in ("datafile", "elementdatafile") if key in fields), "")
    return "" if name.upper() == "LOCAL" else name
