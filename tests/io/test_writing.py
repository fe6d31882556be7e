"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from volsweep.errors import OutputError
from volsweep.io.writing import WholeFolder, check_spares, check_writable, replacing
from volsweep.volume import Source


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
    target = tmp_path / "a.nii"
    target.write_text("old")
    with pytest.raises(error), replacing((target,), overwrite=True) as (temporary,):  # noqa: PT012
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


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "results"
    with pytest.raises(KeyboardInterrupt), WholeFolder(target) as folder:  # noqa: PT012
        (folder.temporary / "a").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".results.01234567").mkdir()  # of a process that was killed
    (tmp_path / ".results2.01234567").mkdir()  # another folder's
    for text in ("first", "second"):
        with WholeFolder(target) as folder:
            (folder.temporary / text).write_text(text)
            folder.publish()
        assert [p.name for p in target.iterdir()] == [text]
    assert {p.name for p in tmp_path.iterdir()} == {"results", ".results2.01234567"}


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
    with WholeFolder(tmp_path / "folder") as folder:
        folder.publish()
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700


def test_what_was_read_is_never_written_over(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    for name in ("1.dcm", "2.dcm", "other.dcm"):
        (folder / name).write_bytes(name.encode())
    (tmp_path / "linked").symlink_to(folder)
    (tmp_path / "hard.dcm").hardlink_to(folder / "1.dcm")
    source = Source(folder, "dicom", slice_files=(folder / "1.dcm", folder / "2.dcm"))
    for target in (
        folder / "1.dcm",
        folder / ".." / "series" / "2.dcm",
        tmp_path / "linked" / "1.dcm",
        tmp_path / "hard.dcm",
    ):
        with pytest.raises(OutputError, match="is the source"):
            check_spares([tmp_path / "new.nii.gz", target], source)
    check_spares([folder / "other.dcm", folder / "new.dcm"], source)
    check_spares([folder / "1.dcm"], None)
