"""The table of a comparison: volumes, their difference, and no formulas."""

from __future__ import annotations

from volsweep.evaluate.agreement import Agreement
from volsweep.napari.reading.comparison import HEADINGS, as_text, rows

ROWS = [
    Agreement(label=1, name="=Liver", dsc=0.9, nsd=0.95, found_ml=12.0, truth_ml=10.0),
    Agreement(label=2, name="Node", dsc=0.0, nsd=0.0, found_ml=1.5, truth_ml=0.0),
]


def test_the_difference_is_told_in_ml_and_as_a_share_of_the_file():
    first, second = rows(ROWS)
    assert first == ("=Liver", "0.900", "0.950", "12.00", "10.00", "+2.00 mL (+20 %)")
    assert second[-1] == "+1.50 mL", "nothing has no share"


def test_a_spreadsheet_takes_no_name_for_a_formula():
    lines = as_text(ROWS).splitlines()
    assert lines[0].split("\t") == list(HEADINGS)
    assert lines[1].startswith("'=Liver\t0.900")
