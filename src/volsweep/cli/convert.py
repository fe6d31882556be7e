"""`volsweep convert`: labels from one format to another."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.terminal.console import tell, tell_json, warn
from volsweep.cli.terminal.words import as_bad_call
from volsweep.io.formats import WRITTEN, format_written_as


class To(StrEnum):
    """Kind of DICOM object."""

    SEG = "seg"
    RTSTRUCT = "rtstruct"


def convert(
    labels: Annotated[
        Path, typer.Argument(metavar="IN", help="NIfTI, NRRD or MetaImage labels, DICOM SEG or RTSTRUCT.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help=f"{WRITTEN}.")],
    source: Annotated[
        Path | None, typer.Option(help="The series they were drawn on; needed to read RTSTRUCT and to write DICOM.")
    ] = None,
    to: Annotated[To | None, typer.Option(help="What a .dcm becomes, whatever its name says.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Convert labels, onto the slices of their series; what was written is read back and compared."""
    from volsweep.io import convert as run

    with as_bad_call("OUT"):
        format_written_as(output, to.value if to else None)
    receipt = run(labels, output, source=source, dicom=to.value if to else None, overwrite=force)
    for warning in receipt.warnings:
        warn(warning)
    if as_json:
        tell_json(receipt.to_dict())
        return
    counts = ", ".join(f"label {value}: {count} voxels" for value, count in receipt.voxels.items()) or "no label"
    worst = min(receipt.dice.values(), default=1.0)
    tell(f"{counts}; read back with a Dice of {worst:g}")
    tell(f"wrote {receipt.path}")
