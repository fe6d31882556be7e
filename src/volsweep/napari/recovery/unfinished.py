"""Sessions that a crash, or a hasty close, left unsaved, and how they go on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from volsweep.errors import VolsweepError
from volsweep.masks import LabelMasks
from volsweep.napari.recovery.autosave import JOURNAL, SESSION, masks_path, sessions_folder
from volsweep.napari.recovery.owner import is_worked_on
from volsweep.napari.worker.tasks import Resume
from volsweep.session.actions import LoadPrompts, Propagate
from volsweep.session.file import SessionFile, read_session
from volsweep.session.history import Journal
from volsweep.session.mask_file import read_masks


@dataclass(frozen=True)
class Unfinished:
    """A session that can be restored.

    Parameters
    ----------
    folder
        Where the autosave kept it.
    saved
        The session, its actions taken from the journal.
    sweeps
        The sweeps' places among the actions -> what they found.
    when
        The last thing was done then, in seconds since the epoch.
    """

    folder: Path
    saved: SessionFile
    sweeps: Mapping[int, Path]
    when: float

    @property
    def sentence(self) -> str:
        """What it is, for the user."""
        when = time.strftime("%d %b, %H:%M", time.localtime(self.when))
        actions = self.saved.actions
        prompts = sum(len(a.prompts) for a in actions if isinstance(a, LoadPrompts))
        prompts += sum(a.action == "add_prompts" for a in actions)
        sweeps = sum(a.action == "propagate" for a in actions)
        what = f"{prompts} prompt{'s' * (prompts != 1)}, {sweeps} sweep{'s' * (sweeps != 1)}"
        return f"Unsaved work of {when} on {Path(self.saved.volume.path or '?').name} ({self.saved.volume}): {what}."

    def discard(self) -> None:
        """Forget it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def resume(self) -> Resume:
        """The task that brings it back, once its volume is open."""
        return Resume(self.saved, self.masks)

    def masks(self) -> dict[int, dict[int, LabelMasks]]:
        """What the sweeps found, as far as it was kept and can be read."""
        out = {}
        for place, path in self.sweeps.items():
            try:
                out[place] = read_masks(path)
            except VolsweepError:
                continue  # swept again
        return out

    def hand_over(self, folder: Path) -> None:
        """Leave what the sweeps found to the folder of the session that goes on, whose journal has these actions."""
        for place, path in self.sweeps.items():
            if path.is_file():
                path.replace(masks_path(folder, place))
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
            saved = read_session(each / SESSION)
            journal = Journal.read(each / JOURNAL)
            when = (each / JOURNAL).stat().st_mtime
        except (OSError, ValueError, VolsweepError):
            continue  # damaged beyond use: left where it is, never offered
        if journal.effective:
            saved = saved.model_copy(update={"actions": journal.effective})
            out.append(Unfinished(each, saved, _sweeps(each, journal), when))
        else:
            shutil.rmtree(each, ignore_errors=True)
    return sorted(out, key=lambda u: u.when, reverse=True)


def _sweeps(folder: Path, journal: Journal) -> dict[int, Path]:
    """Files of sweeps are named by the number of the sweep's entry, undone actions counted."""
    found = {}
    for i, entry in enumerate(journal.done):
        path = masks_path(folder, entry.number)
        if isinstance(entry.action, Propagate) and path.is_file():
            found[i] = path
    return found
