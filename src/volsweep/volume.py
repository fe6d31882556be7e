"""An image volume and a label volume: an array, its grid, and what is known of its source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid, Plane

# The colours of napari, 3D Slicer and ITK-SNAP differ; these are told apart on grey and by
# colour-blind readers (Okabe & Ito 2008).
LABEL_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
MAX_LABEL = 65_535
"""The largest label: what 16 bits hold."""
INITIALS = r"[\w-]{1,16}"
"""What a reader is called: they name files, too."""


@dataclass(frozen=True)
class Source:
    """Where a volume came from: enough to find it again and to refer to its instances.

    It holds no patient name, identifier or date.
    """

    path: Path
    kind: str
    """``"dicom"``, ``"nifti"``, ``"nrrd"``, ``"metaimage"`` or ``"memory"``."""
    series_uid: str | None = None
    study_uid: str | None = None
    frame_of_reference_uid: str | None = None
    slice_files: tuple[Path, ...] = ()
    """The file of each slice, in slice order; one file repeated for a multi-frame object."""
    sop_instance_uids: tuple[str, ...] = ()
    frame_numbers: tuple[int, ...] = ()
    """1-based frame of each slice within its file, for multi-frame objects."""
    rescaled: bool = False
    """Whether rescale slope and intercept were applied (HU for CT)."""
    placed_by: tuple[tuple[str, tuple[float, ...]], ...] = ()
    """Of a NIfTI: the header fields that say where it lies, as they are in the file. Programs read them differently
    where they are absent or contradict each other, so a mask is given the very same ones."""
    part: str = ""
    """Where a series holds several volumes and one of them was read: its name, the series' UID, a slash, its number."""

    @property
    def asked_as(self) -> str | None:
        """What `read_volume` is to be given as the series to read the same volume again."""
        return self.part or self.series_uid


