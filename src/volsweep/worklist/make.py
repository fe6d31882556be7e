"""Cases of a folder of images, of a manifest, or of a batch's results."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from volsweep.batch.manifest import named_from, read_manifest
from volsweep.batch.record import RECORD
from volsweep.errors import InputError, first_of
from volsweep.io import find_series
from volsweep.io.dicom.headers import DRAWN
from volsweep.io.formats import is_one_file, may_be_slice, named, stem_of, written_suffixes
from volsweep.io.sidecar import SUFFIX
from volsweep.io.writing import distinct
from volsweep.settings import read_json
from volsweep.worklist.listing import Case

_REPORT = "report.json"
_LABELS = frozenset(("gt", "label", "labels", "labelmap", "mask", "masks", "seg", "segmentation", "truth"))
"""Words in the names of files that are labels by custom: ``label.nii.gz``, ``case7_seg.nii.gz``."""


def cases_of(path: Path, base: Path) -> tuple[list[Case], list[str]]:
    """Make the cases of a list.

    Parameters
    ----------
    path
        A folder of images, with its subfolders; a folder of a batch's results; or a manifest.
    base
        The folder that the list will lie in: what is below it is named relative to it.

    Returns
    -------
    list of Case, list of str
        The cases, names made distinct; and what was left out, a sentence each.

    Raises
    ------
    InputError
        If there is nothing to read.
    """
    if path.is_file():
        cases, notes = _of_manifest(path, base)
    elif any(path.glob(f"*/{RECORD}")):
        cases, notes = _of_batch(path, base)
    else:
        cases, notes = _of_folder(path, base)
    if not cases:
        raise InputError(f"{path} holds no case: no series, no row of a manifest, no result of a batch")
    names = distinct(case.name for case in cases)
    return [case.model_copy(update={"name": name}) for case, name in zip(cases, names, strict=True)], notes


def _of_manifest(path: Path, base: Path) -> tuple[list[Case], list[str]]:
    cases, notes = [], []
    for entry in read_manifest(path):
        if entry.row is None:
            notes += [f"line {entry.line}: {problem}; it is left out" for problem in entry.problems]
            continue
        row = entry.row
        beside = path.absolute().parent
        prompts = beside / row.prompts
        file = prompts.is_file()
        if not file:
            notes.append(f"{entry.name}: its prompts are typed in the manifest; the list begins without them")
        cases.append(
            Case(
                name=_safe(entry.name),
                series=named_from(beside / row.series, base) if (beside / row.series).exists() else row.series,
                uid=row.uid,
                prompts=named_from(prompts, base) if file else None,
            )
        )
    return cases, notes


def _of_batch(folder: Path, base: Path) -> tuple[list[Case], list[str]]:
    """Results to open, correct and accept; a row that failed has nothing to look at."""
    cases, notes = [], []
    for record in sorted(folder.glob(f"*/{RECORD}")):
        said = _told(record)
        report = record.with_name(_REPORT)
        if said.get("status") != "done" or not report.is_file():
            notes.append(f"{record.parent.name} failed in the batch and is left out: {said.get('error', '')[:200]}")
            continue
        source = _told(report).get("source", {})
        labels = next((p for p in sorted(record.parent.iterdir()) if p.name.endswith(written_suffixes())), None)
        if labels is None or "path" not in source:
            notes.append(f"{record.parent.name} is left out: it follows an earlier study, or its files are damaged")
            continue
        cases.append(
            Case(
                name=_safe(record.parent.name),
                series=named_from(Path(source["path"]), base),
                uid=source.get("series_uid"),
                labels=named_from(labels, base),
            )
        )
    return cases, notes


def _told(path: Path) -> dict[str, Any]:
    """What a file of a result says; nothing where it is damaged."""
    try:
        content = json.loads(read_json(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _of_folder(folder: Path, base: Path) -> tuple[list[Case], list[str]]:
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and is_one_file(p))
    rows = [(p, row) for p in files if (row := named(p.name)) is not None]
    images = [p for p, row in rows if not row.is_dicom and row.holds != "labels" and not _has_sidecar(p)]
    drawn = [str(path.relative_to(folder)) for path in images if _is_called_labels(path)]
    images = [path for path in images if not _is_called_labels(path)]
    notes = [f"labels by their names, and left out: {first_of(drawn)}"] if drawn else []
    alike = Counter(stem_of(path.name) for path in images)
    names = [p.name if alike[stem_of(p.name)] == 1 else f"{p.parent.name}_{p.name}" for p in images]
    cases = [
        Case(name=_safe(stem_of(name)), series=named_from(path, base)) for name, path in zip(names, images, strict=True)
    ]
    if any(may_be_slice(path) for path in folder.rglob("*") if path.is_file()):
        for info in find_series(folder):
            where = named_from(Path(info.path), base)
            if info.loadable or info.loads_with_gaps:
                cases.append(Case(name=info.short_name, series=where, uid=info.uid or None))
            elif info.problem and info.modality not in DRAWN:
                notes.append(f"{info.short_name} in {where} is left out: {info.problem}")
    return cases, notes


def _has_sidecar(path: Path) -> bool:
    """Whether Volsweep wrote it: then it holds labels."""
    return path.with_name(f"{stem_of(path.name, sidecar=True)}{SUFFIX}").is_file()


def _is_called_labels(path: Path) -> bool:
    """Whether its name says that it holds labels."""
    return not _LABELS.isdisjoint(re.findall(r"[a-z]+", stem_of(path.name).lower()))


def _safe(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "_.+-" else "_" for c in name).strip("._ ")[:100]
    return kept or "case"
