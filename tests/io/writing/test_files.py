"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from volsweep.errors import OutputError
from volsweep.io.writing import cell, check_writable, files, open_private, replacing, write_whole


def test_all_together(tmp_path: Path) -> None:
    targets = (tmp_path / "a.json", tmp_path / "a.nii.gz")
    with replacing(targets, overwrite=False) as temporary:
        for path in temporary:
            assert path.parent == tmp_path
            path.write_text("new")
        assert [t.suffixes for t in temporary] == [[".json"], [".nii", ".gz"]]
        assert not any(t.exists() for t in targets)
    assert sorted(tmp_path.iterdir()) == sorted(targets)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(error), replacing((target,), overwrite=True, labels=True) as (temporary,):  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot be written: No space left"),
        replacing((tmp_path / "a",), overwrite=False),
    ):
        raise OSError(28, "No space left on device")


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "a.nii"
    with pytest.raises(OutputError, match="exists already"), replacing((target,), overwrite=False) as (temporary,):  # noqa: PT012
        temporary.write_text("mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_a_read_only_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written there, and nothing removed."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with (
        pytest.raises(OutputError, match="cannot be written: Read-only file system"),
        replacing((tmp_path / "a",), overwrite=False),
    ):
        refuse()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="may not be written to"):
        check_writable([tmp_path / "a"], overwrite=False)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_new_results_are_read_by_nobody_else_and_shared_ones_stay_shared(tmp_path):
    shared = tmp_path / "shared.json"
    shared.write_text("older")
    shared.chmod(0o664)
    with replacing([tmp_path / "new.txt", shared], overwrite=True) as names:
        for name in names:
            name.write_text("newer")
    assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.stat().st_mode) == 0o664


def test_targets_with_one_ending_have_names_of_their_own(tmp_path):
    targets = (tmp_path / "a.json", tmp_path / "b.json")
    with replacing(targets, overwrite=False) as temporary:
        assert len(set(temporary)) == 2
        for text, path in zip("ab", temporary, strict=True):
            path.write_text(text)
    assert [target.read_text() for target in targets] == ["a", "b"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_reads_a_file_that_is_being_written(tmp_path):
    with replacing([tmp_path / "a.json"], overwrite=False) as (temporary,):
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        temporary.write_text("a patient's")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    with open_private(tmp_path / "b") as file:
        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
        file.write(b"x")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks")
def test_what_a_killed_process_left_is_swept_and_what_is_being_written_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_JUST_MADE_S", -1.0)
    left = tmp_path / ".volsweep-0123456789ab.nii.gz"
    left.write_text("half")
    others = tmp_path / ".volsweep-notes"
    others.write_text("somebody's")
    with replacing([tmp_path / "a.txt"], overwrite=False) as (mine,):
        assert not left.exists()
        mine.write_text("mine")
        write_whole(tmp_path / "b.txt", "b", overwrite=False)
        assert mine.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".volsweep-notes", "a.txt", "b.txt"]


def test_a_path_that_cannot_be_one_is_a_sentence(tmp_path):
    for name in ("x" * 300, "y" * 260 + ".json"):
        with pytest.raises(OutputError):
            write_whole(tmp_path / name, "", overwrite=True)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "＝1+1", "\t"])
def test_no_cell_is_a_formula(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "liver", "a=b", "3-4", " liver", "é"])
def test_other_cells_stay(text):
    assert cell(text) == text


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_two_who_write_at_once_one_succeeds(tmp_path, monkeypatch, links):
    """Both looked before the other one wrote."""
    monkeypatch.setattr(files, "_check_free", lambda *_: None)
    if not links:
        monkeypatch.setattr(files.os, "link", raising(PermissionError(1, "Operation not permitted")))
    beside, wanted = tmp_path / "beside.txt", tmp_path / "wanted.txt"
    taken = pytest.raises(OutputError, match=r"wanted\.txt exists already")
    with taken, replacing([beside, wanted], overwrite=False) as (first, second):
        first.write_text("of the first")
        second.write_text("of the first")
        with replacing([wanted], overwrite=False) as (other,):
            other.write_text("of the second")
    assert [path.name for path in tmp_path.iterdir()] == ["wanted.txt"], "all or none, and nothing left lying"
    assert wanted.read_text() == "of the second"


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("name", ["a\ud800", "a\0b"])
def test_what_no_file_can_be_called(tmp_path, name):
    with pytest.raises(OutputError, match="is no name that a file can have"):
        write_whole(tmp_path / name, "x", overwrite=False)
    assert list(tmp_path.iterdir()) == []
