"""Keys belong to the canvas, whatever was used in the panel before."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from volsweep.cases.phantoms import sample

pytestmark = pytest.mark.gui
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="module")
def opened(shared_window):
    """The phantom, opened once: nothing here is drawn on it."""
    shared_window.clear()
    shared_window.drop(sample().series)
    shared_window.until(lambda: shared_window.controller.volume is not None)
    yield shared_window
    shared_window.clear()


@pytest.fixture
def phantom(opened):
    opened.main.activateWindow()
    opened.until(opened.main.isActiveWindow)
    return opened


def press(window, key) -> None:
    """Press a key where the focus is."""
    QTest.keyClick(QApplication.focusWidget() or window.canvas.native, key)
    window.settle()


def test_a_list_does_not_keep_the_keys(phantom):
    panel = phantom.widget.volume
    before = panel.preset.currentIndex()
    panel.preset.setFocus()
    phantom.settle()
    press(phantom, Qt.Key.Key_B)
    assert panel.preset.currentIndex() == before
    assert phantom.controller.tools.tool == "box"
    phantom.widget.sweep.stride.setFocus()
    phantom.settle()
    press(phantom, Qt.Key.Key_L)
    assert phantom.controller.tools.tool == "lasso"


def test_a_number_field_keeps_them_until_return_or_a_letter(phantom):
    box = phantom.widget.volume.width_box
    box.setFocus()
    phantom.settle()
    assert QApplication.focusWidget() is box
    box.selectAll()
    QTest.keyClicks(box, "350")
    QTest.keyClick(box, Qt.Key.Key_Return)
    phantom.settle()
    assert phantom.controller.display.window.width == 350
    press(phantom, Qt.Key.Key_P)
    assert phantom.controller.tools.tool == "point+"
    phantom.widget.sweep.first.setFocus()
    phantom.settle()
    press(phantom, Qt.Key.Key_E)
    assert phantom.controller.tools.tool == "eraser"


def test_the_wheel_over_a_list_changes_nothing(phantom):
    preset = phantom.widget.volume.preset
    window, index = phantom.controller.display.window, preset.currentIndex()
    for _ in range(3):
        wheel = QWheelEvent(
            QPointF(5, 5),
            QPointF(preset.mapToGlobal(QPoint(5, 5))),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            NONE,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(preset, wheel)
    phantom.settle()
    assert (phantom.controller.display.window, preset.currentIndex()) == (window, index)


@pytest.mark.parametrize(("typed", "width"), [("40,5", 40.5), ("40.5", 40.5), ("1200", 1200.0), ("1.250,5", 1250.5)])
def test_a_decimal_comma_is_read_and_what_was_understood_is_shown(phantom, typed, width):
    box = phantom.widget.volume.width_box
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, typed)
    QTest.keyClick(box, Qt.Key.Key_Return)
    phantom.settle()
    low, high = phantom.controller.image.contrast_limits
    assert high - low == pytest.approx(width)
    assert box.text() == f"{width:.6g}"


def test_what_is_no_width_is_refused_and_the_field_shows_what_holds(phantom):
    box = phantom.widget.volume.width_box
    before = box.text()
    box.setText("4;5")
    box.editingFinished.emit()
    assert "'4;5' is not a number" in phantom.says
    assert box.text() == before


def test_what_is_typed_into_a_dialog_over_the_window_is_typed_there(phantom):
    tool = phantom.controller.tools.tool
    for dialog, field in (
        (phantom.widget.by_name, phantom.widget.by_name.name),
        (phantom.widget.worklist, phantom.widget.worklist.search),
    ):
        dialog.show()
        field.clear()  # the window is kept: an earlier test may have searched
        field.setFocus()
        QTest.keyClicks(field, "brain 2")
        assert field.text() == "brain 2"
        field.clear()
        dialog.close()
    assert phantom.controller.tools.tool == tool
