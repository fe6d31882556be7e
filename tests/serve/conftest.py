"""A server over a folder with two volumes."""

from __future__ import annotations

import pytest
from support.live_server import options_of, serving, write_volume


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    write_volume(folder / "a.nii.gz", 0)
    write_volume(folder / "b.nii.gz", 1)
    return folder


@pytest.fixture
def client(scans, tmp_path):
    with serving(options_of(scans), tmp_path / "served") as found:
        yield found
