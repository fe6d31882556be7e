"""Addresses of servers, and what is said where there is none."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from support.ports import free_port

from volsweep.errors import ServerError
from volsweep.geometry import Grid
from volsweep.masks import SliceMask
from volsweep.remote import client as client_module
from volsweep.remote.client import Address, Client
from volsweep.remote.engine import Server
from volsweep.remote.wire import Looks, mask_parts, pack
from volsweep.volume import Volume

TOKEN = "t" * 40


def test_the_address_as_it_is_printed():
    found = Address.parse(f"http://127.0.0.1:8765/#token={TOKEN}")
    assert (found.url, found.token) == ("http://127.0.0.1:8765", TOKEN)
    assert TOKEN not in repr(found)
    assert Address.parse(f"https://images.example/volsweep/#token={TOKEN}").url == "https://images.example/volsweep"


def test_the_token_of_the_environment(monkeypatch):
    monkeypatch.setenv("VOLSWEEP_SERVER_TOKEN", TOKEN)
    assert Address.parse("http://localhost:1").token == TOKEN
    monkeypatch.delenv("VOLSWEEP_SERVER_TOKEN")
    with pytest.raises(ServerError, match="no token"):
        Address.parse("http://localhost:1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gpu", "no address"),
        ("ftp://gpu", "no address"),
        ("http://user:pw@127.0.0.1", "no address"),
        (f"http://192.168.0.9:8765/#token={TOKEN}", "not encrypted"),
        (f"http://gpu.example/#token={TOKEN}", "not encrypted"),
    ],
)
def test_addresses_that_are_none_or_would_tell_everybody(text, why):
    with pytest.raises(ServerError, match=why) as told:
        Address.parse(text)
    assert TOKEN not in str(told.value)


def test_nobody_is_there(monkeypatch):
    monkeypatch.setattr(client_module, "_PAUSES_S", (0.01,))
    asking = Client(Address(f"http://127.0.0.1:{free_port()}", TOKEN))
    with (
        pytest.warns(UserWarning, match=r"trying again \(1 of 1\)"),
        pytest.raises(ServerError, match="failed or broke"),
    ):
        _ = asking.about


def test_who_listens_is_told_that_the_line_broke(recwarn):
    told = []
    client = Client(Address("http://127.0.0.1:9", "t"))
    client.told = told.append
    client.tell(ServerError("the line broke"), 2)
    assert told == ["the line broke; trying again (2 of 3)"]
    assert not recwarn.list


LOOKS = Looks(window=(0, 1), model="m", zoom=None)
NOTHING_OF_OURS = {
    "a page": b"<html>log in</html>",
    "a list": b"[1, 2]",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "a head that is no JSON": struct.pack("<II", 3, 0) + b"abc",
    "a head that is a list": struct.pack("<II", 2, 0) + b"[]",
    "a head of no kind": struct.pack("<II", 2, 0) + b"{}",
    "a body of 2 GiB": struct.pack("<II", 2, 2**31 - 1) + b"{}",
    "two frames": 2 * pack("mask", {}),
}


@contextmanager
def answering(send):
    """A server that answers whatever it is asked with `send(handler)`, and which paths it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path)
            try:
                send(self)
            except OSError:  # it was cut
                self.close_connection = True

        do_GET = do_POST = do_PUT = answer  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield Client(Address(f"http://127.0.0.1:{server.server_port}", TOKEN)), asked
        finally:
            server.shutdown()


def plain(body: bytes, status: int = 200, **headers: str):
    def send(handler):
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


@pytest.mark.parametrize("what", NOTHING_OF_OURS)
def test_answers_that_are_no_servers_of_ours_are_a_sentence(what):
    with answering(plain(NOTHING_OF_OURS[what])) as (client, _):
        doors = [lambda: client.about, lambda: client.json("/x", LOOKS), lambda: client.frame("/x", LOOKS)]
        if what not in ("nothing", "two frames"):
            doors.append(lambda: list(client.frames("/x", LOOKS)))
        for door in doors:
            with pytest.raises(ServerError, match=r"understood|ends early|frames in place of one"):
                door()


