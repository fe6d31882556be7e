"""`volsweep surface`: an object of a label volume as STL or OBJ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.terminal.console import tell, tell_json
from volsweep.cli.terminal.words import as_bad_call

_SMOOTHING = 10


def surface(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Labels of any format that `convert` reads.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Surface to write: .stl or .obj.")],
    label: Annotated[str | None, typer.Option(help="Number or name of the object; the only one by default.")] = None,
    source: Annotated[Path | None, typer.Option(help="The series they were drawn on; RTSTRUCT needs it.")] = None,
    smoothing: Annotated[
        int, typer.Option(min=0, max=100, help="Pairs of smoothing steps; 0 keeps the corners of voxels.")
    ] = _SMOOTHING,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write an object's surface in LPS millimetres, smoothed without shrinking, for printing and planning."""
    from volsweep.io import read_labels
    from volsweep.io.writing import check_writable
    from volsweep.surfaces import surface_of, write_surface
    from volsweep.surfaces.file import check_surface_name

    with as_bad_call("--output"):
        check_surface_name(output)
    check_writable([output], overwrite=force)
    volume = read_labels(labels, source=source)
    value = _chosen({number: row.name for number, row in volume.labels.items()}, label)
    made = surface_of(volume, value, smoothing=smoothing)
    write_surface(output, made, overwrite=force)
    counts = (volume.array_zyx == value).sum(axis=(1, 2))
    voxels_ml = float(counts @ volume.grid.slice_voxel_volumes_mm3()) / 1000
    if as_json:
        told = {"path": str(output), "label": value, "name": made.name, "triangles": len(made.triangles)}
        tell_json(told | {"volume_ml": round(made.volume_ml, 4), "voxels_ml": round(voxels_ml, 4)})
        return
    tell(
        f"{value} {made.name}: {made.volume_ml:.2f} mL in {len(made.triangles)} triangles, {voxels_ml:.2f} mL in voxels"
    )
    tell(f"wrote {output}")


def _chosen(names: dict[int, str], asked: str | None) -> int:
    listed = ", ".join(f"{number} ({name})" for number, name in names.items()) or "none"
    if asked is None:
        if len(names) == 1:
            return next(iter(names))
        raise typer.BadParameter(f"say which object; there are {listed}", param_hint="--label")
    if asked.strip().isdecimal():
        return int(asked)
    found = [number for number, name in names.items() if name == asked]
    if len(found) != 1:
        raise typer.BadParameter(f"{len(found)} objects are called {asked!r}; there are {listed}", param_hint="--label")
    return found[0]
