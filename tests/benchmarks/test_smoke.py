"""Every benchmark runs, at a size that takes seconds, and prints and saves what it says it does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "options", "printed"),
    [
        ("vs_upstream.py", ["--slices", "12", "--side", "96"], "upstream / this"),
        ("interactive.py", ["--clicks", "5"], "p95 (ms)"),
        ("floor.py", ["--batch", "1"], "measured / floor"),
        ("scaling.py", ["--quick", "--axes", "objects"], "exponent of time"),
    ],
)
def test_runs(script, options, printed, tmp_path):
    command = [sys.executable, str(BENCHMARKS / script), *options, "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())
