"""A session's folder: its journal, action by action; which volume it is on; what its sweeps found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from volsweep.errors import OutputError, VolsweepError
from volsweep.masks import LabelMasks
from volsweep.session.actions import Action, Propagate, Redo, Undo
from volsweep.session.file import SessionFile, read_session
from volsweep.session.history import Journal
from volsweep.session.mask_file import read_masks, write_masks

SESSION, JOURNAL = "session.json", "journal.jsonl"


def masks_path(folder: Path, place: int) -> Path:
    """What the sweep at this place in the session's journal found."""
    return folder / f"sweep-{place}.npz"


def keep_masks(folder: Path, place: int, masks: Mapping[int, LabelMasks], counting: frozenset[int]) -> None:
    """Write what the last sweep found; what others found than those of `counting` (`kept_sweeps`) goes.

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
        The session, its actions taken from the journal: those that count, then those that were undone and can be done
        again, and as many undos.
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

    @property
    def effective(self) -> tuple[Action, ...]:
        """The actions that count."""
        return Journal(self.saved.actions).effective

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
    entries = (*journal.done, *journal.undone)
    actions = (*(entry.action for entry in entries), *_undos(journal))
    # Files of sweeps are named by the number of the sweep's entry, undone actions counted.
    sweeps = {
        place: path
        for place, entry in enumerate(entries)
        if isinstance(entry.action, Propagate) and (path := masks_path(folder, entry.number)).is_file()
    }
    return Found(saved.model_copy(update={"actions": actions}), sweeps, when, journal.damage)


def _undos(journal: Journal) -> tuple[Undo, ...]:
    """What took back those that can be done again, in order: a sweep and its stop go by one."""
    undos: list[Undo] = []
    for action in journal:
        if isinstance(action, Undo):
            undos.append(action)
        elif isinstance(action, Redo):
            undos.pop()
        else:
            undos.clear()
    return tuple(undos)


def kept_sweeps(journal: Journal) -> frozenset[int]:
    """The numbers of sweeps that count, or can be done again: what they found is to be kept."""
    entries = (*journal.done, *journal.undone)
    return frozenset(entry.number for entry in entries if isinstance(entry.action, Propagate))
