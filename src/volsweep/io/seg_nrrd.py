"""Segmentations of 3D Slicer (``.seg.nrrd``): NRRD with keys for every segment, and layers where segments overlap.

The keys are those of Slicer's developer guide, "Segmentations": ``SegmentN_Layer`` and ``SegmentN_LabelValue`` say
which voxels a segment has, ``SegmentN_Tags`` what it is in codes. Where it lies in the image that it was drawn on
(``Segmentation_ReferenceImageExtentOffset``) need not be read: the file's own origin says it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError, OutputError
from volsweep.geometry import FloatArray, Grid, reverse_index_order
from volsweep.io.derived.codes import entry_of, meaning_in
from volsweep.io.itk.fields import read_fields, read_keys
from volsweep.io.itk.header import check_axes, check_data_file
from volsweep.io.itk.images import geometry_of, read_image, whole_array
from volsweep.io.overlaps import Labelled, LabelledObject, Objects, Proof, renumbered, values_for, whole
from volsweep.io.placement import Place, find_place, put_objects_on
from volsweep.io.sidecar import origins_on, parse_sidecar, placing_text
from volsweep.io.voxels import refuse_images, whole_numbers
from volsweep.io.writing import CORNER_TOLERANCE_MM
from volsweep.volume import Label, LabelVolume, Source, Volume

_BINARY = "Binary labelmap"
_REPRESENTATION = ("Segmentation_SourceRepresentation", "Segmentation_MasterRepresentation")
"""The second is what Slicer wrote before 2022."""
_OURS = "Volsweep"
"""Our own key: the series, and true positions of slices, which NRRD cannot hold; other programs pass it over."""
_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": " "})
_TYPES = {
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long int",
}


@dataclass(frozen=True)
class _Segment:
    """One segment as the keys tell it."""

    index: int
    label: Label
    layer: int
    stored: int | None
    """Its value in its layer; None in files of old, where a layer was one segment's own."""


def read_seg_nrrd(path: Path, source: str | os.PathLike[str] | Volume | Place | None = None) -> Objects:
    """Read the segments, each by itself.

    Parameters
    ----------
    path
        The file.
    source
        The series to put them on; without it they lie on their own grid, which may be a part of the series'.

    Raises
    ------
    InputError
        If the file is damaged, or holds no labels but fractions.
    GeometryError
        If it does not fit the series.
    """
    fields, keys = read_fields(path), read_keys(path)
    check_data_file(path, fields)
    check_axes(path, fields)
    represented = next((keys[name] for name in _REPRESENTATION if name in keys), _BINARY)
    if represented != _BINARY:
        raise InputError(
            f"{path.name} holds a {represented[:40]!r}, whose values are no labels; convert it to a binary labelmap in "
            "3D Slicer (Segmentations, Representations)"
        )
    image = read_image(path, several=True)
    affine, told = geometry_of(path, image, fields)
    layers = whole_array(path, image, fields)
    layers = np.moveaxis(layers, -1, 0) if layers.ndim == 4 else layers[None]
    segments, lost = _segments(path, keys, len(layers))
    # A single voxel stands for none: a file cannot be without.
    found, notes = _objects(path, segments, layers if layers[0].size > 1 else layers[:, :0])
    saved = parse_sidecar(keys[_OURS], path) if _OURS in keys else parse_sidecar("{}", path)
    grid = Grid(layers.shape[1:], affine)
    try:
        origins, doubts = origins_on(saved, grid, path.name)
    except (ValueError, GeometryError):
        origins, doubts = None, (f"the slice positions that {path.name} gives are of another volume; they were left",)
    of = saved.of(Source(path.absolute(), "seg_nrrd"))
    objects = Objects(Grid(grid.shape_zyx, affine, origins), found, of, (*told, *lost, *notes, *doubts))
    if source is None:
        return objects
    place = find_place(source, of.asked_as)
    if not objects.values():
        return Objects(place.grid, found, place.source, objects.warnings)
    return put_objects_on(objects, place)


