"""What readers made of a batch's results, told on the batch's page."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from volsweep.batch.page import READINGS, tell_readings
from volsweep.batch.record import RECORD
from volsweep.batch.runner import PAGE, SERIES
from volsweep.errors import OutputError
from volsweep.io.writing import write_whole
from volsweep.worklist.listing import Case, Worklist

_log = logging.getLogger(__name__)


class Said(Protocol):
    """What one reader made of a case: a `Reading`."""

    @property
    def reader(self) -> str:
        """Initials."""

    @property
    def outcome(self) -> str:
        """What became of the case."""

    @property
    def reason(self) -> str:
        """And why."""


def tell_batch(path: Path, worklist: Worklist, readings_of: Callable[[str], Sequence[Said]]) -> None:
    """Bring the readings of a worklist onto the pages of the batches that its labels are results of.

    A case that several are to read is told of when all have: second readings are blind to the first.

    Parameters
    ----------
    path, worklist
        The list, and where it lies.
    readings_of
        All readings of a case, by its name.
    """
    of_batch: dict[Path, dict[str, list[dict[str, str]]]] = {}
    base = path.parent
    for case in worklist.cases:
        row, results = row_of(case, base), results_of(case, base)
        if row is None or results is None:
            continue
        told = of_batch.setdefault(results, {})
        readings = readings_of(case.name)
        decided = [one for one in readings if one.outcome != "skipped"]  # a skipped case comes back
        if readings and (worklist.readings == 1 or len(decided) >= worklist.readings):
            told[row.name] = [{"reader": r.reader, "outcome": r.outcome, "reason": r.reason} for r in readings]
    for results, told in of_batch.items():
        known = {}
        with suppress(OSError, ValueError):
            known = json.loads((results / READINGS).read_text(encoding="utf-8"))
        lists = {**(known if isinstance(known, dict) else {}), path.stem: told}
        try:
            write_whole(results / READINGS, json.dumps(lists, indent=1) + "\n", overwrite=True)
            tell_readings(results / PAGE)
        except (OSError, OutputError) as error:  # they are in the worklist's own folder in any case
            _log.info("the page of a batch could not be told: %s", type(error).__name__)


def results_of(case: Case, base: Path) -> Path | None:
    """The folder of a batch's results, with its page, that a case's labels lie in; None where they lie in none."""
    row = row_of(case, base)
    if row is None or row.parent.name != SERIES:
        return None
    results = row.parent.parent
    return results if (results / PAGE).is_file() else None


def row_of(case: Case, base: Path) -> Path | None:
    """The folder of a batch's row whose result a case's labels are; None where they are of no batch."""
    folder = None if case.labels is None else (base / case.labels).parent
    return folder if folder is not None and (folder / RECORD).is_file() else None
