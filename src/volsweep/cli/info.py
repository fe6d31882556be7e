"""`volsweep info`: what a path holds, and whether it can be segmented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.console import console, say


def info(
    path: Annotated[Path, typer.Argument(help="DICOM folder, file, DICOMDIR or zip; NIfTI, NRRD or MetaImage.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the series of a path: modality, shape, spacing, orientation, warnings."""
    from rich.table import Table

    from volsweep.io import find_series

    found = find_series(path)
    if as_json:
        console.print_json(json.dumps([series.to_dict() for series in found]))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("no.", "series", "modality", "slices × rows × columns", "spacing (mm)", "axes"):
        table.add_column(heading, overflow="fold")
    for series in found:
        shape = " × ".join(map(str, series.shape_zyx)) if series.shape_zyx else f"{series.images} images"
        spacing = " × ".join(f"{s:.3g}" for s in series.spacing_zyx_mm) if series.spacing_zyx_mm else "–"
        number = "–" if series.number is None else str(series.number)
        table.add_row(number, series.uid or "–", series.modality or "–", shape, spacing, series.orientation or "–")
    console.print(table)
    for series in found:
        name = f"series {series.number}: " if len(found) > 1 and series.number is not None else ""
        if series.problem:
            hint = " (--gaps keep loads it)" if series.loads_with_gaps else ""
            say(console, ("cannot be loaded:", "red"), name + series.problem + hint)
        for warning in series.warnings:
            say(console, ("note:", "yellow"), name + warning)
