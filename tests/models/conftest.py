"""A server of weights on this machine, and models that are fetched from it."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.weights_server import PAYLOAD, Server

from volsweep.models import MODELS


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The models folder, which does not exist yet."""
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("VOLSWEEP_OFFLINE", raising=False)
    return tmp_path / "models"


@pytest.fixture
def spec(server, folder):
    """A model with a published hash, as SAM 2.1 has one."""
    return replace(MODELS["sam2.1-tiny"], url=server.url, sha256=hashlib.sha256(PAYLOAD).hexdigest())


@pytest.fixture
def unhashed(server, folder):
    """A model without one, as MedSAM2."""
    return replace(MODELS["medsam2-latest"], url=server.url)
