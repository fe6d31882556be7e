"""Nothing is lost: what is done lies on the disk a moment later, for as long as it is not saved.

A session has a folder: its journal, written action by action; how the volume is looked at; what
every sweep found, so that nothing has to be swept again; and who works on it. The folder goes when
the work was saved; after a crash, or when unsaved work was closed, it stays, and the restore bar
offers it (`unfinished`).
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal

from volsweep.errors import OutputError, SettingsError
from volsweep.napari.controller import Controller
from volsweep.napari.opened import OpenVolume
from volsweep.napari.worker.tasks import Keep
from volsweep.recovery.folder import JOURNAL, SESSION, keep_masks
from volsweep.recovery.owner import Owner
from volsweep.session.file import SecondReference, SessionFile, VolumeReference, write_session
from volsweep.session.second.series import used
from volsweep.settings import data_folder, private_folder


def sessions_folder() -> Path:
    """Folder of all sessions."""
    return data_folder() / "sessions"


@dataclass(eq=False)
class _Kept:
    """A session's folder."""

    folder: Path
    owner: Owner
    written: SessionFile | None = None


class Autosave:
    """Keeps the sessions of a window's volumes on the disk.

    Parameters
    ----------
    controller
        Whose volumes.
    folder
        Where sessions are kept.
    """

    left = Signal()
    """A session with unsaved work was ended: it waits to be restored."""

    def __init__(self, controller: Controller, folder: Path | None = None) -> None:
        self._controller = controller
        self._root = folder
        self._kept: dict[OpenVolume, _Kept] = {}
        controller.volumes.begun.connect(self._on_begun)
        controller.volumes.ended.connect(self.end)
        for opened in controller.volumes:
            self._on_begun(opened)

    @property
    def folder(self) -> Path | None:
        """Of the session that is worked on."""
        kept = self._kept.get(self._controller.opened) if self._controller.opened is not None else None
        return None if kept is None else kept.folder

    def _on_begun(self, opened: OpenVolume) -> None:
        if opened.volume.source is None:
            return
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 10**6}"
        try:
            folder = private_folder(private_folder(self._root or sessions_folder()) / name)
            self._kept[opened] = _Kept(folder, Owner(folder))
        except (OSError, SettingsError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._controller.say(f"Your work is not autosaved: {why}", "warning")
            return
        self._write(opened)
        opened.post(Keep(folder / JOURNAL, lambda *found: keep_masks(folder, *found)))

    def flush(self) -> None:
        """Write down how the volume is looked at, if that changed."""
        if self._controller.opened is not None:
            self._write(self._controller.opened)

    def _write(self, opened: OpenVolume) -> None:
        kept = self._kept.get(opened)
        if kept is None:
            return
        reference = VolumeReference.of(opened.volume, hashed=opened.hashed)
        seconds = tuple(map(SecondReference.of, used((*opened.done, *opened.undone), opened.seconds, opened.second)))
        now = SessionFile(volume=reference, seconds=seconds, view=self._controller.display.view_of(opened))
        if now == kept.written:
            return
        try:
            write_session(kept.folder / SESSION, now, overwrite=True)
        except (OutputError, OSError) as error:
            self._controller.say(f"Your work is not autosaved: {error}", "warning")
        else:
            kept.written = now

    def end(self, opened: OpenVolume) -> None:
        """A session is over: its folder goes, unless there is unsaved work in it."""
        kept = self._kept.pop(opened, None)
        if kept is None:
            return
        kept.owner.leave()
        if opened.unsaved:
            self.left.emit()
        else:
            shutil.rmtree(kept.folder, ignore_errors=True)
