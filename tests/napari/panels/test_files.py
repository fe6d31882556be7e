"""File dialogs open where they were left; nothing is replaced unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QStandardPaths
from qtpy.QtWidgets import QFileDialog, QMessageBox

from volsweep.errors import SettingsError
from volsweep.napari.panels import files
from volsweep.napari.panels.files import ask_for_file, documents, may_replace, remember, remembered

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


def test_the_folder_is_remembered_while_it_is_there(qapp, tmp_path):
    (tmp_path / "results").mkdir()
    assert remembered("save", tmp_path) == tmp_path
    remember("save", tmp_path / "results")
    assert remembered("save", tmp_path) == tmp_path / "results"
    assert remembered("open", tmp_path) == tmp_path, "each for itself"
    (tmp_path / "results").rmdir()
    assert remembered("save", tmp_path) == tmp_path


def test_documents_or_the_home_where_there_are_none(qapp, tmp_path, monkeypatch):
    """Windows redirects Documents to another disk, macOS has them in the home, a server's home has none."""
    there = tmp_path / "D" / "Dokumente"
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _: str(there))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert documents() == tmp_path, "they are named and not there"
    there.mkdir(parents=True)
    assert documents() == there
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _: "")
    assert documents() == tmp_path


def test_without_a_home_nothing_is_remembered(qapp, tmp_path, monkeypatch):
    def nowhere():
        raise SettingsError("there is no home folder")

    monkeypatch.setattr(files, "data_folder", nowhere)
    remember("save", tmp_path)
    assert remembered("save", Path("/elsewhere")) == Path("/elsewhere")


@pytest.mark.parametrize(("answer", "may"), [(YES, True), (NO, False)])
def test_what_is_there_is_asked_about_by_name(qapp, tmp_path, monkeypatch, answer, may):
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda _parent, _title, text, *_: asked.append(text) or answer)
    new, old, other = (tmp_path / name for name in ("new.nii.gz", "old.nii.gz", "old.labels.json"))
    assert may_replace(None, new)
    assert asked == []
    old.write_bytes(b"")
    assert may_replace(None, new, old) is may
    other.write_bytes(b"")
    assert may_replace(None, old, other) is may
    assert asked == [
        f"old.nii.gz is in {tmp_path} already. Replace?",
        f"old.nii.gz and old.labels.json are in {tmp_path} already. Replace?",
    ]


def test_qt_does_not_ask_before_the_name_has_its_ending(qapp, tmp_path, monkeypatch):
    calls = []

    def dialog(*arguments, options):
        calls.append(options)
        return answers.pop(), "NIfTI (*.nii.gz)"

    answers = ["", str(tmp_path / "x")]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    assert ask_for_file(None, "Save", tmp_path, "NIfTI (*.nii.gz)") == (tmp_path / "x", "NIfTI (*.nii.gz)")
    assert ask_for_file(None, "Save", tmp_path, "NIfTI (*.nii.gz)")[0] is None
    assert calls == [QFileDialog.Option.DontConfirmOverwrite] * 2
