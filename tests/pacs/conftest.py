"""A DICOMweb server of a few lines, with whatever wrong with it that a test needs."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """No credentials but those that a test sets."""
    for name in ("URL", "USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"VOLSWEEP_DICOMWEB_{name}", raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setattr("volsweep.pacs.server._BACKOFF_MS", 10)


@pytest.fixture
def slices(tmp_path) -> list[Path]:
    from support.dicom_files import AXIAL, along, pattern, write_series

    return write_series(tmp_path / "series", pattern(5), along(AXIAL, 5, 2.0))


@pytest.fixture
def pacs(slices):
    from support.fake_pacs import FakePacs

    with FakePacs(slices) as running:
        yield running
