"""`volsweep compare`: how well labels agree with others, such as an expert's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.options import JsonOption
from volsweep.cli.terminal.console import console, nothing_found, table_of, tell_json, warn

if TYPE_CHECKING:
    from rich.table import Table

    from volsweep.evaluate.agreement import Agreement


def compare(
    found: Annotated[Path, typer.Argument(metavar="FOUND", help="Labels of any format that `convert` reads.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="Labels to hold them against, of any format.")],
    source: Annotated[
        Path | None, typer.Option(help="The series both were drawn on; needed where one is an RTSTRUCT.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score labels against others: DSC, NSD at 2 mm, volumes."""
    from volsweep.evaluate.agreement import compare as run
    from volsweep.io import read_objects
    from volsweep.io.placement import Place

    expected = read_objects(truth, source=source)  # of several series the one that it was drawn on
    ours = read_objects(found, source=Place(expected.grid, expected.source))
    rows = run(ours, expected)
    for told in dict.fromkeys((*expected.warnings, *ours.warnings, *(row.note for row in rows if row.note))):
        warn(told)
    if as_json:
        tell_json([row.to_dict() for row in rows])
    elif rows:
        console.print(_table(rows))
    if not rows:
        raise nothing_found("neither file holds an object, so there is nothing to compare")


def _table(rows: list[Agreement]) -> Table:
    table = table_of("label", numbers=("DSC", "NSD 2 mm", "found", "truth"))
    for row in rows:
        volumes = (f"{row.found_ml:.2f} mL", f"{row.truth_ml:.2f} mL")
        table.add_row(f"{row.label} {row.name}", f"{row.dsc:.3f}", f"{row.nsd:.3f}", *volumes)
    return table
