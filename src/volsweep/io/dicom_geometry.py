"""Whether slices form one volume, and where it lies.

Slices are sorted by their position along the slice normal, validated, and given an affine.
Nothing here trusts InstanceNumber, SliceLocation or SliceThickness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from volsweep.errors import GeometryError
from volsweep.geometry import FloatArray, Grid, affine_from_dicom, slice_normal
from volsweep.io.dicom_headers import Frame

_ORIENTATION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine: 0.06 degrees, well above the rounding in headers."""

_SPACING_TOLERANCE = 0.01
"""Part of the slice spacing by which a slice may leave its place unmentioned (at least 0.01 mm)."""

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
    _check_alike(frames)
    orientation = np.median([f.orientation for f in frames], axis=0)
    normal = slice_normal(orientation)
    heights = np.array([f.position_mm for f in frames]) @ normal
    order = np.argsort(heights, kind="stable")
    ordered = tuple(frames[i] for i in order)
    heights = heights[order]
    _check_positions(ordered, heights)
    origins = np.array([f.position_mm for f in ordered])
    step, warnings = _mean_step(ordered, origins, normal)
    spacing = ordered[0].pixel_spacing_mm
    assert spacing is not None
    affine = affine_from_dicom(orientation.tolist(), spacing, origins[0], step.tolist())
    shape = (len(ordered), *ordered[0].shape_yx)
    irregular = _irregular(ordered, origins, heights)
    if irregular and gaps == "refuse":
        raise GeometryError(f'{irregular}; gaps="keep" loads the slices that exist at their own positions')
    warnings += _tilt(step, normal)
    if irregular:
        return Arrangement(ordered, Grid(shape, affine, origins), (*warnings, f"kept with gaps: {irregular}"))
    return Arrangement(ordered, Grid(shape, affine), warnings)


def _check_alike(frames: Sequence[Frame]) -> None:
    for what, values, tolerance in (
        ("matrix sizes (rows, columns)", [f.shape_yx for f in frames], 0.0),
        ("orientations", [f.orientation for f in frames], _ORIENTATION_TOLERANCE),
        ("pixel spacings in mm", [f.pixel_spacing_mm for f in frames], None),
    ):
        numbers = np.array(values, dtype=np.float64)
        reference = np.median(numbers, axis=0) if tolerance != 0.0 else numbers[0]
        # Half a voxel over 500 columns is what a thousandth of the pixel spacing adds up to.
        allowed = 1e-3 * reference.min() if tolerance is None else tolerance
        groups: dict[tuple[float, ...], list[Frame]] = {}
        for frame, row in zip(frames, numbers, strict=True):
            key = next((k for k in groups if np.abs(np.subtract(k, row)).max() <= allowed), tuple(row.tolist()))
            groups.setdefault(key, []).append(frame)
        if len(groups) > 1:
            told = "; ".join(f"{_numbers(k)}: {_names(members)}" for k, members in list(groups.items())[:4])
            more = f" and {len(groups) - 4} more" if len(groups) > 4 else ""
            raise GeometryError(
                f"the slices have {len(groups)} different {what}, so they are not one volume: {told}{more}"
            )


def _check_positions(frames: Sequence[Frame], heights: FloatArray) -> None:
    """Refuse slices that share a place: copies, or one volume per time point, echo or b-value."""
    if len(frames) < 2:
        return
    steps = np.diff(heights)
    typical = np.median(steps[steps > 1e-3]) if (steps > 1e-3).any() else 0.0
    same = steps <= max(1e-3, 0.01 * typical)
    if not same.any():
        return
    place = np.concatenate([[0], np.cumsum(~same)])
    counts = Counter(place.tolist())
    differing = _differing([f for f, p in zip(frames, place, strict=True) if counts[p] > 1])
    differ = f"; they differ in {', '.join(differing)}" if differing else ""
    if len(counts) == 1:
        raise GeometryError(
            f"all {len(frames)} images lie at the same position: a time series of one slice (2D+time), not a volume{differ}"
        )
    if np.median(list(counts.values())) > 1:
        raise GeometryError(
            f"there are up to {max(counts.values())} images at each of {len(counts)} positions: several time points, echoes "
            f"or contrasts (2D+time, 4D), not one volume{differ}; give a folder or file that holds one of them"
        )
    pairs = [f"{frames[i]} and {frames[i + 1]} at {heights[i]:.2f} mm" for i in np.flatnonzero(same)]
    raise GeometryError(f"{_first(pairs)} lie at the same position along the slice normal{differ}; keep one of them")


def _differing(frames: Sequence[Frame]) -> list[str]:
    """Names of the attributes that are not the same in all frames."""
    values: dict[str, set[str]] = {}
    for frame in frames:
        for name, value in frame.distinguishing:
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def _mean_step(frames: Sequence[Frame], origins: FloatArray, normal: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    if len(frames) > 1:
        return np.asarray((origins[-1] - origins[0]) / (len(frames) - 1)), ()
    thickness = frames[0].thickness_mm
    if thickness is None:
        return normal, ("a single slice whose thickness is unknown; 1 mm is assumed",)
    return normal * thickness, (f"a single slice; its thickness, {thickness:g} mm, stands for the slice spacing",)


def _irregular(frames: Sequence[Frame], origins: FloatArray, heights: FloatArray) -> str:
    """Say what is wrong where some slice does not lie where equal spacing would put it."""
    if len(frames) < 3:
        return ""
    steps = np.diff(heights)
    spacing = float(np.median(steps))
    even = origins[0] + np.linspace(0, 1, len(frames))[:, None] * (origins[-1] - origins[0])
    away = np.linalg.norm(origins - even, axis=1)
    allowed = max(_SPACING_TOLERANCE * spacing, 0.01)
    if away.max() <= allowed:
        return ""
    missing = np.rint(steps / spacing).astype(int) - 1
    wide = np.abs(steps - spacing) > allowed
    between = [
        f"{steps[i]:.2f} mm between {frames[i]} and {frames[i + 1]}"
        + (f" ({missing[i]} missing)" if missing[i] else "")
        for i in np.flatnonzero(wide)
    ]
    if not between:
        worst = int(np.argmax(away))
        return f"the slices are not equally spaced: {frames[worst]} lies {away[worst]:.2f} mm from its place"
    whole = np.abs(steps[wide] / spacing - np.rint(steps[wide] / spacing)).max() <= 0.05 and (missing[wide] > 0).all()
    if whole:
        count = int(missing[wide].sum())
        noun = "slice is" if count == 1 else "slices are"
        return f"{count} {noun} missing: the spacing is {spacing:.2f} mm, but {_first(between)}"
    return f"the slices are not equally spaced (from {steps.min():.2f} to {steps.max():.2f} mm): mostly {spacing:.2f} mm, but {_first(between)}"


def _tilt(step: FloatArray, normal: FloatArray) -> tuple[str, ...]:
    cosine = abs(float(step @ normal)) / float(np.linalg.norm(step))
    degrees = float(np.degrees(np.arccos(min(1.0, cosine))))
    if degrees < _TILT_WORTH_TELLING_DEGREES:
        return ()
    return (f"the stack is sheared by {degrees:.1f} degrees (gantry tilt); its true, sheared geometry is kept",)


def _first(items: Sequence[str], count: int = 3) -> str:
    more = f" (and {len(items) - count} more)" if len(items) > count else ""
    return ", ".join(items[:count]) + more


def _names(frames: Sequence[Frame]) -> str:
    return _first([str(f) for f in frames])


def _numbers(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{v:g}" for v in values) + "]"
