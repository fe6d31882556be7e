"""What a graphic says, by units and names of its measurements, and by the texts beside it."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from volsweep.io.derived.graphic_meaning import (
    Measured,
    compound_types,
    cross,
    names_an_angle,
    texts_of,
    tool_of,
    with_length,
)


def coded(value: str, meaning: str = "") -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.CodeValue, item.CodeMeaning = value, meaning
    return item


def measurement(unit: str, name: str) -> pydicom.Dataset:
    value, item = pydicom.Dataset(), pydicom.Dataset()
    value.MeasurementUnitsCodeSequence = [coded(unit)]
    item.ValueType = "NUM"
    item.ConceptNameCodeSequence = [coded("x", name)]
    item.MeasuredValueSequence = [value]
    return item


def test_only_measurements_are_read():
    text = measurement("deg", "Cobb angle")
    text.ValueType = "TEXT"
    measured = Measured.of([text, measurement(" MM ", "Long Axis"), measurement("mm2", "Area")])
    assert measured == Measured(("mm", "mm2"), ("long axis", "area"))


@pytest.mark.parametrize(
    ("units", "names", "tool", "meaning"),
    [
        (("deg",), (), "", "angle"),
        (("deg", "mm"), ("angle", "length"), "", "length"),
        (("mm", "mm2"), ("area",), "", "length"),
        ((), ("cobb angle",), "", "angle"),
        ((), (), "rectangleroi", "object"),
        ((), ("rectangle",), "angle of it", "object"),
        ((), (), "arrowannotate", "arrow"),
        ((), (), "bidirectional", "length"),
        (("mm2",), ("area",), "freehand", "object"),
        ((), (), "", "object"),
    ],
)
def test_units_decide_before_names_and_names_before_tools(units, names, tool, meaning):
    assert Measured(units, names).meaning(tool) == meaning


def test_a_tool_is_known_by_its_viewers_mark_and_not_by_what_a_person_wrote():
    assert tool_of(" Cornerstone3DTools@^0.1.0:ArrowAnnotate ") == "arrowannotate"
    assert tool_of("cornerstoneTools@^4.0.0:Bidirectional", "Angle") == "bidirectional"
    assert tool_of("Lesion near the angle") == ""
    assert tool_of("1.2.3", "Arrow") == "arrow"
    assert tool_of("1.2.3", "arrowhead") == ""


def test_compound_graphics_are_known_by_their_number():
    graphics = []
    for number, kind in ((1, "RULER"), (4, "ARROW")):
        graphics.append(pydicom.Dataset())
        graphics[-1].CompoundGraphicInstanceID, graphics[-1].CompoundGraphicType = number, kind
    graphics.append(pydicom.Dataset())  # without a number nobody refers to it
    drawing, state = pydicom.Dataset(), pydicom.Dataset()
    drawing.CompoundGraphicSequence = graphics
    state.GraphicAnnotationSequence = [drawing]
    assert list(compound_types(state)) == [1, 4]
    assert compound_types(state)[1] == "RULER"


def test_texts_stand_where_their_anchor_or_their_box_is_in_pixels():
    texts = []
    for text, anchor, units in (("12 mm", [3, 4], "PIXEL"), ("30 deg", [0.5, 0.5], "DISPLAY"), ("note", None, "")):
        item = pydicom.Dataset()
        item.UnformattedTextValue = text
        if anchor is not None:
            item.AnchorPoint, item.AnchorPointAnnotationUnits = anchor, units
        texts.append(item)
    texts[1].BoundingBoxTopLeftHandCorner, texts[1].BoundingBoxAnnotationUnits = [7, 8], "PIXEL"
    drawing = pydicom.Dataset()
    drawing.TextObjectSequence = texts
    found = texts_of(drawing)
    assert [text for text, _ in found] == ["12 mm", "30 deg", "note"]
    assert [None if place is None else place.tolist() for _, place in found] == [[3, 4], [7, 8], None]


LINES = [np.array([[0.0, 0], [10, 0]]), np.array([[50.0, 50], [60, 50]])]


@pytest.mark.parametrize(
    ("texts", "which"),
    [
        ([("12.5 mm", np.array([61.0, 51]))], {1}),
        ([("1,2 cm", np.array([1.0, 2]))], {0}),
        ([("12 mm", None)], set()),
        ([("12 mm", None), ("9 px", None)], {0, 1}),
        ([("12 mm²", np.array([1.0, 2])), ("12 mm/s", np.array([1.0, 2]))], set()),
        ([("2026", np.array([1.0, 2]))], set()),
    ],
)
def test_a_line_measures_where_a_length_stands_beside_it(texts, which):
    assert with_length(LINES, texts) == which


def test_an_angle_is_named_by_texts_that_measure_nothing_else():
    assert names_an_angle([("31.2°", None), ("Cobb", None)])
    assert names_an_angle([("31 degrees", None)])
    assert not names_an_angle([("31°", None), ("12 mm", None)])
    assert not names_an_angle([("at 3 degreasers", None)])


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        ([[5, -5], [5, 5]], True),
        ([[10, 0], [10, 9]], True),
        ([[11, -5], [11, 5]], False),
        ([[5, 1], [5, 9]], False),
        ([[0, 1], [10, 1]], False),
    ],
)
def test_lines_that_cross(other, meets):
    other = np.array(other, dtype=float)
    assert cross(LINES[0], other) is meets
    assert cross(other, LINES[0]) is meets
