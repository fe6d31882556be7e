"""What is dropped on the window is answered in the panel."""

from __future__ import annotations

import pytest

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
    window.until(lambda: named in window.says and window.widget.message.kind == "error", 10)
    assert window.controller.volume is None
    assert "Traceback" not in window.says
