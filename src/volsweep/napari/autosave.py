"""Nothing is lost: the journal of every session lies on the disk while it is worked on.

A session has a folder with its journal, written action by action, and what is needed to open its
volume again. The folder goes when the work was saved; after a crash, or when unsaved work was
closed, it stays, and the next start offers to restore it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_dir

from volsweep.errors import VolsweepError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.io.atomic import replacing
from volsweep.journal import Action, Journal
from volsweep.napari.controller import Controller
from volsweep.napari.tasks import Edit

_SESSION, _JOURNAL = "session.json", "journal.jsonl"
_CLOSED = 0


def sessions_folder() -> Path:
    """Folder of all sessions: in VOLSWEEP_DATA, or in the user's data folder."""
    override = os.environ.get("VOLSWEEP_DATA")
    return Path(override or user_data_dir("volsweep", appauthor=False)).expanduser() / "sessions"


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
        self._folder: Path | None = None
        self._written: dict[str, Any] = {}
        self._actions = self._saved = 0
        controller.volume_opened.connect(self._on_volume)
        controller.state_changed.connect(self._on_state)
        controller.saved.connect(self._on_saved)
        self._on_volume()

    def _on_volume(self) -> None:
        self.end()
        controller = self._controller
        if controller.volume is None or controller.volume.source is None:
            return
        folder = self._root / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 10**6}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            controller.said.emit(f"Your work is not autosaved: {folder} cannot be made ({error.strerror})", "warning")
            return
        self._folder = folder
        self.flush()
        controller.post(Edit(lambda session: session.journal.attach(folder / _JOURNAL), touches=0))

    def _on_state(self) -> None:
        if self._controller.volume is not None:
            self._actions = self._controller.actions

    def _on_saved(self) -> None:
        self._saved = self._controller.saved_actions

    def flush(self) -> None:
        """Write down how the volume is looked at, if that changed."""
        if self._folder is None or self._controller.volume is None:
            return
        now = _describe(self._controller, os.getpid())
        if now != self._written:
            self._write(now)

    def _write(self, content: dict[str, Any]) -> None:
        assert self._folder is not None
        with replacing([self._folder / _SESSION], overwrite=True) as (temporary,):
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        self._written = content

    def end(self) -> None:
        """Leave the session: its folder goes, unless there is unsaved work in it."""
        folder, actions, saved = self._folder, self._actions, self._saved
        if folder is not None:
            if actions > saved:
                self._write({**self._written, "pid": _CLOSED})
            else:
                shutil.rmtree(folder, ignore_errors=True)
        self._folder, self._written, self._actions, self._saved = None, {}, 0, 0


def _describe(controller: Controller, pid: int) -> dict[str, Any]:
    volume, window, image = controller.volume, controller.look.window, controller.image
    assert volume is not None
    assert volume.source is not None
    assert window is not None
    return {
        "pid": pid,
        "path": str(volume.source.path.absolute()),
        "series_uid": volume.source.series_uid,
        "gaps": "refuse" if volume.grid.is_regular else "keep",
        "shape_zyx": list(volume.shape_zyx),
        "name": image.name if image is not None else "",
        "window": [window.center, window.width],
        "plane": str(controller.look.plane),
        "model": controller.look.model.id,
        "slice": controller.look.slice,
        "label": controller.objects.label,
    }


@dataclass(frozen=True)
class Unfinished:
    """A session that can be restored."""

    folder: Path
    content: dict[str, Any]
    actions: tuple[Action, ...]
    when: float

    @property
    def sentence(self) -> str:
        """What it is, for the user."""
        when = time.strftime("%d %b, %H:%M", time.localtime(self.when))
        prompts = sum(a.action == "add_prompts" for a in self.actions)
        sweeps = sum(a.action == "propagate" for a in self.actions)
        what = f"{prompts} prompt{'s' * (prompts != 1)}, {sweeps} sweep{'s' * (sweeps != 1)}"
        return f"Unsaved work of {when} on {self.content['name']}: {what}."

    def discard(self) -> None:
        """Forget it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def resume(self, controller: Controller) -> None:
        """Carry out its journal again on the volume that the controller has opened.

        Raises
        ------
        VolsweepError
            If the volume is another one than it was.
        """
        volume, content = controller.volume, self.content
        if volume is None or list(volume.shape_zyx) != content["shape_zyx"]:
            shape = None if volume is None else volume.shape_zyx
            raise VolsweepError(f"{content['path']} has changed: its shape was {content['shape_zyx']}, now {shape}")
        controller.look.set_plane(Plane(content["plane"]))
        controller.look.set_window(Window(*content["window"]))
        controller.replay(self.actions)
        controller.look.go_to(int(content["slice"]))
        controller.objects.select(int(content["label"]))


def unfinished(folder: Path | None = None) -> list[Unfinished]:
    """Sessions that nobody works on and that hold unsaved work, newest first."""
    out = []
    for each in (folder or sessions_folder()).glob("*/"):
        try:
            content = json.loads((each / _SESSION).read_text(encoding="utf-8"))
            if _alive(int(content["pid"])):
                continue
            actions = Journal.read(each / _JOURNAL).effective
            when = (each / _JOURNAL).stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError, VolsweepError):
            continue  # damaged beyond use: left where it is, never offered
        if actions:
            out.append(Unfinished(each, content, actions, when))
        else:
            shutil.rmtree(each, ignore_errors=True)
    return sorted(out, key=lambda u: u.when, reverse=True)


def _alive(pid: int) -> bool:
    if pid == _CLOSED:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
