"""What is never written over: the scan that was read, and, by what is no file of labels, any image at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from volsweep.errors import InputError, OutputError
from volsweep.io.formats import FORMATS, is_detached, named
from volsweep.io.itk_header import data_file, read_fields
from volsweep.volume import Source

_HEAD = 4096
_VOXELS = (".raw", ".zraw", ".img")
"""Of files that hold the voxels of a header beside them and have no mark of their own."""


def check_spares(targets: Sequence[Path], source: Source | Path | None) -> None:
    """Refuse to write over what was read, however it is spelled or linked to: a scan cannot be made again.

    Raises
    ------
    OutputError
        If a target is the source, or a slice or the voxels of it; also where existing files may be replaced.
    """
    if source is None:
        return
    read = {(found.st_dev, found.st_ino) for path in _files_of(source) if (found := _state(path))}
    for target in targets:
        found = _state(target)
        if found is not None and (found.st_dev, found.st_ino) in read:
            raise OutputError(f"{target} is the source that is read, or a slice of it, and stays; choose another name")


def check_no_image(targets: Sequence[Path]) -> None:
    """Refuse to write a report, prompts, a picture or a table over an image or labels, whatever it is called.

    Raises
    ------
    OutputError
        If a target is one; also where existing files may be replaced.
    """
    for target in targets:
        kind = _image_in(target)
        if kind:
            raise OutputError(f"{target} is {kind} file, an image or labels, and stays; choose another name")


def _image_in(path: Path) -> str:
    """What kind of image a file is by its first bytes or its name, with its article; empty where it is none."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return ""
    if head[:3] == b"\x1f\x8b\x08":
        return "a compressed"
    row = next((row for row in FORMATS if row.mark and re.search(row.mark, head)), None)
    if row is None and head:
        row = named(path.name)  # of no image that is read now, but called one
        if path.suffix.lower() in _VOXELS:
            return "a voxel data"
    return "" if row is None else f"{'an' if row.kind == 'nrrd' else 'a'} {row.name}"


def _files_of(source: Source | Path) -> Iterator[Path]:
    path = source if isinstance(source, Path) else source.path
    yield path
    if isinstance(source, Source):
        yield from set(source.slice_files)
    if is_detached(path):
        try:
            name = data_file(read_fields(path))
        except (OSError, InputError):
            return
        if name:
            yield path.resolve().parent / name


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
