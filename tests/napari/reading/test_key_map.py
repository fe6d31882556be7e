"""The key map names every key there is; the hint stays until something was prompted."""

from __future__ import annotations

import re

import pytest
from qtpy.QtCore import Qt

from volsweep.napari.panels.files import choice
from volsweep.napari.reading.key_map import HINT, NARROW_HINT, key_map

pytestmark = pytest.mark.gui


def test_a_question_mark_shows_every_key_and_puts_them_away(small):
    window, shown = small, small.widget.key_map.map
    window.key(Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert shown.visible
    said = shown.text
    for key in window.widget._keys:
        name = re.sub(r"^(Control|Shift)-", "", key)
        assert name in said.replace("Escape", "") or key in ("Escape", "F1", "Control-Shift-Z", "Control-Down"), key
    window.key(Qt.Key.Key_F1)
    assert not shown.visible


def test_the_mouse_is_told_as_it_is():
    assert "Wheel: slices" in key_map(napari_mouse=False)
    assert "Wheel: zoom" in key_map(napari_mouse=True)


def test_a_newcomer_is_told_three_lines_once(small):
    window, hint = small, small.widget.key_map.hint
    assert len(HINT.splitlines()) == 3
    # The suite's one window may have been prompted in before: a newcomer's has not.
    window.widget.key_map._new_here = True
    window.controller.tools.prompted.disconnect(window.widget._know, missing_ok=True)
    window.controller.tools.prompted.connect(window.widget._know)
    window.widget.key_map._show_hint()
    assert hint.visible
    window.key(Qt.Key.Key_F1)
    assert not hint.visible, "the keys say it all, and lie there"
    window.key(Qt.Key.Key_F1)
    assert hint.visible
    window.key(Qt.Key.Key_B)
    window.drag((3, 40, 20), (3, 50, 30))
    window.idle()
    assert not hint.visible
    assert choice("hint", "") == "seen"


def test_beside_other_planes_the_hint_is_as_narrow_as_the_canvas_and_says_the_same(small):
    window, hint = small, small.widget.key_map.hint
    assert NARROW_HINT.split() == HINT.split()
    assert max(map(len, NARROW_HINT.splitlines())) <= 34
    before = window.main.size()
    assert hint.text.startswith(HINT)
    window.main.resize(900, before.height())
    window.widget.show_planes(True)
    window.until(lambda: hint.text.startswith(NARROW_HINT))
    window.widget.show_planes(False)
    window.main.resize(before)
    window.until(lambda: hint.text.startswith(HINT))
