"""Whether slices form one volume, and where it lies.

Slices are sorted by their position along the slice normal, validated, and given an affine.
Nothing here trusts InstanceNumber, SliceLocation or SliceThickness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import GapsError, GeometryError, first_of
from volsweep.geometry import FloatArray, Grid, affine_from_dicom, slice_normal
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.mixture import check_one_volume, differing
from volsweep.io.voxels import check_place, check_voxel_sizes

_ORIENTATION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine: 0.06 degrees, well above the rounding in headers."""

_PIXEL_SPACING_TOLERANCE = 1e-3
"""Relative: adds up to half a pixel over 500 columns."""

_SQUARE_TOLERANCE = 1e-2
"""By how much row and column directions may miss unit length and a right angle."""

_TILT_WORTH_TELLING_DEGREES = 0.1


@dataclass(frozen=True)
class Arrangement:
    """Slices in the order of the volume, the volume's grid, and what a reader should know."""

    frames: tuple[Frame, ...]
    grid: Grid
    warnings: tuple[str, ...]


def arrange(frames: Sequence[Frame], gaps: str = "refuse") -> Arrangement:
    """Sort slices along their normal and say where they lie.

    Parameters
    ----------
    frames
        Slices with position, orientation and pixel spacing, in any order.
    gaps
        ``"refuse"``: slices must be equally spaced. ``"keep"``: they are kept at their own
        positions (`Grid.slice_origins_mm`) where they are not.

    Raises
    ------
    GeometryError
        If matrix sizes, pixel spacings or orientations are mixed, positions occur twice, or,
        unless gaps are kept, slices are missing or unequally spaced.
    """
    orientations = np.array([f.orientation for f in frames], dtype=np.float64)
    spacings = np.array([f.pixel_spacing_mm for f in frames], dtype=np.float64)
    _check_alike(frames, "matrix sizes (rows, columns)", [f.shape_yx for f in frames], 0.5)
    _check_alike(frames, "orientations", orientations, _ORIENTATION_TOLERANCE)
    _check_alike(frames, "pixel spacings in mm", spacings, _PIXEL_SPACING_TOLERANCE * float(spacings.min()))

    orientation = _square(np.median(orientations, axis=0))
    normal = slice_normal(orientation)
    positions = np.array([f.position_mm for f in frames], dtype=np.float64)
    order = np.argsort(positions @ normal, kind="stable")
    ordered = tuple(frames[i] for i in order)
    origins = positions[order]
    heights = origins @ normal
    _check_distinct(ordered, heights)
    mixed = check_one_volume(ordered)

    step, warnings = _mean_step(ordered, origins, normal)
    affine = affine_from_dicom(orientation, np.median(spacings, axis=0).tolist(), origins[0].tolist(), step.tolist())
    shape = (len(ordered), *ordered[0].shape_yx)
    uneven = _Unevenness.of(ordered, origins, heights)
    check_voxel_sizes(Grid(shape, affine).spacing_zyx_mm, str(ordered[0]))
    check_place(affine, str(ordered[0]))
    warnings += mixed + _tilt(step, normal)
    if not uneven.refusable:
        return Arrangement(ordered, Grid(shape, affine), warnings + uneven.remark())
    if gaps == "refuse":
        raise GapsError(f'{uneven.complaint()}; gaps="keep" loads the slices that exist at their own positions')
    kept = f"slices kept at their own positions: {uneven.complaint()}"
    return Arrangement(ordered, Grid(shape, affine, origins), (*warnings, kept))


def _check_alike(frames: Sequence[Frame], what: str, values: ArrayLike, tolerance: float) -> None:
    groups: list[tuple[FloatArray, list[Frame]]] = []
    for frame, row in zip(frames, np.asarray(values, dtype=np.float64), strict=True):
        for reference, members in groups:
            if np.abs(reference - row).max() <= tolerance:
                members.append(frame)
                break
        else:
            groups.append((row, [frame]))
            if len(groups) > 50:  # enough is known, and comparing all with all takes long
                break
    if len(groups) > 1:
        told = [
            "[" + ", ".join(f"{v:g}" for v in reference) + "]: " + first_of([str(f) for f in members])
            for reference, members in groups
        ]
        raise GeometryError(
            f"the slices have different {what}, so they are not one volume: {first_of(told, separator='; ')}"
        )


def _square(orientation: FloatArray) -> list[float]:
    """Unit directions of columns and rows, from cosines that were rounded to a few digits."""
    directions = orientation.reshape(2, 3)
    lengths = np.linalg.norm(directions, axis=1)
    if np.abs(lengths - 1).max() > _SQUARE_TOLERANCE or abs(directions[0] @ directions[1]) > _SQUARE_TOLERANCE:
        raise GeometryError(
            f"ImageOrientationPatient {orientation.tolist()} is not two perpendicular directions; the header is damaged"
        )
    return [float(v) for v in (directions / lengths[:, None]).ravel()]


