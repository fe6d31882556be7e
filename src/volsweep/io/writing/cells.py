"""Texts for tables that spreadsheets open."""

from __future__ import annotations

import re

_FORMULA = r"[=+\-@＝＋－＠]"
"""How what a spreadsheet works out begins, in letters of full width, too."""


def cell(text: str) -> str:
    """A text for a table that no spreadsheet takes for a formula: names come from other people's files.

    Neither where it is opened with semicolons or tabs between cells, as where a comma is decimal.
    """
    text = re.sub(rf"(;\s*|[\t\r\n]\s*)(?={_FORMULA})", r"\1'", text)
    return f"'{text}" if re.match(rf"[\t\r]|\s*{_FORMULA}", text) else text
