"""A DICOMweb server: its address, who we are there, and what its failures mean in a sentence."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from volsweep.errors import PacsError, VolsweepError
from volsweep.pacs.bounded import Bounds
from volsweep.settings import dicomweb_credentials, is_this_machine

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient

USER, PASSWORD, TOKEN = (f"VOLSWEEP_DICOMWEB_{name}" for name in ("USER", "PASSWORD", "TOKEN"))
_CONNECT_S = 10.0
_ATTEMPTS, _BACKOFF_MS = 3, 250
# What these libraries log holds addresses, and so the patient numbers that were searched for.
_TALKATIVE = ("dicomweb_client", "requests", "retrying", "urllib3")


@dataclass(frozen=True)
class Server:
    """Where a DICOMweb service is.

    Parameters
    ----------
    url
        Such as ``https://pacs.example.org/dicom-web``.
    allow_http
        Send patients' data and passwords unencrypted to another machine.
    timeout_s
        How long it may stay silent.

    Raises
    ------
    PacsError
        If the address is malformed, holds a password, or is unencrypted without leave.
    """

    url: str
    allow_http: bool = False
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise PacsError("the server's address is malformed; it looks like https://host:port/dicom-web") from None
        if parts.username is not None or parts.password is not None or parts.query:
            # The address ends up in shell histories and logs, so it is not repeated here either.
            raise PacsError(
                f"the server's address must hold no password and no query; set {USER} and {PASSWORD}, or {TOKEN}, "
                "or write the password into ~/.netrc"
            )
        if parts.scheme not in ("https", "http") or not host or ":" in host:
            raise PacsError(
                f"{self.url[:80]!r} is not the address of a DICOMweb service; it looks like https://host:port/dicom-web"
            )
        if parts.scheme == "http" and not self.allow_http and not is_this_machine(host):
            raise PacsError(
                f"http://{host} would send patients' data and the password unencrypted; use https://, or allow it "
                "where the network is trusted (allow_http=True)"
            )
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc


@contextmanager
def connected(server: Server, *, repeat: bool = True) -> Iterator[DICOMwebClient]:
    """Speak to a server; certificates are verified, redirections not followed.

    Parameters
    ----------
    server
        With whom.
    repeat
        Whether a request may be sent again when the server was busy or the connection failed.

    Raises
    ------
    PacsError
        In place of all that goes wrong inside; it names the server and nothing that was searched for.
    """
    import requests
    from dicomweb_client.web import DICOMwebClient

    with _discreet(), requests.Session() as session:
        session.auth = _credentials()
        session.max_redirects = 0
        bounds = Bounds(server.name, server.timeout_s)
        bounds.watch(session)
        session.hooks["response"].append(bounds)
        # Requests itself honours REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE before this one.
        session.verify = os.environ.get("SSL_CERT_FILE") or True
        client = DICOMwebClient(server.url, session=session, timeout=(_CONNECT_S, server.timeout_s))
        client.set_http_retry_params(repeat, _ATTEMPTS, _BACKOFF_MS)
        try:
            yield client
        except VolsweepError:
            raise
        except Exception as error:  # the network and what a server answers fail in ways without number
            raise PacsError(told(error, server)) from None


def told(error: BaseException, server: Server) -> str:
    """Say what a failure means; the texts of the libraries quote addresses and headers."""
    import requests
    from requests import exceptions
    from retrying import RetryError

    if isinstance(error, RetryError):
        answer = error.last_attempt.value
        return _refused(answer.status_code, server) if isinstance(answer, requests.Response) else _gone(server)
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return _refused(error.response.status_code, server)
    if isinstance(error, exceptions.SSLError):
        return (
            f"the certificate of {server.name} cannot be verified; name the file of your own authority's in "
            "REQUESTS_CA_BUNDLE"
        )
    if isinstance(error, exceptions.ConnectTimeout):
        return f"{server.name} cannot be reached within {_CONNECT_S:g} s; check address and firewall"
    if isinstance(error, exceptions.Timeout):
        return f"{server.name} was silent for {server.timeout_s:g} s; try again, or give it longer (timeout_s=)"
    if isinstance(error, exceptions.TooManyRedirects):
        return f"{server.name} redirects to another address, which is not followed; give the final address"
    if isinstance(error, exceptions.ConnectionError | exceptions.ChunkedEncodingError):
        return _gone(server)
    if isinstance(error, OSError) and "CA certificate bundle" in str(error):
        return "the file named in REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE does not exist"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, exceptions.RequestException):
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    path = urlsplit(server.url).path or "/"
    return (
        f"the answer of {server.name} is not understood ({type(error).__name__}); is {path} the path of its DICOMweb "
        "service?"
    )


def status_of(error: BaseException) -> int | None:
    """HTTP status of a refusal; None where there was no answer."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def is_gone(error: BaseException) -> bool:
    """Whether there is no use in asking the same server for something else."""
    from requests import exceptions

    return isinstance(error, exceptions.ConnectionError | exceptions.ChunkedEncodingError | exceptions.Timeout)


def _gone(server: Server) -> str:
    return f"the connection to {server.name} failed or broke; check that it is running, and try again"


def _refused(status: int, server: Server) -> str:
    if status in (401, 403):
        return (
            f"{server.name} refuses who asks (HTTP {status}): set {USER} and {PASSWORD}, or {TOKEN}, or write the "
            "password into ~/.netrc; or the user may not do this"
        )
    if status == 404:
        return f"{server.name} has nothing there (HTTP 404): no DICOMweb service at this path, or no such series"
    return f"{server.name} refuses (HTTP {status}: {_STATUSES.get(status, 'see its log')})"


_STATUSES = {
    400: "it does not understand the request",
    405: "it does not allow this",
    409: "none of it was stored",
    413: "it is too large",
    415: "it does not take this kind of object",
    429: "too many requests; try again later",
    500: "it failed itself; see its log",
    503: "it is busy; try again later",
    507: "its disk is full",
}


def _credentials() -> Any:
    """From the environment; None where requests is to look into ~/.netrc (or $NETRC)."""
    from requests.auth import HTTPBasicAuth

    asked = dicomweb_credentials()
    user, password, token = asked.user, asked.password, asked.token
    if token:
        if not re.fullmatch(r"[\x21-\x7e]+", token.strip()):
            raise PacsError(f"{TOKEN} holds spaces or characters that no token has")
        return _bearer(token.strip())
    if password and not user:
        raise PacsError(f"{PASSWORD} is set and {USER} is not")
    return HTTPBasicAuth(user.encode(), password.encode()) if user else None


def _bearer(token: str) -> Any:
    """Add the token where nothing logs it: when a request is sent."""

    def authorise(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorise


@contextmanager
def _discreet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
