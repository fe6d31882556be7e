"""RTSTRUCT in: closed planar contours, filled slice by slice on the grid of a series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import FloatArray
from volsweep.io.derived.planes import Area, draw
from volsweep.io.derived.subject import check_subject
from volsweep.io.derived.texts import dicom_text
from volsweep.io.dicom.values import integer_of, items_of, numbers_of, quiet, text_of, uid_of, value_of
from volsweep.io.overlaps import LabelledObject, Objects, renumbered, values_for
from volsweep.io.placement import Place
from volsweep.volume import Label

_AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_FARTHEST_MM = 1e5
"""A point that is further away than a hundred metres is damage."""


def read_rtstruct(path: Path, dataset: pydicom.Dataset, place: Place) -> Objects:
    """Rasterise the contours of an RT Structure Set, each ROI by itself.

    What can be drawn is drawn; an ROI that cannot is left out, and a warning names it and says why.

    Parameters
    ----------
    path, dataset
        The file, and what it holds.
    place
        The series to draw on.

    Raises
    ------
    InputError
        If the object is damaged.
    GeometryError
        If nothing in it can be drawn on the series.
    """
    with quiet():
        rois, lost = _rois(path, dataset)
        elsewhere = _elsewhere(dataset, place)
        contours: dict[int | None, list[pydicom.Dataset]] = {}
        for item in items_of(dataset, "ROIContourSequence"):
            contours.setdefault(integer_of(item, "ReferencedROINumber"), []).append(item)
        found: list[LabelledObject] = []
        told: list[str] = []
        for number, roi in rois.items():
            if number in elsewhere:
                lost.append(f"{roi.label.name!r} was drawn in another frame of reference ({elsewhere[number]})")
                continue
            areas, notes = _areas(contours.get(number, []))
            notes += draw(roi, areas, place.grid) if areas else []
            if not areas and not notes:
                told.append(f"{roi.label.name!r} has no contours")
            elif not roi.patches:
                lost.append(f"{roi.label.name!r}: {'; '.join(notes)}")
                continue
            told += [f"{roi.label.name!r}: {note}" for note in notes]
            found.append(roi)
    unlisted = len(contours.keys() - rois.keys())
    if unlisted:
        lost.append(f"contours of {unlisted} ROIs that are not listed")
    if not any(roi.patches for roi in found):
        raise GeometryError(
            f"{path.name} has no area on this series ({', '.join([*lost, *told]) or 'it holds no contours'}); give the "
            "series it was drawn on"
        )
    left_out = (f"left out of {path.name}: {', '.join(lost)}",) if lost else ()
    other = check_subject(path, dataset, place.source, _images(contours, rois))
    return Objects(place.grid, found, place.source, (*other, *left_out, *told, *renumbered(found)))


def _images(
    contours: dict[int | None, list[pydicom.Dataset]], rois: dict[int, LabelledObject]
) -> Iterator[tuple[str, set[str]]]:
    """The name of each ROI, and the images that its contours say they were drawn on."""
    for number, roi in rois.items():
        drawn = (contour for item in contours.get(number, []) for contour in items_of(item, "ContourSequence"))
        yield (
            roi.label.name,
            {
                uid_of(image, "ReferencedSOPInstanceUID")
                for contour in drawn
                for image in items_of(contour, "ContourImageSequence")
            },
        )


def farthest_off_plane_mm(dataset: pydicom.Dataset, place: Place) -> float:
    """Largest distance of a contour's point from the slice nearest to it, along the step between slices."""
    farthest = 0.0
    with quiet():
        for roi in items_of(dataset, "ROIContourSequence"):
            for area in _areas([roi])[0]:
                along = place.grid.to_index_zyx(area.points_mm)[:, 0]
                farthest = max(farthest, float(np.abs(along - np.rint(along)).max()))
    return farthest * float(place.grid.spacing_zyx_mm[0])


