"""What became of the objects in a later study, as a table, and as actions of its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from volsweep.errors import VolsweepError, sentence
from volsweep.io.writing import cell
from volsweep.models import ModelSpec
from volsweep.napari.reading import table
from volsweep.prompts.base import checked
from volsweep.session.actions import EditLabel, LoadPrompts
from volsweep.volume import Label, LabelVolume, Volume

if TYPE_CHECKING:
    from volsweep.follow import FollowUp

HEADINGS = ("Object", "", "mL", "Change", "Long axis, mm")


@dataclass(frozen=True, eq=False)
class Followable:
    """What is followed, and whereto.

    Parameters
    ----------
    baseline, labels
        The earlier study and its objects.
    later, name
        The later study or where it lies, and what it is called.
    model, device
        What draws.
    """

    baseline: Volume
    labels: LabelVolume
    later: Path | Volume
    name: str
    model: ModelSpec
    device: str


@dataclass(frozen=True, eq=False)
class Followed:
    """What was found.

    Parameters
    ----------
    volume, name
        The later study.
    found
        What became of the objects.
    earlier_zyx, drawn_zyx
        The earlier study and its objects, on the later one's voxels.
    """

    volume: Volume
    name: str
    found: FollowUp
    earlier_zyx: NDArray[Any]
    drawn_zyx: NDArray[Any]

    def is_there(self, row: int) -> bool:
        """Whether the object of a row was found."""
        return self.found.changes[row].after is not None

    def sentence(self) -> str:
        """On all of them."""
        notes = [f"{change.name}: {change.note}." for change in self.found.changes if change.note]
        response = self.found.response.describe()
        said = [response[0].upper() + response[1:], f"Registration: {self.found.registration.describe()}"]
        return " ".join((*(f"{text}." for text in said), *notes, *(f"{sentence(n)}." for n in self.found.notes)))


def find(what: Followable) -> Followed | str:
    """Follow, beside the window; a sentence where that is not possible."""
    from volsweep.engine.network.device import leave_a_core
    from volsweep.follow import follow
    from volsweep.io import read_volume
    from volsweep.registration.resample import on_follow_up

    try:
        leave_a_core()
        later = what.later if isinstance(what.later, Volume) else read_volume(what.later)
        found = follow(what.baseline, what.labels, later, model=what.model, device=what.device)
        grids = what.baseline.grid, later.grid
        earlier = on_follow_up(what.baseline.array_zyx, grids, found.registration)
        drawn = on_follow_up(what.labels.array_zyx, grids, found.registration, order=0)
        return Followed(later, what.name, found, earlier, drawn)
    except VolsweepError as error:
        return str(error)[:1].upper() + str(error)[1:]
    except Exception as error:  # a defect of ours, or of a library: said in the panel, like all that fails
        return f"{what.name} cannot be followed to: unexpected {type(error).__name__}"


def cells(followed: Followed) -> list[tuple[str, ...]]:
    """A row for each object."""
    rows: list[tuple[str, ...]] = []
    for change in followed.found.changes:
        row = change.row()
        percent = row["volume_change_percent"]
        rows.append(
            (
                change.name,
                str(change.fate),
                _pair(row["volume_before_ml"], row["volume_after_ml"], 2),
                "" if percent is None else f"{percent:+.0f} %",
                _pair(row["long_before_mm"], row["long_after_mm"], 1),
            )
        )
    return rows


def _pair(before: float, after: float | None, digits: int) -> str:
    return f"{before:.{digits}f}" + ("" if after is None else f" → {after:.{digits}f}")


def as_text(followed: Followed) -> str:
    """The table for the clipboard."""
    return table.as_text([HEADINGS, *((cell(name), *rest) for name, *rest in cells(followed))], "\t")


def taken(followed: Followed, rows: Sequence[int], there: Mapping[int, Label]) -> LoadPrompts:
    """All objects by number, name and colour, and the prompts of those whose rows are taken.

    What is `there` in the later study stays: an object whose number is another one's there gets a free number; one
    that was taken over before keeps the number that it has there.
    """
    found = followed.found
    kept = {found.changes[row].label for row in rows}
    followers = {label.tracking_uid: value for value, label in there.items() if label.tracking_uid}
    numbers: dict[int, int] = {}
    for value, label in found.labels.labels.items():
        free = max((*there, *found.labels.labels, *numbers.values())) + 1
        numbers[value] = followers.get(label.tracking_uid or "", free if value in there else value)
    labels = tuple(
        checked(EditLabel, label=numbers[value], name=label.name, color=label.color, tracking_uid=label.tracking_uid)
        for value, label in found.labels.labels.items()
    )
    prompts = (p.model_copy(update={"label": numbers[p.label]}) for p in found.prompts.prompts if p.label in kept)
    return checked(LoadPrompts, prompts=tuple(prompts), labels=labels)
