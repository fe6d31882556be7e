"""How many files `volsweep segment` enters: what one reads to follow it from the command to the saved labels."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType

import nibabel as nib
import numpy as np
import pytest

from volsweep.cli import main
from volsweep.engine import engine

SOURCE = str(Path(__file__).resolve().parents[2] / "src" / "volsweep") + "/"
CEILING = 59
"""This number only ever becomes smaller."""


class Walk:
    """The files of ours of which a function was entered; what runs while a file is imported is no step of it."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._known: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        is_new = event == "call" and code not in self._known and code.co_filename.startswith(SOURCE)
        if is_new and not _is_importing(frame):
            self._known.add(code)
            self.files.add(code.co_filename.removeprefix(SOURCE))


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(SOURCE):
            return True
        frame = frame.f_back
    return False


@pytest.fixture
def ball(tmp_path) -> Path:
    z, y, x = np.indices((10, 60, 60))
    inside = ((z - 5) * 3) ** 2 + (y - 30) ** 2 + (x - 28) ** 2 <= 12**2
    image = (40 + 100 * inside + np.random.default_rng(0).normal(0, 8, inside.shape)).astype(np.int16)
    nib.save(nib.Nifti1Image(image.T, np.diag([-1, -1, 3, 1])), tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


def test_a_box_is_followed_through_few_files(ball, tmp_path, monkeypatch, capsys):
    engine._network.cache_clear()  # else it would not be loaded again
    command = ["volsweep", "segment", str(ball), "-o", str(tmp_path / "o.nii.gz"), "--modality", "CT"]
    monkeypatch.setattr("sys.argv", [*command, "--box", "lesion=1@5:16,18,40,42"])
    walk, before = Walk(), sys.getprofile()
    sys.setprofile(walk)
    try:
        with pytest.raises(SystemExit) as leaving:
            main()
    finally:
        sys.setprofile(before)
    assert leaving.value.code == 0, capsys.readouterr()
    assert {"cli/segment.py", "job/run.py", "session/session.py", "engine/sweep/sweeper.py"} <= walk.files
    crossed = " ".join(sorted(walk.files))
    assert len(walk.files) <= CEILING, crossed
