"""What is dropped on the window is answered in the panel."""

from __future__ import annotations

import shutil

import pytest

from volsweep.cases.phantoms import sample

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("what", ["empty", "texts", "torn"])
def test_a_hopeless_folder_is_answered_in_the_panel(window, tmp_path, what):
    folder = tmp_path / what
    folder.mkdir()
    if what == "texts":
        (folder / "notes.txt").write_text("nothing to see")
    elif what == "torn":
        (folder / "001.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    window.drop(folder)
    named = {"empty": "empty", "texts": "texts", "torn": "001.dcm"}[what]
    window.until(lambda: named in window.says and window.widget.message.kind == "error")
    assert window.controller.volume is None
    assert "Traceback" not in window.says


@pytest.mark.parametrize("name", ["torn.dcm", "gone.nii.gz", "gone", "notes.txt", "no_session.json"])
def test_a_file_that_nobody_can_read_never_reaches_naparis_dialog(window, tmp_path, monkeypatch, name):
    from napari._qt import qt_viewer

    asked = []
    monkeypatch.setattr(qt_viewer, "handle_gui_reading", lambda *args, **_: asked.append(args))
    if not name.startswith("gone"):
        (tmp_path / name).write_text("nothing to see")
    window.drop(tmp_path / name)
    window.until(lambda: name in window.says and window.widget.message.kind == "error")
    assert asked == []
    assert window.controller.volume is None


def test_a_series_that_vanishes_while_it_is_read(window, tmp_path):
    series = tmp_path / "series"
    shutil.copytree(sample().series, series)
    window.drop(series)
    shutil.rmtree(series)
    window.until(lambda: window.widget.message.kind == "error")
    window.until(lambda: window.widget.loader._worker is None)
    window.drop(sample().series)
    window.until(lambda: window.controller.volume is not None)
