"""Answers without an end: they are given up, whatever the server sends."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from volsweep.errors import PacsError
from volsweep.pacs import Query, Server, find, pull
from volsweep.pacs.find import RemoteSeries

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"


@contextmanager
def sender(head: bytes, chunk: bytes, pause_s: float):
    """A server that answers with a head, and then sends a chunk again and again."""
    listening = socket.create_server(("127.0.0.1", 0))
    sent = [0]

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(head + b"\r\n")
            try:
                while True:
                    connection.sendall(chunk)
                    sent[0] += len(chunk)
                    time.sleep(pause_s)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/dicom-web", sent
    finally:
        listening.close()


@pytest.mark.parametrize("head", [HEAD, HEAD + b"Content-Length: 99999999999\r\n"])
def test_a_drip_is_given_up(head):
    with sender(head, b" ", 0.05) as (url, _):
        started = time.monotonic()
        with pytest.raises(PacsError, match="so slowly"):
            find(Server(url, timeout_s=0.2), Query(study="1.2.3"))
        assert time.monotonic() - started < 200


def test_json_without_an_end_is_given_up():
    with sender(HEAD, b" " * 2**20, 0) as (url, sent):
        with pytest.raises(PacsError, match="more than 64 MiB"):
            find(Server(url, timeout_s=3), Query(study="1.2.3"))
        assert sent[0] < 2**28


def test_images_that_drip_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["volsweep.pacs.pull"], "instance_uids", lambda *_: ["1.2.3.4.5"])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; type=application/dicom; boundary=mark\r\n"
    with sender(head, b"x", 0.05) as (url, _):
        started = time.monotonic()
        with pytest.raises(PacsError):
            pull(Server(url, timeout_s=0.2), RemoteSeries("1.2.3", "1.2.3.4"), tmp_path / "cache")
        assert time.monotonic() - started < 200
