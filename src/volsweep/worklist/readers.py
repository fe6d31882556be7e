"""How well readers agree: by case, object and pair of readers; and on accepting cases at all (Cohen's kappa)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from volsweep.evaluate.agreement import compare
from volsweep.io import read_objects
from volsweep.io.overlaps import Objects
from volsweep.io.placement import Place
from volsweep.io.writing import cell, sha256
from volsweep.worklist.listing import path_in, place_of
from volsweep.worklist.progress import Progress


@dataclass(frozen=True)
class CaseAgreement:
    """One object of one case as two readers drew it.

    Parameters
    ----------
    dsc, nsd
        Dice similarity coefficient, and normalised surface Dice at 2 mm, 0 to 1; 0 where one reader drew nothing.
    first_ml, second_ml
        Volumes.
    """

    case: str
    object: str
    first: str
    second: str
    dsc: float
    nsd: float
    first_ml: float
    second_ml: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return asdict(self)


def drawn_by(progress: Progress, base: Path, case: str) -> dict[str, Objects]:
    """What each reader saved of a case, on one grid: of those who accepted it.

    Raises
    ------
    VolsweepError
        If a file cannot be read, or lies elsewhere.
    """
    found: dict[str, Objects] = {}
    place = place_of(progress.worklist.case(case), base)
    for reading in progress.readings(case):
        if reading.outcome != "accepted" or reading.labels is None:
            continue
        if found:
            first = next(iter(found.values()))
            place = Place(first.grid, first.source)
        found[reading.reader] = read_objects(path_in(progress.folder / case, reading.labels), source=place)
    return found


def agreement(progress: Progress, base: Path) -> list[CaseAgreement]:
    """Hold every pair of readers against each other, object by object (`volsweep compare` pairs them)."""
    rows = []
    for case in progress.worklist.cases:
        found = drawn_by(progress, base, case.name)
        for (first, mine), (second, theirs) in combinations(sorted(found.items()), 2):
            for row in compare(mine, theirs):
                rows.append(
                    CaseAgreement(case.name, row.name, first, second, row.dsc, row.nsd, row.found_ml, row.truth_ml)
                )
    return rows


def left_out(progress: Progress) -> list[str]:
    """What the table does not hold, or holds otherwise than it was accepted, a sentence each."""
    told, pairs = [], 0
    for case in progress.worklist.cases:
        accepted = [one for one in progress.readings(case.name) if one.outcome == "accepted"]
        bare = [one.reader for one in accepted if one.labels is None]
        if bare:
            told.append(f"{case.name}: {', '.join(bare)} accepted it without labels, and is in no row of the table")
        told += [
            f"{case.name}: the labels that {one.reader} accepted are others now ({one.labels}): accept them again"
            for one in accepted
            if one.labels_sha256
            and (file := path_in(progress.folder / case.name, one.labels or "")).is_file()
            and sha256(file) != one.labels_sha256
        ]
        pairs += len(accepted) - len(bare) > 1
    return told if pairs else [*told, "no case was accepted with labels by two readers: there is nothing to compare"]


def kappa(progress: Progress) -> dict[tuple[str, str], tuple[float | None, int]]:
    """Cohen's kappa of accepting or rejecting, and over how many cases, by pair of readers.

    None where chance alone would agree on every case: both always said the same.
    """
    said: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for case in progress.worklist.cases:
        readings = [one for one in progress.readings(case.name) if one.outcome != "skipped"]
        for one, other in combinations(sorted(readings, key=lambda r: r.reader), 2):
            said.setdefault((one.reader, other.reader), []).append((one.outcome, other.outcome))
    return {pair: (_kappa(outcomes), len(outcomes)) for pair, outcomes in said.items()}


def _kappa(outcomes: Sequence[tuple[str, str]]) -> float | None:
    count = len(outcomes)
    agreed = sum(one == other for one, other in outcomes) / count
    first, second = (Counter(pair[i] for pair in outcomes) for i in (0, 1))
    chance = sum(first[value] * second[value] for value in first) / count**2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def to_csv(rows: Sequence[CaseAgreement]) -> str:
    """The table as a file's text."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(CaseAgreement.__dataclass_fields__)
    for row in rows:
        table.writerow([cell(v) if isinstance(v, str) else f"{v:.4f}" for v in row.to_dict().values()])
    return out.getvalue()
