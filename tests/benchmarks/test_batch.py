"""The benchmark of batches, at the smallest size that says something."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_it_runs(tmp_path):
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "batch.py"
    command = [sys.executable, str(script), "--series", "3", "--loop", "1", "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "an efficiency of" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    assert [row["how"].split(" (")[0] for row in found["rows"]] == [
        "batch run", "batch run --workers 1", "batch run --workers 2", "shell loop of segment"
    ]  # fmt: skip
    assert all(row["seconds"] > 0 for row in found["rows"])
    assert all(100 < mib < 4000 for mib in found["memory_mib"])
