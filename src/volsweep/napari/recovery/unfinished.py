"""Sessions that a crash, or a hasty close, left unsaved, and how they go on."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from volsweep.errors import VolsweepError
from volsweep.masks import LabelMasks
from volsweep.napari.recovery.autosave import sessions_folder
from volsweep.napari.worker.tasks import Resume
from volsweep.recovery.folder import Found, read_folder
from volsweep.recovery.owner import is_worked_on
from volsweep.session.actions import LoadPrompts
from volsweep.session.file import SessionFile


@dataclass(frozen=True)
class Unfinished:
    """A session that can be restored.

    Parameters
    ----------
    folder
        Where the autosave kept it.
    found
        What it holds.
    """

    folder: Path
    found: Found

    @property
    def saved(self) -> SessionFile:
        """The session."""
        return self.found.saved

    @property
    def when(self) -> float:
        """The last thing was done then, in seconds since the epoch."""
        return self.found.when

    @property
    def sentence(self) -> str:
        """What it is, for the user."""
        return f"Unsaved work of {self.when_words} on {self.what} ({self.saved.volume}): {self.how_much}."

    @property
    def what(self) -> str:
        """The name of the file or folder."""
        return Path(self.saved.volume.path or "?").name

    @property
    def when_words(self) -> str:
        """Day and time of the last thing that was done."""
        return time.strftime("%d %b, %H:%M", time.localtime(self.when))

    @property
    def how_much(self) -> str:
        """What was done."""
        actions = self.found.effective
        if not actions:
            return "all of it undone"
        prompts = sum(len(a.prompts) for a in actions if isinstance(a, LoadPrompts))
        prompts += sum(a.action == "add_prompts" for a in actions)
        sweeps = sum(a.action == "propagate" for a in actions)
        if not prompts and not sweeps:
            return f"{len(actions)} action{'s' * (len(actions) != 1)}"
        return f"{prompts} prompt{'s' * (prompts != 1)}, {sweeps} sweep{'s' * (sweeps != 1)}"

    def discard(self) -> None:
        """Forget it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def resume(self) -> Resume:
        """The task that brings it back, once its volume is open."""
        return Resume(self.saved, self.masks, is_file=False)

    def masks(self) -> dict[int, dict[int, LabelMasks]]:
        """What the sweeps found, as far as it was kept and can be read."""
        return self.found.masks()

    def hand_over(self, folder: Path) -> None:
        """Leave what the sweeps found to the folder of the session that goes on, whose journal has these actions."""
        self.found.hand_over(folder)
        self.discard()


def unfinished(folder: Path | None = None) -> list[Unfinished]:
    """Sessions that nobody works on and that hold unsaved work, newest first."""
    out = []
    try:
        folders = list((folder or sessions_folder()).glob("*/"))
    except VolsweepError:
        return []  # no home folder: nothing was kept
    for each in folders:
        try:
            if is_worked_on(each):
                continue
            found = read_folder(each)
        except (OSError, ValueError, VolsweepError):
            continue  # damaged beyond use: left where it is, never offered
        if found.saved.actions:
            out.append(Unfinished(each, found))
        else:
            shutil.rmtree(each, ignore_errors=True)
    return sorted(out, key=lambda u: u.when, reverse=True)
