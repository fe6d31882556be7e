"""What a radiologist reports of a label: volume, diameters after RECIST 1.1, intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.masks import LabelMasks
from volsweep.volume import LabelVolume, Volume

LineXYXY = tuple[float, float, float, float]
"""Two ends, (x0, y0, x1, y1), in voxels of a slice as its plane shows it."""

_HALF_VOXEL_STEPS = np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]])


@dataclass(frozen=True)
class Diameters:
    """Long and perpendicular short axis of one slice's mask.

    Parameters
    ----------
    long_mm, short_mm
        Their lengths.
    long_xyxy, short_xyxy
        Their ends in voxels, (x, y) = (column, row).
    """

    long_mm: float
    short_mm: float
    long_xyxy: LineXYXY
    short_xyxy: LineXYXY


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


def measure(
    labels: LabelVolume, volume: Volume | None = None, *, plane: Plane | str | None = None
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
    labels: LabelVolume, value: int, volume: Volume | None = None, *, plane: Plane | str | None = None
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
    in_plane = grid.in_plane_vectors_mm(plane)
    index, diameters = max(
        ((int(i), _diameters(masks_nyx[i], in_plane)) for i in there), key=lambda found: found[1].long_mm
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


def measure_masks(labels_zyx: NDArray[Any], label: int, masks: LabelMasks, grid: Grid) -> Measurement | None:
    """Measure a label in the plane of its masks, without looking at the rest of a long volume.

    It is None where the label has no voxel.

    Parameters
    ----------
    labels_zyx, grid
        Labels of the whole volume.
    label, masks
        Which, and the masks that it lies within.
    """
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
    measured = measure_label(LabelVolume(block, grid.block(region)), label, plane=masks.plane)
    offset = region[grid.plane_axis(masks.plane)].start
    return replace(
        measured,
        first_slice=measured.first_slice + offset,
        last_slice=measured.last_slice + offset,
        diameter_slice=measured.diameter_slice + offset,
    )


def recist_diameters(mask_yx: NDArray[np.bool_], in_plane_mm: ArrayLike) -> Diameters | None:
    """Longest diameter of a mask, and the longest one perpendicular to it.

    Parameters
    ----------
    mask_yx
        One slice, (rows, columns). Of several separate parts, the one with the longest diameter
        is measured: a line does not leave the lesion.
    in_plane_mm
        (3, 2) steps in mm along rows and columns, which need not be at right angles (see
        `Grid.in_plane_vectors_mm`); or the spacing between rows and between columns.

    Returns
    -------
    Diameters or None
        None where the mask is empty.

    Notes
    -----
    Exact for the outline that runs half-way between voxel centres, so that a row of n voxels is
    n voxels long; both axes are chords of its convex hull (Eisenhauer et al., Eur J Cancer
    2009;45:228-247).
    """
    mask = np.asarray(mask_yx, dtype=bool)
    steps = np.asarray(in_plane_mm, dtype=np.float64)
    return _diameters(mask, np.diag(steps) if steps.ndim == 1 else steps) if mask.any() else None


def _diameters(mask_yx: NDArray[np.bool_], in_plane_mm: FloatArray) -> Diameters:
    from scipy import ndimage  # half a second to import

    parts, _ = ndimage.label(mask_yx, structure=np.ones((3, 3)))
    # The plane's own right-angled axes: R of QR keeps every length and angle of the steps.
    to_mm = np.linalg.qr(in_plane_mm)[1].T
    found = []
    for i, box in enumerate(ndimage.find_objects(parts), start=1):
        points = _outline_yx(parts[box] == i) + [s.start for s in box]
        found.append(_hull_diameters(points @ to_mm, np.linalg.inv(to_mm)))
    return max(found, key=lambda d: d.long_mm)


def _outline_yx(mask_yx: NDArray[np.bool_]) -> FloatArray:
    """Points (y, x) of the outline among which are all corners of its convex hull."""
    rows = np.flatnonzero(mask_yx.any(axis=1))
    left = mask_yx[rows].argmax(axis=1)
    right = mask_yx.shape[1] - 1 - mask_yx[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, left], axis=1), np.stack([rows, right], axis=1)])
    return np.asarray((ends[:, None] + _HALF_VOXEL_STEPS).reshape(-1, 2))


def _hull_diameters(points_mm: FloatArray, to_voxels: FloatArray) -> Diameters:
    from scipy.spatial import ConvexHull

    hull = points_mm[ConvexHull(points_mm).vertices]
    squared = ((hull[:, None] - hull[None]) ** 2).sum(axis=-1)
    a, b = np.unravel_index(int(squared.argmax()), squared.shape)
    length = float(np.sqrt(squared[a, b]))
    along = (hull[b] - hull[a]) / length
    short = _longest_chord(hull, np.array([-along[1], along[0]]))
    return Diameters(
        long_mm=length,
        short_mm=float(np.linalg.norm(short[1] - short[0])),
        long_xyxy=_xyxy(hull[[a, b]] @ to_voxels),
        short_xyxy=_xyxy(short @ to_voxels),
    )


def _longest_chord(hull: FloatArray, direction: FloatArray) -> FloatArray:
    """Ends (2, 2) of the longest chord of a convex polygon in a direction.

    A chord's length, as it moves across, is concave and bends only at corners: the longest
    passes through one.
    """
    across = hull @ np.array([direction[1], -direction[0]])
    height = hull @ direction
    order = np.roll(np.arange(len(hull)), -int(across.argmin()))
    turn = int(across[order].argmax())
    one, other = order[: turn + 1], np.append(order[turn:], order[0])[::-1]
    spans = [np.interp(across, across[side], height[side]) for side in (one, other)]
    best = int(np.abs(spans[0] - spans[1]).argmax())
    normal = np.array([direction[1], -direction[0]])
    return np.array([across[best] * normal + span[best] * direction for span in spans])


def _xyxy(ends_yx: Sequence[Sequence[float]] | FloatArray) -> LineXYXY:
    (y0, x0), (y1, x1) = ends_yx
    return float(x0), float(y0), float(x1), float(y1)


def _intensity(volume: Volume, mask_zyx: NDArray[np.bool_]) -> IntensityStatistics:
    values = volume.array_zyx[mask_zyx].astype(np.float64)
    return IntensityStatistics(
        mean=float(values.mean()),
        sd=float(values.std()),
        min=float(values.min()),
        max=float(values.max()),
        unit="HU" if volume.has_hounsfield_units else volume.unit or "",
    )
