"""A patient's objects from one study to the next: carried, drawn anew, and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.follow.carry import carry
from volsweep.follow.presence import is_gone, stands_out
from volsweep.follow.registration import Registration, register
from volsweep.follow.response import Change, Fate, Response, response_of
from volsweep.geometry import mask_box_xyxy
from volsweep.measurement.measure import Measurement, measure_label
from volsweep.models import DEFAULT_MODEL
from volsweep.prompts.kinds import PromptSet
from volsweep.session.session import Session
from volsweep.volume import LabelVolume, Volume

_SEEN = 0.5
"""An object of which less lies in the follow-up's picture was not imaged."""
_AGREES = 0.3
"""A drawn object that overlaps less (DSC) with the carried one is doubtful."""


@dataclass(frozen=True)
class FollowUp:
    """What became of a baseline's objects.

    Parameters
    ----------
    labels
        On the follow-up's grid, with the baseline's numbers, names and colours; those that are gone have no voxels.
    changes
        One an object.
    registration
        How the studies lie to each other.
    prompts
        What was prompted on the follow-up, to go on from.
    """

    labels: LabelVolume
    changes: tuple[Change, ...]
    registration: Registration
    prompts: PromptSet

    @property
    def response(self) -> Response:
        """All of them together."""
        return response_of(self.changes)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "schema": "volsweep-follow-up",
            "version": 1,
            "registration": {
                "kind": self.registration.kind,
                "matrix_lps": np.round(self.registration.matrix, 6).tolist(),
                "overlap": round(self.registration.overlap, 3),
                "alike": round(self.registration.alike, 3),
            },
            "objects": [change.row() for change in self.changes],
            "response": self.response.to_dict(),
        }


def follow(
    baseline: Volume,
    labels: LabelVolume,
    follow_up: Volume,
    *,
    model: str = DEFAULT_MODEL,
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
        The earlier study and its objects, on one grid.
    follow_up
        The later study of the same patient and modality.
    model, window, device
        As for `Session`.
    on_object
        Called with how many objects are done, and how many there are.

    Returns
    -------
    FollowUp
        Labels, table and response. Identity stays: numbers, names, colours. No object is added.

    Raises
    ------
    GeometryError
        If labels and baseline lie on different grids, or the studies do not fit each other.
    InputError
        If there is no object, or the studies are of different modalities.
    """
    if not labels.grid.matches(baseline.grid):
        raise GeometryError(
            f"the labels {labels.shape_zyx} do not lie on the baseline's voxels {baseline.shape_zyx}; "
            "give the labels that were drawn on it"
        )
    values = labels.values()
    if not values:
        raise InputError("the baseline's labels are empty: there is nothing to follow")
    registration = register(baseline, follow_up)
    session = Session(follow_up, model, window=window, device=device)
    told: dict[int, Fate] = {}
    places: dict[int, NDArray[np.bool_]] = {}
    for done, value in enumerate(values):
        if on_object is not None:
            on_object(done, len(values))
        mask = labels.mask_zyx(value)
        found = carry(mask, baseline, follow_up, registration)
        told[value] = Fate.FOUND
        if found.seen < _SEEN:
            told[value] = Fate.NOT_IMAGED
        elif is_gone(stands_out(baseline, mask), stands_out(follow_up, found.mask_zyx)):
            told[value] = Fate.GONE
        else:
            places[value] = found.mask_zyx
            _prompt(session, value, found.mask_zyx)
    for value, label in labels.labels.items():
        session.name_label(value, label.name, label.color)
    if places:
        session.sweep()
    drawn = session.labels
    final = LabelVolume(drawn.array_zyx, drawn.grid, dict(labels.labels), drawn.source)
    changes = [
        _change(value, told[value], (baseline, labels), (follow_up, final), places.get(value)) for value in values
    ]
    if on_object is not None:
        on_object(len(values), len(values))
    return FollowUp(final, tuple(changes), registration, session.prompts)


def _prompt(session: Session, value: int, mask_zyx: NDArray[np.bool_]) -> None:
    """A box around what was carried, on the slice where it is largest."""
    grid = session.volume.grid
    slices = np.moveaxis(mask_zyx, grid.plane_axis(session.plane), 0)
    index = int(slices.sum(axis=(1, 2)).argmax())
    box = mask_box_xyxy(slices[index])
    assert box is not None, "the largest slice of an object has a voxel"
    session.add_box(label=value, slice=index, box_xyxy=box)


def _change(
    value: int,
    fate: Fate,
    before: tuple[Volume, LabelVolume],
    after: tuple[Volume, LabelVolume],
    carried_zyx: NDArray[np.bool_] | None,
) -> Change:
    first = _measured(value, *before)
    assert first is not None, "an object of the baseline has voxels"
    name = before[1].labels[value].name
    if fate is not Fate.FOUND or carried_zyx is None:
        return Change(value, name, fate, first, None, _WORDS[fate])
    second = _measured(value, *after)
    if second is None:
        return Change(value, name, Fate.GONE, first, None, "the network finds nothing where it was")
    drawn = after[1].mask_zyx(value)
    agreement = 2 * int((drawn & carried_zyx).sum()) / (int(drawn.sum()) + int(carried_zyx.sum()))
    note = f"look at it: it was expected elsewhere (DSC {agreement:.2f})" if agreement < _AGREES else ""
    return Change(value, name, fate, first, second, note)


def _measured(value: int, volume: Volume, labels: LabelVolume) -> Measurement | None:
    return measure_label(labels, value, volume) if labels.mask_zyx(value).any() else None


_WORDS = {
    Fate.GONE: "nothing stands out where it was; look before it is called gone",
    Fate.NOT_IMAGED: "the follow-up does not show where it was",
}
