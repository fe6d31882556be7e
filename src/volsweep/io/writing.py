"""Write files and folders whole or not at all, and tell what was written, as it was found on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from volsweep.errors import OutputError
from volsweep.geometry import FloatArray
from volsweep.volume import Source

CORNER_TOLERANCE_MM = 0.01
"""How far a corner of what was written may lie from where it is in the source."""
_PRIVATE, _PRIVATE_FOLDER = 0o600, 0o700
"""Modes of new files and folders: read by nobody but who made them."""


@contextmanager
def replacing(targets: Sequence[Path], *, overwrite: bool) -> Iterator[tuple[Path, ...]]:
    """Hand out temporary names beside `targets`, moved into place together when the block succeeds.

    When it does not, also on Ctrl-C, the temporary files are removed and the targets are
    what they were.

    Parameters
    ----------
    targets
        Files to be written; moved in this order.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        If a target exists and may not be replaced, its folder does not exist, or the disk refuses.
    """
    check_writable(targets, overwrite=overwrite)
    token = uuid.uuid4().hex[:12]
    # The suffixes stay: libraries choose the format by them.
    temporary = tuple(t.with_name(f".volsweep-{token}{''.join(t.suffixes[-2:])}") for t in targets)
    try:
        yield temporary
        _check_free(targets, overwrite)
        for source, target in zip(temporary, targets, strict=True):
            # What is made of a patient's images is its maker's to share; what was shared already stays so.
            source.chmod(target.stat().st_mode & 0o777 if target.exists() else _PRIVATE)
            source.replace(target)
    except OSError as error:
        raise OutputError(f"{targets[0]} cannot be written: {error.strerror or error}") from None
    finally:
        for path in temporary:
            with suppress(OSError):  # a disk that takes nothing holds nothing to remove either
                path.unlink(missing_ok=True)


def check_spares(targets: Sequence[Path], source: Source | None) -> None:
    """Refuse to write over what was read, however it is spelled or linked to: a scan cannot be made again.

    Raises
    ------
    OutputError
        If a target is the source, or a slice of it; also where existing files may be replaced.
    """
    if source is None:
        return
    read = {(found.st_dev, found.st_ino) for path in {source.path, *source.slice_files} if (found := _state(path))}
    for target in targets:
        found = _state(target)
        if found is not None and (found.st_dev, found.st_ino) in read:
            raise OutputError(f"{target} is the source that is read, or a slice of it, and stays; choose another name")


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def check_writable(targets: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse now what would be refused at the end of the work.

    Raises
    ------
    OutputError
        As `replacing`.
    """
    for target in targets:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; give the name of a file")
        if not target.parent.is_dir():
            raise OutputError(f"the folder {target.parent} does not exist; create it first")
        if not os.access(target.parent, os.W_OK):
            raise OutputError(f"the folder {target.parent} may not be written to; choose another one")
    _check_free(targets, overwrite)


def _check_free(targets: Sequence[Path], overwrite: bool) -> None:
    if overwrite:
        return
    for target in targets:
        if target.exists() or target.is_symlink():
            raise OutputError(
                f"{target} exists already; choose another name, or overwrite it (overwrite=True, --force)"
            )


class WholeFolder:
    """A folder that appears whole or not at all.

    Everything is written to `temporary`, beside it; `publish` puts that in its place, instead of an
    older one. Whatever kills the process, the folder holds one whole result, or none and is made again;
    what was left lying is removed by the next one to make it.

    Parameters
    ----------
    target
        The folder to make; no two processes may make it at once.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.temporary = self._beside()

    def __enter__(self) -> WholeFolder:
        remove_leftovers(self.target)
        self.temporary.mkdir(mode=_PRIVATE_FOLDER, parents=True)
        return self

    def publish(self) -> None:
        """Move the folder into place.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        if self.target.exists():
            older = self._beside()
            self.target.rename(older)
            self.temporary.rename(self.target)
            shutil.rmtree(older, ignore_errors=True)
        else:
            self.temporary.rename(self.target)

    def clear(self) -> None:
        """Remove what was written so far."""
        for path in self.temporary.iterdir():
            path.unlink()

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)

    def _beside(self) -> Path:
        return self.target.with_name(f".{self.target.name}.{uuid.uuid4().hex[:8]}")


def remove_leftovers(target: Path) -> None:
    """Remove what a `WholeFolder` of this target left lying when it was stopped; nobody may be making it now."""
    for stale in target.parent.glob(f".{_escaped(target.name)}.????????"):
        shutil.rmtree(stale, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "[*?" else c for c in name)


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
