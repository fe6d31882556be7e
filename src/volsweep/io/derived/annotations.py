"""What readers drew: measurements in DICOM SR (TID 1500) and graphics in presentation states (GSPS).

The content tree of a report is walked as it is, rather than held against its template: what
workstations write is seldom quite one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pydicom

from volsweep.errors import InputError
from volsweep.geometry import FloatArray
from volsweep.io.derived.graphic_meaning import (
    Measured,
    Shape,
    arrows_in,
    compound_types,
    cross,
    lengths_in,
    names_an_angle,
    pointed_at,
    shape_of,
    texts_of,
    tool_of,
)
from volsweep.io.derived.reference import load_dataset
from volsweep.io.derived.texts import dicom_text
from volsweep.io.dicom.values import code_of, integer_of, items_of, numbers_of, quiet, text_of, uid_of

_DEEPEST = 50
_NO_OBJECTS = ("ARROW", "AXIS", "CROSSHAIR", "CUTLINE", "INFINITELINE", "RANGELINE")
_CODES = {"112039": "tracking", "112040": "tracking uid", "121071": "finding", "125007": "group"}


@dataclass(frozen=True)
class Annotation:
    """One graphic."""

    group: str
    """Graphics of one group are about one object."""
    name: str
    """What the object is called; empty where nothing says so."""
    shape: Shape
    """Points; a line of two ends; an outline, whose last vertex is joined to the first; or an open path."""
    points: FloatArray
    """(n, 2), (x, y) of the images with pixel centres at integers; or (n, 3), LPS mm."""
    images: tuple[tuple[str, int | None], ...] = ()
    """SOPInstanceUID and frame number, where there are frames, of every image it is drawn on."""
    frame_of_reference_uid: str = ""
    """Of points in mm."""


@dataclass(frozen=True)
class Annotations:
    """All graphics of a file."""

    path: Path
    found: tuple[Annotation, ...]
    left_out: tuple[str, ...]
    """What else there was, such as ``"2 graphics of type ELLIPSOID"``."""


def read_annotations(path: Path) -> Annotations | None:
    """Read the graphics of an SR document or a presentation state.

    Parameters
    ----------
    path
        A DICOM file.

    Returns
    -------
    Annotations or None
        None where the file is another kind of DICOM object.

    Raises
    ------
    InputError
        If the file is damaged, or holds no graphic that could be used.
    """
    with quiet():
        dataset = load_dataset(path, "measurements or annotations")
        modality = code_of(dataset, "Modality")
        if modality not in ("SR", "PR"):
            return None
        tally: Counter[str] = Counter()
        walk = _in_report(dataset, _Subject(""), tally, 0) if modality == "SR" else _in_presentation(dataset, tally)
        found = tuple(walk)
    left_out = tuple(f"{count} {what}" for what, count in tally.items())
    if not found:
        what = "structured report" if modality == "SR" else "presentation state"
        why = ", ".join(left_out) or "it has no coordinates"
        raise InputError(f"{path.name} is a {what} without a point, line or outline to prompt with ({why})")
    return Annotations(path, found, left_out)


@dataclass(frozen=True)
class _Subject:
    """What the content below an item is about."""

    group: str
    name: str = ""
    tool: str = ""
    measured: Measured = field(default_factory=Measured)


def _in_report(item: pydicom.Dataset, subject: _Subject, tally: Counter[str], depth: int) -> Iterator[Annotation]:
    """Walk a content tree; tracking identifiers and measurement groups say what belongs together."""
    if depth > _DEEPEST:
        tally["items nested too deeply"] += 1
        return
    children = items_of(item, "ContentSequence")
    subject = _subject_of(children, subject)
    if code_of(item, "ValueType") == "NUM":
        # Coordinates that a number was inferred from are about it, whatever else the group measures.
        subject = replace(subject, measured=Measured.of([item]))
    elif any(code_of(child, "ValueType") == "NUM" for child in children):
        subject = replace(subject, measured=Measured.of(children))
    for number, child in enumerate(children):
        kind = code_of(child, "ValueType")
        if kind in ("SCOORD", "SCOORD3D"):
            yield from _coordinates(child, kind, subject, tally)
        elif _refers_to_segment(child):
            tally["references to a segmentation (give the SEG itself)"] += 1
        elif kind != "IMAGE":
            group = _concept(child) == "group"
            below = _Subject(f"{subject.group}.{number}", subject.name) if group else subject
            yield from _in_report(child, below, tally, depth + 1)


def _subject_of(children: list[pydicom.Dataset], subject: _Subject) -> _Subject:
    """Say what an item's content is about: what it tracks or finds, or what is said above it."""
    said = {_concept(child): child for child in reversed(children)}
    nothing = pydicom.Dataset()
    uid = uid_of(said.get("tracking uid", nothing), "UID")
    tracking = dicom_text(text_of(said.get("tracking", nothing), "TextValue"))
    findings = items_of(said.get("finding", nothing), "ConceptCodeSequence")
    finding = dicom_text(text_of(findings[0], "CodeMeaning")) if findings else ""
    tool = tool_of(tracking, finding) or subject.tool
    return replace(subject, group=uid or tracking or subject.group, name=tracking or finding or subject.name, tool=tool)


