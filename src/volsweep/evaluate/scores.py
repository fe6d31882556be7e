"""One number row for each target and method, and how rows are summarised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from volsweep.cases.manifest import Case
from volsweep.evaluate.metrics import Mask, Summary, dice, end_errors, summarise, surface_dice
from volsweep.evaluate.targets import Target


@dataclass(frozen=True)
class Method:
    """What was scored.

    Parameters
    ----------
    name
        A model's name or a baseline's.
    protocol
        ``"A"``, ``"B"``, ``"C"``, ``"C2"``, ``"D"`` or ``"E"`` (see `volsweep.evaluate.protocols`).
    jittered
        Whether the first prompt strayed.
    """

    name: str
    protocol: str = "A"
    jittered: bool = False


@dataclass(frozen=True)
class Score:
    """How one method did on one label of one case.

    Parameters
    ----------
    group
        Family and modality.
    case, label
        Which target.
    method
        What was scored.
    dice_rounds, nsd_rounds
        3D DSC and NSD at 2 mm after the first sweep and after each click.
    slice_dice
        DSC on the prompted slice, after the first prompt alone.
    first_error, last_error
        Slices by which the final mask begins and ends elsewhere; see `metrics.EndErrors`.
    seconds, visited
        Time of prompts and sweeps, and slices tracked in it; None for baselines.
    patient
        Whose case it is: what intervals draw as one; empty where each case is a patient of its own.
    """

    group: str
    case: str
    label: int
    method: Method
    dice_rounds: tuple[float, ...]
    nsd_rounds: tuple[float, ...]
    slice_dice: float
    first_error: int
    last_error: int
    seconds: float | None = None
    visited: int | None = None
    patient: str = ""

    @property
    def dice(self) -> float:
        """Final DSC."""
        return self.dice_rounds[-1]

    @property
    def nsd(self) -> float:
        """Final NSD."""
        return self.nsd_rounds[-1]

    @property
    def dice_auc(self) -> float | None:
        """Area under the DSC of the click steps; see `click_auc`."""
        return click_auc(self.dice_rounds)

    @property
    def nsd_auc(self) -> float | None:
        """Area under the NSD of the click steps; see `click_auc`."""
        return click_auc(self.nsd_rounds)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        fields = asdict(self)
        fields |= fields.pop("method") | {"method": self.method.name}
        del fields["name"]
        return fields | {"dice": self.dice, "nsd": self.nsd, "dice_auc": self.dice_auc, "nsd_auc": self.nsd_auc}


def click_auc(rounds: Sequence[float]) -> float | None:
    """Trapezoid over the click steps, one apart, as in the CVPR 2025 challenge.

    The box's own result is left out, so that five clicks give at most 4. None without clicks.
    """
    return float(np.trapezoid(rounds[1:])) if len(rounds) > 1 else None


def score(
    target: Target, case: Case, method: Method, rounds_nyx: Sequence[Mask], took: tuple[float, int] | None = None
) -> Score:
    """Compare masks with the truth.

    Parameters
    ----------
    target
        The truth.
    case, method
        What the row is about.
    rounds_nyx
        Masks after the first sweep and after each click.
    took
        Seconds, and slices tracked.
    """
    truth, steps, index = target.masks_nyx, target.steps_nyx_mm, target.prompted_slice
    ends = end_errors(truth, rounds_nyx[-1])
    return Score(
        group=case.group,
        case=target.case,
        patient=case.patient,
        label=target.label,
        method=method,
        dice_rounds=tuple(dice(truth, found) for found in rounds_nyx),
        nsd_rounds=tuple(surface_dice(truth, found, steps) for found in rounds_nyx),
        slice_dice=dice(truth[index], rounds_nyx[0][index]),
        first_error=ends.first,
        last_error=ends.last,
        seconds=None if took is None else took[0],
        visited=None if took is None else took[1],
    )


@dataclass(frozen=True)
class Row:
    """Many scores of one method on one group.

    Parameters
    ----------
    group, method, cases, labels, patients
        What it is about, and how many.
    dice, nsd, slice_dice
        Final 3D DSC and NSD, and DSC on the prompted slice.
    end_error
        Median of the absolute errors of first and last slices.
    dice_auc, nsd_auc
        Means of the click steps' areas, under protocol B.
    seconds_per_case, slices_per_second
        Mean time; slices tracked over the time they took.
    """

    group: str
    method: Method
    cases: int
    labels: int
    dice: Summary
    nsd: Summary
    slice_dice: Summary
    end_error: float
    dice_auc: float | None = None
    nsd_auc: float | None = None
    seconds_per_case: float | None = None
    slices_per_second: float | None = None
    patients: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        fields = asdict(self)
        return fields | {"method": self.method.name, "protocol": self.method.protocol, "jittered": self.method.jittered}


def summary_rows(scores: Iterable[Score], seed: int = 0) -> list[Row]:
    """One row for each group and method, in the order they first appear."""
    gathered: dict[tuple[str, Method], list[Score]] = defaultdict(list)
    for one in scores:
        gathered[one.group, one.method].append(one)
    groups = list(dict.fromkeys(group for group, _ in gathered))
    return [
        _row(group, method, some, seed)
        for wanted in groups
        for (group, method), some in gathered.items()
        if group == wanted
    ]


def _row(group: str, method: Method, scores: Sequence[Score], seed: int) -> Row:
    by_patient: dict[str, list[Score]] = defaultdict(list)
    for one in scores:
        by_patient[f"patient {one.patient}" if one.patient else one.case].append(one)
    cases = len({one.case for one in scores})

    def summary(name: str) -> Summary:
        return summarise({who: [getattr(s, name) for s in some] for who, some in by_patient.items()}, seed=seed)

    errors = [abs(error) for s in scores for error in (s.first_error, s.last_error)]
    seconds = [s.seconds for s in scores if s.seconds is not None]
    visited = [s.visited for s in scores if s.visited is not None]
    return Row(
        group=group,
        method=method,
        cases=cases,
        patients=len(by_patient),
        labels=len(scores),
        dice=summary("dice"),
        nsd=summary("nsd"),
        slice_dice=summary("slice_dice"),
        end_error=float(np.median(errors)),
        dice_auc=_mean(s.dice_auc for s in scores),
        nsd_auc=_mean(s.nsd_auc for s in scores),
        seconds_per_case=sum(seconds) / cases if seconds else None,
        slices_per_second=sum(visited) / sum(seconds) if seconds else None,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
