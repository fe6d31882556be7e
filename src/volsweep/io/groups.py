"""Objects that overlap, in formats that hold one number a voxel: a file a group, or one NIfTI of four axes.

No two objects of a group share a voxel (`Objects.layers`). The sidecar of the first file has a table of all
files and of the names of the objects in each; the others are label volumes like any, with a sidecar of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from volsweep.errors import OutputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.formats import Format, format_written_as, load, suffix_of
from volsweep.io.itk.images import in_silence
from volsweep.io.nifti import load_in_silence, read_nifti, write_nifti
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.io.sidecar import FOUR_AXES, Part, Sidecar, files_of, files_read, origins_on, sidecar_text
from volsweep.io.voxels import refuse_images, smallest_integers
from volsweep.io.writing import check_spares
from volsweep.volume import LabelVolume, Source


def has_four_axes(path: Path) -> bool:
    """Whether a file is named as one that holds all groups."""
    return path.name.lower().removesuffix(".gz").endswith(FOUR_AXES)


def group_path(path: Path, number: int) -> Path:
    """Where a group is written: ``x.nii.gz`` holds the first one, ``x.overlap-2.nii.gz`` the next."""
    if number == 1:
        return path
    suffix = path.name[len(path.name) - len(suffix_of(path.name)) :]
    return path.with_name(f"{path.name.removesuffix(suffix)}.overlap-{number}{suffix}")


def may_write(path: Path, count: int) -> tuple[Path, ...]:
    """The files that so many groups would lie in."""
    count = 1 if has_four_axes(path) or not format_written_as(path).sidecar else count
    return tuple(file for number in range(1, count + 1) for file in files_of(group_path(path, number)))


def check_spares_read(out: Path, given: Path) -> None:
    """Refuse to write labels over those they are made of: their file; where they lie in several, any of these, and the
    sidecar that leads from one to the others.

    Raises
    ------
    OutputError
        If one would be written over.
    """
    check_spares((out,), given)
    _, *beside = files_read(given)
    for path in beside if len(beside) > 1 else ():
        check_spares(may_write(out, len(beside)), path)


def parts_of(path: Path, row: Format, objects: Objects) -> list[Part]:
    """The files to write, the one that was asked for first."""
    layers = [smallest_integers(layer) for layer in objects.layers()]
    grid = Grid(objects.grid.shape_zyx, objects.grid.affine, objects.grid.slice_origins_mm)
    held = [{int(v) for v in np.unique(layer)} - {0} for layer in layers]
    nowhere = objects.labels.keys() - set().union(*held)
    held[0] |= nowhere  # an object without a voxel is named in the first
    volumes = [
        LabelVolume(layer, grid, {v: x for v, x in objects.labels.items() if v in here}, objects.source, complete=True)
        for layer, here in zip(layers, held, strict=True)
    ]
    if has_four_axes(path):
        named = {str(at): _names(volume) for at, volume in enumerate(volumes)}
        first = LabelVolume(layers[0], grid, objects.labels, objects.source, complete=True)
        return [Part(path, np.stack(layers), sidecar_text(first, {path.name: named}), write_four_axes)]
    paths = [group_path(path, number) for number in range(1, len(volumes) + 1)]
    table = {each.name: _names(volume) for each, volume in zip(paths, volumes, strict=True)}
    texts = [sidecar_text(volumes[0], table if len(paths) > 1 else None), *map(sidecar_text, volumes[1:])]
    write = load(row.writer)
    return [Part(p, v.array_zyx, text, write) for p, v, text in zip(paths, volumes, texts, strict=True)]


def _names(volume: LabelVolume) -> dict[str, str]:
    return {str(value): label.name for value, label in volume.labels.items()}


def write_four_axes(
    path: Path, array: NDArray[Any], grid: Grid, source: Source | None = None
) -> tuple[NDArray[Any], list[FloatArray]]:
    """Write groups, (groups, slices, rows, columns), placed by the header that one of them would have.

    Returns
    -------
    ndarray, list of ndarray
        What SimpleITK finds in it (nibabel where ITK reads none), and where several readers lay it.

    Raises
    ------
    OutputError
        If the two find other voxels.
    """
    _, affines = write_nifti(path, array[0], grid, source)
    first: Any = nibabel.load(path)
    header = first.header.copy()
    image: Any = nibabel.Nifti1Image(array.T, None, header, dtype=array.dtype)
    nibabel.save(image, path)
    again: Any = nibabel.load(path)
    placing = ("pixdim", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z")
    if any(np.ravel(again.header[name])[:4].tolist() != np.ravel(header[name])[:4].tolist() for name in placing):
        raise OutputError(f"{path.name} was not written: its header places it otherwise than a single group")
    found = np.asarray(again.dataobj).T.reshape(array.shape)  # a single group may be read as three axes
    try:
        with in_silence() as sitk:
            other = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).reshape(array.shape)
    except RuntimeError:  # ITK reads no sheared NIfTI
        return found, affines
    return (found if np.array_equal(found, other) else other), affines


def read_groups(path: Path, sidecar: Sidecar, read: Callable[[Path], LabelVolume]) -> Objects:
    """All groups of a result, each object whole.

    Parameters
    ----------
    path
        The file that was asked for.
    sidecar
        Its own, which names all files.
    read
        Reads one label volume.

    Raises
    ------
    InputError
        If a file is damaged.
    """
    if has_four_axes(path):
        return _read_four_axes(path, sidecar, read)
    first = read(path)
    found, told = list(Objects.of(first).found), list(first.warnings)
    for name in sidecar.groups:
        beside = path.parent / Path(name).name  # whoever wrote the table leads into no other folder
        if name == sidecar.groups[0]:
            continue
        if not beside.is_file():
            told.append(f"{beside.name} is not beside {path.name}: the objects in it are missing")
            continue
        volume = read(beside)
        if not volume.grid.matches(first.grid):
            told.append(f"{beside.name} lies elsewhere than {path.name}, so it is of another result; it was left")
            continue
        found += Objects.of(volume).found
        told += volume.warnings
    return Objects(first.grid, found, first.source, tuple(dict.fromkeys(told)))


def _read_four_axes(path: Path, sidecar: Sidecar, read: Callable[[Path], LabelVolume]) -> Objects:
    shape = load_in_silence(path).shape
    if len(shape) != 4:  # a single group
        return Objects.of(read(path))
    found: dict[int, LabelledObject] = {}
    told: tuple[str, ...] = ()
    for at in range(shape[3]):
        volume = read_nifti(path, labels=True, at=at)
        origins, doubts = origins_on(sidecar, volume.grid, path.name)
        grid = Grid(volume.shape_zyx, volume.affine, origins)
        told = tuple(dict.fromkeys((*told, *volume.warnings, *doubts)))
        array = np.array(volume.array_zyx)
        refuse_images(array, path, sidecar.labels)
        for one in Objects.of(LabelVolume(smallest_integers(array), grid, sidecar.labels)).found:
            kept = found.setdefault(one.value, one)
            if kept is not one:
                kept.patches |= one.patches
    source = volume.source
    return Objects(grid, list(found.values()), source and sidecar.of(source), told)
