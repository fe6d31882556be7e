"""What a series was when it was segmented: enough to tell whether it still is the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from volsweep.io.formats import is_detached, is_one_file
from volsweep.io.sidecar import files_read
from volsweep.io.volumes import stated_path


class Fingerprint(BaseModel):
    """Hashes of the files behind a series.

    Names, sizes and times are quick to compare; only where the times differ, as after a copy,
    is the content read again.

    Parameters
    ----------
    files
        How many.
    listing
        Of their names and sizes.
    times
        Of their modification times.
    content
        Of every byte.
    """

    model_config = ConfigDict(frozen=True)

    files: int
    listing: str
    times: str
    content: str


def fingerprint(source: Path | tuple[Path, ...]) -> Fingerprint:
    """Read all files behind a series once.

    Raises
    ------
    OSError
        If one cannot be read.
    """
    files = input_files(source)
    listing, times = _look(files)
    return Fingerprint(files=len(files), listing=listing, times=times, content=content_of(files))


def is_unchanged(source: Path | tuple[Path, ...], known: Fingerprint) -> bool:
    """Whether a series is what it was, reading its content only where its files' times changed."""
    try:
        files = input_files(source)
        listing, times = _look(files)
        if listing != known.listing:
            return False
        return times == known.times or content_of(files) == known.content
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Whether a path exists; what can be no path at all, such as one that is too long, does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def input_files(source: Path | tuple[Path, ...]) -> list[Path]:
    """Files that `read_volume` may look at, in a stable order."""
    if isinstance(source, tuple):
        return sorted(source)
    if source.is_dir():
        return _below(source)
    if is_detached(source):
        return with_companions(source)
    if is_one_file(source):
        return [path for path in (source, stated_path(source)) if path.is_file()]
    if source.name.lower() == "dicomdir":
        return _below(source.parent)
    # A single DICOM slice stands for the series beside it.
    return sorted(p for p in source.parent.iterdir() if p.is_file())


def with_companions(path: Path) -> list[Path]:
    """A file, with the data that a header names beside it, the names and colours of labels, and all their groups."""
    same = [p for p in path.parent.iterdir() if p.stem == path.stem] if is_detached(path) else []
    beside = {path, *same, *files_read(path)}
    return sorted(p for p in beside if p.is_file())


def content_of(files: Iterable[Path]) -> str:
    """SHA-256 over the content of files, in their order."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of one file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _below(folder: Path) -> list[Path]:
    """Regular files, as reading a series finds them: no link that leads out of the folder is opened."""
    top = folder.resolve()
    found = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(root, name) for name in sorted(names)):
            if path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(top)):
                found.append(path)
    return found


def _look(files: Sequence[Path]) -> tuple[str, str]:
    listing, times = hashlib.sha256(), hashlib.sha256()
    for path in files:
        state = path.stat()
        listing.update(f"{path.name}\0{state.st_size}\n".encode(errors="surrogateescape"))
        times.update(f"{state.st_mtime_ns}\n".encode())
    return listing.hexdigest(), times.hexdigest()
