"""Where the series of a manifest lie below a root: every file's header is looked at once."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from volsweep.errors import BatchError
from volsweep.io.dicom.files import GuardedStream, starts_like_dicom
from volsweep.io.writing import write_whole
from volsweep.settings import own_folder

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_FORMAT = "volsweep-index-2"
_SERIES_INSTANCE_UID = 0x0020000E


class _Seen(NamedTuple):
    """A file as it was when its header was read."""

    size: int
    time: int
    uid: str
    """SeriesInstanceUID; empty for what is no DICOM, or belongs to no series."""


@dataclass(frozen=True)
class _Folder:
    """What a folder holds, subfolders left out.

    Parameters
    ----------
    time
        Of its last change; nothing came or went since.
    uids
        Of its series.
    files
        Every file, where there are several series: a series is then read from its own files, and the others
        are not looked at again when one comes.
    """

    time: int
    uids: tuple[str, ...]
    files: Mapping[str, _Seen]


def looks_like_uid(text: str) -> bool:
    """Whether a text is of the form of a DICOM UID."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


class SeriesIndex:
    """SeriesInstanceUIDs and where they lie.

    Parameters
    ----------
    root
        The folder to look through, with its subfolders.
    cache
        A JSON file that keeps what was found: folders in which nothing came or went are not read again, and
        of those that hold several series only new files and those with another size or time. It holds names
        of folders and files, and UIDs, and is replaced.

    Raises
    ------
    BatchError
        If the root is not a folder.
    """

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        self.root = root
        if not root.is_dir():
            raise BatchError(f"the root {root} is not a folder")
        known = _read_cache(cache, root)
        self._folders: dict[str, _Folder] = {}
        self._holders: dict[str, list[str]] = {}
        for name, time in _walk(root):
            before = known.get(name)
            folder = before if before and before.time == time else _look(root / name, root, time, before)
            if folder.uids or folder.files:
                self._folders[name] = folder
            for uid in folder.uids:
                self._holders.setdefault(uid, []).append(name)
        if cache is not None and self._folders != known:
            folders = {name: [f.time, f.uids, f.files] for name, f in self._folders.items()}
            content = {"format": _FORMAT, "root": str(root), "folders": folders}
            own_folder(cache.parent)
            write_whole(cache, json.dumps(content), overwrite=True)

    def __len__(self) -> int:
        return len(self._holders)

    def find(self, uid: str) -> Path | tuple[Path, ...]:
        """Find what to read for a series.

        Returns
        -------
        Path or tuple of Path
            The folder that holds it, or the one above where it lies in several; its files, where a folder holds
            other series too.

        Raises
        ------
        BatchError
            If the series is not below the root.
        """
        holders = self._holders.get(uid)
        if holders is None:
            raise BatchError(f"series {uid} is not below the root, where {len(self)} series are")
        if any(self._folders[name].files for name in holders):
            return tuple(file for name in holders for file in self._files_of(uid, name))
        return self.root / os.path.commonpath([f"./{name}" for name in holders])

    def _files_of(self, uid: str, name: str) -> Iterator[Path]:
        here = self.root / name
        mixed = self._folders[name].files
        names = (
            [file for file, seen in mixed.items() if seen.uid == uid]
            if mixed
            else [e.name for e in _entries(here, self.root)]
        )
        return (here / file for file in names)


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Every folder, relative to the root, with its time of change."""
    for folder, below, _ in os.walk(root):
        below.sort()
        yield os.path.relpath(folder, root), Path(folder).stat().st_mtime_ns


def _look(folder: Path, root: Path, time: int, before: _Folder | None) -> _Folder:
    """Read what has changed in a folder."""
    files: dict[str, _Seen] = {}
    for entry in _entries(folder, root):
        state = entry.stat()
        known = before.files.get(entry.name) if before else None
        unchanged = known is not None and known[:2] == (state.st_size, state.st_mtime_ns)
        files[entry.name] = (
            known if known and unchanged else _Seen(state.st_size, state.st_mtime_ns, _uid_of(Path(entry.path)))
        )
    uids = sorted({seen.uid for seen in files.values()} - {""})
    return _Folder(time, tuple(uids), files if len(uids) > 1 else {})


def _entries(folder: Path, root: Path) -> list[os.DirEntry[str]]:
    """Regular files, by name; links are followed below the root, pipes and the like left out."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    regular = stat.S_ISREG(entry.stat().st_mode)  # a link to itself, or to nowhere, has no state
                    if not regular or (entry.is_symlink() and not _is_below(Path(entry.path), root)):
                        continue
                    found.append(entry)
                except OSError:  # a link to nowhere, or gone meanwhile
                    continue
    except OSError:  # no access
        return []
    return sorted(found, key=lambda entry: entry.name)


def _is_below(link: Path, root: Path) -> bool:
    return link.resolve().is_relative_to(root.resolve())


def _uid_of(path: Path) -> str:
    """SeriesInstanceUID, reading no further than to it."""
    from pydicom.filereader import read_partial

    from volsweep.io.dicom.values import quiet, uid_of

    try:
        with path.open("rb") as stream, quiet():
            if not starts_like_dicom(stream.read(132)):
                return ""
            stream.seek(0)
            header = read_partial(
                cast(BinaryIO, GuardedStream(stream)),
                stop_when=lambda tag, *_: tag > _SERIES_INSTANCE_UID,
                force=True,
                specific_tags=[_SERIES_INSTANCE_UID],
            )
            return uid_of(header, "SeriesInstanceUID")
    except Exception:  # damaged files belong to no series; the parser raises almost anything on them
        return ""


def _read_cache(cache: Path | None, root: Path) -> dict[str, _Folder]:
    if cache is None:
        return {}
    try:
        content = json.loads(cache.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or content["root"] != str(root):
            return {}
        return {str(name): _folder_of(*entry) for name, entry in content["folders"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _folder_of(time: Any, uids: Any, files: Any) -> _Folder:
    seen = {str(name): _Seen(int(size), int(changed), str(uid)) for name, (size, changed, uid) in files.items()}
    return _Folder(int(time), tuple(str(uid) for uid in uids), seen)