def _elsewhere(dataset: pydicom.Dataset, place: Place) -> dict[int, str]:
    """ROI -> its frame of reference, of those whose millimetres are not the series'."""
    mine = place.source.frame_of_reference_uid if place.source else None
    if not mine:
        return {}
    known = {uid_of(f, "FrameOfReferenceUID") for f in items_of(dataset, "ReferencedFrameOfReferenceSequence")} - {""}
    known = known or {uid_of(dataset, "FrameOfReferenceUID")} - {""}
    out = {}
    for item in items_of(dataset, "StructureSetROISequence"):
        # An ROI that does not say is in the one that the file is about.
        theirs = uid_of(item, "ReferencedFrameOfReferenceUID") or (mine if mine in known else min(known, default=mine))
        if theirs != mine:
            out[integer_of(item, "ROINumber") or 0] = theirs
    return out


def _rois(path: Path, dataset: pydicom.Dataset) -> tuple[dict[int, LabelledObject], list[str]]:
    """ROIs by number, and those of which nothing tells which contours are theirs."""
    listed = items_of(dataset, "StructureSetROISequence")
    if not listed:
        raise InputError(f"{path.name} is damaged: it lists no ROI")
    often = Counter(integer_of(item, "ROINumber") for item in listed)
    items = [item for item in listed if often[n := integer_of(item, "ROINumber")] == 1 and n is not None]
    numbers = [n for item in items if (n := integer_of(item, "ROINumber")) is not None]
    lost = [
        f"{dicom_text(text_of(item, 'ROIName'))!r} has {'no number' if n is None else f'number {n}, as another has'}"
        for item in listed
        if often[n := integer_of(item, "ROINumber")] > 1 or n is None
    ]
    colors = {
        integer_of(item, "ReferencedROINumber"): numbers_of(item, "ROIDisplayColor", 3)
        for item in items_of(dataset, "ROIContourSequence")
    }
    rois = {}
    for item, number, value in zip(items, numbers, values_for(numbers), strict=True):
        default, rgb = Label.default(value), colors.get(number)
        usable = rgb is not None and all(0 <= v <= 255 for v in rgb)
        color = "#" + "".join(f"{int(v):02x}" for v in rgb or ()) if usable else default.color
        rois[number] = LabelledObject(value, Label(text_of(item, "ROIName") or default.name, color), number)
    return rois, lost


def _areas(rois: list[pydicom.Dataset]) -> tuple[list[Area], list[str]]:
    """Contours that enclose an area, and what there was besides."""
    out, besides, fewer = [], Counter[str](), 0
    for contour in (contour for roi in rois for contour in items_of(roi, "ContourSequence")):
        kind = text_of(contour, "ContourGeometricType").strip().upper().replace("D_PLANAR_XOR", "DPLANAR_XOR")
        if kind not in _AREAS:
            besides[f"contours of type {dicom_text(kind, 16) or 'unknown'}"] += 1
            continue
        values = _contour_data(contour)
        if values is None or len(values) % 3 or np.abs(values).max(initial=0) > _FARTHEST_MM:
            besides["damaged contours, whose data are not triples of numbers of millimetres"] += 1
        elif len(values) < 9:
            besides["contours of fewer than three points"] += 1
        else:
            out.append(Area(np.reshape(values, (-1, 3)), kind == _AREAS[1]))
            said = integer_of(contour, "NumberOfContourPoints")
            fewer += said is not None and said > len(values) // 3
    notes = [f"{count} {what} left out" for what, count in besides.items()]
    return out, notes + (
        [f"{fewer} contours have fewer points than they say: they may have been cut off"] if fewer else []
    )


def _contour_data(contour: pydicom.Dataset) -> FloatArray | None:
    """Coordinates of a contour; where they are too long for their type's length field, they come as unknown bytes."""
    stored = value_of(contour, "ContourData")
    if not isinstance(stored, bytes):
        values = numbers_of(contour, "ContourData")
        return None if values is None else np.array(values)
    try:
        found = np.array([float(word) for word in stored.decode("ascii").rstrip("\0 ").split("\\")])
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None
