"""Colours that can be read on either of napari's themes."""

from __future__ import annotations

import pytest
from qtpy.QtGui import QColor

from volsweep.napari.panels.theme import palette, style_sheet


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in QColor(color).getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("theme", "dark"), [("dark", True), ("light", False)])
def test_words_stand_out_from_their_ground(qapp, theme, dark):
    colors = palette(theme)
    assert colors.dark is dark
    assert contrast(colors.text, colors.background) > 7
    assert contrast(colors.muted, colors.background) > 3
    for word in (colors.good, colors.bad, colors.warn):
        assert contrast(word, colors.background) > 3
    assert contrast(colors.on_accent, colors.accent) > 3


def test_the_rules_are_in_the_themes_colours(qapp):
    sheets = {theme: style_sheet(palette(theme)) for theme in ("dark", "light")}
    for theme, sheet in sheets.items():
        assert palette(theme).field in sheet
        assert palette(theme).bad in sheet
        assert sheet.count("{") == sheet.count("}")
    assert sheets["dark"] != sheets["light"]
