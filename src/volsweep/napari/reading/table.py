"""Measurements of all objects as a table, for the clipboard and for a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from volsweep.geometry import Grid
from volsweep.io.writing import cell
from volsweep.measurement import DrawnMeasure, Measurement

HEADINGS = (
    "label",
    "name",
    "volume_ml",
    "long_axis_mm",
    "short_axis_mm",
    "slice",
    "mean",
    "sd",
    "min",
    "max",
    "sum",
    "unit",
)
"""`slice` is the one with the long axis, counted from 1; `sum` is over the object's voxels."""


def rows(
    measurements: Mapping[int, Measurement], names: Mapping[int, str], by_hand: Sequence[tuple[DrawnMeasure, Grid]] = ()
) -> list[list[str]]:
    """Headings, a row for each object, the sum of their volumes and long axes (RECIST), and rulers and angles."""
    out = [list(HEADINGS)]
    for label, one in sorted(measurements.items()):
        found = one.intensity
        values = ["", "", "", "", "", ""]
        if found is not None:
            numbers = (found.mean, found.sd, found.min, found.max, found.mean * one.voxels)
            values = [*(f"{number:.6g}" for number in numbers), found.unit]
        long, short = one.diameters.long_mm, one.diameters.short_mm
        name = cell(names.get(label, one.name))
        out.append(
            [
                str(label),
                name,
                f"{one.volume_ml:.3f}",
                f"{long:.1f}",
                f"{short:.1f}",
                str(one.diameter_slice + 1),
                *values,
            ]
        )
    volume, recist = totals(measurements)
    out.append(["sum", "", f"{volume:.3f}", f"{recist:.1f}", *[""] * (len(HEADINGS) - 4)])
    for drawn, grid in by_hand:
        is_length = drawn.kind == "ruler"
        name = f"{drawn.plane} slice" if is_length else f"{drawn.value(grid):.1f} degrees, {drawn.plane} slice"
        length = f"{drawn.value(grid):.1f}" if is_length else ""
        out.append([drawn.kind, name, "", length, "", str(drawn.slice + 1), *[""] * (len(HEADINGS) - 6)])
    return out


def totals(measurements: Mapping[int, Measurement]) -> tuple[float, float]:
    """Volume of all objects in millilitres, and the sum of their long axes in millimetres (RECIST)."""
    measured = measurements.values()
    return sum(one.volume_ml for one in measured), sum(one.diameters.long_mm for one in measured)


def as_text(table: Iterable[Sequence[str]], delimiter: str) -> str:
    """A table as text: tabs for the clipboard, so that it falls into a spreadsheet's columns; commas for CSV."""
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(table)
    return stream.getvalue()
