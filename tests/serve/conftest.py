"""A server over a folder with two volumes."""

from __future__ import annotations

from functools import partial

import pytest
from support.live_server import options_of, serving, two_volumes

from volsweep.serve import app
from volsweep.serve.sessions import Sessions


@pytest.fixture
def scans(tmp_path):
    return two_volumes(tmp_path)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass for leases when a test says so."""
    seconds = [0.0]
    monkeypatch.setattr(app, "Sessions", partial(Sessions, now=lambda: seconds[0]))
    return seconds


@pytest.fixture
def client(scans, tmp_path):
    with serving(options_of(scans), tmp_path / "served") as found:
        yield found
