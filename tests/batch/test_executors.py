"""Worker processes: all tasks run once, a death costs one series, and nobody is left behind."""

from __future__ import annotations

import os
import time

import pytest
from support import batch_stand_ins as stand_ins

from volsweep.batch.executors import LocalWorkers
from volsweep.batch.record import read_record
from volsweep.errors import BatchError


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_tasks_are_shared_and_threads_divided(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    taken = []

    def tasks():
        for i in range(12):
            taken.append(i)
            yield stand_ins.task(f"t{i}", tmp_path)

    seen = []
    for result in LocalWorkers(2, work=stand_ins.work)(tasks()):
        seen.append(result.record)
        assert len(taken) <= len(seen) + 2, "tasks are taken as there is room for them"
    assert {r.name for r in seen} == {f"t{i}" for i in range(12)}
    pids = {r.model.split()[0] for r in seen}
    assert {r.model.split()[1] for r in seen} == {"3"}
    assert 1 <= len(pids) <= 2
    assert os.environ["OMP_NUM_THREADS"] == "6"
    assert not any(alive(int(pid)) for pid in pids)


def test_a_worker_that_dies_costs_its_series_only(tmp_path):
    names = ["a", "die1", "b", "leave", "c", "die2"]
    results = {
        r.record.name: r.record
        for r in LocalWorkers(2, work=stand_ins.work)(stand_ins.task(n, tmp_path) for n in names)
    }
    assert set(results) == set(names)
    assert {n for n, r in results.items() if r.status == "done"} == {"a", "b", "c"}
    assert "was killed by SIGKILL" in results["die1"].error
    assert "ended with code 3" in results["leave"].error
    known = read_record(tmp_path / "die2")
    assert known is not None
    assert known.status == "failed"


def test_closing_ends_workers_at_once(tmp_path):
    run = LocalWorkers(2, work=stand_ins.work)(stand_ins.task(n, tmp_path) for n in ("wait1", "a", "b", "c"))
    next(run)
    deadline = time.monotonic() + 300
    while not (tmp_path / "wait1.pid").exists() or not (tmp_path / "wait1.pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pid = int((tmp_path / "wait1.pid").read_text())
    assert alive(pid)
    run.close()
    assert not alive(pid)


def test_devices_are_handed_round(tmp_path):
    tasks = (stand_ins.task(f"device{i}", tmp_path) for i in range(8))
    found = {r.record.model for r in LocalWorkers(2, ("cuda:0", "cuda:1"), stand_ins.work)(tasks)}
    assert {device for _, device in map(str.split, found)} == {"cuda:0", "cuda:1"}
    assert len(found) == 2, "a worker keeps its device, and so its loaded network"


def test_no_workers_are_refused():
    with pytest.raises(BatchError, match="at least 1"):
        LocalWorkers(0)
