"""A real Dask cluster of processes on this machine, one of which is killed in mid-task."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from batch.conftest import BOX

from volsweep.batch.checks import Places
from volsweep.batch.dask_cluster import DaskCluster
from volsweep.batch.runner import Options, run_batch
from volsweep.batch.tasks import Redo, task_key
from volsweep.errors import BatchError

distributed = pytest.importorskip("distributed")


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, resources={"GPU": 1}, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield cluster


@pytest.fixture
def six(series, manifest) -> Path:
    for i in range(6):
        series(f"s{i}", i)
    return manifest([{"series": f"s{i}.nii.gz", "prompts": BOX} for i in range(6)])


@pytest.mark.integration
def test_a_worker_killed_in_mid_task(cluster, six, tmp_path):
    out = tmp_path / "out"
    killed: list[str] = []

    def kill_one() -> None:
        with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
            while not killed:
                if any((out / "series").glob(".s*")):
                    pids = client.run(os.getpid)
                    busy = [address for address, keys in client.processing().items() if keys]
                    if busy:
                        os.kill(pids[busy[0]], signal.SIGKILL)
                        killed.append(busy[0])
                time.sleep(0.005)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    tally = run_batch(Places(six), Options(out), DaskCluster(cluster.scheduler_address, {"GPU": 1}))
    killer.join(timeout=120)
    assert killed
    assert (tally.done, tally.failed) == (6, 0)
    assert not list((out / "series").glob(".s*"))
    tally = run_batch(Places(six), Options(out, Redo.RESUME), DaskCluster(cluster, {"GPU": 1}))
    assert (tally.kept, tally.done, tally.failed) == (6, 0, 0)


@pytest.mark.integration
def test_a_series_that_kills_every_worker_fails_alone(cluster, six, tmp_path, monkeypatch):
    """The others are done; the scheduler gives up after as many workers as it allows."""
    import volsweep.batch.dask_cluster as module

    def deadly(task):
        if task.name == "s1":
            os.kill(os.getpid(), signal.SIGKILL)
        from volsweep.batch.tasks import run_task

        return run_task(task)

    monkeypatch.setattr(module, "run_task", deadly)
    cluster.scheduler.allowed_failures = 1
    failures = []
    tally = run_batch(
        Places(six),
        Options(tmp_path / "out", limit=3),
        DaskCluster(cluster),
        lambda r: failures.append(r.record) if r.record.status == "failed" else None,
    )
    assert (tally.done, tally.failed) == (2, 1)
    assert failures[0].name == "s1"
    assert "2 Dask workers died" in failures[0].error


@pytest.mark.integration
def test_a_scheduler_that_goes_away(cluster, six, tmp_path, monkeypatch):
    """What was done stays done, and one sentence says how to go on."""
    from volsweep.batch import dask_cluster

    def lost(*_):
        raise OSError("connection closed")

    def on_result(_):
        monkeypatch.setattr(distributed.Future, "result", lost)

    out = tmp_path / "out"
    with pytest.raises(BatchError, match='redo="resume" goes on'):
        run_batch(Places(six), Options(out), dask_cluster.DaskCluster(cluster), on_result)
    monkeypatch.undo()
    assert "failed" not in (out / "summary.csv").read_text()
    tally = run_batch(Places(six), Options(out, Redo.RESUME), DaskCluster(cluster))
    assert (tally.kept + tally.done, tally.failed) == (6, 0)
    assert tally.kept >= 1


def test_no_scheduler_there(three, tmp_path, monkeypatch):
    monkeypatch.setattr("volsweep.batch.dask_cluster._TIMEOUT_S", 1)
    with pytest.raises(BatchError, match=r"there is no Dask scheduler at tcp://127\.0\.0\.1:1 "):
        run_batch(Places(three), Options(tmp_path / "out"), DaskCluster("tcp://127.0.0.1:1"))


def test_the_key_is_the_same_in_every_process(three, tmp_path):
    from volsweep.batch.runner import plan

    first, again = ([task_key(t) for t in plan(Places(three), Options(tmp_path / "out"))] for _ in range(2))
    assert first == again
    assert len(set(first)) == 2, "a and c differ in their files only, which are no part of the key"