@pytest.mark.parametrize("status", [302, 307, 308])
def test_nothing_goes_where_a_server_redirects_to(status):
    """Prompts and voxels go to the server that was named, and nowhere else."""
    volume = Volume(np.zeros((2, 3, 4), np.int16), Grid.axis_aligned((2, 3, 4)))
    with answering(plain(b"{}")) as (elsewhere, asked):
        with answering(plain(b"", status, Location=elsewhere.address.url)) as (client, _):
            for door in (lambda: client.json("/x", LOOKS), lambda: client.send("k", volume), lambda: client.about):
                with pytest.raises(ServerError, match="redirects"):
                    door()
        assert asked == []


def drip(handler, head: bool) -> None:
    if not head:
        plain(b"", Content_Length="1000000")(handler)
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: " * head)
    for _ in range(20_000):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("head", [True, False], ids=["of a head", "of a body"])
def test_a_drip_ends(monkeypatch, head):
    """Every byte begins a timeout of sockets anew; 20,000 of them would take a quarter of an hour."""
    monkeypatch.setattr(client_module, "_SILENCE_S", 1.5)  # a busy machine may send nothing for as long
    with answering(lambda handler: drip(handler, head)) as (client, asked):
        for door in (lambda: client.json("/x", LOOKS), lambda: list(client.frames("/x", LOOKS))):
            with pytest.raises(ServerError, match="so slowly that it was given up"):
                door()
        assert len(asked) == 2  # and are not asked for again


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_flood_ends(monkeypatch, packed, status):
    for limit in ("_MOST_JSON", "_MOST_FRAME", "_MOST_REFUSAL"):
        monkeypatch.setattr(client_module, limit, 2**16)
    body, more = b"[" * 2**24, {}
    if packed:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body, more = packer.compress(body) + packer.flush(), {"Content_Encoding": "gzip"}
    with answering(plain(body, status, **more)) as (client, _):
        for door in (lambda: client.json("/x", LOOKS), lambda: client.frame("/x", LOOKS)):
            with pytest.raises(ServerError, match="more than 65536 bytes" if status == 200 else "HTTP 500"):
                door()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"slice": 3}, {"slice": -1}, {"slice": None}, {"shape_yx": [8, 9]}),
        *({"top": -2}, {"left": 9}, {"size_yx": [10**6, 10**6]}),
    ],
)
def test_masks_of_other_slices_are_refused(wrong):
    from volsweep.prompts.kinds import Box

    volume = Volume(np.zeros((3, 9, 9), np.int16), Grid.axis_aligned((3, 9, 9)))
    mask = SliceMask(1, (9, 9), 2, 2, np.ones((3, 3), np.float16), 1.0, 1.0)
    head, body = mask_parts(mask)
    box = Box(label=1, slice=1, box_xyxy=(2, 2, 4, 4))

    def engine(client):
        server = Server(f"http://127.0.0.1:1/#token={TOKEN}")
        server.client = client
        return server.engine(volume, LOOKS)

    with answering(plain(pack("mask", head, body))) as (client, _):
        assert engine(client).preview({1: (box,)}, 1).box_xyxy == mask.box_xyxy
    with answering(plain(pack("mask", {**head, **wrong}, body))) as (client, _), pytest.raises(ServerError):
        engine(client).preview({1: (box,)}, 1)


def test_a_sweep_without_end_ends():
    """One label on three slices cannot be found seven times."""
    from volsweep.engine.sweep.plan import SweepOptions
    from volsweep.prompts.kinds import Box

    volume = Volume(np.zeros((3, 9, 9), np.int16), Grid.axis_aligned((3, 9, 9)))
    head, body = mask_parts(SliceMask(1, (9, 9), 2, 2, np.ones((3, 3), np.float16), 1.0, 1.0))
    step = pack(
        "mask", {**head, "label": 1, "start": 1, "last": 2, "bound": None, "before": None, "filled": False}, body
    )
    box = Box(label=1, slice=1, box_xyxy=(2, 2, 4, 4))

    def found(steps: bytes) -> int:
        with answering(plain(steps)) as (client, _):
            server = Server(f"http://127.0.0.1:1/#token={TOKEN}")
            server.client = client
            options = SweepOptions().within(3)
            return len(list(server.engine(volume, LOOKS).sweep("axial", {1: {1: (box,)}}, options)))

    assert found(6 * step) == 6
    for wrong in (
        7 * step,
        step.replace(b'"label": 1', b'"label": 9'),
        step.replace(b'"before": null', b'"before": "x" '),
    ):
        with pytest.raises(ServerError):
            found(wrong)
