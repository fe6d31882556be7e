"""A patient's objects from one study to the next: carried, drawn anew, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.follow.carry import Carried, carry
from volsweep.follow.presence import is_gone, stands_out
from volsweep.follow.response import Change, Fate, Response, response_of
from volsweep.follow.tracking import tracked
from volsweep.io.derived.subject import SAME_SERIES, check_one_patient, notes_on_order
from volsweep.io.overlaps import Labelled, LabelledObject, Objects
from volsweep.job.report import doubts_of_name
from volsweep.measurement.measure import Measurement, measure
from volsweep.models import DEFAULT_MODEL, ModelSpec
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.labels import prompt_of_object
from volsweep.registration.register import Registration, register
from volsweep.session.session import Session
from volsweep.volume import Label, LabelVolume, Volume

_SEEN = 0.5
"""An object of which less lies in the follow-up's picture was not imaged."""
_CARRIED = 0.25
"""An object of which less comes over, by volume, is doubtful: specks are lost between voxels, or it nearly vanished."""
_AT_ODDS = 0.2
"""A change of the longest diameter, by this part of it, that the volume contradicts."""
_AGREES = 0.3
"""A drawn object that overlaps less (DSC) with the carried one is doubtful."""


@dataclass(frozen=True)
class FollowUp:
    """What became of a baseline's objects.

    Parameters
    ----------
    labels
        On the follow-up's grid, with the baseline's numbers, names, colours and tracking UIDs; those that are gone have
        no voxels. `Objects`, each whole, where those of the baseline overlap.
    changes
        One an object.
    registration
        How the studies lie to each other.
    prompts
        What was prompted on the follow-up, to go on from.
    session
        In which it was drawn: it knows how far to trust each slice.
    notes
        What someone should know of both studies and of what was drawn.
    """

    labels: Labelled
    changes: tuple[Change, ...]
    registration: Registration
    prompts: PromptSet
    session: Session | None = field(default=None, repr=False, compare=False)
    notes: tuple[str, ...] = ()

    @property
    def response(self) -> Response:
        """All of them together."""
        return response_of(self.changes)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "schema": "volsweep-follow-up",
            "version": 1,
            "registration": self.registration.to_dict(),
            "objects": [change.row() for change in self.changes],
            "response": self.response.to_dict(),
            "notes": list(self.notes),
        }


def follow(
    baseline: Volume,
    labels: Labelled,
    follow_up: Volume,
    *,
    model: str | ModelSpec = DEFAULT_MODEL,
    window: str | None = "auto",
    device: str = "auto",
    on_object: Callable[[int, int], None] | None = None,
) -> FollowUp:
    """Find a baseline's objects in the follow-up study, and say what changed.

    The studies are registered (where they do not share a frame of reference), each object is carried over with the
    tissue around it, prompted by a box on the slice where it is largest, and swept.

    Parameters
    ----------
    baseline, labels
        The earlier study and its objects, on one grid: a label volume, or objects that overlap (`read_objects`).
    follow_up
        The later study of the same patient and modality.
    model, window, device
        As for `Session`.
    on_object
        Called with how many objects are done, and how many there are.

    Returns
    -------
    FollowUp
        Labels, table and response. Identity stays: numbers, names, colours, tracking UIDs. No object is added.

    Raises
    ------
    GeometryError
        If labels and baseline lie on different grids, or the studies do not fit each other.
    InputError
        If there is no object, or the studies are of different modalities or patients.
    """
    if not labels.grid.matches(baseline.grid):
        raise GeometryError(
            f"the labels {labels.shape_zyx} do not lie on the baseline's voxels {baseline.shape_zyx}; "
            "give the labels that were drawn on it"
        )
    values = labels.values()
    if not values:
        raise InputError("the baseline's labels are empty: there is nothing to follow")
    sources = baseline.source, follow_up.source
    notes = (*check_one_patient(*sources, ("the baseline", "the follow-up")), *notes_on_order(*sources))
    if (ours := baseline.grid.own_plane) is not (theirs := follow_up.grid.own_plane):
        notes += (f"the baseline has {ours} slices and the later study {theirs} ones: axes of both are {ours}",)
    if baseline.shape_zyx == follow_up.shape_zyx and baseline.content_sha256 == follow_up.content_sha256:
        notes += (SAME_SERIES,)
    registration = register(baseline, follow_up)
    if not registration.fits:
        notes += (f"the studies fit each other badly ({registration.describe()}): look at every object",)
    session = Session(follow_up, model, window=window, device=device)
    fates: dict[int, Fate] = {}
    carried: dict[int, NDArray[np.bool_]] = {}
    for done, value in enumerate(values):
        if on_object is not None:
            on_object(done, len(values))
        found = carry(labels.mask_zyx(value), baseline, follow_up, registration)
        fates[value] = _fate(found, labels.mask_zyx(value), baseline, follow_up)
        if fates[value] is Fate.FOUND:
            carried[value] = found.mask_zyx
            prompt = prompt_of_object(found.mask_zyx, value, (follow_up.grid, session.plane))
            assert prompt is not None, "what was carried has a voxel"
            session.add(prompt)
    for value, label in labels.labels.items():
        session.name_label(value, label.name, label.color)
    for value in labels.overlapping() if isinstance(labels, Objects) else ():
        session.let_overlap(value)
    if carried:
        session.sweep()
    final = _named(session.objects, tracked(labels, baseline))
    plane = baseline.grid.own_plane  # of both: a diameter on another plane is another diameter
    before, after = measure(labels, baseline, plane=plane), measure(final, follow_up, plane=plane)
    voxel_ml = follow_up.grid.voxel_volume_mm3 / 1000
    changes = [
        _change(fates[v], before[v], after.get(v), (carried.get(v), final.mask_zyx(v)), voxel_ml) for v in values
    ]
    if on_object is not None:
        on_object(len(values), len(values))
    told = *baseline.warnings, *labels.warnings, *follow_up.warnings, *notes, *_misnamed(labels, follow_up)
    notes = tuple(dict.fromkeys(told))
    changes = [_looked_at(change, session) for change in changes]
    return FollowUp(final, tuple(changes), registration, session.prompts, session, notes)


