"""Real processes, really killed: no half output, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from batch.conftest import BOX, RANGE
from support.stopping_batch import killed_in_the_middle, listen_to_interrupts, started

from volsweep.batch.checks import Places
from volsweep.batch.record import outputs_are_whole, read_record
from volsweep.batch.runner import Options, run_batch
from volsweep.batch.tasks import Redo

COUNT = 8


@pytest.fixture
def several(series, manifest) -> Path:
    for i in range(COUNT):
        series(f"s{i}", i)
    return manifest([{"series": f"s{i}.nii.gz", "prompts": BOX, "range": RANGE} for i in range(COUNT)])


def start(manifest: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "volsweep", "batch", "run", str(manifest), "-o", str(out), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=listen_to_interrupts,
    )


def wait_until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.004)  # a series takes some hundred times as long


def half_written(out: Path) -> list[Path]:
    """Labels in a folder that has not got its name yet."""
    return list((out / "series").glob(".s*/labels.nii.gz"))


def finished(out: Path) -> list[Path]:
    return [folder for folder in (out / "series").glob("s*") if folder.is_dir()]


def check_whole(out: Path) -> int:
    for folder in finished(out):
        record = read_record(folder)
        assert record is not None
        assert outputs_are_whole(folder, record)
    return len(finished(out))


def resume(manifest: Path, out: Path) -> int:
    tally = run_batch(Places(manifest), Options(out, Redo.RESUME))
    assert (tally.failed, tally.kept + tally.done) == (0, COUNT)
    assert check_whole(out) == COUNT
    assert len(list((out / "series").iterdir())) == COUNT, "what the killed run left is gone"
    return tally.kept


def test_kill_9_in_the_middle_of_a_series(several, tmp_path, as_started):
    out = tmp_path / "out"
    killed_in_the_middle(3, "batch", "run", several, "-o", out)
    assert half_written(out)
    assert check_whole(out) == 2
    assert resume(several, out) == 2


@pytest.mark.integration
def test_kill_9_in_the_middle_of_a_series_of_two_workers(several, tmp_path):
    out = tmp_path / "out"
    process = start(several, out, "--workers", "2")
    wait_until(lambda: finished(out) and half_written(out), process)
    process.kill()
    process.wait()
    process.communicate()  # ends when the last worker that shares the pipes has ended
    done = check_whole(out)
    assert 1 <= done < COUNT
    assert resume(several, out) == done


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.integration)])
def test_stopping_ends_with_a_summary(several, tmp_path, stop):
    """Two workers on arithmetic are interrupted in their second series; the network alone is ended wherever it is."""
    out = tmp_path / "out"
    if stop == signal.SIGINT:
        process = started(2, "batch", "run", several, "-o", out, "--workers", "2")
        wait_until(lambda: len(finished(out)) == len(half_written(out)) == 2, process)
    else:
        process = start(several, out)
        wait_until(lambda: finished(out), process)
    process.send_signal(stop)
    printed, said = process.communicate(timeout=500)
    assert process.returncode == -stop, "ended by the signal, as a shell's loop around it must know"
    assert "--resume goes on" in said
    assert "Traceback" not in said
    done = check_whole(out)
    assert 1 <= done < COUNT
    assert f"of {COUNT} series" in printed
    statuses = [line.split(",")[2] for line in (out / "summary.csv").read_text().splitlines()[1:]]
    assert statuses.count("done") == done
    assert statuses.count("not run") == COUNT - done
    assert not list((out / "series").glob(".s*")) or stop == signal.SIGINT