def _check_distinct(frames: Sequence[Frame], heights: FloatArray) -> None:
    """Refuse slices that share a place: copies, or one volume per time point, echo or b-value."""
    steps = np.diff(heights)
    apart = steps[steps > 1e-3]
    same = steps <= max(1e-3, 0.01 * float(np.median(apart)) if apart.size else 0.0)
    if not same.any():
        return
    place = np.concatenate([[0], np.cumsum(~same)]).tolist()
    counts = Counter(place)
    names = differing([f for f, p in zip(frames, place, strict=True) if counts[p] > 1])
    differ = f"; they differ in {', '.join(names)}" if names else ""
    if len(counts) == 1:
        raise GeometryError(
            f"all {len(frames)} images lie at the same position: a time series of one slice (2D+time), "
            f"not a volume{differ}"
        )
    if np.median(list(counts.values())) > 1:
        raise GeometryError(
            f"there are up to {max(counts.values())} images at each of {len(counts)} positions: several time points, "
            f"echoes or contrasts (2D+time), not one volume{differ}; give a folder or file that holds one of them"
        )
    pairs = [f"{frames[i]} and {frames[i + 1]} at {heights[i]:.2f} mm" for i in _indices(same)]
    raise GeometryError(f"{first_of(pairs)} lie at the same position along the slice normal{differ}; keep one of each")


def _mean_step(frames: Sequence[Frame], origins: FloatArray, normal: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    if len(frames) > 1:
        return np.asarray((origins[-1] - origins[0]) / (len(frames) - 1)), ()
    thickness = frames[0].thickness_mm
    if thickness is None:
        return normal, ("a single slice whose thickness is unknown; 1 mm is assumed",)
    return normal * thickness, (f"a single slice; its thickness, {thickness:g} mm, stands for the slice spacing",)


@dataclass(frozen=True)
class _Unevenness:
    """How far slices lie from where equal spacing between the first and the last would put them."""

    frames: tuple[Frame, ...]
    steps_mm: FloatArray
    away_mm: FloatArray
    spacing_mm: float

    @staticmethod
    def of(frames: tuple[Frame, ...], origins: FloatArray, heights: FloatArray) -> _Unevenness:
        steps = np.diff(heights)
        even = origins[0] + np.linspace(0, 1, len(frames))[:, None] * (origins[-1] - origins[0])
        # The lower median is the distance of two slices that exist, also where there are only two distances.
        spacing = float(np.sort(steps)[(len(steps) - 1) // 2]) if len(steps) else 0.0
        return _Unevenness(frames, steps, np.linalg.norm(origins - even, axis=1), spacing)

    @property
    def refusable(self) -> bool:
        """Beyond 5 % of the spacing, or the 0.1 mm to which some scanners round their headers."""
        return bool(self.away_mm.max() > min(max(0.05 * self.spacing_mm, 0.1), 0.25 * self.spacing_mm))

    def remark(self) -> tuple[str, ...]:
        """What to tell of a stack that is regular enough to be loaded."""
        if self.away_mm.max() <= max(0.01 * self.spacing_mm, 0.01):
            return ()
        worst = int(np.argmax(self.away_mm))
        return (
            f"slices lie up to {self.away_mm[worst]:.2f} mm ({self.frames[worst]}) from equal spacing "
            f"of {self.spacing_mm:.2f} mm",
        )

    def complaint(self) -> str:
        """What is wrong, naming the slices and the gaps."""
        multiples = self.steps_mm / self.spacing_mm
        wide = np.abs(multiples - 1) > 0.05
        if not wide.any():
            worst = int(np.argmax(self.away_mm))
            return f"the slices are not equally spaced: {self.frames[worst]} lies {self.away_mm[worst]:.2f} mm off"
        between = first_of(
            [f"{self.steps_mm[i]:.2f} mm between {self.frames[i]} and {self.frames[i + 1]}" for i in _indices(wide)]
        )
        missing = np.rint(multiples[wide]) - 1
        if (missing > 0).all() and np.abs(multiples[wide] - missing - 1).max() <= 0.05:
            count = int(missing.sum())
            slices = "1 slice is" if count == 1 else f"{count} slices are"
            return f"{slices} missing: the spacing is {self.spacing_mm:.2f} mm, but {between}"
        low, high = self.steps_mm.min(), self.steps_mm.max()
        return f"the slices are not equally spaced ({low:.2f} to {high:.2f} mm): {between}"


def _tilt(step: FloatArray, normal: FloatArray) -> tuple[str, ...]:
    cosine = abs(float(step @ normal)) / float(np.linalg.norm(step))
    degrees = float(np.degrees(np.arccos(min(1.0, cosine))))
    if degrees < _TILT_WORTH_TELLING_DEGREES:
        return ()
    return (f"the stack is sheared by {degrees:.1f} degrees (gantry tilt); its true, sheared geometry is kept",)


def _indices(flags: NDArray[np.bool_]) -> list[int]:
    return [int(i) for i in np.flatnonzero(flags)]
