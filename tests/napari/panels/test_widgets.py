"""Numbers as people type them."""

from __future__ import annotations

import pytest

from volsweep.errors import InputError
from volsweep.napari.panels.widgets import number_in


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
