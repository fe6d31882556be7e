"""What changed between two studies, and what RECIST 1.1 calls it (Eisenhauer et al., Eur J Cancer 2009;45:228-247)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from volsweep.io.writing import cell
from volsweep.measurement.measure import Measurement

_MEASURABLE_MM = 10.0
"""Shorter ones are no target lesions (CT, slices of 5 mm or less)."""
_SMALLER, _LARGER, _LARGER_MM = -30.0, 20.0, 5.0
"""Percent of the sum's change for a partial response and for progression, and the millimetres that needs besides."""


class Fate(StrEnum):
    """What became of an object."""

    FOUND = "found"
    GONE = "gone"
    NOT_IMAGED = "not imaged"
    UNCLEAR = "unclear"
    """It is not gone, and nothing was drawn of it."""


class Category(StrEnum):
    """Change of the sum of longest diameters. Not a diagnosis: new lesions and nodes are the reader's to judge."""

    COMPLETE = "CR"
    PARTIAL = "PR"
    STABLE = "SD"
    PROGRESSION = "PD"
    NOT_EVALUABLE = "NE"


@dataclass(frozen=True)
class Change:
    """One object in both studies.

    Parameters
    ----------
    label, name
        Which, by the baseline's own number and name.
    fate
        What became of it.
    before, after
        Its measurements; none after where it is gone, was not imaged, or nothing was drawn of it.
    note
        What someone should know of how this was found; empty where nothing.
    """

    label: int
    name: str
    fate: Fate
    before: Measurement
    after: Measurement | None = None
    note: str = ""

    @property
    def volume_after_ml(self) -> float | None:
        """Volume in the follow-up; 0 where it is gone, None where that is not known."""
        return _after(self, None if self.after is None else self.after.volume_ml)

    @property
    def long_after_mm(self) -> float | None:
        """Longest diameter in the follow-up; 0 where it is gone, None where that is not known."""
        return _after(self, None if self.after is None else self.after.diameters.long_mm)

    def row(self) -> dict[str, Any]:
        """The table's row: numbers in mL, mm and percent, None where there is none."""
        before, after = self.before, self.after
        return {
            "label": self.label,
            "name": self.name,
            "fate": str(self.fate),
            "volume_before_ml": round(before.volume_ml, 3),
            "volume_after_ml": _rounded(self.volume_after_ml, 3),
            "volume_change_ml": _rounded(_difference(before.volume_ml, self.volume_after_ml), 3),
            "volume_change_percent": _rounded(_percent(before.volume_ml, self.volume_after_ml), 1),
            "long_before_mm": round(before.diameters.long_mm, 2),
            "short_before_mm": round(before.diameters.short_mm, 2),
            "long_after_mm": _rounded(self.long_after_mm, 2),
            "short_after_mm": _rounded(_after(self, None if after is None else after.diameters.short_mm), 2),
            "mean_before": None if before.intensity is None else round(before.intensity.mean, 2),
            "mean_after": None if after is None or after.intensity is None else round(after.intensity.mean, 2),
            "target": before.diameters.long_mm >= _MEASURABLE_MM,
            "note": self.note,
        }


@dataclass(frozen=True)
class Response:
    """All objects together.

    Parameters
    ----------
    sum_before_mm, sum_after_mm
        Of the longest diameters of those that were measurable in the baseline.
    percent
        Change of that sum; None without one.
    category
        After RECIST 1.1, from these two studies alone.
    """

    sum_before_mm: float
    sum_after_mm: float
    percent: float | None
    category: Category

    def describe(self) -> str:
        """In a sentence."""
        if not self.sum_before_mm:
            return (
                f"no object of {_MEASURABLE_MM:g} mm or more to sum: {self.category} "
                "(RECIST 1.1 by these two studies; not a diagnosis)"
            )
        told = "not evaluable" if self.percent is None else f"{self.percent:+.0f} %: {self.category}"
        return (
            f"longest diameters: {self.sum_before_mm:.1f} mm, then {self.sum_after_mm:.1f} mm, {told} "
            "(RECIST 1.1 by these two studies; not a diagnosis)"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "sum_before_mm": round(self.sum_before_mm, 2),
            "sum_after_mm": round(self.sum_after_mm, 2),
            "percent": _rounded(self.percent, 1),
            "category": str(self.category),
            "remark": "RECIST 1.1 by the diameters of these two studies; not a diagnosis",
        }


def response_of(changes: Sequence[Change]) -> Response:
    """Sum up; not evaluable where a target was not imaged or is unclear, or there is none."""
    targets = [change for change in changes if change.before.diameters.long_mm >= _MEASURABLE_MM]
    before = sum(change.before.diameters.long_mm for change in targets)
    lengths = [change.long_after_mm for change in targets]
    after = sum(length for length in lengths if length is not None)
    if not targets or None in lengths:
        return Response(before, after, None, Category.NOT_EVALUABLE)
    percent = (after - before) / before * 100
    if all(change.fate is Fate.GONE for change in changes):
        category = Category.COMPLETE
    elif percent >= _LARGER and after - before >= _LARGER_MM:
        category = Category.PROGRESSION
    else:
        category = Category.PARTIAL if percent <= _SMALLER else Category.STABLE
    return Response(before, after, percent, category)


def to_csv(changes: Sequence[Change]) -> str:
    """The table for a spreadsheet, a row an object."""
    rows = [change.row() for change in changes]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["label"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: cell(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows
    )
    return out.getvalue()


def _after(change: Change, value: float | None) -> float | None:
    return 0.0 if change.fate is Fate.GONE else value


def _difference(before: float, after: float | None) -> float | None:
    return None if after is None else after - before


def _percent(before: float, after: float | None) -> float | None:
    return None if after is None or before <= 0 else (after - before) / before * 100


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
