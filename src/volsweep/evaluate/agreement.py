"""How well two label volumes agree, label by label."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from volsweep.errors import GeometryError
from volsweep.evaluate.metrics import dice, surface_dice
from volsweep.volume import LabelVolume


@dataclass(frozen=True)
class Agreement:
    """One label in both volumes."""

    label: int
    """Its number in the truth, or, where it is not there, in what was found."""
    name: str
    dsc: float
    """Dice similarity coefficient, 0 to 1."""
    nsd: float
    """Normalised surface Dice at 2 mm, 0 to 1."""
    found_ml: float
    truth_ml: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return asdict(self)


def compare(found: LabelVolume, truth: LabelVolume) -> list[Agreement]:
    """Compare labels of the same number; where both volumes hold one label only, these two.

    Parameters
    ----------
    found, truth
        On one grid.

    Returns
    -------
    list of Agreement
        For every label of either, in order.

    Raises
    ------
    GeometryError
        If they lie on different grids.
    """
    if not found.grid.matches(truth.grid):
        raise GeometryError("the two label volumes lie on different grids; name their series (source=, --source)")
    ours, theirs = found.values(), truth.values()
    pairs = [(value, value) for value in sorted({*ours, *theirs})]
    if len(ours) == len(theirs) == 1:
        pairs = [(ours[0], theirs[0])]
    return [_agreement(found, truth, mine, other) for mine, other in pairs]


def _agreement(found: LabelVolume, truth: LabelVolume, mine: int, other: int) -> Agreement:
    one, two = found.array_zyx == mine, truth.array_zyx == other
    per_slice_ml = truth.grid.slice_voxel_volumes_mm3() / 1000
    known = truth.labels.get(other) or found.labels.get(mine)
    return Agreement(
        label=other,
        name=known.name if known else f"label {other}",
        dsc=dice(two, one),
        nsd=surface_dice(two, one, [float(step) for step in truth.grid.spacing_zyx_mm]),
        found_ml=float(one.sum(axis=(1, 2)) @ per_slice_ml),
        truth_ml=float(two.sum(axis=(1, 2)) @ per_slice_ml),
    )
