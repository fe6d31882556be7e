"""Label volumes in: names, colours and slice positions with them where they are known."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid
from volsweep.io.formats import Kind, format_of, kind_of, load
from volsweep.io.overlaps import Labelled, Objects, whole
from volsweep.io.sidecar import origins_on, read_sidecar, sidecar_path
from volsweep.io.voxels import refuse_images, smallest_integers
from volsweep.volume import LabelVolume, Volume

if TYPE_CHECKING:
    from volsweep.io.placement import Place


def read_labels(
    path: str | os.PathLike[str], *, source: str | os.PathLike[str] | Volume | Place | None = None
) -> LabelVolume:
    """Read a label volume, with its names, colours and slice positions where they are known.

    Parameters
    ----------
    path
        NIfTI, NRRD or MetaImage file of whole numbers, with its sidecar if it has one; a segmentation of 3D
        Slicer; or a DICOM SEG or RTSTRUCT file.
    source
        The series that the labels belong to, as a path, a volume or its place: they are then put on its
        grid, voxel on voxel. An RTSTRUCT has no voxels and needs one.

    Returns
    -------
    LabelVolume
        Read its `warnings`: objects that overlap are resolved in favour of the smaller one.

    Raises
    ------
    InputError
        If the file or its sidecar is damaged, or holds values that are not whole numbers.
    GeometryError
        If the labels do not lie on the voxels of the source.
    """
    objects = read_labelled(path, source)
    return objects if isinstance(objects, LabelVolume) else objects.painted()


def read_objects(
    path: str | os.PathLike[str], *, source: str | os.PathLike[str] | Volume | Place | None = None
) -> Objects:
    """Read labels one by one: those that overlap in the file are each whole.

    Parameters, Raises
    ------------------
    As `read_labels`.
    """
    return whole(read_labelled(path, source))


def read_labelled(path: str | os.PathLike[str], source: str | os.PathLike[str] | Volume | Place | None) -> Labelled:
    """As the file holds them: a label volume, or objects one by one."""
    path, kind = kind_of(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the SEG or RTSTRUCT file in it")
    if door := format_of(kind).objects:
        objects: Objects = load(door)(path, source)
        return objects
    sidecar = read_sidecar(path)
    labels: Labelled
    if sidecar.groups:
        from volsweep.io.groups import read_groups

        labels = read_groups(path, sidecar, partial(_read_voxels, kind=kind))
    else:
        labels = _read_voxels(path, kind)
    if source is None:
        return labels
    from volsweep.io.placement import find_place, put_objects_on, put_on

    place = find_place(source, labels.source.asked_as if labels.source else None)
    return put_objects_on(labels, place) if isinstance(labels, Objects) else put_on(labels, place)


def _read_voxels(path: Path, kind: Kind) -> LabelVolume:
    volume: Volume = load(format_of(kind).reader)(path, labels=True)
    source = volume.source
    assert source is not None
    array = np.array(volume.array_zyx)  # not a view into a file that may soon be overwritten
    sidecar = read_sidecar(source.path)
    named = sidecar.labels
    if kind == "nifti" and not named:
        from volsweep.io.label_table import label_table

        there = set(np.unique(array).tolist())
        named = {value: label for value, label in label_table(source.path).items() if value in there}
    refuse_images(array, path, named)
    try:
        origins, doubts = origins_on(sidecar, volume.grid, source.path.name)
        grid = Grid(volume.shape_zyx, volume.affine, origins)
    except (GeometryError, ValueError) as error:
        raise InputError(f"{sidecar_path(source.path).name} does not fit its volume: {error}") from None
    warnings = (*volume.warnings, *doubts)
    return LabelVolume(smallest_integers(array), grid, named, sidecar.of(source), warnings)
