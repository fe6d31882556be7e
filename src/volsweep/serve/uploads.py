"""Files that clients send: counted as they come, looked at before they are read, and kept with their session."""

from __future__ import annotations

import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import anyio
from starlette.exceptions import HTTPException

from volsweep.errors import InputError, OutputError, why_refused
from volsweep.io.writing import open_private
from volsweep.serve.folders import check_upload
from volsweep.serve.options import Limits
from volsweep.settings import private_folder

_LONGEST_WAIT_S = 3600.0
"""Between an upload and the session that it is for."""
_CHUNK = 2**20
_LONGEST_NAME = 120
"""In bytes; the longest part of a path has 255."""
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)\d) *(\.|$)", re.IGNORECASE)
"""What Windows takes for no file."""


def _harmless(name: str) -> str:
    """A client's name for a file as the last part of a path: without folders, and as no disk minds it.

    A header carries ASCII, so clients write it as addresses are written (``M%C3%BCller.nii``). Letters of every
    language stay, with the marks that some are made of.
    """
    last = unicodedata.normalize("NFC", unquote(name).replace("\\", "/").rsplit("/", 1)[-1])
    last = "".join(c if c in " .()-" or unicodedata.category(c)[0] in "LMN" else "_" for c in last).strip(" .")
    short = last.encode()[-_LONGEST_NAME:].decode(errors="ignore")  # its end says what it is
    return f"scan {short}" if not short or _DEVICE.match(short) else short


class Uploads:
    """Uploads that no session has taken yet, a folder each.

    Parameters
    ----------
    root
        Where they are kept; the sessions' folders lie beside it.
    limits
        Of the server.
    """

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Take a file in.

        Parameters
        ----------
        name
            As the client calls it: messages call it so, and its ending says what it is.
        chunks
            The file.

        Returns
        -------
        str
            By which it is opened.

        Raises
        ------
        HTTPException
            413 where it is too large, 507 where there is no room for it.
        InputError
            If it is no volume, or would take more memory than there is.
        """
        self._tidy()
        room = self._limits.disk_bytes - await anyio.to_thread.run_sync(_bytes_below, self._root.parent)
        number = secrets.token_hex(16)
        folder = private_folder(self._root / number)
        path = folder / _harmless(name)
        try:
            await self._write(path, chunks, room)
            await anyio.to_thread.run_sync(check_upload, path, self._limits.upload_bytes)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return number

    async def _write(self, path: Path, chunks: AsyncIterator[bytes], room: int) -> None:
        size = 0
        try:
            with open_private(path) as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self._limits.upload_bytes:
                        raise HTTPException(413, f"uploads are limited to {self._limits.upload_bytes / 2**20:.0f} MiB")
                    if size > room:
                        raise HTTPException(507, "there is no more room for uploads; delete sessions that are done")
                    for start in range(0, len(chunk), _CHUNK):
                        await anyio.to_thread.run_sync(file.write, chunk[start : start + _CHUNK])
        except OSError as error:
            raise OutputError(f"the upload cannot be kept: {why_refused(error)}; make room on the server") from None
        if not size:
            raise InputError("nothing was sent")

    def take(self, number: str, folder: Path) -> Path:
        """Move an upload into a session's folder; its path there, under the name that the client gave it.

        Raises
        ------
        HTTPException
            404 where there is none, or a session has taken it.
        """
        waiting = self._root / number
        files = list(waiting.iterdir()) if waiting.is_dir() else []
        if len(files) != 1:
            raise HTTPException(404, "there is no such upload; send the file again")
        target = private_folder(folder / "upload") / files[0].name
        files[0].replace(target)
        shutil.rmtree(waiting, ignore_errors=True)
        return target

    def _tidy(self) -> None:
        """What nobody came for goes."""
        for folder in self._root.iterdir():
            if time.time() - folder.stat().st_mtime > _LONGEST_WAIT_S:
                shutil.rmtree(folder, ignore_errors=True)


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
