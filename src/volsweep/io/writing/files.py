"""Write files whole or not at all; never over what was read, nor over an image by what is no file of labels."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from volsweep.errors import InputError, OutputError, unwritten, why_refused
from volsweep.io.formats import FORMATS, is_detached, named
from volsweep.io.itk.fields import data_file, read_fields
from volsweep.io.sidecar import SUFFIX, said_beside
from volsweep.settings import own_folder
from volsweep.volume import Source

if sys.platform != "win32":
    import fcntl

CORNER_TOLERANCE_MM = 0.01
"""How far a corner of what was written may lie from where it is in the source."""
_PRIVATE = 0o600
"""Mode of new files: read by nobody but who made them."""
_TEMPORARY = re.compile(r"\.volsweep-[0-9a-f]{12}(\.|$)")
_DEVICES = Path("/dev")
"""Whoever may write there would put a file into a device's place."""
_JUST_MADE_S = 2.0
"""A file that young may be somebody's who has not locked it yet."""

_EXISTS = "{} exists already; choose another name, or overwrite it (overwrite=True)"
_HEAD = 4096
"""Bytes by which a file is known as an image."""
_VOXELS = (".raw", ".zraw", ".img")
"""Of files that hold the voxels of a header beside them and have no mark of their own."""


@contextmanager
def replacing(
    targets: Sequence[Path], *, overwrite: bool, spare: Source | Path | None = None, labels: bool = False
) -> Iterator[tuple[Path, ...]]:
    """Hand out temporary names beside `targets`, moved into place together when the block succeeds.

    When it does not, also on Ctrl-C, the temporary files are removed and the targets are what they were. What a
    killed process left behind is removed by the next one that writes there. Nobody but who makes them reads new
    files, from the first byte.

    Parameters
    ----------
    targets
        Files to be written; moved in this order.
    overwrite
        Whether existing files may be replaced.
    spare
        What was read, which is never replaced.
    labels
        Whether labels are written: nothing else replaces a file of an image or of labels.

    Raises
    ------
    OutputError
        If a target exists and may not be replaced, its folder does not exist, or the disk refuses.
    """
    check_spares(targets, spare)
    check_writable(targets, overwrite=overwrite, labels=labels)
    with ExitStack() as stack:
        try:
            for folder in {target.parent for target in targets}:
                _sweep(folder)
            temporary = tuple(stack.enter_context(_claimed(target)) for target in targets)
            yield temporary
            _check_free(targets, overwrite)
            for source, target in zip(temporary, targets, strict=True):
                # What was shared already stays so.
                source.chmod(target.stat().st_mode & 0o777 if target.exists() else _PRIVATE)
            _move(temporary, targets, overwrite)
        except OSError as error:
            raise OutputError(unwritten(targets[0], error)) from None


def _move(temporary: Sequence[Path], targets: Sequence[Path], overwrite: bool) -> None:
    """Give files their names; where nothing may be replaced, all or none, whoever else writes there now."""
    placed: list[Path] = []
    try:
        for source, target in zip(temporary, targets, strict=True):
            if overwrite:
                source.replace(target)
            else:
                _place(source, target)
                placed.append(target)
    except BaseException:
        for target in placed:
            target.unlink(missing_ok=True)
        raise


def _place(source: Path, target: Path) -> None:
    """Give a file a name that nothing has: a rename would take it from another writer in silence."""
    try:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except (OSError, AttributeError):  # a file system without links
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
            source.replace(target)
    except FileExistsError:
        raise OutputError(_EXISTS.format(target)) from None


@contextmanager
def _claimed(target: Path) -> Iterator[Path]:
    """An empty file beside `target`, locked for as long as it is this process's, and removed afterwards."""
    # The suffixes stay: libraries choose the format by them.
    # Also of a name that begins with dots; ITK takes `.nii.GZ` for no format.
    suffixes = "".join(f".{part}" for part in target.name.lower().split(".")[1:][-2:])
    path = target.with_name(f".volsweep-{uuid.uuid4().hex[:12]}{suffixes}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    try:
        if sys.platform == "win32":  # it moves no file that is open
            os.close(descriptor)
            descriptor = -1
        else:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        with suppress(OSError):  # a disk that takes nothing holds nothing to remove either
            path.unlink(missing_ok=True)
        if descriptor >= 0:
            os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that were killed: those that nobody holds any more."""
    if sys.platform == "win32":
        return
    for path in folder.glob(".volsweep-*"):
        with suppress(OSError):
            if not _TEMPORARY.match(path.name) or time.time() - path.lstat().st_mtime < _JUST_MADE_S:
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def write_whole(path: Path, content: str | bytes, *, overwrite: bool, spare: Source | Path | None = None) -> None:
    """Write a file whole or not at all; see `replacing`."""
    with replacing([path], overwrite=overwrite, spare=spare) as (temporary,):
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())


def make_folder(path: Path) -> Path:
    """Make a folder for results, if it is not there.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        own_folder(path)
    except OSError as error:
        raise OutputError(f"the folder {path} cannot be made: {why_refused(error)}; choose another one") from None
    return path


def open_private(path: Path) -> BinaryIO:
    """A file to write that nobody but its owner reads, from the first byte."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb")


def check_writable(targets: Sequence[Path], *, overwrite: bool, labels: bool = False) -> None:
    """Refuse now what would be refused at the end of the work.

    Raises
    ------
    OutputError
        As `replacing`.
    """
    for target in targets:
        try:
            os.fsencode(str(target).replace("\0", "\ud800"))  # neither can be in a name
            if target.is_dir():
                raise OutputError(f"{target} is a folder; give the name of a file")
            if (target.exists() and not target.is_file()) or target.parent.resolve() == _DEVICES:
                raise OutputError(f"{target} is a pipe, a device or a socket, and stays; give the name of a file")
            if not target.parent.is_dir():
                raise OutputError(f"the folder {target.parent} does not exist; create it first")
        except OSError as error:  # a folder that may not be looked into, a name that is too long
            raise OutputError(f"{target} cannot be written: {error.strerror}; choose another name") from None
        except ValueError:  # half a surrogate pair, a NUL
            raise OutputError(f"{str(target)!r} is no name that a file can have; choose another one") from None
        if not os.access(target.parent, os.W_OK):
            raise OutputError(f"the folder {target.parent} may not be written to; choose another one")
    _check_free(targets, overwrite)
    if not labels:
        check_no_image(targets)


def _check_free(targets: Sequence[Path], overwrite: bool) -> None:
    if overwrite:
        return
    for target in sorted(targets, key=lambda path: path.suffix == ".json"):  # the labels before the table beside them
        if target.exists() or target.is_symlink():
            raise OutputError(_EXISTS.format(target))


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
    if path.name.endswith(SUFFIX) and head:
        return "a sidecar"
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
    if beside := said_beside(path):
        yield beside
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


def sha256(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
