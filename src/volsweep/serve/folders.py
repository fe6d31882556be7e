"""Paths that clients name: below the folders that were given, whatever they write."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from volsweep.errors import InputError
from volsweep.io.formats import is_detached, kind_of, may_be_slice, named
from volsweep.io.volumes import find_series
from volsweep.serve.requests import Where
from volsweep.serve.weigh import promised_bytes

_MOST_ENTRIES = 5000
"""Of one folder; a list that is longer helps nobody."""


class Folders:
    """The folders that a server was given.

    Parameters
    ----------
    folders
        By name; resolved.
    save_to
        The folder that labels are saved to, if any.
    """

    def __init__(self, folders: Mapping[str, Path], save_to: Path | None = None) -> None:
        self._folders, self._save_to = dict(folders), save_to

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return list(self._folders)

    def path(self, where: Where) -> Path:
        """The file or folder that a client means.

        Raises
        ------
        HTTPException
            404 where it is not there, or is not below its folder: which of both, nobody is told.
        """
        folder = self._folders.get(where.folder)
        try:
            found = None if folder is None else (folder / where.path).resolve(strict=True)
        except (OSError, ValueError):
            found = None
        if folder is None or found is None or not found.is_relative_to(folder):
            raise HTTPException(404, "there is no such file or folder among those that are served")
        return found

    def hidden(self, text: str, root: Path) -> str:
        """A message without where anything lies on the server: folders by their names, uploads by their clients' ones.

        Parameters
        ----------
        text
            The message.
        root
            The server's own folder.
        """
        text = re.sub(rf"{re.escape(str(root.absolute()))}/(uploads/)?[0-9a-f]{{32}}/(upload/)?", "", text)
        if self._save_to is not None:
            text = text.replace(f"{self._save_to}/", "").replace(str(self._save_to), "the folder for labels")
        for name, folder in self._folders.items():
            text = text.replace(str(folder), name)
        text = text.replace(" (overwrite=True)", "")  # how Python asks for it
        return text.replace(str(root.absolute()), "the server's folder")

    def holds(self, path: Path) -> bool:
        """Whether a path lies below one of them."""
        resolved = path.resolve()
        return any(resolved.is_relative_to(folder) for folder in self._folders.values())

    def listing(self, where: Where) -> dict[str, Any]:
        """What lies in a folder: folders, and files that may hold volumes."""
        here, top = self.path(where), self._folders[where.folder]
        if not here.is_dir():
            raise HTTPException(404, "that is no folder")
        entries = sorted(here.iterdir(), key=lambda path: path.name.lower())[:_MOST_ENTRIES]
        inside = [path for path in entries if not path.name.startswith(".") and path.resolve().is_relative_to(top)]
        return {
            "folder": where.folder,
            "path": here.relative_to(top).as_posix().removeprefix("."),
            "folders": [path.name for path in inside if path.is_dir()],
            "files": [path.name for path in inside if path.is_file() and (named(path.name) or may_be_slice(path))],
        }

    def series(self, where: Where, most_bytes: int) -> list[dict[str, Any]]:
        """What can be opened at a place, loadable or not, with paths below its folder."""
        path, top = self.path(where), self._folders[where.folder]
        promised_bytes(path, most_bytes)
        out = []
        for info in find_series(path):
            told = info.to_dict()
            for private in ("accession", "study_date", "study_uid"):
                del told[private]
            place = Path(info.path)
            below = place.is_relative_to(top) or place.resolve().is_relative_to(top)
            out.append(
                {**told, "path": place.relative_to(top).as_posix() if place.is_relative_to(top) and below else ""}
            )
        return out


def check_upload(path: Path, most_bytes: int) -> None:
    """Refuse what was uploaded where reading it could cost more than it should.

    Raises
    ------
    InputError
        If it is no volume, unpacks to too much, or has its voxels elsewhere.
    """
    if is_detached(path):
        raise InputError("a header whose voxels lie in another file cannot be uploaded; send .nrrd, .mha or a zip")
    kind_of(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            total = sum(member.file_size for member in archive.infolist())
        if total > most_bytes:
            raise InputError(
                f"the zip unpacks to {total / 2**30:.1f} GiB, and {most_bytes / 2**30:.1f} GiB are allowed here"
            )
    promised_bytes(path, most_bytes)
