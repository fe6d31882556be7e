"""Every engine takes what the protocol says, under the same names and in the same order."""

from __future__ import annotations

import inspect

import pytest
from support.tiny_engine import TinyEngine

from volsweep.engine.engine import Engine
from volsweep.remote.engine import RemoteEngine
from volsweep.session.networks.any_engine import AnyEngine
from volsweep.session.second.fused import FusedEngine

ASKED = sorted(name for name, one in vars(AnyEngine).items() if name[0] != "_" and inspect.isfunction(one))


def taken(of: type, name: str) -> list[tuple[str, bool]]:
    """Names of what a method takes, and whether each may be left out."""
    signature = inspect.signature(getattr(of, name))
    return [(one.name, one.default is not one.empty) for one in signature.parameters.values()]


def test_the_protocol_is_what_a_session_asks():
    assert ASKED == ["describe", "encode", "get_ready", "preview", "release", "sweep"]


@pytest.mark.parametrize("engine", [Engine, RemoteEngine, FusedEngine])
@pytest.mark.parametrize("name", ASKED)
def test_each_engine_takes_what_is_given(engine, name):
    assert taken(engine, name) == taken(AnyEngine, name)


def test_the_stand_in_of_tests_knows_what_a_window_and_a_session_ask():
    assert {"encode", "get_ready", "preview", "sweep", "describe"} <= set(dir(TinyEngine))
