"""`volsweep info`: what a path holds, and whether it can be segmented."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len
from rich.text import Text

from volsweep.cli.terminal.console import console, messages, say, tell_json, warn
from volsweep.errors import shown

if TYPE_CHECKING:
    from volsweep.io import SeriesInfo

_COLUMNS = ("no.", "description", "modality", "slices × rows × columns", "spacing (mm)", "axes", "date", "series")
_PROMPTS = "; it is for segment --prompts"
_LABELS = "; it is for segment --prompts, convert and compare"
_OTHERWISE = {"SEG": _LABELS, "RTSTRUCT": _LABELS, "SR": _PROMPTS, "PR": _PROMPTS}
"""What to do with what is no image."""


def info(
    path: Annotated[Path, typer.Argument(help="DICOM folder, file, DICOMDIR or zip; NIfTI, NRRD or MetaImage.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: also path, study, accession, warnings of every series.")
    ] = False,
) -> None:
    """List the series of a path, a line each: number, description, modality, size, study date, UID.

    Where the output is no terminal, columns are parted by tabs. Exit code 1: none of them can be segmented.
    """
    from volsweep.io import find_series

    found = find_series(path)
    if as_json:
        tell_json([series.to_dict() for series in found])
    else:
        _show(found)
        _tell_problems(found)
    if not any(series.loadable or series.loads_with_gaps for series in found):
        raise typer.Exit(1)


def _show(found: list[SeriesInfo]) -> None:
    rows = [_cells(series) for series in sorted(found, key=_by_number)]
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join(shown(" ".join(cell.split())) for cell in row))  # rich would spread the tabs
        return
    # A line a series, as long as it is: a terminal's table would cut off or wrap the UID, which is to be copied.
    rows = [tuple(map(shown, row)) for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in (_COLUMNS, *rows):
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        style = "bold" if row is _COLUMNS else ""
        console.print(Text("  ".join(cells).rstrip(), style), highlight=False, soft_wrap=True)


def _by_number(series: SeriesInfo) -> tuple[bool, int, str]:
    return series.number is None, series.number or 0, series.uid


def _cells(series: SeriesInfo) -> tuple[str, ...]:
    shape = " × ".join(map(str, series.shape_zyx)) if series.shape_zyx else f"{series.images} images"
    spacing = " × ".join(f"{s:.3g}" for s in series.spacing_zyx_mm) if series.spacing_zyx_mm else ""
    date = series.study_date
    cells = (
        "" if series.number is None else str(series.number),
        " ".join(series.description.split()),
        series.modality,
        shape,
        spacing,
        series.orientation or "",
        f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else "",
        series.uid or Path(series.path).name,
    )
    return tuple(cell or "–" for cell in cells)


def _tell_problems(found: list[SeriesInfo]) -> None:
    alike = Counter(series.number for series in found)
    for series in found:
        name = "" if series.number is None else f"series {series.number}"
        if alike[series.number] > 1:  # in a tree of patients: the folder tells them apart
            name = f"{name} in {series.path}".strip()
        name = f"{name}: " if name and len(found) > 1 else ""
        if series.problem:
            say(messages, ("cannot be loaded:", "red"), name + series.problem + _OTHERWISE.get(series.modality, ""))
        for warning in series.warnings:
            warn(name + warning)