def _misnamed(labels: Labelled, volume: Volume) -> Iterator[str]:
    """Sentences on names that do not fit the later study."""
    for value, label in labels.labels.items():
        yield from doubts_of_name(label.name, value, volume)


def _named(drawn: Labelled, names: Mapping[int, Label]) -> Labelled:
    """What was drawn under the baseline's names, and those that are gone."""
    if isinstance(drawn, LabelVolume):
        return LabelVolume(drawn.array_zyx, drawn.grid, names, drawn.source)
    there = {one.value: one for one in drawn.found}
    named = [replace(there.get(v, LabelledObject(v, label)), label=label) for v, label in names.items()]
    return replace(drawn, found=named)


def _fate(found: Carried, mask_zyx: NDArray[np.bool_], baseline: Volume, follow_up: Volume) -> Fate:
    if found.seen < _SEEN:
        return Fate.NOT_IMAGED
    gone = is_gone(stands_out(baseline, mask_zyx), stands_out(follow_up, found.mask_zyx), found.alike)
    return Fate.GONE if gone else Fate.FOUND


def _change(
    fate: Fate,
    before: Measurement,
    after: Measurement | None,
    masks_zyx: tuple[NDArray[np.bool_] | None, NDArray[np.bool_]],
    voxel_ml: float,
) -> Change:
    """What became of one object; `masks_zyx` are what was carried and what was drawn, on voxels of `voxel_ml`."""
    value, name = before.label, before.name
    carried, drawn = masks_zyx
    if fate is not Fate.FOUND or carried is None:
        return Change(value, name, fate, before, None, _WORDS[fate])
    if after is None:  # that the network draws nothing is no proof: gone is what no longer stands out
        return Change(value, name, Fate.UNCLEAR, before, None, _WORDS[Fate.UNCLEAR])
    agreement = 2 * int((drawn & carried).sum()) / (int(drawn.sum()) + int(carried.sum()))
    share = float(carried.sum()) * voxel_ml / before.volume_ml
    notes = []
    if agreement < _AGREES:
        notes.append(f"look at it: it was expected elsewhere (DSC {agreement:.2f})")
    if share < _CARRIED:
        notes.append(f"look at it: only {share:.0%} of its volume came over to the later study")
    notes.extend(_at_odds(before, after))
    return Change(value, name, fate, before, after, "; ".join(notes))


def _at_odds(before: Measurement, after: Measurement) -> Iterator[str]:
    """A sentence where the longest diameter says that it grew and the volume that it shrank, or the other way round."""
    longer, larger = after.diameters.long_mm - before.diameters.long_mm, after.volume_ml - before.volume_ml
    if longer * larger < 0 and abs(longer) > _AT_ODDS * before.diameters.long_mm:
        told = f"its longest diameter changed by {longer:+.0f} mm and its volume by {larger:+.2g} mL"
        yield f"look at it: {told}; what was drawn may be of another shape, not smaller or larger"


def _looked_at(change: Change, session: Session) -> Change:
    """With a note where most of what was drawn is doubtful: then its size is, too."""
    drawn = [trust.doubtful for trust in session.trust(change.label).values() if not trust.empty]
    if change.after is None or 2 * sum(drawn) < max(len(drawn), 1):
        return change
    told = f"look at it: {sum(drawn)} of its {len(drawn)} slices are doubtful, and so is its size"
    return replace(change, note="; ".join(filter(None, (change.note, told))))


_WORDS = {
    Fate.GONE: "nothing stands out where it was; look before it is called gone",
    Fate.NOT_IMAGED: "the follow-up does not show where it was",
    Fate.UNCLEAR: "look at it: something stands out where it was, and nothing was drawn of it",
}
