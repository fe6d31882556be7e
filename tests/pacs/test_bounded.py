"""Answers without an end: they are given up, whatever the server sends."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pydicom
import pytest
from support.fake_pacs import FakePacs

from volsweep.errors import PacsError
from volsweep.pacs import Query, Server, bounded, find, pull
from volsweep.pacs.find import RemoteSeries


def dataset_of(number: int) -> pydicom.Dataset:
    found = pydicom.Dataset()
    found.StudyInstanceUID = found.SeriesInstanceUID = found.SOPInstanceUID = f"1.2.3.{number}"
    found.StudyDate = "20260101"
    return found


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A server may be silent for longer here than it drips: a busy machine lets it wait, and that is another fault."""
    monkeypatch.setattr(bounded, "PATIENCE", 1)


@contextmanager
def sender(head: bytes, chunk: bytes, pause_s: float, begins: bytes = b"\r\n"):
    """A server that answers with a head, and then sends a chunk again and again."""
    listening = socket.create_server(("127.0.0.1", 0))
    sent = [0]

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(head + begins)
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
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # who waits at it would wait at the next socket of its number
        listening.close()


@pytest.mark.parametrize(
    ("head", "chunk"),
    [(b"HTTP/1.1 200 OK", b"x"), (b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["one header", "promises"],
)
def test_a_drip_of_a_head_is_given_up(head, chunk):
    """No body has come that could be counted."""
    head += b"\r\nX: " if chunk == b"x" else b""
    with sender(head, chunk, 0.05, begins=b"") as (url, _), pytest.raises(PacsError, match="so slowly"):
        find(Server(url, timeout_s=1), Query(study="1.2.3"))


def test_pages_without_end_are_bounded_together(monkeypatch):
    """Each is small, and there are always more."""
    monkeypatch.setattr(bounded, "_MOST_SEARCHED_BYTES", 50_000)
    with FakePacs() as pacs:
        pacs.page = 1
        pacs.instances = [dataset_of(number) for number in range(400)]
        with pytest.raises(PacsError, match="there is no end of them"):
            find(Server(pacs.url), Query(date="20260101"))
        assert 10 < len(pacs.requests) < 400


@pytest.mark.parametrize("head", [HEAD, HEAD + b"Content-Length: 99999999999\r\n"])
def test_a_drip_is_given_up(head):
    with sender(head, b" ", 0.05) as (url, _), pytest.raises(PacsError, match="so slowly"):
        find(Server(url, timeout_s=1), Query(study="1.2.3"))


CHUNKED = b"Transfer-Encoding: chunked\r\n"
IMAGES = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; type=application/dicom; boundary=mark\r\n"


@pytest.mark.parametrize("chunk", [b"1\r\n \r\n", b"8\r\n\r\n--mark\r\n"], ids=["a byte", "a boundary"])
@pytest.mark.parametrize("of_series", [True, False], ids=["series", "one image"])
def test_a_drip_of_whole_chunks_is_given_up(tmp_path, monkeypatch, chunk, of_series):
    """Each is an answer's chunk by itself, so that a client sees something come all the time."""
    monkeypatch.setattr(sys.modules["volsweep.pacs.pull"], "instance_uids", lambda *_: ["1.2.3.4.5"])
    if not of_series:
        monkeypatch.setattr(sys.modules["volsweep.pacs.pull"]._Fetch, "whole", lambda _: None)
    with sender(IMAGES + CHUNKED, chunk, 0.02) as (url, _), pytest.raises(PacsError, match="so slowly"):
        pull(Server(url, timeout_s=1), RemoteSeries("1.2.3", "1.2.3.4"), tmp_path / "cache")


def test_one_image_may_be_larger_than_an_answer_to_a_search_but_not_endless(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["volsweep.pacs.pull"], "instance_uids", lambda *_: ["1.2.3.4.5"])
    monkeypatch.setattr(sys.modules["volsweep.pacs.pull"]._Fetch, "whole", lambda _: None)
    monkeypatch.setattr(bounded, "MOST_JSON_BYTES", 2**20)
    monkeypatch.setattr(bounded, "MOST_IMAGE_BYTES", 2**23)
    with sender(IMAGES, b" " * 2**16, 0) as (url, sent):
        with pytest.raises(PacsError, match="more than 8 MiB"):
            pull(Server(url, timeout_s=240), RemoteSeries("1.2.3", "1.2.3.4"), tmp_path / "cache")
        assert sent[0] > 2**23


def test_a_stream_just_fast_enough_ends_too(monkeypatch):
    monkeypatch.setattr(bounded, "_LONGEST", 1)
    monkeypatch.setattr(bounded, "PATIENCE", 9)
    with sender(HEAD, b" " * 2**16, 0.2) as (url, _), pytest.raises(PacsError, match="one and the same answer"):
        find(Server(url, timeout_s=2), Query(study="1.2.3"))


def test_json_without_an_end_is_given_up():
    with sender(HEAD, b" " * 2**20, 0) as (url, sent):
        with pytest.raises(PacsError, match="more than 64 MiB"):
            find(Server(url, timeout_s=240), Query(study="1.2.3"))
        assert sent[0] < 2**28


def test_images_that_drip_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["volsweep.pacs.pull"], "instance_uids", lambda *_: ["1.2.3.4.5"])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; type=application/dicom; boundary=mark\r\n"
    with sender(head, b"x", 0.05) as (url, _), pytest.raises(PacsError):
        pull(Server(url, timeout_s=1), RemoteSeries("1.2.3", "1.2.3.4"), tmp_path / "cache")
