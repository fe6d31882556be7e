"""The summary table: one line for every label of every series, and for every series without one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from volsweep.batch.manifest import Entry
from volsweep.batch.record import FoundChange, FoundLabel, Record
from volsweep.io.writing import cell

COLUMNS = (
    "line",
    "name",
    "status",
    "label",
    "label_name",
    "volume_ml",
    "long_mm",
    "short_mm",
    "slices",
    "first_slice",
    "last_slice",
    "trust",
    "doubtful_slices",
    "seconds",
    "model",
    "notes",
    "error",
    "fate",
    "volume_before_ml",
    "volume_change_percent",
    "long_before_mm",
    "response",
    "corrected_by",
    "corrected_at",
)


def write_summary(path: Path, outcomes: Iterable[tuple[Entry, Record | None]]) -> None:
    """Write the table as CSV, line by line.

    Parameters
    ----------
    path
        File to write.
    outcomes
        Rows of the manifest and what became of them; None for those not run yet.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        for entry, record in outcomes:
            writer.writerows(_lines(entry, record))


def _lines(entry: Entry, record: Record | None) -> Iterator[dict[str, Any]]:
    common: dict[str, Any] = {"line": entry.line, "name": cell(entry.name)}
    if record is None:
        yield {**common, "status": "not run", "error": cell("; ".join(entry.problems))}
        return
    common |= {
        "status": "failed" if record.has_failed else record.status,
        "seconds": record.seconds,
        "model": cell(record.model),
        "notes": cell("; ".join(record.warnings)),
        "error": cell(record.error),
        "response": cell(record.response),
    }
    if record.corrected is not None:
        common |= {"corrected_by": cell(record.corrected.by), "corrected_at": record.corrected.when}
    changes = {change.label: change for change in record.changes}
    shown = () if record.has_failed else record.labels  # an earlier row's numbers are not this one's
    for label in shown:
        yield {**common, **_measured(label), **_changed(changes.get(label.label))}
    if not shown:
        yield common


def _changed(change: FoundChange | None) -> dict[str, Any]:
    if change is None:
        return {}
    percent = change.volume_change_percent
    return {
        "fate": change.fate,
        "volume_before_ml": round(change.volume_before_ml, 4),
        "volume_change_percent": "" if percent is None else percent,
        "long_before_mm": round(change.long_before_mm, 2),
    }


def _measured(label: FoundLabel) -> dict[str, Any]:
    return {
        "label": label.label,
        "label_name": cell(label.name),
        "volume_ml": round(label.volume_ml, 4),
        "long_mm": round(label.long_mm, 2),
        "short_mm": round(label.short_mm, 2),
        "slices": label.slices,
        "first_slice": label.first_slice,
        "last_slice": label.last_slice,
        "trust": round(label.trust, 3),
        "doubtful_slices": " ".join(map(str, label.doubtful)),
    }
