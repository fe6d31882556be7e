"""Write files whole or not at all, and tell what was written, as it was found on the disk."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from volsweep.errors import OutputError, why_refused
from volsweep.geometry import FloatArray
from volsweep.io.spared import check_no_image, check_spares
from volsweep.settings import own_folder
from volsweep.volume import Source

if sys.platform != "win32":
    import fcntl

CORNER_TOLERANCE_MM = 0.01
"""How far a corner of what was written may lie from where it is in the source."""
_PRIVATE = 0o600
"""Mode of new files: read by nobody but who made them."""
_TEMPORARY = re.compile(r"\.volsweep-[0-9a-f]{12}(\.|$)")
_JUST_MADE_S = 2.0
"""A file that young may be somebody's who has not locked it yet."""

_FORMULA = r"[=+\-@＝＋－＠]"
"""How what a spreadsheet works out begins, in letters of full width, too."""

_EXISTS = "{} exists already; choose another name, or overwrite it (overwrite=True)"


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
            raise OutputError(f"{targets[0]} cannot be written: {why_refused(error)}") from None


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


def cell(text: str) -> str:
    """A text for a table that no spreadsheet takes for a formula: names come from other people's files.

    Neither where it is opened with semicolons or tabs between cells, as where a comma is decimal.
    """
    text = re.sub(rf"(;\s*|\S\s*[\t\r\n]\s*)(?={_FORMULA})", r"\1'", text)
    return f"'{text}" if re.match(rf"[\t\r]|\s*{_FORMULA}", text) else text


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
    for target in targets:
        if target.exists() or target.is_symlink():
            raise OutputError(_EXISTS.format(target))


@dataclass(frozen=True, eq=False)
class Receipt:
    """Proof of a written label volume: it was read back and compared before it got its name."""

    path: Path
    sha256: str
    sidecar: Path | None
    """The JSON beside it; None for DICOM, which holds names and colours itself."""
    sidecar_sha256: str | None
    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    affine: FloatArray
    """4x4, array index (z, y, x, 1) -> LPS mm."""
    voxels: Mapping[int, int]
    """Voxels of every label, background left out."""
    max_corner_error_mm: float
    """Largest distance of a corner of the written volume from the same corner of the source; for contours, of a
    point from the plane of its slice."""
    dice: Mapping[int, float] = field(default_factory=dict)
    """Dice of every label, as found in the file, with what was written: 1 where voxels are compared one by one."""
    warnings: tuple[str, ...] = ()
    """What was decided while reading the labels."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "sidecar": self.sidecar and str(self.sidecar),
            "sidecar_sha256": self.sidecar_sha256,
            "shape_zyx": list(self.shape_zyx),
            "dtype": str(self.dtype),
            "affine": self.affine.tolist(),
            "voxels": {str(value): count for value, count in self.voxels.items()},
            "max_corner_error_mm": self.max_corner_error_mm,
            "dice": {str(value): dice for value, dice in self.dice.items()},
            "warnings": list(self.warnings),
        }


def sha256(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
