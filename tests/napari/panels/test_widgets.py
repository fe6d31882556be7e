"""Numbers as people type them."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from volsweep.errors import InputError
from volsweep.napari.panels.widgets import fill_table, number_in, results_table


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("40,5", 40.5),
        ("40.5", 40.5),
        (" -12,25 ", -12.25),
        ("−7", -7),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("1 200", 1200),
        ("1e3", 1000),
    ],
)
def test_both_decimal_signs_are_read(text, value):
    assert number_in(text) == value


@pytest.mark.parametrize("text", ["", "abc", "4;5", "1.2.3", "nan", "inf", "--4"])
def test_what_is_no_number_is_refused_by_name(text):
    with pytest.raises(InputError, match=r"is not a number; type one such as 40\.5 or 40,5"):
        number_in(text)


def test_a_table_has_names_to_the_left_and_numbers_to_the_right(qtbot):
    table = results_table(["object", "mL", "mm"])
    qtbot.addWidget(table)
    fill_table(table, [("old", "0", "0")] * 5)
    first = fill_table(table, [("liver", "3.1", "12"), ("spleen", "2", "9")])
    assert table.rowCount() == 2
    assert [[table.item(row, column).text() for column in range(3)] for row in range(2)] == [
        ["liver", "3.1", "12"],
        ["spleen", "2", "9"],
    ]
    assert [item.text() for item in first] == ["liver", "spleen"]
    sides = [bool(table.item(1, column).textAlignment() & Qt.AlignmentFlag.AlignRight) for column in range(3)]
    assert sides == [False, True, True]
