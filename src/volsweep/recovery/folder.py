"""A session's folder: its journal, action by action; which volume it is on; what its sweeps found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from volsweep.errors import OutputError, VolsweepError
from volsweep.masks import LabelMasks
from volsweep.session.actions import Propagate
from volsweep.session.file import SessionFile, read_session
from volsweep.session.history import Journal
from volsweep.session.mask_file import read_masks, write_masks

SESSION, JOURNAL = "session.json", "journal.jsonl"


def masks_path(folder: Path, place: int) -> Path:
    """What the sweep at this place in the session's journal found."""
    return folder / f"sweep-{place}.npz"


def keep_masks(folder: Path, place: int, masks: Mapping[int, LabelMasks], counting: frozenset[int]) -> None:
    """Write what the last sweep found; what sweeps found that count no longer goes.

    A sweep is a new action, and with it goes what could be redone: the files that stay are bounded
    by the sweeps that count.

    Raises
    ------
    OutputError
        If the disk refuses; what leads to the masks is kept all the same.
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


@dataclass(frozen=True)
class Found:
    """What a folder holds of a session.

    Parameters
    ----------
    saved
        The session, its actions taken from the journal.
    sweeps
        The sweeps' places among the actions -> what they found.
    when
        The last thing was done then, in seconds since the epoch.
    damage
        What of the journal could not be read, for the user; None where all could.
    """

    saved: SessionFile
    sweeps: Mapping[int, Path]
    when: float
    damage: str | None = None

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
        """Give what the sweeps found to a folder whose journal has these actions and no others; it may be this one."""
        taken = [
            (place, path.replace(path.with_suffix(".taken"))) for place, path in self.sweeps.items() if path.is_file()
        ]
        for place, path in taken:
            path.replace(masks_path(folder, place))


def read_folder(folder: Path) -> Found:
    """Read what a folder holds of a session.

    Raises
    ------
    OSError, ValueError, VolsweepError
        If it holds none, or is damaged beyond use.
    """
    saved = read_session(folder / SESSION)
    journal = Journal.read(folder / JOURNAL)
    when = (folder / JOURNAL).stat().st_mtime
    # Files of sweeps are named by the number of the sweep's entry, undone actions counted.
    sweeps = {
        place: path
        for place, entry in enumerate(journal.done)
        if isinstance(entry.action, Propagate) and (path := masks_path(folder, entry.number)).is_file()
    }
    return Found(saved.model_copy(update={"actions": journal.effective}), sweeps, when, journal.damage)
