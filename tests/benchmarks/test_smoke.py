"""Every benchmark runs, at a size that takes seconds, and prints and saves what it says it does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "options", "printed"),
    [
        ("vs_upstream.py", ["--slices", "12", "--side", "96"], "upstream / this"),
        ("interactive.py", ["--clicks", "5"], "p95 (ms)"),
        ("floor.py", ["--batch", "1"], "measured / floor"),
        ("scaling.py", ["--quick", "--axes", "objects"], "exponent of time"),
        ("levers.py", ["--slices", "8", "--side", "96", "--rounds", "1", "--only", "W_v"], "without averaging"),
        ("gpu.py", ["--force-cpu", "--models", "volsweep-nano", "--slices", "3", "--side", "64"], "slices/s"),
        ("encoders.py", ["--rounds", "1", "--batches", "1", "2"], "bfloat16"),
    ],
)
def test_runs(script, options, printed, tmp_path):
    command = [sys.executable, str(BENCHMARKS / script), *options, "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_gpu_says_what_it_needs():
    done = subprocess.run([sys.executable, str(BENCHMARKS / "gpu.py")], capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "gpu.py measures a CUDA device and torch finds none here; run it where there is one\n"
