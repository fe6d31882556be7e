"""Where voxels lie in the patient: grids, planes, and LPS <-> RAS.

Arrays are (z, y, x) = (slice, row, column). An *affine* maps the array index (z, y, x, 1) of a voxel centre to
LPS millimetres (DICOM's patient coordinates: x to the patient's left, y to posterior, z to the head).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import GeometryError

BoxXYXY = tuple[float, float, float, float]
"""First and last column and row, inclusive voxel centres: (x0, y0, x1, y1)."""
FloatArray = NDArray[np.float64]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns LPS coordinates into RAS ones, and back: it is its own inverse."""

_REVERSE_INDEX = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64)


class Plane(StrEnum):
    """The plane of the slices that are swept."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


# The patient axis (0 = left, 1 = posterior, 2 = head) that runs through each plane's slices.
_NORMAL_OF_PLANE = {Plane.SAGITTAL: 0, Plane.CORONAL: 1, Plane.AXIAL: 2}


def reverse_index_order(affine: ArrayLike) -> FloatArray:
    """Re-express an affine of (z, y, x) indices for (x, y, z) indices, or the other way round."""
    return np.asarray(affine, dtype=np.float64) @ _REVERSE_INDEX


def affine_from_dicom(
    orientation: Sequence[float],
    pixel_spacing_mm: Sequence[float],
    origin_mm: Sequence[float],
    slice_step_mm: Sequence[float],
) -> FloatArray:
    """Affine of a stack of DICOM slices.

    Parameters
    ----------
    orientation
        ImageOrientationPatient: direction of increasing column, then of increasing row.
    pixel_spacing_mm
        PixelSpacing: (between rows, between columns).
    origin_mm
        ImagePositionPatient of the first slice.
    slice_step_mm
        Vector (LPS) from one slice's position to the next one's; not necessarily along
        the normal (gantry tilt).
    """
    along_columns, along_rows = np.asarray(orientation, dtype=np.float64).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, 0] = slice_step_mm
    affine[:3, 1] = along_rows * pixel_spacing_mm[0]
    affine[:3, 2] = along_columns * pixel_spacing_mm[1]
    affine[:3, 3] = origin_mm
    return affine


def slice_normal(orientation: Sequence[float]) -> FloatArray:
    """Unit normal (LPS) of a slice with this ImageOrientationPatient."""
    along_columns, along_rows = np.asarray(orientation, dtype=np.float64).reshape(2, 3)
    normal = np.cross(along_columns, along_rows)
    length = float(np.linalg.norm(normal))
    if not np.isfinite(length) or length < 0.5:
        raise GeometryError(
            f"ImageOrientationPatient {list(orientation)} does not describe a plane; the file's geometry is damaged"
        )
    return np.asarray(normal / length)


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an array lie.

    Parameters
    ----------
    shape_zyx
        Slices, rows, columns.
    affine
        4x4, array index (z, y, x, 1) -> LPS mm, voxel centres. It may be oblique or sheared.
    slice_origins_mm
        (slices, 3): LPS position of voxel (z, 0, 0) of every slice, where slices are not
        equally spaced; the affine then holds their mean step, exact at the first and last slice.
    """

    shape_zyx: tuple[int, int, int]
    affine: FloatArray
    slice_origins_mm: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape_zyx)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"a volume needs three axes with at least one voxel each, not shape {shape}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError(f"the affine must be 4x4 and finite, not {affine.tolist()}")
        if not np.array_equal(affine[3], [0, 0, 0, 1]):
            raise GeometryError(f"the affine's last row must be 0 0 0 1, not {affine[3].tolist()}")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        # Relative to the voxel's edges: a determinant near zero means axes that fall together.
        if lengths.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
            raise GeometryError(f"the affine squeezes the volume flat: {affine[:3, :3].tolist()}")
        affine.setflags(write=False)
        object.__setattr__(self, "shape_zyx", shape)
        object.__setattr__(self, "affine", affine)
        if self.slice_origins_mm is not None:
            origins = np.array(self.slice_origins_mm, dtype=np.float64)
            if origins.shape != (shape[0], 3):
                raise GeometryError(
                    f"slice_origins_mm needs one position for each of the {shape[0]} slices, not shape {origins.shape}"
                )
            origins.setflags(write=False)
            object.__setattr__(self, "slice_origins_mm", origins)

    @staticmethod
    def axis_aligned(
        shape_zyx: tuple[int, int, int],
        spacing_zyx_mm: Sequence[float] = (1.0, 1.0, 1.0),
        origin_lps_mm: Sequence[float] = (0.0, 0.0, 0.0),
    ) -> Grid:
        """A plain axial stack: slices towards the head, rows to posterior, columns to the left."""
        affine = np.zeros((4, 4))
        affine[[2, 1, 0], [0, 1, 2]] = spacing_zyx_mm
        affine[:3, 3] = origin_lps_mm
        affine[3, 3] = 1
        return Grid(shape_zyx, affine)

    @property
    def spacing_zyx_mm(self) -> FloatArray:
        """Distance between neighbouring voxel centres along each array axis, in mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm3: the determinant, so that a sheared voxel is not overstated."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def is_regular(self) -> bool:
        """Whether the affine alone says where every slice lies."""
        return self.slice_origins_mm is None

    @cached_property
    def shear_degrees(self) -> float:
        """Largest departure of two array axes from a right angle, in degrees (gantry tilt)."""
        axes = self.affine[:3, :3] / self.spacing_zyx_mm
        cosines = np.abs(axes.T @ axes)[np.triu_indices(3, k=1)]
        return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))

    @cached_property
    def _patient_axis_of_array_axis(self) -> tuple[int, ...]:
        alignment = np.abs(self.affine[:3, :3] / self.spacing_zyx_mm)
        return max(permutations(range(3)), key=lambda axes: sum(alignment[axes[a], a] for a in range(3)))

    @property
    def orientation(self) -> str:
        """Patient direction in which each array axis (z, y, x) increases, such as ``"SPL"``."""
        letters = ("LR", "PA", "SI")
        out = []
        for axis, patient_axis in enumerate(self._patient_axis_of_array_axis):
            positive = self.affine[patient_axis, axis] > 0
            out.append(letters[patient_axis][0 if positive else 1])
        return "".join(out)

    def plane_axis(self, plane: Plane | str) -> int:
        """Array axis that runs through the slices of a plane, whatever way the volume was stored."""
        return self._patient_axis_of_array_axis.index(_NORMAL_OF_PLANE[Plane(plane)])

    def plane_of_axis(self, axis: int) -> Plane:
        """Plane whose slices are stacked along an array axis."""
        patient_axis = self._patient_axis_of_array_axis[axis]
        return next(plane for plane, normal in _NORMAL_OF_PLANE.items() if normal == patient_axis)

    @property
    def own_plane(self) -> Plane:
        """Plane of the slices as they are stacked, which for a series is as they were acquired."""
        return self.plane_of_axis(0)

    def plane_shape(self, plane: Plane | str) -> tuple[int, int, int]:
        """(slices, rows, columns) as seen in a plane."""
        axis = self.plane_axis(plane)
        rows, columns = (n for a, n in enumerate(self.shape_zyx) if a != axis)
        return self.shape_zyx[axis], rows, columns

    def plane_spacing_mm(self, plane: Plane | str) -> tuple[float, float, float]:
        """Spacing in mm between (slices, rows, columns) as seen in a plane."""
        axis = self.plane_axis(plane)
        rows, columns = (float(s) for a, s in enumerate(self.spacing_zyx_mm) if a != axis)
        return float(self.spacing_zyx_mm[axis]), rows, columns

    def slice_positions_mm(self, plane: Plane | str) -> FloatArray:
        """(slices,): where the slices of a plane lie along its normal in mm, counted from the first, increasing.

        Of slices that are not equally spaced, where each one truly lies.
        """
        axis = self.plane_axis(plane)
        across = np.cross(*self.in_plane_vectors_mm(plane).T)
        across /= np.linalg.norm(across)
        if axis == 0 and self.slice_origins_mm is not None:
            positions = (self.slice_origins_mm - self.slice_origins_mm[0]) @ across
            return np.asarray(positions if positions[-1] >= 0 else -positions)
        return np.asarray(np.arange(self.shape_zyx[axis]) * abs(float(self.affine[:3, axis] @ across)))

    def in_plane_vectors_mm(self, plane: Plane | str) -> FloatArray:
        """(3, 2): the step in LPS mm of one row and of one column of a plane's slices."""
        rows_columns = [axis for axis in range(3) if axis != self.plane_axis(plane)]
        return np.asarray(self.affine[:3, rows_columns])

    def slice_voxel_volumes_mm3(self) -> FloatArray:
        """(slices,): volume in mm3 of a voxel on each slice of the array.

        Where slices are not equally spaced each one stands for half the way to either neighbour.
        """
        if self.slice_origins_mm is None:
            return np.full(self.shape_zyx[0], self.voxel_volume_mm3)
        across = np.cross(self.affine[:3, 1], self.affine[:3, 2])
        area = float(np.linalg.norm(across))
        return np.asarray(np.abs(np.gradient(self.slice_origins_mm @ (across / area))) * area)

    def block(self, region: tuple[slice, slice, slice]) -> Grid:
        """The grid of a block (z, y, x) of the array, which keeps its place."""
        shape = tuple(s.stop - s.start for s in region)
        start = [s.start for s in region]
        affine, origins = self.affine.copy(), self.slice_origins_mm
        affine[:3, 3] = self.to_lps_mm(start)
        if origins is not None:
            aside = self.affine[:3, 1:3] @ start[1:]
            origins = origins[region[0]] + aside if shape[0] > 1 else None
        return Grid((shape[0], shape[1], shape[2]), affine, origins)

    def to_lps_mm(self, points_zyx: ArrayLike) -> FloatArray:
        """Map array indices (..., 3), fractions allowed, to LPS millimetres (..., 3)."""
        points = np.asarray(points_zyx, dtype=np.float64)
        if self.slice_origins_mm is None:
            return np.asarray(points @ self.affine[:3, :3].T + self.affine[:3, 3])
        slices = np.arange(self.shape_zyx[0])
        origins = np.stack([np.interp(points[..., 0], slices, o) for o in self.slice_origins_mm.T], axis=-1)
        return np.asarray(origins + points[..., 1:] @ self.affine[:3, 1:3].T)

    def to_index_zyx(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Map LPS millimetres (..., 3) to array indices (..., 3), fractions included."""
        points = np.asarray(points_lps_mm, dtype=np.float64)
        index = (points - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T
        if self.slice_origins_mm is None:
            return np.asarray(index)
        in_plane = self.affine[:3, 1:3]
        normal = np.cross(in_plane[:, 1], in_plane[:, 0])
        heights = self.slice_origins_mm @ normal
        order = np.argsort(heights)
        slices = np.interp(points @ normal, heights[order], order.astype(np.float64))
        origins = self.to_lps_mm(np.stack([slices, 0 * slices, 0 * slices], axis=-1))
        rows_columns = (points - origins) @ np.linalg.pinv(in_plane).T
        return np.concatenate([slices[..., None], rows_columns], axis=-1)

    def corners_lps_mm(self) -> FloatArray:
        """(8, 3): LPS positions of the centres of the corner voxels."""
        last = np.array(self.shape_zyx) - 1
        corners = np.array([[z, y, x] for z in (0, last[0]) for y in (0, last[1]) for x in (0, last[2])])
        return self.to_lps_mm(corners)

    def matches(self, other: Grid, tolerance_mm: float = 0.01) -> bool:
        """Whether both grids have the same shape and place every slice within the tolerance."""
        if self.shape_zyx != other.shape_zyx:
            return False
        slices, rows, columns = self.shape_zyx
        edge = np.array([[0, 0], [rows - 1, 0], [0, columns - 1]])
        points = np.array([[z, y, x] for z in range(slices) for y, x in edge])
        return bool(np.abs(self.to_lps_mm(points) - other.to_lps_mm(points)).max() <= tolerance_mm)


def mask_box_xyxy(mask_yx: NDArray[np.bool_]) -> BoxXYXY | None:
    """Tight box of a mask, inclusive voxel centres; None where the mask is empty."""
    rows = np.flatnonzero(mask_yx.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask_yx.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])


def union_box_xyxy(boxes: Sequence[BoxXYXY]) -> BoxXYXY:
    """Smallest box that holds all of them."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