def _segments(path: Path, keys: dict[str, str], layers: int) -> tuple[list[_Segment], list[str]]:
    """What the keys tell of every segment, in their order, and those whose voxels they do not tell."""
    told: dict[int, dict[str, str]] = {}
    for key, value in keys.items():
        if found := re.fullmatch(r"Segment(\d{1,6})_(\w+)", key):
            told.setdefault(int(found[1]), {})[found[2]] = value
    segments, lost = [], []
    for index, said in sorted(told.items()):
        default = Label.default(index + 1)
        name = said.get("Name") or said.get("ID") or default.name
        label = Label(name, _color(said.get("Color", "")) or default.color, meaning=meaning_in(said.get("Tags", "")))
        if "LabelValue" not in said and ("Layer" in said or (layers == 1 and len(told) > 1)):
            lost.append(f"{name!r}, which has no LabelValue")
            continue
        layer = str(0 if layers == 1 else index)
        numbers = {"LabelValue": said.get("LabelValue", "0"), "Layer": said.get("Layer", layer)}
        wrong = [f"{key} {n[:20]!r}" for key, n in numbers.items() if not re.fullmatch(r"[+-]?\d{1,18}", n.strip())]
        if wrong:
            lost.append(f"{name!r}, whose {wrong[0]} is no whole number")
            continue
        stored = int(numbers["LabelValue"]) if "LabelValue" in said else None
        segments.append(_Segment(index, label, int(numbers["Layer"]), stored))
    if lost and not segments:
        raise InputError(f"{path.name} is damaged: it holds {lost[0]}")
    return segments, [f"left out of {path.name}: {one}" for one in lost]


def _color(text: str) -> str | None:
    try:
        parts = np.array(text.split(), dtype=np.float64)
    except ValueError:
        return None
    if parts.shape != (3,) or not ((parts >= 0) & (parts <= 1)).all():
        return None
    red, green, blue = np.rint(parts * 255).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def _objects(
    path: Path, segments: Sequence[_Segment], layers: NDArray[Any]
) -> tuple[list[LabelledObject], tuple[str, ...]]:
    """Every segment with its voxels, and what was decided."""
    left_out = [
        f"left out of {path.name}: {s.label.name!r}, whose {'layer is not there' if s.stored else 'value is 0'}"
        for s in segments
        if not 0 <= s.layer < len(layers) or s.stored == 0
    ]
    kept = [s for s in segments if 0 <= s.layer < len(layers) and s.stored != 0]
    numbers = [s.index + 1 if s.stored is None else s.stored for s in kept]
    notes = []
    if len(set(numbers)) < len(numbers):
        notes = ["segments in several layers have the same number; they were numbered in the order of the file"]
        numbers = list(range(1, len(kept) + 1))
    found = [
        LabelledObject(value, s.label, number)
        for s, number, value in zip(kept, numbers, values_for(numbers), strict=True)
    ]
    for at, layer in enumerate(layers):
        here = {s.stored: one for s, one in zip(kept, found, strict=True) if s.layer == at}
        array, told = whole_numbers(layer, 1, 0, path.name)
        notes += told
        unknown = _fill(here, array)
        if unknown:
            refuse_images(array, path, [s.stored or 1 for s in kept])
            values, count = ", ".join(map(str, list(unknown)[:5])), sum(unknown.values())
            notes.append(f"{count} voxels of {path.name} have values that are no segment's ({values}); left out")
    notes += [f"{one.label.name!r} has no voxel" for one in found if not one.patches]
    return found, (*left_out, *notes, *renumbered(found))


def _fill(here: dict[int | None, LabelledObject], array: NDArray[Any]) -> dict[int, int]:
    """Give the objects of a layer their voxels; return the values that are nobody's, and how many voxels have them."""
    unknown: dict[int, int] = {}
    for index, slice_yx in enumerate(array):
        if None in here:
            here[None].add(index, slice_yx != 0)
            continue
        for value in np.unique(slice_yx).tolist():
            if value in here:
                here[value].add(index, slice_yx == value)
            elif value:
                unknown[value] = unknown.get(value, 0) + int(np.count_nonzero(slice_yx == value))
    return unknown


