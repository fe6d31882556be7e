"""Every unfinished session is listed with what, when and how much; none is discarded unasked."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QMessageBox
from support.napari_window import drop_both_phantoms

from volsweep.cases.phantoms import sample
from volsweep.napari.recovery.unfinished import unfinished

pytestmark = pytest.mark.gui


def test_all_are_listed_and_discarding_asks(window, arithmetic, monkeypatch):
    arithmetic(window)
    bar = window.widget.restore
    for left in unfinished():
        left.discard()
    bar.find_left()
    assert not bar.isVisible()
    drop_both_phantoms(window)
    window.viewer.layers.clear()
    window.idle()
    assert bar.isVisible()
    assert len(bar.rows) == 2
    texts = " ".join(row.text.text() for row in bar.rows)
    assert "ct_phantom" in texts
    assert "mr_phantom" in texts
    assert texts.count("1 prompt, 0 sweeps") == 2
    folder = sample("ct_phantom").series.parent.name
    assert f"{folder}/" in texts, "with the folder: another volume of that name may be open"
    asked = []

    def question(parent, title, text, *_):
        asked.append(text)
        return QMessageBox.StandardButton.Cancel if len(asked) == 1 else QMessageBox.StandardButton.Discard

    monkeypatch.setattr(QMessageBox, "question", question)
    bar.rows[0].discard.click()
    assert len(bar.rows) == len(unfinished()) == 2
    bar.rows[0].discard.click()
    assert len(asked) == 2
    assert len(bar.rows) == len(unfinished()) == 1
    bar.rows[0].discard.click()
    assert not bar.isVisible()
