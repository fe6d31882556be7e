"""What is to be found, and how a reader would point at it: box, RECIST line, corrective click."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from volsweep.evaluate.surface import Step, steps_of
from volsweep.geometry import BoxXYXY, FloatArray, Grid, Plane, mask_box_xyxy
from volsweep.measurement import Diameters, LineXYXY, recist_diameters

Mask = NDArray[np.bool_]

JITTER = 0.1
"""How far a jittered prompt strays, as a fraction of its side."""


@dataclass(frozen=True, eq=False)
class Target:
    """One label of one case, seen along a plane.

    Parameters
    ----------
    case, label
        Which.
    masks_nyx
        The truth: (slices, rows, columns) of the plane.
    plane, grid
        Where it lies.
    """

    case: str
    label: int
    masks_nyx: Mask
    plane: Plane
    grid: Grid

    @staticmethod
    def of(case: str, label: int, mask_zyx: Mask, plane: Plane, grid: Grid) -> Target:
        """Take a label's mask in the array's own order."""
        return Target(case, label, np.moveaxis(mask_zyx, grid.plane_axis(plane), 0), plane, grid)

    @property
    def spacing_nyx_mm(self) -> tuple[float, float, float]:
        """Between slices, rows and columns of the plane."""
        return self.grid.plane_spacing_mm(self.plane)

    @property
    def steps_nyx_mm(self) -> list[Step]:
        """The same; of slices that are not equally spaced, where each one lies."""
        steps = steps_of(self.grid)
        return [steps.pop(self.grid.plane_axis(self.plane)), *steps]

    @cached_property
    def slices(self) -> tuple[int, int]:
        """First and last slice it lies on."""
        there = np.flatnonzero(self.masks_nyx.any(axis=(1, 2)))
        return int(there[0]), int(there[-1])

    @cached_property
    def prompted_slice(self) -> int:
        """The slice with most voxels; the first of several."""
        return int(self.masks_nyx.sum(axis=(1, 2)).argmax())

    @property
    def largest_yx(self) -> Mask:
        """Its mask on that slice."""
        return np.asarray(self.masks_nyx[self.prompted_slice])

    def box(self, jitter: np.random.Generator | None = None) -> BoxXYXY:
        """Tight box on the largest slice, inclusive.

        With `jitter` every side moves by up to a tenth of the box's width or height, evenly
        distributed, and stays on the slice.
        """
        box = mask_box_xyxy(self.largest_yx)
        assert box is not None  # a target has voxels
        if jitter is None:
            return box
        x0, y0, x1, y1 = box
        sides = np.array([x1 - x0 + 1, y1 - y0 + 1] * 2)
        return self._on_slice(np.array(box) + jitter.uniform(-JITTER, JITTER, 4) * sides)

    def line(self, jitter: np.random.Generator | None = None) -> LineXYXY:
        """Longest diameter on the largest slice.

        With `jitter` both ends move by up to a tenth of its length along x and along y.
        """
        return self._strayed(self._diameters.long_xyxy, jitter)

    def axes(self, jitter: np.random.Generator | None = None) -> tuple[float, ...]:
        """Longest diameter on the largest slice and the one across it: ends of the first, ends of the second.

        With `jitter` all ends move as those of `line`, each by its own axis' length.
        """
        found = self._diameters
        return (*self._strayed(found.long_xyxy, jitter), *self._strayed(found.short_xyxy, jitter))

    @property
    def _diameters(self) -> Diameters:
        found = recist_diameters(self.largest_yx, self.grid.in_plane_vectors_mm(self.plane))
        assert found is not None
        return found

    def _strayed(self, ends_xyxy: LineXYXY, jitter: np.random.Generator | None) -> LineXYXY:
        line = np.array(ends_xyxy)
        if jitter is not None:
            length = float(np.hypot(*(line[2:] - line[:2])))
            line = line + jitter.uniform(-JITTER, JITTER, 4) * length
        return self._on_slice(line)

    def _on_slice(self, xyxy: FloatArray) -> tuple[float, float, float, float]:
        _, rows, columns = self.masks_nyx.shape
        x0, y0, x1, y1 = np.clip(xyxy, -0.5, np.array([columns, rows] * 2) - 0.5).tolist()
        return x0, y0, x1, y1

    def randomness(self, seed: int) -> np.random.Generator:
        """Random numbers for this target, whatever else is evaluated before it."""
        return np.random.default_rng([seed, zlib.crc32(self.case.encode()), self.label])


@dataclass(frozen=True)
class Click:
    """A corrective click: a voxel of the plane's (slice, row, column), and whether it is object."""

    at_nyx: tuple[int, int, int]
    positive: bool


def next_click(truth_nyx: Mask, found_nyx: Mask) -> Click | None:
    """Where a reader would click next: in the middle of the largest error.

    The largest 26-connected component of wrong voxels, at the maximum of its Euclidean distance
    transform (in voxels), as in the CVPR 2025 interactive challenge; the first of several.

    Returns
    -------
    Click or None
        None where nothing is wrong.
    """
    wrong = truth_nyx != found_nyx
    parts, count = ndimage.label(wrong, structure=np.ones((3, 3, 3)))
    if not count:
        return None
    largest = int(np.bincount(parts.reshape(-1))[1:].argmax()) + 1
    box = ndimage.find_objects(parts, max_label=largest)[largest - 1]
    depth = ndimage.distance_transform_edt(np.pad(parts[box] == largest, 1))
    inner = np.unravel_index(int(depth.argmax()), depth.shape)
    n, y, x = (int(i) - 1 + s.start for i, s in zip(inner, box, strict=True))
    return Click((n, y, x), bool(truth_nyx[n, y, x]))
