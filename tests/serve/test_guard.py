"""No token, wrong name, other sites: refused before anything is read."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress

import pytest
import requests
from support.live_server import options_of, serving, two_volumes

from volsweep.remote.wire import PREFIX
from volsweep.serve import speech
from volsweep.serve.app import DOORS
from volsweep.serve.guard import Line


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return two_volumes(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def client(scans):
    """One server for all: what is refused changes nothing, and the next request is answered."""
    with serving(options_of(scans), scans.parent / "served") as found:
        yield found


def asked(client, headers, method="GET", path=PREFIX):
    with requests.Session() as http:
        http.trust_env = False
        return http.request(method, client.url + path, headers=headers, timeout=120)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.method} {door.path}")
def test_nothing_is_answered_without_the_token(client, door):
    path = PREFIX + door.plain.format(session="0" * 32, volume="0" * 64, plane="axial", index=0, name="x")
    for shown in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"authorization": client.options.token},
    ):
        answer = asked(client, shown, door.method, path)
        assert answer.status_code == 401
        assert "token" in answer.json()["error"]


def test_the_token_is_not_taken_from_the_address(client):
    assert asked(client, {}, path=f"{PREFIX}?token={client.options.token}").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1", "127.0.0.1:80@evil"])
def test_a_name_that_leads_here_by_anothers_hand_is_refused(client, host):
    """DNS rebinding: the browser thinks that it speaks to its own site."""
    shown = {"authorization": f"Bearer {client.options.token}", "host": host}
    assert asked(client, shown).status_code == 421
    assert asked(client, shown, path="/").status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_sites_may_not_ask(client, headers):
    shown = {"authorization": f"Bearer {client.options.token}", **headers}
    assert asked(client, shown, "POST", f"{PREFIX}/folder").status_code == 403


def test_its_own_page_may(client):
    shown = {"authorization": f"Bearer {client.options.token}", "origin": client.url, "sec-fetch-site": "same-origin"}
    assert asked(client, shown).status_code == 200


def test_answers_are_kept_by_nobody_and_framed_by_nobody(client):
    headers = client.ask("GET", "").headers
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_two_hosts_or_none_are_refused(client):
    port = int(client.url.rpartition(":")[2])
    for lines in (["Host: evil", f"Host: 127.0.0.1:{port}"], []):
        with socket.create_connection(("127.0.0.1", port), 240) as raw:
            raw.sendall("\r\n".join([f"GET {PREFIX} HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
            assert raw.recv(4096).split(b" ")[1] in (b"400", b"421")


def test_the_log_holds_no_word_of_a_patient(client, caplog, scans):
    (scans / "Mustermann^Erika.nii.gz").write_bytes(b"damaged")
    caplog.set_level(logging.DEBUG)
    folder = client.get("")["folders"][0]
    client.ask("POST", "/series", {"folder": folder, "path": "Mustermann^Erika.nii.gz"})
    client.ask("GET", "/sessions/Mustermann?name=Mustermann")
    client.ask("POST", "/uploads", data=b"x", headers={"volsweep-name": "Mustermann.nii"})
    number = client.open()["id"]
    client.box(number)
    client.act(number, {"action": "edit_label", "label": 1, "name": "Mustermann"})
    told = [
        r.getMessage()
        for r in caplog.records
        if r.name.startswith(("volsweep", "uvicorn")) and r.levelno > logging.DEBUG
    ]
    assert any("act 200" in line for line in told)
    assert not [line for line in told if "ustermann" in line]


def answered(client, text: bytes, within_s: float = 240) -> bytes:
    """What comes for raw bytes, until the server hangs up or says no more."""
    port = int(client.url.rpartition(":")[2])
    out = b""
    with socket.create_connection(("127.0.0.1", port), 240) as raw:
        raw.settimeout(within_s)
        with suppress(OSError):
            raw.sendall(text)
        with suppress(OSError):
            while chunk := raw.recv(65536):
                out += chunk
    return out


def head(client, *more: str, method: str = "POST", path: str = f"{PREFIX}/folder") -> bytes:
    own = [f"Host: {client.url.removeprefix('http://')}", f"Authorization: Bearer {client.options.token}"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *own, *more, "", ""]).encode("latin-1")


HIDDEN = b"GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 43"],
        ["Content-Length: 5", "Content-Length: 43"],
        ["Content-Length: 5, 43"],
        ["Content-Length: +5"],
        ["Content-Length: -1"],
        ["Content-Length: 0x5"],
        ["Transfer-Encoding: identity, chunked"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["X: a\rTransfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 2\x00"],
        ["Content Length: 5"],
    ],
    ids=repr,
)
def test_requests_of_two_lengths_are_refused_and_what_hides_in_them_is_not_read(client, lines):
    """Request smuggling: what a proxy takes for a body, the server behind it took for a request."""
    told = answered(client, head(client, *lines) + b"0\r\n\r\n" + HIDDEN)
    assert told[9:12] in (b"400", b"501"), told[:200]
    assert b'"sessions"' not in told
    assert told.count(b"HTTP/1.1 ") == 1, told


@pytest.mark.parametrize(
    "text",
    [
        b"GET " + b"/" * 200_000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"GET / HTTP/1.1\r\nX: " + b"y" * 2_000_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\r\n" * 1000,
        b"\0" * 70_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_heads_that_are_too_long_or_none(client, text, monkeypatch):
    monkeypatch.setattr(Line, "within_s", 1.0)
    told = answered(client, text, 10)
    assert not told or told[9:12] in (b"400", b"421", b"505"), told[:100]
    assert client.get("")["api"] == 1


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "HEAD", "PUT", "PATCH", "LOCK"])
def test_other_methods_do_nothing(client, method):
    for path in (PREFIX, f"{PREFIX}/folder", "/", "/app.js"):
        shown = {"authorization": f"Bearer {client.options.token}"}
        answer = asked(client, shown, method, path)
        assert answer.status_code in (200, 204, 400, 404, 405) if method == "HEAD" else answer.status_code in (400, 405)
        assert "access-control-allow-origin" not in answer.headers
        assert client.options.token not in answer.text


@pytest.mark.parametrize(
    "path",
    ["//api/v1/sessions", "/api/v1/../v1/sessions", "/./api/v1/sessions", "/API/v1/sessions", "/%61pi/v1/sessions",
     "/api%2fv1/sessions", "/api/v1//sessions", "/api/v1/sessions;x", "http://evil.example/api/v1/sessions",
     "/static/../../guard.py", "/..%5c..%5cguard.py", "/app.js/../../guard.py", "/\\..\\guard.py"],
)  # fmt: skip
def test_no_spelling_of_an_address_goes_round_the_token(client, path):
    own = f"Host: {client.url.removeprefix('http://')}"
    told = answered(client, f"GET {path} HTTP/1.1\r\n{own}\r\nConnection: close\r\n\r\n".encode())
    assert told[9:12] in (b"400", b"401", b"404", b"405"), told[:200]
    assert b'"sessions"' not in told
    assert b"hmac" not in told


def test_a_head_that_does_not_come_and_a_body_that_stops(client, monkeypatch):
    """Who holds lines open holds nobody else up."""
    with monkeypatch.context() as hasty:
        hasty.setattr(Line, "within_s", 0.6)
        for text in (b"", b"GET / HT", head(client)[:-2]):
            assert not answered(client, text)
    monkeypatch.setattr(Line, "within_s", 3600.0)
    monkeypatch.setattr(speech, "_SILENCE_S", 0.6)
    for path in ("/folder", "/uploads", "/sessions"):
        stops = head(client, "Content-Length: 1000", "Volsweep-Name: x.nii", path=PREFIX + path) + b"{"
        assert answered(client, stops)[9:12] == b"408"
    # One that comes slowly, but comes, is taken: it takes longer than silence may, and each byte much less.
    monkeypatch.setattr(speech, "_SILENCE_S", 3.0)
    port = int(client.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 240) as raw:
        raw.sendall(head(client, "Content-Length: 19", "Connection: close"))
        for byte in b'{"folder": "scans"}':
            raw.sendall(bytes([byte]))
            time.sleep(0.2)
        assert raw.recv(4096).split(b" ")[1] == b"200"


def test_many_lines_that_say_nothing_are_cut(client, monkeypatch):
    monkeypatch.setattr(Line, "within_s", 0.5)
    port = int(client.url.rpartition(":")[2])
    lines = [socket.create_connection(("127.0.0.1", port), 240) for _ in range(300)]
    try:
        end = time.monotonic() + 240
        while (answer := client.ask("GET", "")).status_code == 503 and time.monotonic() < end:
            time.sleep(0.1)
        assert answer.json()["api"] == 1
    finally:
        for line in lines:
            line.close()
