"""RECIST's categories by their definitions, and the table."""

from __future__ import annotations

import csv
import io

import pytest

from volsweep import Plane
from volsweep.follow.response import Category, Change, Fate, response_of, to_csv
from volsweep.measurement.axes import Diameters
from volsweep.measurement.measure import Measurement


def measured(long_mm: float, volume_ml: float = 1.0) -> Measurement:
    line = (0.0, 0.0, 1.0, 1.0)
    diameters = Diameters(long_mm, long_mm / 2, line, line)
    return Measurement(1, "GTV", 100, volume_ml, Plane.AXIAL, 3, 0, 2, 1, diameters)


def change(before: float, after: float | None, fate: Fate = Fate.FOUND, name: str = "GTV") -> Change:
    return Change(1, name, fate, measured(before), None if after is None else measured(after))


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ([change(50, 34)], Category.PARTIAL),  # -32 %
        ([change(50, 36)], Category.STABLE),  # -28 %
        ([change(50, 61)], Category.PROGRESSION),  # +22 %, 11 mm
        ([change(15, 18.5)], Category.STABLE),  # +23 %, but 3.5 mm
        ([change(50, 59)], Category.STABLE),  # +18 %
        ([change(50, None, Fate.GONE)], Category.COMPLETE),
        ([change(50, None, Fate.GONE), change(30, 30)], Category.PARTIAL),  # 80 -> 30
        ([change(50, None, Fate.NOT_IMAGED), change(30, 30)], Category.NOT_EVALUABLE),
        ([change(8, 20)], Category.NOT_EVALUABLE),  # too small to be a target
    ],
)
def test_categories(changes, category):
    assert response_of(changes).category is category


def test_a_small_object_is_in_the_table_and_not_in_the_sum():
    response = response_of([change(50, 50), change(8, 30)])
    assert response.sum_before_mm == 50
    assert response.category is Category.STABLE


def test_where_nothing_is_a_target_no_sum_is_told():
    told = response_of([change(8, 20)]).describe()
    assert told.startswith("no object of 10 mm or more to sum: NE (")
    assert "longest diameters" not in told


def test_the_table_says_zero_for_gone_and_nothing_for_not_imaged():
    rows = list(csv.DictReader(io.StringIO(to_csv([change(50, None, Fate.GONE), change(20, None, Fate.NOT_IMAGED)]))))
    assert [row["volume_after_ml"] for row in rows] == ["0.0", ""]
    assert [row["volume_change_percent"] for row in rows] == ["-100.0", ""]


def test_a_name_is_no_formula_for_a_spreadsheet():
    assert "'=1+1" in to_csv([change(50, 50, name="=1+1")])