def write_seg_nrrd(path: Path, labels: Labelled, *, name: str, drawn_here: bool = True) -> Proof:  # noqa: ARG001
    """Write a segmentation that 3D Slicer opens, read it back through SimpleITK, and compare.

    Parameters
    ----------
    path
        Where it is written for now.
    labels
        What to write; objects that overlap get layers.
    name
        What the file will be called.
    drawn_here
        Not said in this format.

    Raises
    ------
    OutputError
        As `write_labels`.
    """
    objects = whole(labels)
    if min(objects.labels, default=1) < 1:
        raise OutputError(f"{name} was not written: a label is {min(objects.labels)}, and segments have 1 or more")
    layers = [labels.array_zyx] if isinstance(labels, LabelVolume) else labels.layers()
    kind = np.min_scalar_type(max(objects.labels, default=0))
    keys = {
        **{key: value for n, one in enumerate(objects.found) for key, value in _keys_of(n, one, layers).items()},
        "Segmentation_ContainedRepresentationNames": f"{_BINARY}|",
        "Segmentation_ConversionParameters": "",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
        "Segmentation_SourceRepresentation": _BINARY,
        _OURS: json.dumps(json.loads(placing_text(labels.grid, labels.source)), separators=(",", ":")),
    }
    escaped = (
        (key, value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", " ")) for key, value in keys.items()
    )
    header = [*_fields(labels.grid, len(layers), _TYPES[kind.name]), *(f"{key}:={value}" for key, value in escaped)]
    with path.open("wb") as stream:
        stream.write(("\n".join(header) + "\n\n").encode())
        with gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0, compresslevel=6) as packed:
            for slices in zip(*layers, strict=True):  # the list is the fastest axis
                packed.write(np.stack(slices, axis=-1).astype(kind.newbyteorder("<")).tobytes())
    return _proof(path, labels, name)


def _fields(grid: Grid, layers: int, kind: str) -> list[str]:
    affine: FloatArray = reverse_index_order(grid.affine)
    vectors = [f"({','.join(repr(float(v)) for v in affine[:3, axis])})" for axis in range(4)]
    is_list = layers > 1
    return [
        "NRRD0004",
        "# https://slicer.readthedocs.io: Developer guide, Segmentations",
        f"type: {kind}",
        f"dimension: {3 + is_list}",
        "space: left-posterior-superior",
        f"sizes: {f'{layers} ' * is_list}{' '.join(str(n) for n in reversed(grid.shape_zyx))}",
        f"space directions: {'none ' * is_list}{' '.join(vectors[:3])}",
        f"kinds: {'list ' * is_list}domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {vectors[3]}",
        'space units: "mm" "mm" "mm"',
    ]


def _keys_of(number: int, one: LabelledObject, layers: Sequence[NDArray[Any]]) -> dict[str, str]:
    color = (int(one.label.color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    said = {
        "Color": " ".join(f"{part:.6g}" for part in color),
        "ColorAutoGenerated": "0",
        "Extent": " ".join(str(n) for n in _extent(one)),
        "ID": f"Segment_{one.value}",
        "LabelValue": str(one.value),
        "Layer": str(_layer_of(one, layers)),
        "Name": one.label.name,
        "NameAutoGenerated": "0",
        "Tags": f"TerminologyEntry:{entry_of(one.label)}|",
    }
    return {f"Segment{number}_{key}": value for key, value in said.items()}


def _extent(one: LabelledObject) -> list[int]:
    """First and last column, row and slice; of nothing, the last before the first, as Slicer has it."""
    if not one.patches:
        return [0, -1] * 3
    boxes = [(left, left + p.shape[1] - 1, top, top + p.shape[0] - 1) for top, left, p in one.patches.values()]
    x0, x1, y0, y1 = zip(*boxes, strict=True)
    return [min(x0), max(x1), min(y0), max(y1), min(one.patches), max(one.patches)]


def _layer_of(one: LabelledObject, layers: Sequence[NDArray[Any]]) -> int:
    for index, (top, left, patch) in one.patches.items():
        y, x = np.argwhere(patch)[0] + (top, left)
        return next(n for n, layer in enumerate(layers) if layer[index, y, x] == one.value)
    return 0


def _proof(path: Path, labels: Labelled, name: str) -> Proof:
    found = read_seg_nrrd(path)
    if found.labels.keys() != labels.labels.keys() or any(
        not np.array_equal(found.mask_zyx(value), labels.mask_zyx(value)) for value in labels.labels
    ):
        raise OutputError(f"{name} was not written: what was read back has other voxels; check the disk")
    apart = np.linalg.norm(found.grid.corners_lps_mm() - labels.grid.corners_lps_mm(), axis=1)
    error_mm = float(apart.max())
    if error_mm > CORNER_TOLERANCE_MM:
        raise OutputError(f"{name} was not written: the format places its corners {error_mm:.3f} mm from the source's")
    return Proof(dict.fromkeys(labels.values(), 1.0), error_mm)
