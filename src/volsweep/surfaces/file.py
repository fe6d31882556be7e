"""Surfaces written: STL (binary) and OBJ, both with a word that their millimetres are LPS, as 3D Slicer reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from volsweep.errors import OutputError, shown
from volsweep.io.writing import check_writable, write_whole
from volsweep.surfaces.surface import Surface

_SPACE = "SPACE=LPS"
_CORNERS = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])


def write_surface(path: Path | str, surface: Surface, *, overwrite: bool = False) -> Path:
    """Write a surface; the name's ending chooses the format, ``.stl`` or ``.obj``.

    Raises
    ------
    OutputError
        If the ending is another, or the file exists and may not be replaced.
    """
    path = Path(path)
    check_surface_name(path)
    check_writable([path], overwrite=overwrite)
    write_whole(path, _WRITERS[path.suffix.lower()](surface), overwrite=overwrite)
    return path


def check_surface_name(path: Path) -> None:
    """Refuse a name that says no format of surfaces.

    Raises
    ------
    OutputError
        With the endings that there are.
    """
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path.name!r} does not say in which format; end it in {' or '.join(_WRITERS)}")


def _stl(surface: Surface) -> bytes:
    corners = surface.points_mm[surface.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    rows = np.zeros(len(corners), dtype=_CORNERS)
    rows["normal"], rows["corners"] = normals / np.where(lengths > 0, lengths, 1), corners
    # The header must not begin with "solid": programs would take the file for a text.
    return f"Volsweep, {_SPACE}, mm".encode().ljust(80) + np.uint32(len(rows)).tobytes() + rows.tobytes()


def _obj(surface: Surface) -> bytes:
    name = "_".join(shown(surface.name).split()) or "object"
    lines = [f"# Volsweep, millimetres, {_SPACE}", f"o {name}"]
    lines += [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in surface.points_mm.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (surface.triangles + 1).tolist()]
    return ("\n".join(lines) + "\n").encode()


_WRITERS: dict[str, Callable[[Surface], bytes]] = {".stl": _stl, ".obj": _obj}
