"""RTSTRUCT in: closed planar contours, filled slice by slice on the grid of a series."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pydicom

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.contours import fill
from volsweep.io.dicom.values import code_of, integer_of, items_of, numbers_of, quiet, text_of, uid_of
from volsweep.io.overlaps import LabelPart, distinct_values, paint
from volsweep.io.placement import Place
from volsweep.volume import Label, LabelVolume

_AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")

_COPLANAR = 0.25
"""In slices: how far the points of one contour may lie from a plane parallel to the slices."""

_SAME_PLANE = 0.01
"""In slices: contours closer than this lie in one plane, and one within another is a hole."""

_WORTH_TELLING = 0.1


def read_rtstruct(path: Path, dataset: pydicom.Dataset, place: Place) -> LabelVolume:
    """Rasterise the contours of an RT Structure Set.

    A voxel belongs to an ROI if its centre lies inside an odd number of its contours in the
    plane nearest to the voxel's slice, half a slice away at most; so keyholes and contours
    within contours both make holes.

    Parameters
    ----------
    path, dataset
        The file, and what it holds.
    place
        The series to draw on.

    Raises
    ------
    InputError
        If the object is damaged or holds no area.
    GeometryError
        If the contours belong to another frame of reference, or are not parallel to the slices.
    """
    with quiet():
        _check_frame_of_reference(path, dataset, place)
        parts = _rois(path, dataset)
        tally: Counter[str] = Counter()
        warnings: list[str] = []
        for item in items_of(dataset, "ROIContourSequence"):
            part = parts.get(integer_of(item, "ReferencedROINumber") or 0)
            if part is None:
                raise InputError(f"{path.name} is damaged: it has contours of an ROI that it does not list")
            warnings += _draw(part, _contours(path, item, tally), place.grid, tally)
    if not any(part.patches for part in parts.values()):
        raise GeometryError(
            f"{path.name} has no area on this series ({_told(tally) or 'it holds no contours'}); "
            "give the series it was drawn on"
        )
    array, overlaps = paint(list(parts.values()), place.grid.shape_zyx)
    told = (f"left out of {path.name}: {_told(tally)}",) if tally else ()
    labels = {part.value: part.label for part in parts.values()}
    return LabelVolume(array, place.grid, labels, place.source, (*told, *warnings, *overlaps))


def referenced_series(dataset: pydicom.Dataset) -> str | None:
    """SeriesInstanceUID of the images that a structure set or a segmentation was drawn on."""
    for frame in items_of(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in items_of(frame, "RTReferencedStudySequence"):
            for series in items_of(study, "RTReferencedSeriesSequence"):
                return uid_of(series, "SeriesInstanceUID") or None
    for series in items_of(dataset, "ReferencedSeriesSequence"):
        return uid_of(series, "SeriesInstanceUID") or None
    return None


def farthest_off_plane_mm(path: Path, dataset: pydicom.Dataset, grid: Grid) -> float:
    """Largest distance of a contour's point from the slice nearest to it, along the step between slices."""
    farthest = 0.0
    with quiet():
        for roi in items_of(dataset, "ROIContourSequence"):
            for points_mm in _contours(path, roi, Counter()):
                along = grid.to_index_zyx(points_mm)[:, 0]
                farthest = max(farthest, float(np.abs(along - np.rint(along)).max()))
    return farthest * float(grid.spacing_zyx_mm[0])


def _told(tally: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in tally.items())


def _check_frame_of_reference(path: Path, dataset: pydicom.Dataset, place: Place) -> None:
    known = {uid_of(f, "FrameOfReferenceUID") for f in items_of(dataset, "ReferencedFrameOfReferenceSequence")}
    known |= {uid_of(r, "ReferencedFrameOfReferenceUID") for r in items_of(dataset, "StructureSetROISequence")}
    known.discard("")
    mine = place.source.frame_of_reference_uid if place.source else None
    if known and mine and mine not in known:
        raise GeometryError(
            f"{path.name} was drawn in another frame of reference ({min(known)}) than the series has ({mine}), so its "
            "millimetres are not the series'; give the series it was drawn on, or register them first"
        )


