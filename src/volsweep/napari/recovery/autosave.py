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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal

from volsweep.errors import OutputError, SettingsError
from volsweep.masks import LabelMasks
from volsweep.napari.controller import Controller
from volsweep.napari.opened import OpenVolume
from volsweep.napari.recovery.owner import Owner
from volsweep.napari.worker.tasks import Keep
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.session.mask_file import write_masks
from volsweep.settings import data_folder, private_folder

SESSION, JOURNAL = "session.json", "journal.jsonl"


def sessions_folder() -> Path:
    """Folder of all sessions."""
    return data_folder() / "sessions"


def masks_path(folder: Path, place: int) -> Path:
    """What the sweep at this place in the session's journal found."""
    return folder / f"sweep-{place}.npz"


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
        opened.post(Keep(folder / JOURNAL, lambda *found: _keep_masks(folder, *found)))

    def flush(self) -> None:
        """Write down how the volume is looked at, if that changed."""
        if self._controller.opened is not None:
            self._write(self._controller.opened)

    def _write(self, opened: OpenVolume) -> None:
        kept = self._kept.get(opened)
        if kept is None:
            return
        reference = VolumeReference.of(opened.volume, hashed=opened.hashed)
        now = SessionFile(volume=reference, view=self._controller.display.view_of(opened))
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


def _keep_masks(folder: Path, place: int, masks: Mapping[int, LabelMasks], counting: frozenset[int]) -> None:
    """Write what the last sweep found; what sweeps found that count no longer goes.

    A sweep is a new action, and with it goes what could be redone: the files that stay are bounded
    by the sweeps that count.
    """
    if not folder.is_dir():
        return
    keep = {masks_path(folder, number).name for number in counting}
    try:
        write_masks(masks_path(folder, place), masks)
        for file in folder.glob("sweep-*.npz"):
            if file.name not in keep:
                file.unlink(missing_ok=True)
    except OutputError as error:
        raise OutputError(f"the masks are not autosaved, only what leads to them: {error}") from error
