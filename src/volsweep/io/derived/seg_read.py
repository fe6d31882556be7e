"""DICOM SEG in, through pydicom: BINARY, FRACTIONAL (cut at one half) and LABELMAP."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.derived.seg_write import value_in
from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.frames import Frame, read_frames
from volsweep.io.dicom.geometry import arrange
from volsweep.io.dicom.values import code_of, integer_of, items_of, number_of, quiet, text_of, uid_of, value_of
from volsweep.io.overlaps import LabelPart, distinct_values, paint
from volsweep.io.placement import Place, put_on
from volsweep.volume import Label, LabelVolume, Source

_NEAR_SLICE = 0.05
"""In slices: how far a frame may lie from the slice it was drawn on."""

_MAX_SLICES = 20_000


def read_seg(path: Path, dataset: pydicom.Dataset, place: Place | None = None) -> LabelVolume:
    """Read a DICOM Segmentation.

    Parameters
    ----------
    path, dataset
        The file, and what it holds.
    place
        The series to put the segments on; without it they lie on their own grid, which spans
        the slices that hold a segment.

    Raises
    ------
    InputError
        If the object is damaged, or tiled (slide microscopy).
    GeometryError
        If its frames lie on no regular grid, or not on that of the series.
    """
    with quiet():
        frames = _frames(path, dataset)
        if place is not None:
            try:
                return _on(path, dataset, frames, place)
            except GeometryError:  # the same voxels in another order, perhaps: put_on knows
                return put_on(_on(path, dataset, frames, Place(_own_grid(frames), None)), place)
        return _on(path, dataset, frames, Place(_own_grid(frames), None))


def farthest_corner_mm(path: Path, dataset: pydicom.Dataset, grid: Grid) -> float:
    """Largest distance of a corner of a frame from the same corner of its slice."""
    with quiet():
        frames = _frames(path, dataset)
    return max(_away(frame, grid, _slice_of(frame, grid)) for frame in frames)


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
        not _encapsulated(dataset) and len(pixels) * 8 < rows * columns * count * bits
    ):
        raise InputError(f"{path.name} is damaged: its pixel data end early")
    frames = read_frames(DicomFile(path), dataset, (rows, columns))
    if any(f.position_mm is None or f.orientation is None or f.pixel_spacing_mm is None for f in frames):
        raise InputError(f"{path.name} does not say where in the patient its segments lie (a slide, or damaged)")
    return frames


def _on(path: Path, dataset: pydicom.Dataset, frames: tuple[Frame, ...], place: Place) -> LabelVolume:
    slices = [_slice_of(frame, place.grid) for frame in frames]
    parts, warnings = _segments(path, dataset)
    numbers = _segment_of_frames(dataset)
    for index, number, pixels in zip(slices, numbers, _pixels(path, dataset), strict=True):
        for found, mask in pixels(number):
            if found not in parts:
                raise InputError(f"{path.name} is damaged: a frame belongs to segment {found}, which it does not list")
            parts[found].add(index, mask)
    array, overlaps = paint(list(parts.values()), place.grid.shape_zyx)
    labels = {part.value: part.label for part in parts.values()}
    return LabelVolume(array, place.grid, labels, place.source or _source(path, dataset), warnings + overlaps)


def _segments(path: Path, dataset: pydicom.Dataset) -> tuple[dict[int, LabelPart], tuple[str, ...]]:
    # A LABELMAP may list its background, as segment 0.
    items = [i for i in items_of(dataset, "SegmentSequence") if integer_of(i, "SegmentNumber") != 0]
    numbers = [integer_of(item, "SegmentNumber") for item in items]
    if not items or None in numbers or len(set(numbers)) < len(numbers):
        raise InputError(f"{path.name} is damaged: it lists the segments {numbers}")
    stated = [value_in(text_of(item, "SegmentDescription")) for item in items]
    values = distinct_values(numbers if None in stated else stated)
    parts = {}
    for item, number, value in zip(items, numbers, values, strict=True):
        default = Label.default(value)
        color = _color(item) or default.color
        parts[int(number or 0)] = LabelPart(value, Label(text_of(item, "SegmentLabel") or default.name, color))
    fractional = code_of(dataset, "SegmentationType") == "FRACTIONAL"
    return parts, ("the segments are fractional; voxels of one half or more were taken",) if fractional else ()


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


def _encapsulated(dataset: pydicom.Dataset) -> bool:
    syntax = UID(uid_of(getattr(dataset, "file_meta", pydicom.Dataset()), "TransferSyntaxUID"))
    return syntax.is_transfer_syntax and syntax.is_encapsulated


class _Pixels:
    """One frame's stored values, and what they mean in each type of segmentation."""

    def __init__(self, stored: NDArray[Any], half: float | None) -> None:
        self.stored, self.half = stored, half

    def __call__(self, number: int | None) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        if number is None:  # LABELMAP: the value is the segment
            for value in np.unique(self.stored):
                if value:
                    yield int(value), self.stored == value
        else:
            yield number, self.stored > 0 if self.half is None else self.stored >= self.half


