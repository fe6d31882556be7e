"""No spreadsheet takes a text for a formula."""

from __future__ import annotations

import pytest

from volsweep.io.writing import cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1+1", "\t"])
def test_no_cell_is_a_formula(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("separator", ["\t", "\r", "\n", "\n\t "])
def test_nor_what_begins_behind_a_separator(separator):
    """Where tabs are between cells, or lines end within one, the first apostrophe is a cell of its own."""
    assert cell(f"{separator}=1") in (f"'{separator}'=1", f"{separator}'=1")
    assert cell(f"a{separator}=1") == f"a{separator}'=1"


@pytest.mark.parametrize("text", ["", "liver", "a=b", "3-4", " liver", "é"])
def test_other_cells_stay(text):
    assert cell(text) == text
