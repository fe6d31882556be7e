"""Addresses of servers, and what is said where there is none."""

from __future__ import annotations

import pytest
from support.ports import free_port

from volsweep.errors import ServerError
from volsweep.remote import client as client_module
from volsweep.remote.client import Address, Client

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
