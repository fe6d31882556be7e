"""Addresses, credentials, certificates and failures of a DICOMweb server."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess

import pytest
from support.fake_pacs import FakePacs

from volsweep.errors import PacsError
from volsweep.pacs import Query, Server, find

SECRET = "s3cret-pässwörd"
PATIENT = Query(patient="QUIXOTE-77")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://pacs.example.org/dicom-web", "unencrypted; use https://"),
        ("http://10.0.0.7:8042/dicom-web", "unencrypted"),
        ("http://localhost.example.org/dicom-web", "unencrypted"),
        ("https://user:s3cret@pacs.example.org/dicom-web", "must hold no password"),
        ("https://pacs.example.org/dicom-web?token=s3cret", "must hold no password"),
        ("ftp://pacs.example.org", "not the address"),
        ("pacs.example.org/dicom-web", "not the address"),
        ("https://pacs.example.org:port/dicom-web", "malformed"),
        ("https:///dicom-web", "not the address"),
        ("", "not the address"),
    ],
)
def test_addresses_that_are_refused(url, reason):
    with pytest.raises(PacsError, match=reason) as caught:
        Server(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:8042/dicom-web", "http://127.0.0.1:8042/dicom-web/", "https://pacs.example.org/x"]
)
def test_addresses_that_are_taken(url):
    assert Server(url).url == url.rstrip("/")
    assert Server("http://pacs.example.org/dicom-web", allow_http=True)


def test_the_password_comes_from_the_environment(pacs, monkeypatch):
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_USER", "jörg")
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_PASSWORD", SECRET)
    find(Server(pacs.url), PATIENT)
    assert set(pacs.basic()) == {("jörg", SECRET)}


def test_or_from_netrc(pacs, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login sancho password panza\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    find(Server(pacs.url), PATIENT)
    assert set(pacs.basic()) == {("sancho", "panza")}


def test_or_is_a_token(pacs, monkeypatch):
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_TOKEN", "abc.def-ghi\n")
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_USER", "sancho")
    find(Server(pacs.url), PATIENT)
    assert {who for _, _, who in pacs.requests} == {"Bearer abc.def-ghi"}


def test_half_of_the_credentials(pacs, monkeypatch):
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_PASSWORD", SECRET)
    with pytest.raises(PacsError, match="USER is not"):
        find(Server(pacs.url), PATIENT)
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_TOKEN", f"{SECRET}\r\nX-Evil: 1")
    with pytest.raises(PacsError, match="characters that no token has") as caught:
        find(Server(pacs.url), PATIENT)
    assert SECRET not in str(caught.value)
    assert pacs.requests == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "refuses who asks"), (403, "may not do this"), (404, "nothing there"), (500, "failed itself"), (418, "418")],
)
def test_refusals_are_sentences_without_secrets(pacs, monkeypatch, caplog, status, reason):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_USER", "sancho")
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_PASSWORD", SECRET)
    pacs.status = {"studies": status}
    with pytest.raises(PacsError, match=reason) as caught:
        find(Server(pacs.url), PATIENT)
    assert len(pacs.requests) == 1
    for told in (str(caught.value), caplog.text):
        assert SECRET not in told
        assert "QUIXOTE" not in told
        assert pacs.requests[0][2].removeprefix("Basic ") not in told


def test_a_busy_server_is_asked_again(pacs):
    pacs.status = {"studies": 503}
    with pytest.raises(PacsError, match="busy"):
        find(Server(pacs.url), PATIENT)
    assert len(pacs.requests) == 3


def test_redirections_are_not_followed(pacs):
    with FakePacs() as elsewhere:
        pacs.redirect = f"{elsewhere.url}/studies"
        with pytest.raises(PacsError, match="redirects"):
            find(Server(pacs.url), PATIENT)
        assert elsewhere.requests == []


def test_nobody_there_and_nobody_answering():
    with FakePacs() as gone:
        url = gone.url
    with pytest.raises(PacsError, match="check that it is running"):
        find(Server(url), PATIENT)


def test_a_silent_server(monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(f"http://127.0.0.1:{listening.getsockname()[1]}/dicom-web", timeout_s=0.2)
        with pytest.raises(PacsError, match=r"silent for 0.2 s"):
            find(server, PATIENT)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_are_verified(certificate, slices, monkeypatch, variable):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with FakePacs(slices, tls=context) as pacs:
        with pytest.raises(PacsError, match=r"certificate of 127.0.0.1:.* cannot be verified"):
            find(Server(pacs.url), PATIENT)
        assert pacs.requests == []
        monkeypatch.setenv(variable, str(certificate / "cert.pem"))
        find(Server(pacs.url), PATIENT)
        assert len(pacs.requests) == 1
        monkeypatch.setenv(variable, str(certificate / "missing.pem"))
        with pytest.raises(PacsError, match=variable):
            find(Server(pacs.url), PATIENT)
