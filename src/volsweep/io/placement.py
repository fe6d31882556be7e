"""Put labels onto the grid of the series they belong to, voxel on voxel."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid
from volsweep.io.dicom.series import locate
from volsweep.io.dicom.study import scan
from volsweep.io.formats import kind_of
from volsweep.io.overlaps import Objects
from volsweep.io.sidecar import sidecar_path
from volsweep.io.volumes import Gaps, read_volume
from volsweep.volume import LabelVolume, Source, Volume

_ON_A_VOXEL = 0.02
"""How far, in voxels, two grids that are one and the same may lie apart."""


class Place(NamedTuple):
    """A grid, and the series that has it."""

    grid: Grid
    source: Source | None


def find_place(
    source: str | os.PathLike[str] | Volume | Place, series_uid: str | None = None, images: Set[str] = frozenset()
) -> Place:
    """Read where the voxels of a series lie; DICOM pixels are not decoded.

    Parameters
    ----------
    source
        Anything `read_volume` reads, or a volume, or its place.
    series_uid
        The series to prefer where a path holds several, or the name of a part of one (`Source.asked_as`).
    images
        SOPInstanceUIDs that say which part of it, where it is several volumes.

    Raises
    ------
    InputError
        As `read_volume`; slices that are missing or unequally spaced are kept as they are.
    """
    if isinstance(source, Volume | Place):
        return Place(source.grid, source.source)
    path, kind = kind_of(source)
    asked = _known_as(path, series_uid, images) if kind == "dicom" and series_uid else None
    return place_of(path, asked, "keep")


def _known_as(path: Path, said: str, images: Set[str]) -> str | None:
    """What a series, or the part of one that is meant, is called at a path; None where it is not there."""
    whole = said.partition("/")[0]
    series = next((s for s in scan(path).series if s.uid == whole), None)
    if series is None or (said == whole and not images):
        return None if series is None else whole
    try:
        series.arrange("keep")
    except InputError:
        meant = [p.name for p in series.parts() if p.name == said or images & {f.sop_uid for f in p.frames}]
        return meant[0] if len(meant) == 1 else whole
    return said if any(part.name == said for part in series.parts()) else whole


def place_of(path: str | os.PathLike[str] | Sequence[Path], series: str | None = None, gaps: Gaps = "refuse") -> Place:
    """Read where the voxels lie that `read_volume` would read; DICOM pixels are not decoded.

    Parameters
    ----------
    path, series, gaps
        See `read_volume`.

    Raises
    ------
    InputError, GeometryError
        As `read_volume`.
    """
    if not isinstance(path, str | os.PathLike):
        return Place(*locate(tuple(path), series, gaps))
    path, kind = kind_of(path)
    if kind == "dicom":
        return Place(*locate(path, series, gaps))
    volume = read_volume(path, series=series, gaps=gaps)
    return Place(volume.grid, volume.source)


def put_on(labels: LabelVolume, place: Place) -> LabelVolume:
    """Move labels onto a grid whose voxels are the same ones, in any order or extent; nothing is resampled.

    Raises
    ------
    GeometryError
        If the voxels of the two grids do not coincide, labelled voxels lie beyond the grid, or the labels say that
        they are of another frame of reference.
    """
    grid = place.grid
    warnings = (*labels.warnings, *_of_another_series(labels.source, place.source))
    if labels.grid.matches(grid):
        return LabelVolume(labels.array_zyx, grid, labels.labels, place.source, warnings)
    out = np.zeros(grid.shape_zyx, dtype=labels.array_zyx.dtype)
    for z in range(grid.shape_zyx[0]):
        at, there = _counterparts(labels.grid, grid, z)
        out[z][there] = labels.array_zyx[tuple(at[there].T)]
    lost = int(np.count_nonzero(labels.array_zyx)) - int(np.count_nonzero(out))
    if lost:
        raise GeometryError(
            f"{lost} labelled voxels lie beyond the series, or between its slices; is it the one they were drawn on?"
        )
    return LabelVolume(out, grid, labels.labels, place.source, warnings)


def _of_another_series(said: Source | None, given: Source | None) -> tuple[str, ...]:
    """A warning where labels say that they were drawn on another series than the one they are put on.

    Raises
    ------
    GeometryError
        If that one has another frame of reference: where voxels of both lie alike, that is chance.
    """
    if said is None or given is None:
        return ()
    theirs, mine = said.frame_of_reference_uid, given.frame_of_reference_uid
    if theirs and mine and theirs != mine:
        beside = sidecar_path(said.path)
        or_else = f" (or, if it is this one under new numbers, move {beside.name} away)" if beside.is_file() else ""
        raise GeometryError(
            f"the labels say that they were drawn in another frame of reference ({theirs}) than the series has "
            f"({mine}), so its millimetres are not theirs; give the series they were drawn on{or_else}"
        )
    if not said.series_uid or given.series_uid in (None, "", said.series_uid):
        return ()
    return (f"the labels say that they belong to series {said.series_uid} and were put on {given.series_uid}",)


def put_objects_on(objects: Objects, place: Place) -> Objects:
    """Move objects that may overlap as `put_on` moves labels.

    Raises
    ------
    GeometryError
        As `put_on`.
    """
    found = {one.value: replace(one, patches={}) for one in objects.found}
    for layer in objects.layers():
        moved = put_on(LabelVolume(layer, objects.grid), place)
        for one in Objects.of(moved).found:
            found[one.value].patches.update(one.patches)
    warnings = (*objects.warnings, *_of_another_series(objects.source, place.source))
    return Objects(place.grid, list(found.values()), place.source, warnings)


def _counterparts(here: Grid, there: Grid, z: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Index in `here` of every voxel of slice `z` of `there`, (rows, columns, 3), and where there is one."""
    rows, columns = np.indices(there.shape_zyx[1:])
    points = there.to_lps_mm(np.stack([np.full_like(rows, z), rows, columns], axis=-1))
    at = np.rint(here.to_index_zyx(points)).astype(np.intp)
    inside = ((at >= 0) & (at < here.shape_zyx)).all(axis=-1)
    away_mm = np.linalg.norm(here.to_lps_mm(at) - points, axis=-1)
    apart = inside & (away_mm > _ON_A_VOXEL * float(here.spacing_zyx_mm.min()))
    # A stack with gaps has no voxels in them; a regular one has one everywhere, so it is another grid.
    if here.is_regular and apart.any():
        raise GeometryError(
            f"the labels' voxels lie up to {away_mm[apart].max():.3g} mm from those of the series (slice {z}): they "
            "were drawn on another grid; give the series they were drawn on, or resample them with other software"
        )
    return at, inside & ~apart
