"""Work runs beside the window; what it tells is shown in the window's thread, in order, and a little at a time."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from qtpy.QtCore import QObject, QTimer

from volsweep.napari.worker import thread
from volsweep.napari.worker.events import Busy, Measured
from volsweep.napari.worker.thread import OwnGarbage, QtRunner, _Job

MAIN = threading.main_thread()


@pytest.fixture
def runner(qapp):
    return QtRunner()


def test_events_come_in_order_in_the_windows_thread_and_the_work_in_another(runner, qtbot):
    told, done, at_work = [], [], []

    def work():
        for number in range(50):
            at_work.append(threading.current_thread())
            yield number

    runner.run(work, lambda event: told.append((event, threading.current_thread())), lambda: done.append(len(told)))
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)
    assert [event for event, _ in told] == list(range(50))
    assert {thread for _, thread in told} == {MAIN}
    assert MAIN not in at_work
    assert done == [50], "once, after the last event"


def test_the_window_is_served_between_events(runner, qtbot):
    """Events that take long to show, all there at once: a timer of the window's still ticks."""
    told, ticks, done = [], [], []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(len(told)))
    timer.start(0)

    def slowly(event):
        time.sleep(0.03)
        told.append(event)

    runner.run(lambda: iter(range(8)), slowly, lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)
    timer.stop()
    assert told == list(range(8))
    assert len({count for count in ticks if 0 < count < 8}) >= 4


def test_work_that_says_nothing_ends_too(runner, qtbot):
    done = []
    runner.run(lambda: iter(()), lambda _: pytest.fail("nothing was said"), lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)


def test_two_runs_are_told_apart(runner, qtbot):
    told, done = {"a": [], "b": []}, []
    for name in told:
        runner.run(lambda: iter(range(5)), told[name].append, lambda name=name: done.append(name))
    qtbot.waitUntil(lambda: len(done) == 2, timeout=60_000)
    assert told == {"a": list(range(5)), "b": list(range(5))}


def test_what_comes_after_a_rest_is_shown_at_once_and_what_comes_on_its_heels_with_the_next_frame(qapp, monkeypatch):
    clock, told = [100.0], []
    monkeypatch.setattr("volsweep.napari.worker.thread.time.perf_counter", lambda: clock[0])
    parent = QtRunner()
    job = _Job(told.append, lambda: None, parent)
    job.on_event("first")
    assert told == ["first"]
    job.on_event("on its heels")
    assert told == ["first"]
    job._show_some()
    clock[0] += 1
    job.on_event("later")
    assert told == ["first", "on its heels", "later"]


class InACircle:
    """Garbage that only who looks for it finds."""

    def __init__(self, ended: list[threading.Thread]) -> None:
        self.itself, self._ended = self, ended

    def __del__(self) -> None:
        self._ended.append(threading.current_thread())


@pytest.fixture
def without_windows(monkeypatch):
    """As before the first window."""
    monkeypatch.setattr(OwnGarbage, "_there", [])
    was_on = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was_on else gc.disable)()


def test_garbage_of_another_thread_ends_in_the_windows(qapp, qtbot, without_windows):
    ended, parent = [], QObject()

    def work():
        for _ in range(30_000):
            InACircle(ended)

    for expected in ("elsewhere", "here"):
        own = OwnGarbage(parent, lambda: True) if expected == "here" else None
        ended.clear()
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        if own is None:
            assert worker in ended, "left alone, Python looks for it there: the test sees what it is about"
            gc.collect()
        else:
            assert ended == []
            qtbot.waitUntil(lambda: len(ended) == 30_000, timeout=60_000)
            assert set(ended) == {MAIN}
            own.stop()


def test_the_last_window_leaves_garbage_to_python_as_it_was(qapp, without_windows):
    parent = QObject()
    first, second = OwnGarbage(parent, lambda: True), OwnGarbage(parent, lambda: True)
    first.stop()
    first.stop()
    assert not gc.isenabled()
    second.stop()
    assert gc.isenabled()
    gc.disable()
    third = OwnGarbage(parent, lambda: True)
    third.stop()
    assert not gc.isenabled(), "whoever turned it off wants it so"


def test_a_mask_is_painted_before_the_next_click_is_made_ready(monkeypatch):
    done = []
    monkeypatch.setattr(thread.time, "sleep", lambda seconds: done.append(seconds))

    def work():
        yield Busy("Asking the network")
        yield Measured({})
        done.append("ready")

    for event in thread._leaving_a_core(work):
        done.append(type(event))
    assert done == [Busy, Measured, thread._PAINTS_S, "ready"]


@pytest.mark.parametrize("idle", [True, False])
def test_all_is_looked_through_only_while_nobody_waits(qapp, without_windows, monkeypatch, idle):
    parent, looked = QObject(), []
    own = OwnGarbage(parent, lambda: idle)
    monkeypatch.setattr(thread.gc, "collect", looked.append)
    for counts, expected in (((1, 0, 0), []), ((9_999, 1, 0), [0]), ((9_999, 99, 99), [2 if idle else 1])):
        looked.clear()
        monkeypatch.setattr(thread.gc, "get_count", lambda counts=counts: counts)
        own._look()
        assert looked == expected
    own.stop()
