"""Shapes in millimetres, painted with partial volume onto an oblique grid.

A *distance* is signed, in mm, negative inside; the ones here are approximations that are exact
at the surface, which is all that painting needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Geometry:
    """Where the slices of a phantom lie: the tags of DICOM, and the affine that follows from them."""

    shape_zyx: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float]
    tilts_deg: tuple[float, float, float]
    """Rotation about the patient's x, then y, then z axis."""

    @cached_property
    def orientation(self) -> tuple[float, ...]:
        """ImageOrientationPatient, as it fits into sixteen characters."""
        cx, cy, cz = np.cos(np.radians(self.tilts_deg))
        sx, sy, sz = np.sin(np.radians(self.tilts_deg))
        about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        rotation = about_z @ about_y @ about_x
        return tuple(float(np.round(v, 9)) for v in (*rotation[:, 0], *rotation[:, 1]))

    @cached_property
    def positions_mm(self) -> NDArray[np.float64]:
        """(slices, 3): ImagePositionPatient of every slice; the volume is centred on the origin."""
        across, down = np.reshape(self.orientation, (2, 3))
        normal = np.cross(across, down)
        slices, rows, columns = self.shape_zyx
        step_z, step_y, step_x = self.spacing_zyx_mm
        corner = -down * step_y * (rows - 1) / 2 - across * step_x * (columns - 1) / 2
        heights = (np.arange(slices) - (slices - 1) / 2) * step_z
        return np.round(corner + heights[:, None] * normal, 6)

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        """4x4, (slice, row, column, 1) -> LPS mm."""
        across, down = np.reshape(self.orientation, (2, 3))
        affine = np.eye(4)
        affine[:3, 0] = (self.positions_mm[-1] - self.positions_mm[0]) / (self.shape_zyx[0] - 1)
        affine[:3, 1] = down * self.spacing_zyx_mm[1]
        affine[:3, 2] = across * self.spacing_zyx_mm[2]
        affine[:3, 3] = self.positions_mm[0]
        return affine


class Canvas:
    """Values on a grid whose slices are cut `thin` times thinner than those of the finished image."""

    def __init__(self, geometry: Geometry, background: float, seed: int, thin: int = 2) -> None:
        self.geometry = geometry
        self.thin = thin
        self.rng = np.random.default_rng(seed)
        slices, rows, columns = geometry.shape_zyx
        z = (np.arange(slices * thin) + 0.5) / thin - 0.5
        affine = geometry.affine
        index = np.meshgrid(z, np.arange(rows), np.arange(columns), indexing="ij", sparse=True)
        self.xyz: list[Field] = [
            sum((affine[axis, k] * index[k] for k in range(3)), affine[axis, 3]).astype(np.float32) for axis in range(3)
        ]
        self.values: Field = np.full(self.xyz[0].shape, background, dtype=np.float32)
        self._to_index = np.linalg.inv(affine)

    def at(self, part: tuple[slice, ...]) -> list[Field]:
        """Coordinates of a part of the grid."""
        return [c[part] for c in self.xyz]

    def near(self, centre: ArrayLike, radius_mm: float) -> tuple[slice, ...]:
        """Part of the grid that holds everything within a radius."""
        index = self._to_index @ [*np.asarray(centre, dtype=float), 1.0]
        reach = radius_mm / np.array(self.geometry.spacing_zyx_mm)
        scale = np.array([self.thin, 1, 1])
        low = np.maximum((index[:3] - reach) * scale, 0).astype(int)
        high = np.maximum((index[:3] + reach) * scale + 2, 0).astype(int)
        return tuple(slice(a, b) for a, b in zip(low, high, strict=True))

    def paint(
        self, distance: Field, value: ArrayLike, part: tuple[slice, ...] = (slice(None),), edge_mm: float = 1.5
    ) -> Field:
        """Lay a value over what is inside, blended over an edge as a scanner's blur does; returns the coverage."""
        coverage = np.clip(0.5 - distance / edge_mm, 0, 1).astype(np.float32)
        target = self.values[part]
        target += coverage * (np.asarray(value, dtype=np.float32) - target)
        return coverage

    def noise(self, wavelength_mm: float, part: tuple[slice, ...] = (slice(None),)) -> Field:
        """Smooth random field of mean 0 and deviation 1, the same in every direction."""
        shape = self.values[part].shape
        spacing = np.array(self.geometry.spacing_zyx_mm) / [self.thin, 1, 1]
        field = gaussian_filter(
            self.rng.standard_normal(shape, dtype=np.float32), wavelength_mm / 4 / spacing, mode="reflect", truncate=3
        )
        return field / field.std()

    def thick(self, field: Field) -> Field:
        """Average over the thickness of the finished slices."""
        slices, rows, columns = self.geometry.shape_zyx
        return field.reshape(slices, self.thin, rows, columns).mean(axis=1)