def _concept(item: pydicom.Dataset) -> str:
    name = next(iter(items_of(item, "ConceptNameCodeSequence")), None)
    if name is None or code_of(name, "CodingSchemeDesignator") != "DCM":
        return ""
    return _CODES.get(text_of(name, "CodeValue"), "")


def _refers_to_segment(item: pydicom.Dataset) -> bool:
    return any("ReferencedSegmentNumber" in reference for reference in items_of(item, "ReferencedSOPSequence"))


def _coordinates(item: pydicom.Dataset, kind: str, subject: _Subject, tally: Counter[str]) -> Iterator[Annotation]:
    solid = kind == "SCOORD3D"
    graphic = code_of(item, "GraphicType")
    drawn = shape_of(graphic, item, 3 if solid else 2)
    if drawn is None:
        tally[f"graphics of type {graphic or 'unknown'}"] += 1
        return
    shape, points = drawn
    meaning = subject.measured.meaning(subject.tool)
    if meaning == "angle":
        tally["graphics that are angles"] += 1
        return
    if meaning == "arrow":
        shape, points = "points", points[:1]  # its tip; the tail stands wherever there was room for it
    elif shape == "line" and meaning != "length":
        tally["lines that measure no length"] += 1
        return
    if solid:
        uid = uid_of(item, "ReferencedFrameOfReferenceUID")
        yield Annotation(subject.group, subject.name, shape, points, frame_of_reference_uid=uid)
        return
    images = _images(r for c in items_of(item, "ContentSequence") for r in items_of(c, "ReferencedSOPSequence"))
    if images:
        yield Annotation(subject.group, subject.name, shape, points - 0.5, images)
    else:
        tally["graphics that name no image"] += 1


def _in_presentation(dataset: pydicom.Dataset, tally: Counter[str]) -> Iterator[Annotation]:
    """Graphics of a presentation state: those with one tracking UID or in one graphic group are one object."""
    compounds = compound_types(dataset)
    for number, drawing in enumerate(items_of(dataset, "GraphicAnnotationSequence")):
        images = _images(iter(items_of(drawing, "ReferencedImageSequence")))
        arrows = arrows_in(drawing)
        lengths = lengths_in(drawing) - arrows.keys()
        angles = names_an_angle(texts_of(drawing))
        lines: list[tuple[str, FloatArray]] = []
        for index, item in enumerate(items_of(drawing, "GraphicObjectSequence")):
            graphic, units = code_of(item, "GraphicType"), code_of(item, "GraphicAnnotationUnits")
            drawn = shape_of(graphic, item, 2)
            if not images:
                tally["graphics on all images of a series"] += 1
            elif units != "PIXEL":
                tally[f"graphics placed on the display ({units or 'no units'})"] += 1
            elif index in arrows:
                if (tip := arrows[index]) is not None:  # the others are its head
                    yield Annotation(*_group_of(item, f"drawing {number}.{index}"), "points", tip[None] - 0.5, images)
            elif drawn is None:
                tally[f"graphics of type {graphic or 'unknown'}"] += 1
            elif compounds.get(integer_of(item, "CompoundGraphicInstanceID") or 0) in _NO_OBJECTS:
                tally["arrows, axes and other signs"] += 1
            elif drawn[0] in ("line", "path") and angles:
                tally["graphics that are angles"] += 1
            elif drawn[0] == "line" and index not in lengths:
                tally["lines that measure no length"] += 1
            else:
                shape, points = drawn
                # Points of one drawing are clicks at one object, and lines that cross measure one; everything
                # else is an object of its own.
                alone = f"drawing {number}" + ("" if shape == "points" else f".{index}")
                if shape == "line":
                    alone = next((group for group, other in lines if cross(points, other)), alone)
                    lines.append((alone, points))
                yield Annotation(*_group_of(item, alone), shape, points - 0.5, images)
        for place, tip in enumerate(pointed_at(drawing) if images else []):
            yield Annotation(f"drawing {number}, text {place}", "", "points", tip[None] - 0.5, images)


def _group_of(item: pydicom.Dataset, alone: str) -> tuple[str, str]:
    """What a graphic of a presentation state is about, and what that is called; `alone` where nothing says it."""
    name, in_group = dicom_text(text_of(item, "TrackingID")), integer_of(item, "GraphicGroupID")
    return uid_of(item, "TrackingUID") or name or (alone if in_group is None else f"group {in_group}"), name


def _images(references: Iterator[pydicom.Dataset]) -> tuple[tuple[str, int | None], ...]:
    found = []
    for reference in references:
        uid = uid_of(reference, "ReferencedSOPInstanceUID")
        frames = numbers_of(reference, "ReferencedFrameNumber") or (None,)
        found += [(uid, None if frame is None else int(frame)) for frame in frames if uid]
    return tuple(found)
