"""Labels against labels."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import GeometryError
from volsweep.evaluate.agreement import compare
from volsweep.geometry import Grid
from volsweep.volume import Label, LabelVolume

GRID = Grid.axis_aligned((6, 20, 20), (5.0, 1.0, 1.0))


def labels(*boxes: tuple[int, slice, slice, slice], names: dict[int, Label] | None = None) -> LabelVolume:
    array = np.zeros(GRID.shape_zyx, dtype=np.uint8)
    for value, z, y, x in boxes:
        array[z, y, x] = value
    return LabelVolume(array, GRID, names or {})


def test_numbers_that_can_be_counted():
    truth = labels((1, slice(1, 3), slice(4, 14), slice(4, 14)), names={1: Label("GTV", "#ff0000")})
    (same,) = compare(truth, truth)
    assert (same.name, same.dsc, same.nsd) == ("GTV", 1.0, 1.0)
    assert (same.found_ml, same.truth_ml) == (pytest.approx(1.0), pytest.approx(1.0))
    half = labels((7, slice(1, 2), slice(4, 14), slice(4, 14)))
    (row,) = compare(half, truth)
    assert (row.label, row.dsc, row.found_ml) == (1, pytest.approx(2 / 3), pytest.approx(0.5))
    assert 0 < row.nsd < 1


def test_several_labels_go_by_number():
    a, b, c = (value_box(v, 4 * v) for v in (1, 2, 3))
    rows = compare(labels(a, b), labels(b, c))
    assert [(row.label, row.dsc, row.nsd) for row in rows] == [(1, 0.0, 0.0), (2, 1.0, 1.0), (3, 0.0, 0.0)]
    assert compare(labels(), labels()) == []


def value_box(value: int, x: int) -> tuple[int, slice, slice, slice]:
    return value, slice(1, 3), slice(4, 14), slice(x, x + 3)


def test_other_grids_are_refused():
    other = LabelVolume(np.zeros((6, 20, 20), dtype=np.uint8), Grid.axis_aligned((6, 20, 20), (5.0, 1.0, 1.1)))
    with pytest.raises(GeometryError, match="different grids"):
        compare(labels(), other)


def test_names_are_compared_before_numbers():
    grid = Grid.axis_aligned((4, 20, 20))
    first, second = np.zeros((4, 20, 20), np.uint8), np.zeros((4, 20, 20), np.uint8)
    first[:, 2:9, 2:9], first[:, 11:15, 11:15] = 1, 2
    second[:, 2:9, 2:9], second[:, 11:15, 11:15] = 2, 1
    names = {1: Label("liver", "#ff0000"), 2: Label("kidney", "#00ff00")}
    turned = {2: Label("Liver", "#ff0000"), 1: Label("kidney", "#00ff00")}
    rows = compare(LabelVolume(second, grid, turned), LabelVolume(first, grid, names))
    assert [(row.label, row.name, row.dsc, row.note) for row in rows] == [(1, "liver", 1, ""), (2, "kidney", 1, "")]
    other = {1: Label("spleen", "#ff0000"), 2: Label("kidney", "#00ff00")}
    liver, kidney = compare(LabelVolume(first, grid, other), LabelVolume(first, grid, names))
    assert (liver.dsc, kidney.note) == (1, "")
    assert "'liver' is held against 'spleen'" in liver.note


def test_one_thing_in_two_languages_is_compared():
    left = {1: Label("Parotid_L", "#ff0000"), 2: Label("Parotid_R", "#ff0000")}
    turned = {1: Label("rechte Parotis", "#ff0000"), 2: Label("linke Parotis", "#ff0000")}
    one, two = value_box(1, 4), value_box(2, 8)
    rows = compare(labels(one, two, names=left), labels(value_box(2, 4), value_box(1, 8), names=turned))
    assert [(row.label, row.dsc, row.note) for row in rows] == [(1, 1, ""), (2, 1, "")]


@pytest.mark.parametrize(
    ("theirs", "note"),
    [
        ({1: "a", 2: "a"}, "2 objects are called 'a'; those of one number were taken for the same"),
        ({}, "'a' is held against the label of its number, 1, which has no name"),
    ],
)
def test_what_goes_by_number_alone_is_told(theirs, note):
    one, two = value_box(1, 4), value_box(2, 8)
    found = labels(one, two, names={v: Label("a", "#ff0000") for v in (1, 2)} if theirs else None)
    truth = labels(one, two, names={1: Label("a", "#ff0000"), 2: Label("a" if theirs else "b", "#ff0000")})
    assert compare(found, truth)[0].note == note


def test_nothing_is_told_where_there_is_nothing_to_choose():
    one, two = value_box(1, 4), value_box(2, 8)
    named = {1: Label("a", "#ff0000"), 2: Label("b", "#ff0000")}
    assert not any(row.note for row in compare(labels(one, two, names=named), labels(one, two, names=named)))
    assert not any(row.note for row in compare(labels(one, two), labels(one, two)))
    assert compare(labels(one), labels(one, names={1: Label("a", "#ff0000")}))[0].note == ""
