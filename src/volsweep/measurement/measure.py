"""What a radiologist reports of a label: volume, diameters after RECIST 1.1, intensities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid, Plane
from volsweep.masks import LabelMasks
from volsweep.measurement.axes import Diameters, InPlane, diameters_of
from volsweep.volume import Label, LabelVolume, Volume


@dataclass(frozen=True)
class IntensityStatistics:
    """Intensities within a label, in the volume's own units.

    Parameters
    ----------
    mean, sd, min, max
        Of the label's voxels; `sd` is that of the population.
    unit
        ``"HU"`` for CT, otherwise empty.
    """

    mean: float
    sd: float
    min: float
    max: float
    unit: str = ""


@dataclass(frozen=True)
class Measurement:
    """One label, measured.

    Parameters
    ----------
    label, name
        Which.
    voxels, volume_ml
        How many voxels it has, and its volume in millilitres.
    plane
        The plane in which slices were counted and diameters taken.
    slices, first_slice, last_slice
        How many slices it lies on, the first of them and the last.
    diameter_slice, diameters
        The slice with the longest diameter, and the diameters on it.
    intensity
        None where no image was given.
    """

    label: int
    name: str
    voxels: int
    volume_ml: float
    plane: Plane
    slices: int
    first_slice: int
    last_slice: int
    diameter_slice: int
    diameters: Diameters
    intensity: IntensityStatistics | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self) | {"plane": self.plane.value}


class Labelled(Protocol):
    """Labels that are asked for one by one: a `LabelVolume`, or objects that may overlap."""

    @property
    def grid(self) -> Grid:
        """Where they lie."""

    @property
    def labels(self) -> Mapping[int, Label]:
        """Their names."""

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""

    def values(self) -> list[int]:
        """Those that have a voxel."""

    def mask_zyx(self, value: int) -> NDArray[np.bool_]:
        """The voxels of one, with what it shares with others."""


def measure(
    labels: Labelled, volume: Volume | None = None, *, plane: Plane | str | None = None
) -> dict[int, Measurement]:
    """Measure every label that has voxels.

    Parameters
    ----------
    labels
        What to measure.
    volume
        The image they were drawn on, for intensities.
    plane
        The plane whose slices diameters are taken on; by default the one in which the slices are stacked.

    Returns
    -------
    dict
        Label -> its measurement.

    Raises
    ------
    GeometryError
        If the image lies on another grid.
    """
    return {value: measure_label(labels, value, volume, plane=plane) for value in labels.values()}


def measure_label(
    labels: Labelled, value: int, volume: Volume | None = None, *, plane: Plane | str | None = None
) -> Measurement:
    """Measure one label; see `measure`.

    Raises
    ------
    InputError
        If the label has no voxels.
    """
    grid = labels.grid
    plane = grid.own_plane if plane is None else Plane(plane)
    if volume is not None and not volume.grid.matches(grid):
        raise GeometryError(
            f"the image {volume.shape_zyx} and the labels {labels.shape_zyx} lie on different grids; "
            "measure labels on the image they were drawn on"
        )
    mask = labels.mask_zyx(value)
    counts = mask.sum(axis=(1, 2))
    if not counts.any():
        raise InputError(f"label {value} has no voxels to measure (labels: {labels.values() or 'none'})")
    axis = grid.plane_axis(plane)
    masks_nyx = np.moveaxis(mask, axis, 0)
    there = np.flatnonzero(masks_nyx.any(axis=(1, 2)))
    in_plane = InPlane.of(grid, plane)
    index, diameters = max(
        ((int(i), diameters_of(masks_nyx[i], in_plane)) for i in there), key=lambda found: found[1].long_mm
    )
    return Measurement(
        label=value,
        name=labels.labels[value].name,
        voxels=int(counts.sum()),
        volume_ml=float(counts @ grid.slice_voxel_volumes_mm3()) / 1000,
        plane=plane,
        slices=int(there.size),
        first_slice=int(there[0]),
        last_slice=int(there[-1]),
        diameter_slice=index,
        diameters=diameters,
        intensity=None if volume is None else _intensity(volume, mask),
    )


def measure_masks(labels_zyx: NDArray[Any], label: int, masks: LabelMasks, on: Grid | Volume) -> Measurement | None:
    """Measure a label in the plane of its masks, and look at no more of the volume; None where it has no voxel.

    Parameters
    ----------
    labels_zyx
        Labels of the whole volume.
    label, masks
        Which, and the masks that it lies within.
    on
        Where they lie; an image also says what values they have.
    """
    grid = on.grid if isinstance(on, Volume) else on
    region = masks.region(grid)
    if region is None:
        return None
    z, y, x = region
    if grid.slice_origins_mm is not None:  # how thick a slice is follows from its neighbours
        region = slice(max(z.start - 1, 0), min(z.stop + 1, grid.shape_zyx[0])), y, x
    block = labels_zyx[region]
    block = np.where(block == label, block, 0)
    if not block.any():
        return None
    part = grid.block(region)
    image = replace(on, array_zyx=on.array_zyx[region], grid=part) if isinstance(on, Volume) else None
    measured = measure_label(LabelVolume(block, part), label, image, plane=masks.plane)
    offset = region[grid.plane_axis(masks.plane)].start
    return replace(
        measured,
        first_slice=measured.first_slice + offset,
        last_slice=measured.last_slice + offset,
        diameter_slice=measured.diameter_slice + offset,
    )


def _intensity(volume: Volume, mask_zyx: NDArray[np.bool_]) -> IntensityStatistics:
    values = volume.array_zyx[mask_zyx].astype(np.float64)
    return IntensityStatistics(
        mean=float(values.mean()),
        sd=float(values.std()),
        min=float(values.min()),
        max=float(values.max()),
        unit="HU" if volume.has_hounsfield_units else volume.unit or "",
    )
