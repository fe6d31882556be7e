"""What a graphic says: the outline or diameter of an object, or an angle, an arrow, a line that measures nothing.

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
from volsweep.io.dicom.values import code_of, items_of, numbers_of, text_of

Meaning = Literal["object", "length", "angle", "arrow"]

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
