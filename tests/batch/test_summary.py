"""The summary table."""

from __future__ import annotations

import pytest

from volsweep.batch.summary import plain


@pytest.mark.parametrize(
    ("text", "safe"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-", "'-"), ("liver", "liver"), ("", "")]
)
def test_formulas_are_disarmed(text, safe):
    assert plain(text) == safe
