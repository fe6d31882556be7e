"""From a mask to a surface: marching cubes, placed in the patient, smoothed without shrinking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.sparse import csr_array, diags_array

from volsweep.errors import InputError, OutputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.overlaps import Labelled

_GROW, _SHRINK = 0.5, -0.53
"""Taubin's pair (SIGGRAPH 1995): a step inwards and a slightly longer one outwards keep the volume, where plain
averaging shrinks it."""
SMOOTHING = 10
"""Pairs of steps: the steps between slices are gone, a voxel's own corner is not."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface.

    Parameters
    ----------
    points_mm
        Its corners, (n, 3) in LPS millimetres.
    triangles
        Three corners each, (m, 3), counter-clockwise seen from outside.
    name
        Of the object.
    """

    points_mm: FloatArray
    triangles: NDArray[np.int64]
    name: str = ""

    @property
    def volume_ml(self) -> float:
        """What it encloses: the sum of the signed tetrahedra over its triangles."""
        a, b, c = (self.points_mm[self.triangles[:, i]] - self.points_mm.mean(axis=0) for i in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6000)


def surface_of(labels: Labelled, value: int, *, smoothing: int = SMOOTHING) -> Surface:
    """The surface of one object.

    Parameters
    ----------
    labels
        A label volume, or objects that overlap, each of them whole; on any grid, uneven and oblique ones too.
    value
        The object's number.
    smoothing
        Pairs of smoothing steps; 0 keeps the corners of voxels.

    Raises
    ------
    InputError
        If no voxel has this number.
    OutputError
        If scikit-image is not installed.
    """
    mask = labels.mask_zyx(value)
    found = find_objects(mask.astype(np.uint8))
    if not found:
        there = ", ".join(map(str, labels.values())) or "none"
        raise InputError(f"no voxel has the label {value}; there are {there}")
    where = found[0]
    points, triangles = _marching_cubes(np.pad(mask[where], 1))
    index_zyx = points + [part.start - 1 for part in where]
    return Surface(*_placed(index_zyx, triangles, labels.grid, smoothing), _name_of(labels, value))


def _name_of(labels: Labelled, value: int) -> str:
    label = labels.labels.get(value)
    return f"object {value}" if label is None else label.name


def _marching_cubes(mask_zyx: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.int64]]:
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise OutputError(
            'surfaces need scikit-image, which is not installed; pip install "napari-volsweep[surfaces]"'
        ) from None
    points, triangles, *_ = marching_cubes(mask_zyx.astype(np.float32), level=0.5)
    return points.astype(np.float64), triangles.astype(np.int64)


def _placed(
    index_zyx: FloatArray, triangles: NDArray[np.int64], grid: Grid, smoothing: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Corners in millimetres, smoothed there; triangles turned so that they look outwards."""
    points_mm = _in_mm(index_zyx, grid)
    count = len(points_mm)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ones = np.ones(len(edges), dtype=np.float64)
    near = csr_array((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
    near = ((near + near.T) > 0).astype(np.float64)
    mean = diags_array(1 / np.maximum(near.sum(axis=1), 1)) @ near
    for _ in range(smoothing):
        for step in (_GROW, _SHRINK):
            points_mm = points_mm + step * (mean @ points_mm - points_mm)
    surface = Surface(points_mm, triangles)
    return points_mm, triangles if surface.volume_ml >= 0 else triangles[:, ::-1]


def _in_mm(index_zyx: FloatArray, grid: Grid) -> FloatArray:
    """As `Grid.to_lps_mm`, and half a slice beyond the ends, where the surface of an object that touches them lies."""
    inside = np.clip(index_zyx, 0, np.array(grid.shape_zyx) - 1)
    beyond = (index_zyx - inside) @ grid.affine[:3, :3].T
    return np.asarray(grid.to_lps_mm(inside) + beyond)
