"""All sessions of a server: those that are open, and those that rest on the disk."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from starlette.exceptions import HTTPException

from volsweep.errors import VolsweepError
from volsweep.intensity import Window
from volsweep.io.volumes import read_volume
from volsweep.recovery.folder import read_folder
from volsweep.recovery.owner import is_worked_on
from volsweep.serve.folders import Folders
from volsweep.serve.opened import About, OpenSession, servers_model
from volsweep.serve.options import Limits, Options
from volsweep.serve.requests import Open
from volsweep.serve.uploads import Uploads
from volsweep.serve.weigh import promised_bytes
from volsweep.serve.worker import Turn, Worker
from volsweep.session.session import Session
from volsweep.settings import private_folder
from volsweep.volume import Volume

MakeSession = Callable[..., Session]
_WARM = 3
"""Sessions, the ones used last, that keep what their networks have encoded: up to 1.5 GB each."""


class Sessions:
    """Sessions by id, the ones used last at the end.

    Parameters
    ----------
    options
        Of the server.
    root
        Where sessions are kept.
    worker
        Where they are touched.
    make
        Makes one of a volume; takes what `Session` takes.
    now
        The clock.
    """

    def __init__(
        self,
        options: Options,
        root: Path,
        worker: Worker,
        *,
        make: MakeSession = Session,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options, self._worker, self._make, self._now = options, worker, make, now
        self._root = private_folder(root)
        self.folders = Folders(options.folders, options.save_to)
        self.uploads = Uploads(private_folder(root / "uploads"), options.limits)
        self._open: dict[str, OpenSession] = {}
        self._changing = anyio.Lock()
        self._promised = 0
        """Bytes of volumes that are being read."""

    @property
    def limits(self) -> Limits:
        """What it may hold."""
        return self._options.limits

    def told(self, error: VolsweepError) -> str:
        """What went wrong, for a client: without where anything lies here."""
        return self.folders.hidden(str(error), self._root)

    def get(self, number: str) -> OpenSession:
        """An open session, whose lease is renewed.

        Raises
        ------
        HTTPException
            404 where it is not open; a client then opens it again.
        """
        found = self._open.get(number)
        if found is None or found.closed:
            raise HTTPException(404, "that session is not open; open it again (resume)")
        found.renew()
        self._open[number] = self._open.pop(number)
        found.is_cold = False
        for other in list(self._open.values())[:-_WARM]:
            if not other.is_cold and other.sweep is None:
                other.is_cold = True
                self._worker.post(other.session.release, Turn.SWEEP)
        return found

    async def open(self, asked: Open) -> OpenSession:
        """Open a volume.

        Raises
        ------
        HTTPException
            404 where there is no such file, 503 where there is no room.
        VolsweepError
            If it cannot be read.
        """
        if (asked.where is None) == (asked.upload is None):
            raise HTTPException(422, "give one of where and upload")
        spec = servers_model(asked.model, self._options.model)
        folder = private_folder(self._root / secrets.token_hex(16))
        try:
            if asked.where is not None:
                path = self.folders.path(asked.where)
            else:
                path = self.uploads.take(str(asked.upload), folder)
            volume = await self._read(path, asked)
            session = self._make(volume, spec, window=asked.window, device=self._options.device)
            return await self._begin(OpenSession(folder, session, About(path.name, spec.id), self._now))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    async def resume(self, number: str) -> OpenSession:
        """An open session, or one that rested and is opened again with all that was done.

        Raises
        ------
        HTTPException
            404 where there is none, 409 where another server works on it, 503 where there is no room.
        """
        if number in self._open and not self._open[number].closed:
            return self.get(number)
        folder = self._resting(number)
        if is_worked_on(folder):
            raise HTTPException(409, "another server works on that session")
        try:
            found = await anyio.to_thread.run_sync(read_folder, folder)
        except (OSError, ValueError, VolsweepError):
            raise HTTPException(404, "there is nothing left of that session") from None
        saved = found.saved
        path = Path(saved.volume.path or "")
        if not (self.folders.holds(path) or path.resolve().is_relative_to(folder.resolve())):
            raise HTTPException(404, "the volume of that session is not among the folders that are served")
        asked = Open(series=saved.volume.series_uid, gaps=saved.volume.gaps, modality=saved.volume.modality or None)
        volume = await self._read(path, asked)
        about = About.read(folder)
        session = self._make(
            volume,
            servers_model(about.model, self._options.model),
            window=Window(*saved.view.window) if saved.view.window else "auto",
            device=self._options.device,
        )
        for action in saved.actions:
            made = getattr(action, "made_with", None)
            if made is not None:
                servers_model(made.model, self._options.model)
        opened = OpenSession(folder, session, about, self._now)
        try:
            steps = opened.restore(found)
            while await self._worker.run(lambda: next(steps, None), Turn.SWEEP) is not None:
                pass
            return await self._begin(opened, begun=True)
        except BaseException:
            await self._worker.run(opened.close)
            raise

    async def _begin(self, opened: OpenSession, *, begun: bool = False) -> OpenSession:
        if not begun:
            await self._worker.run(opened.begin)
        async with self._changing:
            if opened.id in self._open and not self._open[opened.id].closed:
                await self._worker.run(opened.close)
                return self._open[opened.id]
            self._open[opened.id] = opened
        return opened

    async def _read(self, path: Path, asked: Open) -> Volume:
        most = self.limits.volume_bytes
        promised = await anyio.to_thread.run_sync(promised_bytes, path, most)
        await self._make_room(promised)
        self._promised += promised
        try:

            def read() -> Volume:
                series = asked.series or None
                return read_volume(path, series=series, gaps=asked.gaps, modality=asked.modality)

            return await anyio.to_thread.run_sync(read)
        finally:
            self._promised -= promised

    async def _make_room(self, promised: int) -> None:
        """Close sessions whose lease has ended, the longest unused first, until there is room.

        Raises
        ------
        HTTPException
            503 where all that are open are worked on.
        """
        async with self._changing:
            while True:
                alive = [one for one in self._open.values() if not one.closed]
                held = sum(one.volume_bytes for one in alive) + self._promised
                if len(alive) < self.limits.sessions and held + promised <= self.limits.volume_bytes:
                    return
                idle = [one for one in alive if one.idle_s() > self.limits.lease_s]
                if not idle:
                    wait_s = max(1, round(self.limits.lease_s))
                    raise HTTPException(
                        503,
                        f"this server is busy: {len(alive)} volumes are open and worked on; close one, or try again "
                        "later",
                        headers={"retry-after": str(wait_s)},
                    )
                await self._rest(min(idle, key=lambda one: one.seen))

    async def close(self, number: str) -> None:
        """Close a session; it rests on the disk."""
        found = self._open.get(number)
        if found is not None:
            await self._rest(found)

    async def _rest(self, opened: OpenSession) -> None:
        empty = await self._worker.run(lambda: not len(opened.session.journal))
        await self._worker.run(opened.close)
        self._open.pop(opened.id, None)
        if empty and not (opened.folder / "upload").is_dir():  # nothing that anybody could miss
            await anyio.to_thread.run_sync(shutil.rmtree, opened.folder, True)

    async def forget(self, number: str) -> None:
        """Close a session, and throw away what was done and uploaded for it."""
        await self.close(number)
        folder = self._resting(number)
        if is_worked_on(folder):
            raise HTTPException(409, "another server works on that session")
        await anyio.to_thread.run_sync(shutil.rmtree, folder, True)

    async def close_all(self) -> None:
        """At the server's end."""
        for opened in list(self._open.values()):
            await self._rest(opened)

    def listing(self) -> list[dict[str, Any]]:
        """Every session that is open or rests, the newest first."""
        out = []
        for folder in self._root.glob("[0-9a-f]" * 32 + "/"):
            opened = self._open.get(folder.name)
            try:
                found = read_folder(folder)
            except (OSError, ValueError, VolsweepError):
                continue
            out.append(
                {
                    "id": folder.name,
                    "title": About.read(folder).title,
                    "open": opened is not None and not opened.closed,
                    "actions": len(found.effective),
                    "when": round(found.when),
                    "volume": str(found.saved.volume),
                }
            )
        return sorted(out, key=lambda one: float(str(one["when"])), reverse=True)

    def _resting(self, number: str) -> Path:
        folder = self._root / number
        if len(number) != 32 or not set(number) <= set("0123456789abcdef") or not folder.is_dir():
            raise HTTPException(404, "there is no such session")
        return folder
