"""How well labels agree with others, object by object."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from volsweep.errors import GeometryError
from volsweep.evaluate.metrics import dice, surface_dice
from volsweep.evaluate.surface import steps_of
from volsweep.io.overlaps import Labelled
from volsweep.terminology import called_alike, one_thing, pairs_of


@dataclass(frozen=True)
class Agreement:
    """One object in both."""

    label: int
    """Its number in the truth, or, where it is not there, in what was found."""
    name: str
    dsc: float
    """Dice similarity coefficient, 0 to 1."""
    nsd: float
    """Normalised surface Dice at 2 mm, 0 to 1."""
    found_ml: float
    truth_ml: float
    note: str = ""
    """What to know of the pair: that the two have different names."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return asdict(self)


def compare(found: Labelled, truth: Labelled) -> list[Agreement]:
    """Compare objects of one name; those whose name the other has not, by number; where both hold one only, these two.

    Parameters
    ----------
    found, truth
        On one grid. Of `read_objects`, objects that overlap are whole.

    Returns
    -------
    list of Agreement
        For every label of either, in order; what stands alone is compared with nothing.

    Raises
    ------
    GeometryError
        If they lie on different grids.
    """
    if not found.grid.matches(truth.grid):
        raise GeometryError("the two label volumes lie on different grids; name their series (source=)")
    return [_agreement(found, truth, mine, other) for mine, other in _pairs(found, truth)]


def _pairs(found: Labelled, truth: Labelled) -> list[tuple[int | None, int | None]]:
    """Labels of both that are one object, and those of either that are alone."""
    ours, theirs = found.values(), truth.values()
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    pairs = pairs_of(*({value: one.labels[value] for value in one.values()} for one in (found, truth)))
    left = [value for value in ours if value not in pairs and value in theirs and value not in pairs.values()]
    pairs |= {value: value for value in left}
    by_truth = {other: mine for mine, other in pairs.items()}
    rows: list[tuple[int | None, int | None]] = [(by_truth.get(other), other) for other in theirs]
    rows += [(mine, None) for mine in ours if mine not in pairs]
    return sorted(rows, key=lambda row: next(v for v in (row[1], row[0]) if v is not None))


def _agreement(found: Labelled, truth: Labelled, mine: int | None, other: int | None) -> Agreement:
    nothing = np.zeros(truth.grid.shape_zyx, dtype=bool)
    one = nothing if mine is None else found.mask_zyx(mine)
    two = nothing if other is None else truth.mask_zyx(other)
    per_slice_ml = truth.grid.slice_voxel_volumes_mm3() / 1000
    ours = None if mine is None else found.labels[mine]
    known = ours if other is None else truth.labels[other]
    assert known is not None
    return Agreement(
        label=next(v for v in (other, mine) if v is not None),
        name=known.name,
        dsc=dice(two, one),
        nsd=surface_dice(two, one, steps_of(truth.grid)),
        found_ml=float(one.sum(axis=(1, 2)) @ per_slice_ml),
        truth_ml=float(two.sum(axis=(1, 2)) @ per_slice_ml),
        note="" if mine is None or other is None else _doubt(found, truth, mine, other),
    )


def _doubt(found: Labelled, truth: Labelled, mine: int, other: int) -> str:
    """What is unsure about two labels being one object; empty where they have one name that is no other's."""
    one, two = (replace(labels.labels[v], meaning=None) for labels, v in ((found, mine), (truth, other)))
    ours, theirs = (label.name if label.is_named(value) else "" for value, label in ((mine, one), (other, two)))
    if ours and theirs and not one_thing(one, two):
        return f"{theirs!r} is held against {ours!r}: another name"
    if len(found.values()) == len(truth.values()) == 1 or not (ours or theirs):
        return ""
    if not (ours and theirs):
        return f"{theirs or ours!r} is held against the label of its number, {mine}, which has no name"
    same = called_alike if called_alike(one, two) else one_thing
    often = max(
        sum(same(replace(labels.labels[v], meaning=None), one) for v in labels.values()) for labels in (found, truth)
    )
    return f"{often} objects are called {theirs!r}; those of one number were taken for the same" if often > 1 else ""
