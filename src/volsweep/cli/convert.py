"""`volsweep convert`: labels from one format to another; `volsweep surface`: an object of them as STL or OBJ."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from volsweep.cli.options import ForceOption
from volsweep.cli.terminal.console import as_bad_call, tell, tell_json, warn
from volsweep.errors import PromptError
from volsweep.io.formats import WRITTEN, format_written_as

if TYPE_CHECKING:
    from volsweep.volume import Label

_SMOOTHING = 10
_MOSTLY = 0.9
"""Of an object's voxels: a surface that holds less of them is told."""


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
    whole: Annotated[
        bool, typer.Option("--whole", help="What overlaps stays whole in NIfTI and NRRD, too: a file a group.")
    ] = False,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Convert labels, onto the slices of their series; what was written is read back and compared."""
    from volsweep.io import convert as run

    with as_bad_call("OUT"):
        format_written_as(output, to.value if to else None)
    overlaps: Literal["paint", "files"] = "files" if whole else "paint"
    receipt = run(labels, output, source=source, dicom=to.value if to else None, overwrite=force, overlaps=overlaps)
    for warning in receipt.warnings:
        warn(warning)
    if as_json:
        tell_json(receipt.to_dict())
        return
    written = (receipt, *receipt.others)
    voxels = sorted(pair for one in written for pair in one.voxels.items())
    counts = ", ".join(f"label {value}: {count} voxels" for value, count in voxels) or "no label"
    worst = min((dice for one in written for dice in one.dice.values()), default=1.0)
    tell(f"{counts}; read back with a Dice of {worst:g}")
    tell(f"wrote {', '.join(str(one.path) for one in written)}")


def surface(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Labels of any format that `convert` reads.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Surface to write: .stl or .obj.")],
    label: Annotated[str | None, typer.Option(help="Number or name of the object; the only one by default.")] = None,
    source: Annotated[Path | None, typer.Option(help="The series they were drawn on; RTSTRUCT needs it.")] = None,
    smoothing: Annotated[
        int, typer.Option(min=0, max=100, help="Pairs of smoothing steps; 0 keeps the corners of voxels.")
    ] = _SMOOTHING,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write an object's surface in LPS millimetres, smoothed without shrinking, for printing and planning."""
    from volsweep.io import read_objects
    from volsweep.io.writing import check_writable
    from volsweep.surfaces import surface_of, write_surface
    from volsweep.surfaces.file import check_surface_name

    with as_bad_call("--output"):
        check_surface_name(output)
    check_writable([output], overwrite=force)
    objects = read_objects(labels, source=source)
    for note in objects.warnings:
        warn(note)
    value = _chosen(objects.labels, label)
    made = surface_of(objects, value, smoothing=smoothing)
    write_surface(output, made, overwrite=force)
    counts = objects.mask_zyx(value).sum(axis=(1, 2))
    voxels_ml = float(counts @ objects.grid.slice_voxel_volumes_mm3()) / 1000
    if made.volume_ml < _MOSTLY * voxels_ml:
        warn(
            f"the surface holds {made.volume_ml / voxels_ml:.0%} of the object's volume: where an object is a voxel or "
            "two thick, its corners are cut; measure the voxels, and look at the surface before it is used"
        )
    if as_json:
        told = {"path": str(output), "label": value, "name": made.name, "triangles": len(made.triangles)}
        tell_json(told | {"volume_ml": round(made.volume_ml, 4), "voxels_ml": round(voxels_ml, 4)})
        return
    tell(
        f"{value} {made.name}: {made.volume_ml:.2f} mL in {len(made.triangles)} triangles, {voxels_ml:.2f} mL in voxels"
    )
    tell(f"wrote {output}")


def _chosen(labels: Mapping[int, Label], asked: str | None) -> int:
    from volsweep.terminology import named

    if asked is not None:
        return named(asked, labels)
    if len(labels) != 1:
        listed = ", ".join(f"{number} ({label.name})" for number, label in labels.items()) or "none"
        raise PromptError(f"say which object with --label; there are {listed}")
    return next(iter(labels))
