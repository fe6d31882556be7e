"""Clicks before sweeps, one at a time, and nothing for who went away."""

from __future__ import annotations

import asyncio
import threading

import pytest

from volsweep.serve.worker import Turn, Worker


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.end()


def test_clicks_come_before_sweeps_and_each_in_order(worker):
    gate, done = threading.Event(), []
    worker.post(gate.wait)
    waiting = [
        worker.post(lambda name=name: done.append(name), turn)
        for name, turn in (("s1", Turn.SWEEP), ("c1", Turn.CLICK), ("s2", Turn.SWEEP), ("c2", Turn.CLICK))
    ]
    gate.set()
    for future in waiting:
        future.result(240)
    assert done == ["c1", "c2", "s1", "s2"]


def test_an_error_goes_to_who_waits_and_the_next_is_done(worker):
    async def ask():
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0)
        return await worker.run(threading.get_ident)

    assert asyncio.run(ask()) != threading.get_ident()


def test_what_nobody_waits_for_is_not_begun(worker):
    gate, done = threading.Event(), []

    async def ask():
        worker.post(gate.wait)
        task = asyncio.ensure_future(worker.run(lambda: done.append(1)))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.set()
        await worker.run(lambda: None)

    asyncio.run(ask())
    assert not done


def test_what_nobody_waits_for_yet_is_done_in_a_quiet_moment_and_the_last_of_each(worker):
    gate, done, over = threading.Event(), [], threading.Event()

    def ask():
        gate.wait()
        worker.do_ahead("one", lambda: done.append("old"))
        worker.do_ahead("last", over.set)  # of several the newest comes first
        worker.do_ahead("fails", lambda: 1 // 0)  # who asks for it is told, nobody else
        worker.do_ahead("one", lambda: done.append("new"))

    worker.post(ask)
    for number in range(20):
        worker.post(lambda number=number: done.append(number), Turn.SWEEP)
    gate.set()
    assert over.wait(240)
    assert done == [*range(20), "new"]
    assert worker.post(lambda: "alive").result(240) == "alive"


def test_at_the_end_nothing_is_done_ahead():
    worker, done = Worker(), []
    worker.post(lambda: worker.do_ahead("one", lambda: done.append(1)))
    worker.end()
    assert not done
