"""`volsweep convert`: labels from one format to another."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.console import console, warn
from volsweep.io.formats import WRITTEN


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

    receipt = run(labels, output, source=source, dicom=to.value if to else None, overwrite=force)
    for warning in receipt.warnings:
        warn(warning)
    if as_json:
        console.print_json(json.dumps(receipt.to_dict()))
        return
    counts = ", ".join(f"label {value}: {count} voxels" for value, count in receipt.voxels.items()) or "no label"
    worst = min(receipt.dice.values(), default=1.0)
    console.print(f"{counts}; read back with a Dice of {worst:g}", highlight=False, soft_wrap=True)
    console.print(f"wrote {receipt.path}", highlight=False, soft_wrap=True)