@dataclass(frozen=True, eq=False)
class Volume:
    """An image volume in its own units (HU for CT).

    Parameters
    ----------
    array_zyx
        (slices, rows, columns), integer or float; never scaled for display.
    grid
        Its geometry; `grid.shape_zyx` equals the array's shape.
    modality
        DICOM's two letters (``"CT"``, ``"MR"``, ``"PT"``), empty where unknown.
    window_center_width
        The display window the source itself recommends, if any.
    source
        What is known of where it came from.
    warnings
        Sentences on what a reader should know (tilt, gaps kept, compressed lossily).
    """

    array_zyx: NDArray[Any]
    grid: Grid
    modality: str = ""
    window_center_width: tuple[float, float] | None = None
    source: Source | None = None
    warnings: tuple[str, ...] = ()
    unit: str | None = None
    """Of the values, as the source says: ``"HU"``, ``"mg/ml"``, empty where it says none; None where nothing is said,
    and a CT is in Hounsfield units."""
    body_part: str = ""
    """What part of the body it is of, in the words of the source, capitals; empty where unknown."""

    def __post_init__(self) -> None:
        _check_shape(self.array_zyx, self.grid)
        array, told = finite(self.array_zyx, "the volume")
        if told:
            object.__setattr__(self, "array_zyx", array)
            object.__setattr__(self, "warnings", (*self.warnings, *told))

    @property
    def has_hounsfield_units(self) -> bool:
        """Whether it is a CT in Hounsfield units, rather than an iodine map or the like."""
        return self.modality == "CT" and self.unit in (None, "HU", "HU_MOD")

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return self.grid.shape_zyx

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4, array index (z, y, x, 1) -> LPS mm."""
        return self.grid.affine

    @cached_property
    def content_sha256(self) -> str:
        """SHA-256 of the voxels as they are (type, shape, little-endian values), wherever they were read from."""
        voxels = np.ascontiguousarray(self.array_zyx, dtype=self.array_zyx.dtype.newbyteorder("<"))
        digest = hashlib.sha256(f"{voxels.dtype.str} {voxels.shape}".encode())
        digest.update(voxels.data)
        return digest.hexdigest()

    def slice_yx(self, plane: Plane | str, index: int) -> NDArray[Any]:
        """One slice of a plane, (rows, columns), as a view."""
        return take_slice(self.array_zyx, self.grid, plane, index)


class Code(NamedTuple):
    """A coded concept: value, scheme, meaning."""

    value: str
    scheme: str
    meaning: str


class Meaning(NamedTuple):
    """What an object is, in codes that other systems understand: category, type, and side of the body where known;
    and where it is, where the file that it came from says that beside.
    """

    category: Code
    kind: Code
    side: Code | None = None
    region: Code | None = None
    region_side: Code | None = None


@dataclass(frozen=True)
class Label:
    """Name, display colour (``"#rrggbb"``) and lock of one label."""

    name: str
    color: str
    locked: bool = False
    meaning: Meaning | None = field(default=None, compare=False)
    """What the file that it came from says it is; None where only the name says so."""
    tracking_uid: str | None = field(default=None, compare=False)
    """What DICOM objects of several studies call the same object by."""
    overlaps: bool = False
    """Whether it may share voxels with other objects: it takes none from them then, and loses none to them."""
    inside: int | None = None
    """The label that clips it, though they overlap."""
    outside: tuple[int, ...] = ()
    """Labels whose voxels it leaves alone, though it may overlap with others."""

    def __post_init__(self) -> None:
        # Half a surrogate pair, as damaged files hold it, fits into no file of ours.
        object.__setattr__(self, "name", self.name.encode("utf-8", "replace").decode("utf-8"))
        uid = self.tracking_uid
        if uid is not None and (len(uid) > 64 or not _UID.fullmatch(uid)):  # DICOM takes no other
            object.__setattr__(self, "tracking_uid", None)

    def with_number(self, value: int) -> str:
        """An object by its number, and its name where it has one of its own, for a sentence."""
        return f"object {value} ({self.name})" if self.is_named(value) else f"object {value}"

    def is_named(self, value: int) -> bool:
        """Whether it is called otherwise than by its number."""
        return self.name != self.default(value).name

    @staticmethod
    def default(value: int) -> Label:
        """What a label is called and coloured until someone says otherwise."""
        return Label(f"object {value}", LABEL_COLORS[(value - 1) % len(LABEL_COLORS)])


@dataclass(frozen=True, eq=False)
class LabelVolume:
    """An integer per voxel, 0 for background, on the grid of the volume it was drawn on."""

    array_zyx: NDArray[Any]
    grid: Grid
    labels: Mapping[int, Label] = field(default_factory=dict)
    source: Source | None = None
    warnings: tuple[str, ...] = ()
    """Sentences on what was decided while reading it (overlaps, contours left out)."""
    complete: InitVar[bool] = False
    """Whether `labels` tells every value that occurs, so that nobody has to look for others in the whole array."""

    def __reduce__(self) -> tuple[Any, ...]:
        return LabelVolume, (self.array_zyx, self.grid, dict(self.labels), self.source, self.warnings, True)

    def __post_init__(self, complete: bool) -> None:
        _check_shape(self.array_zyx, self.grid)
        if not np.issubdtype(self.array_zyx.dtype, np.integer):
            raise GeometryError(f"labels must be integers, not {self.array_zyx.dtype}; round and cast them first")
        known = {int(value): label for value, label in self.labels.items()}
        for value in () if complete else self.values():
            known.setdefault(value, Label.default(value))
        object.__setattr__(self, "labels", MappingProxyType(dict(sorted(known.items()))))

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return self.grid.shape_zyx

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4, array index (z, y, x, 1) -> LPS mm."""
        return self.grid.affine

    def values(self) -> list[int]:
        """The labels that occur in the array, background left out."""
        found: set[int] = set()
        for slice_yx in self.array_zyx:  # a volume is mostly background, which `any` passes over at once
            if slice_yx.any():
                found.update(np.unique(slice_yx[slice_yx != 0]).tolist())
        return sorted(found)

    def mask_zyx(self, value: int) -> NDArray[np.bool_]:
        """Boolean mask of one label."""
        return np.asarray(self.array_zyx == value)

    def with_array(self, array_zyx: NDArray[Any]) -> LabelVolume:
        """The same labels, grid and source over another array."""
        return replace(self, array_zyx=array_zyx)


def take_slice(array_zyx: NDArray[Any], grid: Grid, plane: Plane | str, index: int) -> NDArray[Any]:
    """Slice `index` of a plane of an array on `grid`, (rows, columns), as a view."""
    axis = grid.plane_axis(plane)
    selection: list[int | slice] = [slice(None)] * 3
    selection[axis] = index
    return array_zyx[tuple(selection)]


def finite(array: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """An array in which NaN and infinity became its smallest value, and what there is to say of it.

    Raises
    ------
    InputError
        If it holds no finite value.
    """
    if array.dtype.kind != "f" or not array.size or np.isfinite([array.min(), array.max()]).all():
        return array, ()
    bad = ~np.isfinite(array)
    count = int(bad.sum())
    if count == array.size:
        raise InputError(f"{name} holds no finite value at all")
    lowest = array[~bad].min()
    told = f"{count} voxels that are not finite were set to the smallest value, {lowest:g}"
    return np.where(bad, lowest, array), (told,)


def _check_shape(array_zyx: NDArray[Any], grid: Grid) -> None:
    if array_zyx.shape != grid.shape_zyx:
        raise GeometryError(f"the array has shape {array_zyx.shape} and its grid {grid.shape_zyx}; they must agree")


def checked_reader(reader: str) -> str:
    """A reader's initials, as they name files and are written down; empty where nobody gave any.

    Raises
    ------
    InputError
        If they are none.
    """
    name = reader.strip()
    if name and not re.fullmatch(INITIALS, name):
        raise InputError(f"reader {reader!r} is no initials: up to 16 letters, digits, _ and -, such as AB")
    return name
