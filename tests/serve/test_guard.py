"""No token, wrong name, other sites: refused before anything is read."""

from __future__ import annotations

import logging
import socket

import pytest
import requests

from volsweep.remote.wire import PREFIX
from volsweep.serve.app import DOORS


def asked(client, headers, method="GET", path=PREFIX):
    with requests.Session() as http:
        http.trust_env = False
        return http.request(method, client.url + path, headers=headers, timeout=20)


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
        with socket.create_connection(("127.0.0.1", port), 10) as raw:
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
