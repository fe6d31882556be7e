"""The close dialog speaks of unsaved work, once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QMessageBox
from support.napari_window import drop_both_phantoms

from volsweep.cases.phantoms import sample
from volsweep.napari.recovery.unfinished import unfinished
from volsweep.napari.window.closing import Closing

pytestmark = [pytest.mark.gui, pytest.mark.long]


def answer(monkeypatch, text: str) -> list[str]:
    """Press the button with this text; returns what was asked."""
    asked = []

    def run(box) -> int:
        asked.append(f"{box.text()} {box.informativeText()}")
        next(b for b in box.buttons() if b.text() == text).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", run)
    return asked


def test_it_names_every_volume_and_keeps_the_work(own_window, arithmetic, monkeypatch):
    arithmetic(own_window)
    window = own_window
    drop_both_phantoms(window)
    asked = answer(monkeypatch, "Go on working")
    window.main.close(confirm_need=True)
    assert window.main.isVisible()
    assert len(asked) == 1
    assert "CT ct_phantom, MR mr_phantom" in asked[0]
    assert "0x" not in asked[0]
    asked = answer(monkeypatch, "Close")
    (closing,) = window.widget.findChildren(Closing)
    event = SimpleNamespace(type=lambda: QEvent.Type.Close, spontaneous=lambda: True, ignore=lambda: None)
    assert closing.eventFilter(window.main, event), "napari's own dialog does not come up as well"
    window.until(lambda: window.widget not in QApplication.allWidgets() or not window.main.isVisible())
    assert len(asked) == 1
    assert len(unfinished()) == 2


def test_nothing_is_asked_where_all_is_saved(own_window, monkeypatch):
    asked = answer(monkeypatch, "Go on working")
    own_window.drop(sample().series)
    own_window.until(lambda: own_window.controller.volume is not None)
    own_window.idle()
    from napari.settings import get_settings

    monkeypatch.setattr(get_settings().application, "confirm_close_window", False)
    own_window.main.close(confirm_need=True)
    own_window.settle()
    assert asked == []