def _pixels(path: Path, dataset: pydicom.Dataset) -> Iterator[_Pixels]:
    kind = code_of(dataset, "SegmentationType")
    half = (number_of(dataset, "MaximumFractionalValue") or 255) / 2 if kind == "FRACTIONAL" else None
    packed = dataset.BitsAllocated == 1 and not _encapsulated(dataset)
    try:
        for stored in _unpacked(dataset) if packed else iter_pixels(dataset, raw=True):
            yield _Pixels(stored, half)
    except Exception as error:  # each decoder has its own
        raise InputError(f"the pixels of {path.name} cannot be decoded ({type(error).__name__})") from None


def _unpacked(dataset: pydicom.Dataset) -> Iterator[NDArray[np.uint8]]:
    """Bits, eight to a byte: a frame begins where the one before ends, also within a byte.

    pydicom 3.0 unpacks all frames at once, or one by one only where they begin with a byte.
    """
    stored = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    size = dataset.Rows * dataset.Columns
    for start in range(0, size * int(dataset.NumberOfFrames), size):
        touched = stored[start // 8 : (start + size + 7) // 8]
        bits = np.unpackbits(touched, bitorder="little")[start % 8 :][:size]
        yield bits.reshape(dataset.Rows, dataset.Columns)


def _slice_of(frame: Frame, grid: Grid) -> int:
    """Slice of a grid that a frame lies on, corner on corner."""
    if frame.shape_yx != grid.shape_zyx[1:]:
        raise GeometryError(
            f"the segments have {frame.shape_yx} rows and columns, and the slices of the series {grid.shape_zyx[1:]}"
        )
    index = round(float(grid.to_index_zyx(_corners(frame)[0])[0]))
    if not 0 <= index < grid.shape_zyx[0]:
        raise GeometryError(f"a segment lies on slice {index} of the series, which has {grid.shape_zyx[0]} slices")
    away = _away(frame, grid, index)
    if away > _NEAR_SLICE * float(grid.spacing_zyx_mm.min()):
        raise GeometryError(f"a segment lies {away:.3g} mm from slice {index}, the nearest of the series")
    return index


def _away(frame: Frame, grid: Grid, index: int) -> float:
    rows, columns = grid.shape_zyx[1] - 1, grid.shape_zyx[2] - 1
    corners = np.array([[index, 0, 0], [index, rows, 0], [index, 0, columns]], dtype=np.float64)
    return float(np.linalg.norm(grid.to_lps_mm(corners) - _corners(frame), axis=1).max())


def _corners(frame: Frame) -> FloatArray:
    """LPS positions of three corners of a frame, as its own header has them."""
    along_columns, along_rows = np.reshape(np.asarray(frame.orientation, dtype=np.float64), (2, 3))
    row_mm, column_mm = np.asarray(frame.pixel_spacing_mm, dtype=np.float64)
    origin = np.asarray(frame.position_mm, dtype=np.float64)
    rows, columns = frame.shape_yx[0] - 1, frame.shape_yx[1] - 1
    return np.array([origin, origin + along_rows * row_mm * rows, origin + along_columns * column_mm * columns])


def _own_grid(frames: tuple[Frame, ...]) -> Grid:
    """Grid of the slices that hold a segment, the empty ones between them filled in."""
    distinct: dict[tuple[float, ...], Frame] = {}
    for frame in frames:
        distinct.setdefault(tuple(round(v, 3) for v in frame.position_mm or ()), replace(frame, distinguishing=()))
    arrangement = arrange(list(distinct.values()), "keep")
    grid = arrangement.grid
    if len(distinct) < 2:
        return grid
    origins = np.array([f.position_mm for f in arrangement.frames], dtype=np.float64)
    along = np.linalg.norm(origins - origins[0], axis=1)
    stated = arrangement.frames[0].thickness_mm
    for spacing in (stated, float(np.diff(along).min())):
        if not spacing or not math.isfinite(spacing):
            continue
        multiples = along / spacing
        if np.abs(multiples - np.rint(multiples)).max() > _NEAR_SLICE or multiples[-1] > _MAX_SLICES:
            continue
        count = round(float(multiples[-1])) + 1
        affine = grid.affine.copy()
        affine[:3, 0] = (origins[-1] - origins[0]) / (count - 1)
        even = origins[0] + np.rint(multiples)[:, None] * affine[:3, 0]
        if np.abs(even - origins).max() <= _NEAR_SLICE * spacing:
            return Grid((count, *grid.shape_zyx[1:]), affine)
    return grid


def _source(path: Path, dataset: pydicom.Dataset) -> Source:
    referenced = items_of(dataset, "ReferencedSeriesSequence")
    return Source(
        path=path.absolute(),
        kind="seg",
        series_uid=(uid_of(referenced[0], "SeriesInstanceUID") if referenced else "") or None,
        study_uid=uid_of(dataset, "StudyInstanceUID") or None,
        frame_of_reference_uid=uid_of(dataset, "FrameOfReferenceUID") or None,
    )
