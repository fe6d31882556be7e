"""Connections of a session are cut when too little comes, or when all takes too long, and not before."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress

import requests

from volsweep.models import stopwatch
from volsweep.models.stopwatch import ENOUGH, Pace, Stopwatch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"


@contextmanager
def server(chunk: bytes, pause_s: float):
    """Answers with a head, and then with a chunk again and again for as long as anyone listens."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(HEAD)
                    while True:
                        time.sleep(pause_s)
                        connection.sendall(chunk)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # who waits at it would wait at the next socket of its number
        listening.close()


def read(url: str, watch: Stopwatch) -> int:
    """Bytes that came until the connection was cut."""
    got = 0
    with requests.Session() as session, watch:
        session.trust_env = False
        watch.watch(session)
        try:
            with session.get(url, stream=True, timeout=60) as answer:
                for part in answer.iter_content(4096):
                    got += len(part)
                    watch.pace.came(len(part))
        except requests.RequestException:
            return got
    raise AssertionError("it came to its end")


def test_silence_is_cut():
    watch = Stopwatch(total_s=60, silence_s=0.1)
    with server(b"", 0.05) as url:
        assert read(url, watch) == 0
    assert watch.was_cut
    assert not watch.is_over


def test_a_drip_is_as_good_as_silence():
    watch = Stopwatch(total_s=60, silence_s=0.3)
    with server(b"x", 0.01) as url:
        assert read(url, watch) < ENOUGH
    assert watch.was_cut
    assert not watch.is_over


def test_what_comes_fast_is_cut_when_all_its_time_is_over():
    watch = Stopwatch(total_s=3, silence_s=60)
    with server(b"x" * 4096, 0.01) as url:
        assert read(url, watch) > 0
    assert watch.was_cut
    assert watch.is_over


def test_a_new_try_counts_anew():
    watch = Stopwatch(total_s=60, silence_s=30)
    watch.was_cut = True
    watch.begin()
    assert not watch.was_cut
    with watch:
        time.sleep(0.05)
    assert not watch.was_cut
    assert not watch.is_over


def test_a_pace_is_kept_by_enough_bytes_and_by_nobody_asking(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: now[0])
    pace = Pace(silence_s=5)
    now[0] += 4
    pace.came(ENOUGH - 1)
    now[0] += 2
    assert pace.is_silent, "all but one byte of enough"
    pace.came(1)
    assert not pace.is_silent
    now[0] += 6
    assert pace.is_silent
    pace.waited(3)
    assert not pace.is_silent, "half of it nobody read"
    pace.alive()
    now[0] += 5
    assert not pace.is_silent
