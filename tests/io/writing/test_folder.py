"""Folders appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from volsweep.errors import OutputError
from volsweep.io.writing import WholeFolder


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "results"
    with pytest.raises(KeyboardInterrupt), WholeFolder(target, "mark") as folder:  # noqa: PT012
        (folder.temporary / "a").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".results.01234567").mkdir()  # of a process that was killed
    (tmp_path / ".results2.01234567").mkdir()  # another folder's
    for text in ("first", "second"):
        with WholeFolder(target, "mark") as folder:
            (folder.temporary / text).write_text(text)
            (folder.temporary / "mark").touch()
            folder.publish()
        assert {p.name for p in target.iterdir()} == {text, "mark"}
    assert {p.name for p in tmp_path.iterdir()} == {"results", ".results2.01234567"}


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path):
    target = tmp_path / "scans"
    target.mkdir()
    (target / "1.dcm").write_text("a scan")
    with pytest.raises(OutputError, match="no results of before"), WholeFolder(target, "record.json"):
        pass
    assert (target / "1.dcm").read_text() == "a scan"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_new_results_are_read_by_nobody_else(tmp_path):
    with WholeFolder(tmp_path / "folder", "mark") as folder:
        folder.publish()
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700
