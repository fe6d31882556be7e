"""What a graphic is and says: an object's outline or diameter, or an angle, an arrow, a line that measures nothing.

Units and concept names decide, not shapes: the arms of an angle are a path like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pydicom

from volsweep.geometry import FloatArray
from volsweep.io.dicom.values import code_of, items_of, numbers_of, text_of, uid_of

Meaning = Literal["object", "length", "angle", "arrow"]
Shape = Literal["points", "line", "outline", "path"]

_ON_A_CIRCLE = 72
_TOUCHES, _AT = 1.0, 0.5
"""In pixels: how far the strokes of an arrow's head may begin from its tip, and the anchor of a text that says it."""

_ANGLES = {"deg", "rad", "gon", "mrad", "'", "''", "°", "degree", "degrees", "[deg]"}
_LENGTHS = {"mm", "cm", "m", "dm", "um", "nm", "[in_i]", "[in_us]", "px", "{px}", "pixels", "{pixel}", "{pixels}"}
_LENGTH_IN_TEXT = re.compile(r"\d\s*(mm|cm|px)(?![\w²³^/])", re.IGNORECASE)
_ANGLE_IN_TEXT = re.compile(r"\d\s*([°º˚]|(deg|degrees?|grad|graden|grados?|gradi|degrés?)\b)", re.IGNORECASE)
# How a viewer names its own tools; what people call an object says nothing about its graphic.
_TOOL = re.compile(r"cornerstone\w*@.*:(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Measured:
    """What the measurements about a graphic say: their units, and what they are called."""

    units: tuple[str, ...] = ()
    names: tuple[str, ...] = field(default=())

    @staticmethod
    def of(items: Iterable[pydicom.Dataset]) -> Measured:
        """Read those content items that are measurements (NUM)."""
        units: list[str] = []
        names: list[str] = []
        for item in items:
            if code_of(item, "ValueType") != "NUM":
                continue
            names += [text_of(name, "CodeMeaning") for name in items_of(item, "ConceptNameCodeSequence")]
            for value in items_of(item, "MeasuredValueSequence"):
                units += [text_of(unit, "CodeValue") for unit in items_of(value, "MeasurementUnitsCodeSequence")]
        return Measured(tuple(unit.strip().casefold() for unit in units), tuple(name.casefold() for name in names))

    def meaning(self, tool: str = "") -> Meaning:
        """Which of the four a graphic is; `tool` is what drew it, where it says so."""
        if self.units and _ANGLES.issuperset(self.units):
            return "angle"
        if _LENGTHS.intersection(self.units):
            return "length"
        named = " ".join((*self.names, tool))
        if "angle" in named and "rectangle" not in named:
            return "angle"
        if "arrow" in named:
            return "arrow"
        return "length" if tool in ("length", "bidirectional") else "object"


def tool_of(tracking: str, finding: str = "") -> str:
    """The tool in a tracking identifier, in lower case; empty where it is a name that a person gave."""
    found = _TOOL.match(tracking.strip())
    if found is not None:
        return found[1].casefold()
    return finding.casefold() if finding.casefold() in ("arrow", "angle") else ""


def compound_types(dataset: pydicom.Dataset) -> dict[int, str]:
    """Kinds of the compound graphics of a presentation state: instance number -> ``ARROW``, ``RULER`` and so on."""
    found = {}
    for drawing in items_of(dataset, "GraphicAnnotationSequence"):
        for item in items_of(drawing, "CompoundGraphicSequence"):
            numbers = numbers_of(item, "CompoundGraphicInstanceID")
            if numbers:
                found[int(numbers[0])] = code_of(item, "CompoundGraphicType")
    return found


def texts_of(drawing: pydicom.Dataset) -> list[tuple[str, FloatArray | None]]:
    """Texts of a drawing, each with where it stands, (x, y) in pixels, if it does stand on the image."""
    found: list[tuple[str, FloatArray | None]] = []
    for item in items_of(drawing, "TextObjectSequence"):
        place = None
        for corner, units in (
            ("AnchorPoint", "AnchorPointAnnotationUnits"),
            ("BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits"),
        ):
            values = numbers_of(item, corner)
            if place is None and values is not None and len(values) == 2 and code_of(item, units) == "PIXEL":
                place = np.array(values, dtype=np.float64)
        found.append((text_of(item, "UnformattedTextValue"), place))
    return found


def with_length(lines: Sequence[FloatArray], texts: Sequence[tuple[str, FloatArray | None]]) -> set[int]:
    """Which lines, (2, 2) each, have a text beside them that is a length; by their place in `lines`."""
    lengths = [place for text, place in texts if _LENGTH_IN_TEXT.search(text)]
    if len(lengths) >= len(lines):
        return set(range(len(lines)))
    if any(place is None for place in lengths):
        return set()  # fewer lengths than lines, and nothing says whose they are
    return {
        min(range(len(lines)), key=lambda i: float(np.linalg.norm(lines[i] - place, axis=1).min()))
        for place in lengths
        if place is not None
    }


def names_an_angle(texts: Sequence[tuple[str, FloatArray | None]]) -> bool:
    """Whether the texts of a drawing are angles and nothing else that is measured."""
    return any(_ANGLE_IN_TEXT.search(text) for text, _ in texts) and not any(
        _LENGTH_IN_TEXT.search(text) for text, _ in texts
    )


def cross(one: FloatArray, other: FloatArray) -> bool:
    """Whether two lines, (2, 2) each, have a point in common."""
    (dx, dy), (ex, ey) = one[1] - one[0], other[1] - other[0]
    determinant = ex * dy - dx * ey
    if determinant == 0:
        return False
    x, y = other[0] - one[0]
    along_one, along_other = (ex * y - ey * x) / determinant, (dx * y - dy * x) / determinant
    return bool(0 <= along_one <= 1 and 0 <= along_other <= 1)


def arrows_in(drawing: pydicom.Dataset) -> dict[int, FloatArray | None]:
    """Arrows of a drawing of a presentation state, by the places of their strokes in the sequence of graphics.

    A presentation state knows no arrows but lines: a line is one where the strokes of a head meet at one of its ends,
    or where a text is anchored at one of them; the head or the anchor is the tip. With heads at both ends, or a length
    beside it, it measures. The standard's compound graphic of that name is drawn by such lines, too; which of its own
    two points is the tip, programs do not agree on.

    Returns
    -------
    dict
        A line's place -> its tip, (x, y) in pixels; the place of another stroke -> None.
    """
    if any(_LENGTH_IN_TEXT.search(text) for text, _ in texts_of(drawing)):
        return {}
    strokes, measured = _strokes(drawing), lengths_in(drawing)
    found: dict[int, FloatArray | None] = {}
    for index, points in strokes.items():
        if len(points) == 5 and np.linalg.norm(points[1] - points[3]) <= _TOUCHES:  # drawn in one go
            if _is_head(points[1], points[0], points[[2, 4]]):
                found[index] = points[1]
            continue
        if len(points) != 2:
            continue
        heads = [_head(points[tip], points[1 - tip], strokes, index) for tip in (0, 1)]
        if (heads[0] is None) != (heads[1] is None):
            tip = 0 if heads[0] is not None else 1
            found |= dict.fromkeys(heads[tip] or ())
            found[index] = points[tip]
        elif heads[0] is None and index not in measured:
            at = [end for end in points for anchor in _anchors(drawing) if np.linalg.norm(end - anchor) <= _AT]
            if len(at) == 1:
                found[index] = at[0]
    return found


def pointed_at(drawing: pydicom.Dataset) -> list[FloatArray]:
    """Where texts are anchored, (x, y) in pixels, in a drawing that holds nothing else: they point there.

    Of a compound arrow that no line draws, the one of its ends that a text is anchored at.
    """
    if items_of(drawing, "GraphicObjectSequence") or any(
        pattern.search(text) for pattern in (_LENGTH_IN_TEXT, _ANGLE_IN_TEXT) for text, _ in texts_of(drawing)
    ):
        return []
    compounds = items_of(drawing, "CompoundGraphicSequence")
    ends = []
    for item in compounds:
        values = numbers_of(item, "GraphicData") or ()
        if code_of(item, "CompoundGraphicType") == "ARROW" and len(values) == 4:
            ends += [*np.reshape(np.array(values, dtype=np.float64), (2, 2))]
    anchors = _anchors(drawing)
    return [a for a in anchors if not compounds or any(np.linalg.norm(a - end) <= _AT for end in ends)]


def _strokes(drawing: pydicom.Dataset) -> dict[int, FloatArray]:
    """Polylines of a drawing on the image, by their places in the sequence of graphics."""
    found = {}
    for index, item in enumerate(items_of(drawing, "GraphicObjectSequence")):
        values = numbers_of(item, "GraphicData") or ()
        kind, units = code_of(item, "GraphicType"), code_of(item, "GraphicAnnotationUnits")
        if kind == "POLYLINE" and units == "PIXEL" and len(values) >= 4 and not len(values) % 2:
            found[index] = np.reshape(np.array(values, dtype=np.float64), (-1, 2))
    return found


def _anchors(drawing: pydicom.Dataset) -> list[FloatArray]:
    """Points of the image that texts of a drawing are about."""
    found = []
    for item in items_of(drawing, "TextObjectSequence"):
        values = numbers_of(item, "AnchorPoint")
        if values is not None and len(values) == 2 and code_of(item, "AnchorPointAnnotationUnits") == "PIXEL":
            found.append(np.array(values, dtype=np.float64))
    return found


def _head(tip: FloatArray, tail: FloatArray, strokes: dict[int, FloatArray], shaft: int) -> list[int] | None:
    """Places of the strokes that make the head of an arrow at the tip of its shaft; None where there is no head."""
    single: list[tuple[int, FloatArray]] = []
    for index, points in strokes.items():
        at = np.flatnonzero(np.linalg.norm(points - tip, axis=1) <= _TOUCHES)
        if index == shaft or not at.size:
            continue
        barbs = np.delete(points, at, axis=0)
        if len(points) == 2 and len(barbs) == 1:
            single.append((index, barbs))
            continue
        barbs = np.unique(barbs, axis=0)
        if len(points) in (3, 4) and len(barbs) == 2 and _is_head(tip, tail, barbs):  # an angle, or a closed triangle
            return [index]
    if len(single) == 2 and _is_head(tip, tail, np.concatenate([barbs for _, barbs in single])):
        return [index for index, _ in single]
    return None


def _is_head(tip: FloatArray, tail: FloatArray, barbs: FloatArray) -> bool:
    """Whether two points (2, 2) lie behind an arrow's tip, one to either side of its shaft and nearer than its tail."""
    back, (one, other) = tail - tip, barbs - tip
    length = float(np.linalg.norm(back))
    sides = [back[0] * barb[1] - back[1] * barb[0] for barb in (one, other)]
    behind = all(float(barb @ back) > 0 and float(np.linalg.norm(barb)) < length for barb in (one, other))
    return bool(behind and sides[0] * sides[1] < 0)


def lengths_in(drawing: pydicom.Dataset) -> set[int]:
    """Which two-point lines of a drawing are lengths: those with one beside them, tracked, or that cross another.

    By their place in the sequence of graphics.
    """
    lines: dict[int, FloatArray] = {}
    found: set[int] = set()
    for index, item in enumerate(items_of(drawing, "GraphicObjectSequence")):
        drawn = shape_of(code_of(item, "GraphicType"), item, 2)
        if drawn is None or drawn[0] != "line":
            continue
        if uid_of(item, "TrackingUID") or text_of(item, "TrackingID"):
            found.add(index)
        found |= {i for other, points in lines.items() if cross(drawn[1], points) for i in (index, other)}
        lines[index] = drawn[1]
    places = list(lines)
    rest = [i for i in places if i not in found]
    return found | {rest[i] for i in with_length([lines[i] for i in rest], texts_of(drawing))}


def shape_of(graphic: str, item: pydicom.Dataset, dimensions: int) -> tuple[Shape, FloatArray] | None:
    """Turn a graphic into points, or into the vertices of a line, an outline or a path."""
    values = numbers_of(item, "GraphicData")
    if values is None or len(values) % dimensions:
        return None
    points = np.reshape(np.array(values, dtype=np.float64), (-1, dimensions))
    if graphic == "POINT":
        return ("points", points[:1]) if len(points) else None
    if graphic == "MULTIPOINT":
        return "points", points
    if graphic == "CIRCLE" and len(points) == 2:
        return "outline", _circle(*points)
    if graphic == "ELLIPSE" and len(points) == 4:
        return "outline", _ellipse(points)
    if graphic == "POLYGON" and len(points) > 2:
        return "outline", points
    if graphic not in ("POLYLINE", "INTERPOLATED") or len(points) < 2 or np.ptp(points, axis=0).max() == 0:
        return None
    closed = np.array_equal(points[0], points[-1])
    if closed and len(points) > 3:
        return "outline", points[:-1]
    return ("line" if len(points) == 2 else "path"), points


def _circle(center: FloatArray, edge: FloatArray) -> FloatArray:
    """Vertices of a circle given by its centre and a point on it."""
    radius = float(np.linalg.norm(edge - center))
    return center + radius * _unit_circle()


def _ellipse(ends: FloatArray) -> FloatArray:
    """Vertices of an ellipse given by the ends of its major and of its minor axis."""
    cosine, sine = _unit_circle().T[:, :, None]
    center = ends.mean(axis=0)
    return np.asarray(center + cosine * (ends[1] - ends[0]) / 2 + sine * (ends[3] - ends[2]) / 2)


def _unit_circle() -> FloatArray:
    angle = np.linspace(0, 2 * np.pi, _ON_A_CIRCLE, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
