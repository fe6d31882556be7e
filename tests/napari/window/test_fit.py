"""On a small screen the sections that are seldom used are folded, and what is needed is in sight."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget
from support.napari_window import Window

from volsweep.napari.panels.widgets import Section
from volsweep.napari.window.fit import Fit

pytestmark = pytest.mark.gui

LOW, HIGH = (1366, 700), (1366, 1000)


def sized(window, size):
    window.main.resize(*size)
    window.settle()
    return window.widget


def lowest(window, part) -> int:
    return part.mapTo(window.main, QPoint(0, part.height())).y()


def test_sections_fold_when_the_window_is_low_and_unfold_when_there_is_room(small):
    widget = sized(small, HIGH)
    assert not widget.model.folded
    assert not widget.sweep.folded
    widget = sized(small, LOW)
    assert widget.model.folded
    for part in (widget.prompt.tools["lasso"], widget.sweep.button, widget.save.save, widget.message):
        assert not part.visibleRegion().isEmpty()
        assert lowest(small, part) <= small.main.height()
    widget = sized(small, HIGH)
    assert not widget.model.folded


def test_what_was_folded_by_hand_stays_so(small):
    widget = sized(small, HIGH)
    click = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(5, 5))
    QTest.mouseClick(widget.model.heading, *click)
    small.settle()
    assert widget.model.folded
    sized(small, LOW)
    assert sized(small, HIGH).model.folded
    QTest.mouseClick(widget.model.heading, *click)
    small.settle()
    assert not sized(small, LOW).model.folded
    widget.fit.chosen.clear()


def test_the_list_of_objects_takes_the_room_that_is_left(small):
    widget = sized(small, (1366, 1100))
    before = widget.objects.table.height()
    for _ in range(6):
        small.controller.objects.new()
    small.idle()
    small.settle()
    row = widget.objects.table.rowHeight(0)
    assert before + 3 * row <= widget.objects.table.height() <= 10 * row + 40


def test_sections_give_way_to_the_rows_of_a_long_list_and_the_row_at_hand_is_in_sight(small):
    widget = sized(small, (1366, 800))
    controller, table = small.controller, widget.objects.table
    assert not widget.sweep.folded
    for _ in range(8):
        controller.objects.new()
    small.idle()
    small.settle()
    assert widget.model.folded
    assert widget.sweep.folded
    assert table.viewport().height() >= 6 * table.rowHeight(0)
    for part in (widget.prompt.tools["ruler"], widget.sweep.button, widget.save.save, widget.message):
        assert lowest(small, part) <= small.main.height()
    for size in ((1366, 700), (1366, 900)):
        sized(small, size)
        assert table.viewport().rect().contains(table.visualRect(table.currentIndex()))


class Rows(Section):
    """A list of five rows of 24 pixels, three of which are always there."""

    wanted_height = 48

    def __init__(self) -> None:
        super().__init__("Rows")
        self.list = QWidget()
        self.body.addWidget(self.list)
        self.take(0)

    def take(self, spare: int) -> int:
        taken = min(self.wanted_height, max(spare, 0) // 24 * 24)
        self.list.setFixedHeight(72 + taken)
        return taken


def test_what_is_folded_does_not_hang_on_when_the_parts_tell_of_their_heights(qtbot):
    around, inner, scroll = QWidget(), QWidget(), QScrollArea()
    qtbot.addWidget(around)
    rows, fields, folding = Rows(), QWidget(), Section("Fields")
    fields.setFixedHeight(84)
    folding.body.addWidget(fields)
    for part, parent in ((rows, inner), (folding, inner), (scroll, around)):
        (parent.layout() or QVBoxLayout(parent)).addWidget(part)
    scroll.setWidget(inner)
    scroll.setWidgetResizable(True)
    fit, found = Fit(scroll, around, {"fields of this test": folding}, rows), []
    around.show()
    for height in range(150, 450, 8):
        around.resize(300, height)
        Window.settle()  # the X server tells of the size, too
        for _ in range(3):  # no event in between: looked at again, it is as it was
            fit.fit()
            found.append((height, folding.folded, rows.list.height()))
    assert len(set(found)) == len(found) / 3, "it folds and unfolds for ever"
    looks = list(dict.fromkeys(found_at[1:] for found_at in found))
    assert looks == [(True, 72), (True, 96), (True, 120), (False, 120)], "the list first, then what was folded"


def test_a_name_too_long_for_its_column_is_in_the_tip(small):
    small.controller.objects.rename(1, name="lesion <b> of the left posterior compartment, enhancing")
    small.idle()
    tip = small.widget.objects.table.item(0, 1).toolTip()
    assert "lesion &lt;b&gt; of the left posterior compartment, enhancing" in tip
    assert "rename" in tip