def _rois(path: Path, dataset: pydicom.Dataset) -> dict[int, LabelPart]:
    items = items_of(dataset, "StructureSetROISequence")
    numbers = [integer_of(item, "ROINumber") for item in items]
    if not items or None in numbers or len(set(numbers)) < len(numbers):
        raise InputError(f"{path.name} is damaged: it lists the ROIs {numbers[:10]}")
    colors = {
        integer_of(item, "ReferencedROINumber"): numbers_of(item, "ROIDisplayColor", 3)
        for item in items_of(dataset, "ROIContourSequence")
    }
    parts = {}
    for item, number, value in zip(items, numbers, distinct_values(numbers), strict=True):
        default, rgb = Label.default(value), colors.get(number)
        usable = rgb is not None and all(0 <= v <= 255 for v in rgb)
        color = "#" + "".join(f"{int(v):02x}" for v in rgb or ()) if usable else default.color
        parts[int(number or 0)] = LabelPart(value, Label(text_of(item, "ROIName") or default.name, color))
    return parts


def _contours(path: Path, roi: pydicom.Dataset, tally: Counter[str]) -> list[FloatArray]:
    """LPS points, (vertices, 3), of the contours that enclose an area."""
    out = []
    for contour in items_of(roi, "ContourSequence"):
        kind = code_of(contour, "ContourGeometricType")
        if kind not in _AREAS:
            tally[f"contours of type {kind or 'unknown'}"] += 1
            continue
        values = numbers_of(contour, "ContourData")
        if values is None or len(values) % 3:
            raise InputError(f"{path.name} is damaged: a contour's data are not triples of finite numbers")
        if len(values) < 9:
            tally["contours of fewer than three points"] += 1
            continue
        out.append(np.reshape(values, (-1, 3)))
    return out


def _draw(part: LabelPart, contours: list[FloatArray], grid: Grid, tally: Counter[str]) -> list[str]:
    """Fill an ROI's contours on their slices; return what the user should know."""
    planes: dict[float, list[FloatArray]] = defaultdict(list)
    for points_mm in contours:
        index = grid.to_index_zyx(points_mm)
        along = index[:, 0]
        if np.ptp(along) > 2 * _COPLANAR:
            raise GeometryError(
                f"a contour of {part.label.name!r} runs through slices {along.min():.1f} to {along.max():.1f}: "
                "it is not parallel to the slices of this series"
            )
        # Where slices are unevenly spaced, indices end with the stack, and what lies beyond seems to be in it.
        away_mm = float(np.linalg.norm(grid.to_lps_mm(index) - points_mm, axis=1).max())
        middle = float(along.mean())
        if not -0.5 < middle < grid.shape_zyx[0] - 0.5 or away_mm > grid.spacing_zyx_mm[0] / 2:
            tally["contours beyond the series' slices"] += 1
            continue
        planes[_same(middle, planes)].append(index[:, :0:-1])
    nearest: dict[int, float] = {}
    for plane in planes:
        index_of_slice = round(plane)
        best = nearest.setdefault(index_of_slice, plane)
        nearest[index_of_slice] = min(best, plane, key=lambda p: abs(p - index_of_slice))
    for index_of_slice, plane in nearest.items():
        part.add(index_of_slice, fill(planes[plane], grid.shape_zyx[1:]))
    between = sum(len(planes[p]) for p in planes if p not in nearest.values())
    if between:
        tally["contours between slices that have one of their own"] += between
    return _remarks(part, nearest)


def _same(middle: float, planes: dict[float, list[FloatArray]]) -> float:
    return next((plane for plane in planes if abs(plane - middle) < _SAME_PLANE), middle)


def _remarks(part: LabelPart, nearest: dict[int, float]) -> list[str]:
    out = []
    off = max((abs(plane - index) for index, plane in nearest.items()), default=0.0)
    if off > _WORTH_TELLING:
        out.append(f"contours of {part.label.name!r} lie up to {off:.2f} slices from the slice they were drawn on")
    steps = np.diff(sorted(nearest))
    if len(steps) > 1 and steps.min() > 1:
        out.append(f"{part.label.name!r} has contours on every {steps.min()}th slice only; it is empty between them")
    return out
