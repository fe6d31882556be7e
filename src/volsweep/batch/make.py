"""A manifest made from a tree of DICOM: a row for every RTSTRUCT and SEG, with the series it was drawn on."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from volsweep.batch.manifest import named_from
from volsweep.errors import VolsweepError, first_of
from volsweep.io.derived.reference import load_dataset
from volsweep.io.derived.subject import referenced_series
from volsweep.io.dicom.study import Series, Study, scan
from volsweep.io.dicom.values import quiet
from volsweep.io.series_info import SeriesInfo
from volsweep.io.writing import distinct

COLUMNS = ("series", "uid", "prompts", "output")
_DRAWN = ("RTSTRUCT", "SEG")
_TOLD = 5
"""Of many alike, so many are named."""


@dataclass(frozen=True)
class Made:
    """Rows of a manifest, by the names of `COLUMNS`, and what should be known of them."""

    rows: tuple[dict[str, str], ...]
    notes: tuple[str, ...] = ()

    def to_csv(self) -> str:
        """The manifest as a file's text."""
        out = io.StringIO()
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        return out.getvalue()


def rows_below(folder: Path, manifest: Path) -> Made:
    """Make the rows of a manifest.

    Parameters
    ----------
    folder
        Searched with its subfolders.
    manifest
        Where the rows will lie: what is below its folder is named relative to it.

    Raises
    ------
    InputError
        If the folder holds no DICOM.
    """
    study = scan(folder)
    infos = {series.uid: series.info() for series in study.series if series.uid and _is_image(series)}
    found = sorted(_drawings(study))
    notes = [f"{path} {why}, and is left out" for path, _, why in found if why]
    rows, told = [], Counter[str]()
    for path, uid, why in found:
        info = infos.get(uid)
        if why:
            continue
        if info is None or not info.loadable:
            reason = f"cannot be loaded: {info.problem}" if info is not None else "is not below this folder"
            notes.append(f"{path} was drawn on series {uid}, which {reason}; it is left out")
            continue
        told[info.uid] += 1
        rows.append(_row(info, path, manifest.absolute().parent))
    rows, renamed = _distinct(rows)
    undrawn = [info.short_name for uid, info in infos.items() if not told[uid]]
    if undrawn:
        notes.append(f"left out, since they have no RTSTRUCT or SEG: {first_of(undrawn, _TOLD)}")
    return Made(tuple(rows), (*notes, *renamed))


def _is_image(series: Series) -> bool:
    return series.headers[0].modality not in _DRAWN and series.has_images


def _drawings(study: Study) -> Iterator[tuple[Path, str, str]]:
    """Every file with objects that were drawn, the series it names, and why it cannot be taken, if it cannot."""
    for series in study.series:
        for header in (*series.headers, *series.passed_over):
            if header.modality not in _DRAWN:
                continue
            if header.file.archive is not None:
                yield header.file.path, "", "lies in a zip, where no manifest can name it"
                continue
            try:
                with quiet():
                    uid = referenced_series(load_dataset(header.file.path, "segmentation or contours"))
            except VolsweepError as error:
                yield header.file.path, "", f"cannot be read ({error})"
            else:
                yield header.file.path, uid or "", "" if uid else "does not say which series it was drawn on"


def _row(info: SeriesInfo, drawing: Path, base: Path) -> dict[str, str]:
    return {
        "series": named_from(Path(info.path), base),
        "uid": info.uid,
        "prompts": named_from(drawing, base),
        "output": info.short_name,
    }


def _distinct(rows: Sequence[dict[str, str]]) -> tuple[list[dict[str, str]], list[str]]:
    """Give names that several rows share a number, and say which."""
    out, notes = [], []
    for row, name in zip(rows, distinct(row["output"] for row in rows), strict=True):
        out.append({**row, "output": name})
        if name != row["output"]:
            notes.append(f"{row['prompts']}: another output is called {row['output']}, so this one is {name}")
    return out, notes
