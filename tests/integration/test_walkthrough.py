"""The walk-throughs of the documents run as they stand; what they print is refreshed by the script itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make_walkthrough.py"


def test_every_command_of_the_documents(cases, tmp_path):
    command = [sys.executable, str(SCRIPT), "--check", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1100)
    assert done.returncode == 0, done.stdout + done.stderr
    scores = [float(dsc) for dsc in re.findall(r"^1 GTV_\S+ +(\d\.\d{3}) ", done.stdout, flags=re.MULTILINE)]
    assert len(scores) == 6
    assert min(scores) > 0.2, "the masks lie where the experts drew"
    assert scores[3] == scores[4] == scores[5], "the three formats hold the same voxels"
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*labels*") if path.is_file()}
    assert found >= {f"batch/sarcoma/series/{name}" for name in (
        "sts025-CT/labels.nii.gz", "sts025-MR/labels.seg.dcm", "sts023-CT/labels.rtstruct.dcm")}  # fmt: skip