def ellipsoid(xyz: list[Field], centre: ArrayLike, radii: ArrayLike, turn_deg: float = 0.0) -> Field:
    """Distance from an ellipsoid, turned about the patient's long axis."""
    dx, dy, dz = (c - np.float32(m) for c, m in zip(xyz, np.asarray(centre, dtype=np.float32), strict=True))
    if turn_deg:
        cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        dx, dy = cosine * dx + sine * dy, cosine * dy - sine * dx
    a, b, c = (np.float32(r) for r in np.asarray(radii))
    unit = np.sqrt((dx / a) ** 2 + (dy / b) ** 2 + (dz / c) ** 2)
    slope = np.sqrt((dx / a**2) ** 2 + (dy / b**2) ** 2 + (dz / c**2) ** 2)
    return unit * (unit - 1) / np.maximum(slope, 1e-6)


def tube(xyz: list[Field], points: ArrayLike, radii: ArrayLike) -> Field:
    """Distance from a chain of segments whose thickness goes linearly from point to point."""
    points, radii = np.asarray(points, dtype=np.float32), np.asarray(radii, dtype=np.float32)
    nearest = None
    for start, end, r0, r1 in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        along = end - start
        offset = [c - s for c, s in zip(xyz, start, strict=True)]
        t = np.clip(sum(o * a for o, a in zip(offset, along, strict=True)) / float(along @ along), 0, 1)
        gap = np.sqrt(sum((o - t * a) ** 2 for o, a in zip(offset, along, strict=True)))
        distance = gap - (r0 + t * (r1 - r0))
        nearest = distance if nearest is None else np.minimum(nearest, distance)
    return nearest


def blend(first: Field, second: Field, smooth_mm: float) -> Field:
    """Distance from the union of two shapes with a rounded seam."""
    h = np.clip(0.5 + 0.5 * (second - first) / smooth_mm, 0, 1)
    return second + h * (first - second) - smooth_mm * h * (1 - h)


def wobble(xyz: list[Field], size_mm: float, wavelength_mm: float, seed: int) -> list[Field]:
    """Points displaced smoothly, so that what is drawn from them is no perfect ellipse."""
    rng = np.random.default_rng(seed)
    out = []
    for axis in range(3):
        shift = np.zeros_like(xyz[0])
        for _ in range(3):
            direction = rng.normal(size=3)
            k = 2 * np.pi / wavelength_mm * direction / np.linalg.norm(direction)
            shift += np.sin(
                sum(np.float32(kk) * c for kk, c in zip(k, xyz, strict=True)) + np.float32(rng.uniform(0, 7))
            )
        out.append(xyz[axis] + np.float32(size_mm / 1.7) * shift)
    return out


def lumpy(xyz: list[Field], centre: ArrayLike, radius_mm: float, seed: int) -> Field:
    """Distance from a lobulated body with a few spicules, star-shaped around its centre."""
    rng = np.random.default_rng(seed)
    offset = [c - np.float32(m) for c, m in zip(xyz, np.asarray(centre), strict=True)]
    gap = np.sqrt(sum(o**2 for o in offset)) + np.float32(1e-3)
    unit = [o / gap for o in offset]
    surface = np.ones_like(gap)
    for sharpness, height, count in ((3, 0.22, 5), (9, -0.12, 4), (40, 0.22, 9)):
        directions = rng.normal(size=(count, 3))
        for direction in directions / np.linalg.norm(directions, axis=1, keepdims=True):
            toward = sum(np.float32(d) * u for d, u in zip(direction, unit, strict=True))
            surface += np.float32(height) * np.exp(np.float32(sharpness) * (toward - 1))
    return gap - np.float32(radius_mm) * surface
