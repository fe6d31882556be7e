"""Where the series of a manifest lie below a root: every file's header is looked at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from volsweep.errors import BatchError
from volsweep.io.atomic import replacing
from volsweep.io.dicom_files import DicomFile, in_folder

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_FORMAT = "volsweep-index"


def looks_like_uid(text: str) -> bool:
    """Whether a text is of the form of a DICOM UID."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


class SeriesIndex:
    """SeriesInstanceUIDs and the folders that hold them.

    Parameters
    ----------
    root
        The folder to look through, with its subfolders.
    cache
        A JSON file that keeps what was found: folders that have not changed since are not read
        again. It holds folder names and UIDs, and is replaced.

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
        found: dict[str, list[Any]] = {}
        self._folders: dict[str, list[str]] = {}
        for folder, changed in _folders(root):
            entry = known.get(folder)
            uids = entry[1] if entry and entry[0] == changed else _uids_in(root / folder)
            if uids:
                found[folder] = [changed, uids]
            for uid in uids:
                self._folders.setdefault(uid, []).append(folder)
        if cache is not None and found != known:
            content = {"format": _FORMAT, "root": str(root), "folders": found}
            cache.parent.mkdir(parents=True, exist_ok=True)
            with replacing([cache], overwrite=True) as (temporary,):
                temporary.write_text(json.dumps(content), encoding="utf-8")

    def __len__(self) -> int:
        return len(self._folders)

    def find(self, uid: str) -> Path:
        """Find the folder of a series: where it lies in several, the one above them.

        Raises
        ------
        BatchError
            If the series is not below the root.
        """
        folders = self._folders.get(uid)
        if folders is None:
            raise BatchError(f"series {uid} is not below the root, where {len(self)} series are")
        return self.root / os.path.commonpath([f"./{folder}" for folder in folders])


def _folders(root: Path) -> Iterator[tuple[str, int]]:
    """Every folder, relative to the root, with its time of change."""
    for folder, below, _ in os.walk(root):
        below.sort()
        yield os.path.relpath(folder, root), Path(folder).stat().st_mtime_ns


def _uids_in(folder: Path) -> list[str]:
    return sorted({uid for file in in_folder(folder, recursive=False).files if (uid := _uid_of(file))})


def _uid_of(file: DicomFile) -> str:
    import pydicom

    from volsweep.io.dicom_values import quiet, uid_of

    try:
        with file.open() as stream, quiet():
            header = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=["SeriesInstanceUID"])
            return uid_of(header, "SeriesInstanceUID")
    except Exception:  # damaged files belong to no series; the parser raises almost anything on them
        return ""


def _read_cache(cache: Path | None, root: Path) -> dict[str, list[Any]]:
    if cache is None:
        return {}
    try:
        content = json.loads(cache.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or content["root"] != str(root):
            return {}
        return {
            str(folder): [int(changed), [str(u) for u in uids]]
            for folder, (changed, uids) in content["folders"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
