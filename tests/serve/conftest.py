"""A server over a folder with two volumes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from support.live_server import options_of, serving, write_volume

from volsweep.serve import app
from volsweep.serve.sessions import Sessions


def two_volumes(parent: Path) -> Path:
    """A folder to serve."""
    folder = parent / "scans"
    folder.mkdir()
    write_volume(folder / "a.nii.gz", 0)
    write_volume(folder / "b.nii.gz", 1)
    return folder


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
