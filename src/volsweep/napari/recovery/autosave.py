"""Nothing is lost: what is done lies on the disk a moment later, for as long as it is not saved.

A session has a folder: its journal, written action by action; how the volume is looked at; what
every sweep found, so that nothing has to be swept again; and who works on it. The folder goes when
the work was saved; after a crash, or when unsaved work was closed, it stays, and the next start
offers to restore it (`unfinished`).
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from volsweep.errors import OutputError
from volsweep.napari.controller import Controller
from volsweep.napari.worker.tasks import Edit
from volsweep.session.actions import Propagate
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.session.mask_file import write_masks
from volsweep.session.session import Session
from volsweep.settings import data_folder

SESSION, JOURNAL, OWNER = "session.json", "journal.jsonl", "owner"


def sessions_folder() -> Path:
    """Folder of all sessions."""
    return data_folder() / "sessions"


def masks_path(folder: Path, number: int) -> Path:
    """What the sweep found whose entry in the session's journal has this number."""
    return folder / f"sweep-{number}.npz"


class Autosave:
    """Keeps the controller's session on the disk.

    Parameters
    ----------
    controller
        Whose session.
    folder
        Where sessions are kept.
    """

    def __init__(self, controller: Controller, folder: Path | None = None) -> None:
        self._controller = controller
        self._root = folder or sessions_folder()
        self.folder: Path | None = None
        self._written: SessionFile | None = None
        self._hashed = False
        self._actions = self._saved = 0
        controller.volume_opened.connect(self._on_volume)
        controller.state_changed.connect(self._on_state)
        controller.saved.connect(self._on_saved)
        controller.session_saved.connect(self._on_saved)
        self._on_volume()

    def _on_volume(self) -> None:
        self.end()
        controller = self._controller
        if controller.volume is None or controller.volume.source is None or controller.desk is None:
            return
        folder = self._root / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 10**6}"
        try:
            folder.mkdir(parents=True)
            (folder / OWNER).write_text(str(os.getpid()), encoding="ascii")
        except OSError as error:
            controller.said.emit(f"Your work is not autosaved: {folder} cannot be made ({error.strerror})", "warning")
            return
        self.folder = folder
        self.flush()

        def attach(session: Session) -> None:
            session.journal.attach(folder / JOURNAL)
            _ = session.volume.content_sha256  # reads every voxel: here, not in the window's thread
            self._hashed = True

        controller.desk.after_sweep = lambda session: _keep_masks(session, folder)
        controller.post(Edit(attach, touches=0))

    def _on_state(self) -> None:
        if self._controller.volume is not None:
            self._actions = self._controller.actions

    def _on_saved(self) -> None:
        self._saved = self._controller.saved_actions

    def flush(self) -> None:
        """Write down how the volume is looked at, if that changed."""
        volume = self._controller.volume
        if self.folder is None or volume is None:
            return
        reference = VolumeReference.of(volume, hashed=self._hashed)
        now = SessionFile(volume=reference, view=self._controller.view())
        if now != self._written:
            write_session(self.folder / SESSION, now, overwrite=True)
            self._written = now

    def end(self) -> None:
        """Leave the session: its folder goes, unless there is unsaved work in it."""
        folder, actions, saved = self.folder, self._actions, self._saved
        if folder is not None:
            if actions > saved:
                (folder / OWNER).unlink(missing_ok=True)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        self.folder, self._written, self._hashed, self._actions, self._saved = None, None, False, 0, 0


def _keep_masks(session: Session, folder: Path) -> None:
    """Write what the last sweep found; what sweeps found that count no longer goes.

    A sweep is a new action, and with it goes what could be redone: the files that stay are bounded
    by the sweeps that count.
    """
    last = session.last_sweep()
    if last is None or not folder.is_dir():
        return
    number, masks = last
    keep = {masks_path(folder, e.number).name for e in session.journal.done if isinstance(e.action, Propagate)}
    try:
        write_masks(masks_path(folder, number), masks)
        for file in folder.glob("sweep-*.npz"):
            if file.name not in keep:
                file.unlink(missing_ok=True)
    except OutputError as error:
        raise OutputError(f"the masks are not autosaved, only what leads to them: {error}") from error
