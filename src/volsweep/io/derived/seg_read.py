"""DICOM SEG in, through pydicom: BINARY, FRACTIONAL (cut at one half) and LABELMAP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid
from volsweep.io.derived.seg_frames import is_encapsulated, stored_frames
from volsweep.io.derived.seg_grid import away_mm, own_grid, slice_of
from volsweep.io.derived.seg_write import value_in
from volsweep.io.derived.subject import check_subject
from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.frames import Frame, read_frames
from volsweep.io.dicom.values import code_of, integer_of, items_of, number_of, quiet, text_of, uid_of, value_of
from volsweep.io.overlaps import LabelledObject, Objects, renumbered, values_for
from volsweep.io.placement import Place, put_objects_on
from volsweep.volume import Code, Label, Meaning, Source

_BACKGROUND = ("125040", "DCM")


def read_seg(path: Path, dataset: pydicom.Dataset, place: Place | None = None) -> Objects:
    """Read a DICOM Segmentation, each segment by itself.

    Parameters
    ----------
    path, dataset
        The file, and what it holds.
    place
        The series to put the segments on; without it they lie on their own grid, which spans
        the slices that hold a segment. A segment that does not lie on it is left out, and a warning names it.

    Raises
    ------
    InputError
        If the object is damaged, or tiled (slide microscopy).
    GeometryError
        If its frames lie on no regular grid, none of its segments on that of the series, or all in another frame of
        reference.
    """
    with quiet():
        frames = _frames(path, dataset)
        if place is None:
            return _on(path, dataset, frames, Place(own_grid(frames), None))
        _check_frame_of_reference(path, dataset, place)
        notes = check_subject(path, dataset, place.source, _images(path, dataset))
        objects = _fitted(path, dataset, frames, place)
        return replace(objects, warnings=(*notes, *objects.warnings))


def _fitted(path: Path, dataset: pydicom.Dataset, frames: tuple[Frame, ...], place: Place) -> Objects:
    """The segments on a grid: frame by frame, in another order of its axes, or those of them that lie on it."""
    try:
        return _on(path, dataset, frames, place)
    except GeometryError as error:
        try:
            own = _on(path, dataset, frames, Place(own_grid(frames), None))
            return put_objects_on(own, place)
        except GeometryError as other:
            objects = _on(path, dataset, frames, place, partly=True)
            if not objects.found:
                raise other from error
            return objects


def farthest_corner_mm(path: Path, dataset: pydicom.Dataset, grid: Grid) -> float:
    """Largest distance of a corner of a frame from the same corner of its slice."""
    with quiet():
        frames = _frames(path, dataset)
    return max(away_mm(frame, grid, slice_of(frame, grid)) for frame in frames)


def _frames(path: Path, dataset: pydicom.Dataset) -> tuple[Frame, ...]:
    rows, columns = integer_of(dataset, "Rows") or 0, integer_of(dataset, "Columns") or 0
    count, bits = integer_of(dataset, "NumberOfFrames") or 0, integer_of(dataset, "BitsAllocated") or 0
    groups = len(items_of(dataset, "PerFrameFunctionalGroupsSequence"))
    if min(rows, columns, count) < 1 or groups != count or bits not in (1, 8, 16) or rows * columns > 2**28:
        raise InputError(
            f"{path.name} is damaged: {count} frames of {rows} x {columns} with {bits} bits, "
            f"and the geometry of {groups} frames"
        )
    pixels = value_of(dataset, "PixelData")
    if not isinstance(pixels, bytes) or (
        not is_encapsulated(dataset) and len(pixels) * 8 < rows * columns * count * bits
    ):
        raise InputError(f"{path.name} is damaged: its pixel data end early")
    if not is_encapsulated(dataset) and len(pixels) * 8 >= rows * columns * (count + 1) * bits:
        raise InputError(
            f"{path.name} is damaged: its pixel data hold more than {count} frames of {rows} x {columns}; Rows, "
            "Columns or NumberOfFrames are not what was written"
        )
    frames = read_frames(DicomFile(path), dataset, (rows, columns))
    if any(f.position_mm is None or f.orientation is None or f.pixel_spacing_mm is None for f in frames):
        raise InputError(f"{path.name} does not say where in the patient its segments lie (a slide, or damaged)")
    return frames


def _on(
    path: Path, dataset: pydicom.Dataset, frames: tuple[Frame, ...], place: Place, *, partly: bool = False
) -> Objects:
    """Read the segments onto a grid; `partly` leaves out those that do not lie on it."""
    segments, warnings = _segments(path, dataset)
    numbers, background = _segment_of_frames(dataset), _background(dataset)
    lost: dict[int, str] = {}
    unlisted: dict[int, int] = {}
    twice: dict[int, int] = {}
    for frame, number, pixels in zip(frames, numbers, _pixels(path, dataset), strict=True):
        index, why = -1, ""
        try:
            index = slice_of(frame, place.grid)
        except GeometryError as error:
            if not partly:
                raise
            why = str(error)
        for found, mask in pixels(number):
            if found in background:
                continue
            if found not in segments:
                unlisted[found] = unlisted.get(found, 0) + int(mask.sum())
            elif why and mask.any():
                lost.setdefault(found, why)
            elif not why:
                twice[found] = twice.get(found, 0) + int(index in segments[found].patches and bool(mask.any()))
                segments[found].add(index, mask)
    left_out = tuple(f"left out of {path.name}: {segments[n].label.name!r}, as {why}" for n, why in lost.items())
    left_out += tuple(
        f"left out of {path.name}: {voxels} voxels of segment {n}, which it does not list"
        for n, voxels in unlisted.items()
    )
    left_out += tuple(
        f"{frames} frames of {segments[n].label.name!r} lie where another frame of it does, and were united with it"
        for n, frames in twice.items()
        if frames
    )
    if unlisted and not any(segment.patches for segment in segments.values()):
        raise InputError(
            f"{path.name} is damaged: its frames belong to segments {sorted(unlisted)}, which it does not list"
        )
    left_out += tuple(
        f"{one.label.name!r} has no voxel" for n, one in segments.items() if not one.patches and n not in lost
    )
    found_here = [segment for number, segment in segments.items() if number not in lost]
    source = place.source or _source(path, dataset)
    return Objects(place.grid, found_here, source, (*warnings, *left_out, *renumbered(found_here)))


def _check_frame_of_reference(path: Path, dataset: pydicom.Dataset, place: Place) -> None:
    theirs = uid_of(dataset, "FrameOfReferenceUID")
    mine = place.source.frame_of_reference_uid if place.source else None
    if theirs and mine and theirs != mine:
        raise GeometryError(
            f"{path.name} was drawn in another frame of reference ({theirs}) than the series has ({mine}), so its "
            "millimetres are not the series'; give the series it was drawn on, or register them first"
        )


def _images(path: Path, dataset: pydicom.Dataset) -> Iterator[tuple[str, set[str]]]:
    """The name of each segment, and the images that its frames say they were made of."""
    segments, _ = _segments(path, dataset)
    found: dict[int, set[str]] = {}
    groups = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    for number, group in zip(_segment_of_frames(dataset), groups, strict=True):
        if number in segments:
            found.setdefault(number, set()).update(
                uid_of(image, "ReferencedSOPInstanceUID")
                for made in items_of(group, "DerivationImageSequence")
                for image in items_of(made, "SourceImageSequence")
            )
    return ((segments[number].label.name, uids) for number, uids in found.items())


def _background(dataset: pydicom.Dataset) -> set[int]:
    """The values of a label map that stand for no object: its padding value, else 0, and what is called background."""
    if code_of(dataset, "SegmentationType") != "LABELMAP":
        return set()
    padding = integer_of(dataset, "PixelPaddingValue")
    called = {
        integer_of(item, "SegmentNumber") or 0
        for item in items_of(dataset, "SegmentSequence")
        if (code := _code(items_of(item, "SegmentedPropertyTypeCodeSequence"))) and code[:2] == _BACKGROUND
    }
    return {0 if padding is None else padding, *called}


def _segments(path: Path, dataset: pydicom.Dataset) -> tuple[dict[int, LabelledObject], tuple[str, ...]]:
    background = _background(dataset)  # a label map may list it
    items = [i for i in items_of(dataset, "SegmentSequence") if integer_of(i, "SegmentNumber") not in background]
    numbers = [n for item in items if (n := integer_of(item, "SegmentNumber")) is not None]
    if not items or len(set(numbers)) < len(items):
        raise InputError(f"{path.name} is damaged: it lists the segments {numbers}")
    stated = [v for item in items if (v := value_in(text_of(item, "SegmentDescription"))) is not None]
    own = stated if len(set(stated)) == len(items) else numbers
    segments = {}
    for item, number, of_its_own, value in zip(items, numbers, own, values_for(own), strict=True):
        default = Label.default(value)
        label = Label(
            text_of(item, "SegmentLabel") or default.name,
            _color(item) or default.color,
            meaning=_meaning(item),
            tracking_uid=uid_of(item, "TrackingUID") or None,
        )
        segments[number] = LabelledObject(value, label, of_its_own)
    fractional = code_of(dataset, "SegmentationType") == "FRACTIONAL"
    return segments, ("the segments are fractional; voxels of one half or more were taken",) if fractional else ()


def _meaning(item: pydicom.Dataset) -> Meaning | None:
    """What the file says that a segment is, in codes."""
    category = _code(items_of(item, "SegmentedPropertyCategoryCodeSequence"))
    types = items_of(item, "SegmentedPropertyTypeCodeSequence")
    kind = _code(types)
    if category is None or kind is None:
        return None
    side = _code(items_of(types[0], "SegmentedPropertyTypeModifierCodeSequence"))
    places = items_of(item, "AnatomicRegionSequence")
    place_side = _code(items_of(places[0], "AnatomicRegionModifierSequence")) if places else None
    return Meaning(category, kind, side, _code(places), place_side)


def _code(items: list[pydicom.Dataset]) -> Code | None:
    if not items:
        return None
    found = Code(*(text_of(items[0], keyword) for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")))
    return found if all(found) else None


def _color(item: pydicom.Dataset) -> str | None:
    from highdicom.color import CIELabColor

    try:
        red, green, blue = CIELabColor.from_dicom_value(value_of(item, "RecommendedDisplayCIELabValue")).to_rgb(
            clip=True
        )
    except (TypeError, ValueError):
        return None
    return f"#{red:02x}{green:02x}{blue:02x}"


def _segment_of_frames(dataset: pydicom.Dataset) -> list[int | None]:
    shared = items_of(dataset, "SharedFunctionalGroupsSequence")
    common = _segment_number(shared[0]) if shared else None
    groups = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    return [number if (number := _segment_number(group)) is not None else common for group in groups]


def _segment_number(group: pydicom.Dataset) -> int | None:
    items = items_of(group, "SegmentIdentificationSequence")
    return integer_of(items[0], "ReferencedSegmentNumber") if items else None


class _Pixels:
    """One frame's stored values, and what they mean in each type of segmentation."""

    def __init__(self, stored: NDArray[Any], half: float | None) -> None:
        self.stored, self.half = stored, half

    def __call__(self, number: int | None) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        if number is None:  # LABELMAP: the value is the segment
            for value in np.unique(self.stored):
                yield int(value), self.stored == value
        else:
            yield number, self.stored > 0 if self.half is None else self.stored >= self.half


def _pixels(path: Path, dataset: pydicom.Dataset) -> Iterator[_Pixels]:
    kind = code_of(dataset, "SegmentationType")
    half = (number_of(dataset, "MaximumFractionalValue") or 255) / 2 if kind == "FRACTIONAL" else None
    for stored in stored_frames(path, dataset):
        yield _Pixels(stored, half)


def _source(path: Path, dataset: pydicom.Dataset) -> Source:
    referenced = items_of(dataset, "ReferencedSeriesSequence")
    return Source(
        path=path.absolute(),
        kind="seg",
        series_uid=(uid_of(referenced[0], "SeriesInstanceUID") if referenced else "") or None,
        study_uid=uid_of(dataset, "StudyInstanceUID") or None,
        frame_of_reference_uid=uid_of(dataset, "FrameOfReferenceUID") or None,
    )
