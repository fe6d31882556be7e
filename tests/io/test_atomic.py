"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from volsweep.errors import OutputError
from volsweep.io.atomic import replacing


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
