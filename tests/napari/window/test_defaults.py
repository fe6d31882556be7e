"""The page of defaults: what is there is shown, what is typed is kept, what cannot be keeps it open."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QDialog

from volsweep.defaults import Defaults, LabelRow, changed, defaults_path, listed, read_defaults, write_defaults
from volsweep.napari.window.defaults import DefaultsDialog

pytestmark = pytest.mark.gui
BEFORE = Defaults(window={"NM": "percentile"}, format=".nrrd", labels={9: LabelRow(name="node")})


@pytest.fixture
def dialog(monkeypatch, tmp_path, qapp):
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(tmp_path / "defaults.json"))
    write_defaults(BEFORE)
    made = DefaultsDialog()
    yield made
    made.deleteLater()


def type_in(dialog: DefaultsDialog, key: str, value: str) -> None:
    rows = [row for row in range(dialog.table.rowCount()) if dialog.table.item(row, 0).text() == key]
    dialog.table.item(rows[0], 1).setText(value)


def test_what_is_there_is_shown_and_what_is_typed_is_kept(dialog):
    assert dialog.values() == listed(BEFORE)
    type_in(dialog, "window.CT", "lung")
    type_in(dialog, "label.1.color", "#00ff00")
    type_in(dialog, "label.1.name", "GTV")
    type_in(dialog, "format", "")
    dialog.accept()
    assert dialog.result() == QDialog.DialogCode.Accepted
    expected = changed(BEFORE, "window.CT", "lung")
    expected = changed(changed(expected, "label.1.name", "GTV"), "label.1.color", "#00ff00")
    assert read_defaults() == changed(expected, "format", None)


def test_what_cannot_be_is_told_and_nothing_is_written(dialog):
    before = defaults_path().read_bytes()
    type_in(dialog, "window.MR", "lung")
    dialog.accept()
    assert dialog.result() != QDialog.DialogCode.Accepted
    assert "MR is not CT" in dialog.told.text()
    assert defaults_path().read_bytes() == before


def test_a_row_is_there_for_every_label_that_has_one(dialog):
    keys = {dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())}
    assert {"label.9.code", "label.10.name", "window.NM", "window.PT", "plane", "model"} <= keys


def test_the_button_shows_the_page_and_says_where_it_is_kept(window, monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(tmp_path / "defaults.json"))

    def agree(dialog: DefaultsDialog) -> int:
        type_in(dialog, "window.CT", "lung")
        dialog.accept()
        return dialog.result()

    monkeypatch.setattr(DefaultsDialog, "exec", agree)
    window.widget.model.defaults.click()
    assert read_defaults().window == {"CT": "lung"}
    assert "they count for what is opened next" in window.widget.message.text
