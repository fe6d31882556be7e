"""Every benchmark runs, at a size that takes seconds, and prints and saves what it says it does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.long

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = {
    "vs_upstream.py": (["--slices", "4", "--side", "96"], "upstream / this"),
    "interactive.py": (["--clicks", "3"], "p95 (ms)"),
    "floor.py": (["--batch", "1"], "measured / floor"),
    "scaling.py": (["--quick", "--side", "96", "--repeats", "1", "--axes", "slices"], "exponent of time"),
    "levers.py": (["--slices", "3", "--side", "96", "--rounds", "1", "--only", "W_v"], "without averaging"),
    "gpu.py": (["--force-cpu", "--models", "volsweep-nano", "--slices", "3", "--side", "64"], "slices/s"),
    "serve.py": (["--rounds", "1"], "the server adds"),
    "start.py": (["--rounds", "1"], "of its neighbour's"),
    "encoders.py": (["--rounds", "1", "--batches", "1", "2"], "bfloat16"),
}
HOST = """
import os, runpy, sys

import volsweep.engine.engine  # and torch with it, once for all

sys.path.insert(0, sys.argv[1])
for line in sys.stdin:
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    name, script, *options = line.rstrip().split("\\t")
    for stream, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{name}.{kind}", os.O_WRONLY | os.O_CREAT), stream)
    sys.argv = [script, *options, "--json", f"{name}.json"]
    runpy.run_path(f"{sys.path[0]}/{script}", run_name="__main__")
    sys.exit()
"""
"""Runs each benchmark that it is told in a process of its own, forked from one that has imported torch."""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[Callable[..., tuple[str, Path]]]:
    """Runs a benchmark under a name: its exit code, and where it wrote, without the suffix."""
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, "-c", HOST, str(BENCHMARKS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder) as process:

        def run(name: str, script: str, *options: str) -> tuple[str, Path]:
            process.stdin.write("\t".join([name, script, *options]) + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip(), folder / name

        yield run
        process.stdin.close()


@pytest.mark.parametrize("script", SCRIPTS)
def test_runs(script, run):
    options, printed = SCRIPTS[script]
    ended, wrote = run(script.removesuffix(".py"), script, *options)
    assert ended == "0", wrote.with_suffix(".err").read_text()
    assert printed in wrote.with_suffix(".out").read_text()
    assert json.loads(wrote.with_suffix(".json").read_text())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_gpu_says_what_it_needs(run):
    ended, wrote = run("without", "gpu.py")
    assert ended == "1"
    assert wrote.with_suffix(".out").read_text() == ""
    assert (
        wrote.with_suffix(".err").read_text()
        == "gpu.py measures a CUDA device and torch finds none here; run it where there is one\n"
    )
