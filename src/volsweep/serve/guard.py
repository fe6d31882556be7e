"""Who may ask, and from where: held before any other line of the server reads a request."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11
from starlette.responses import JSONResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from volsweep.remote.wire import PREFIX

_log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_HEADERS = {
    # NiiVue draws with WebGL, unpacks in a worker of its own, and styles its canvas.
    "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Line(H11Protocol):
    """A client's line to the server: it is cut where the head of a request does not come, or not in time.

    Notes
    -----
    h11 refuses heads that are too long or of two meanings; uvicorn's other reader of requests takes any.
    """

    within_s = 20.0
    """So long a client may take for the head of a request, from when the line is there or the head begins."""
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Something came: of a head, or of what follows it."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.within_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None


class Guard:
    """Lets requests through to the server that call it by its name, come from its own page, and show the token.

    Parameters
    ----------
    app
        What is behind it.
    token
        Compared in constant time.
    hosts
        Names that the server goes by, in small letters, with ports.

    Notes
    -----
    The log holds method, kind of request, status and time: no address of a file, no word that a client sent.
    """

    def __init__(self, app: App, token: str, hosts: frozenset[str]) -> None:
        self._app = app
        self._digest = _digest(token.encode())
        self._hosts = hosts

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:  # nothing here speaks through WebSockets
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Message, receive: Any, send: Any) -> None:
        started, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name.encode(): value.encode() for name, value in _HEADERS.items()}
                if scope["path"].startswith(PREFIX):
                    own[b"cache-control"] = b"no-store"
                message["headers"] = [*((k, v) for k, v in message["headers"] if k.lower() not in own), *own.items()]
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (self._app if refusal is None else refusal)(scope, receive, send_on)
        except Exception as error:
            _log.error("%s in %s", type(error).__name__, _where(error))
            if status:  # too late to say so; the line is cut, and nobody logs what the error says
                return
            text = f"unexpected {type(error).__name__}; what was done is kept, try again"
            await JSONResponse({"error": text}, 500)(scope, receive, send_on)
        finally:
            route = getattr(scope.get("endpoint"), "__name__", "-")
            _log.info("%s %s %d %.0f ms", scope["method"], route, status, 1000 * (time.perf_counter() - started))

    def _refusal(self, scope: Message) -> Response | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        named = headers.get(b"host", [])
        if len(named) != 1 or _text(named[0]).lower() not in self._hosts:
            return _no(421, "this server does not go by that name; call it as it told, or start it with --name")
        if b"content-length" in headers and b"transfer-encoding" in headers:
            # A proxy before this server could take the one where the server takes the other.
            answer = _no(400, "a request says how long it is once: Content-Length or Transfer-Encoding")
            answer.headers["connection"] = "close"
            return answer
        origins = headers.get(b"origin", [])
        if any(urlsplit(_text(origin)).netloc.lower() not in self._hosts for origin in origins):
            return _no(403, "other sites may not ask this server")
        if any(value not in (b"same-origin", b"none") for value in headers.get(b"sec-fetch-site", [])):
            return _no(403, "other sites may not ask this server")
        if not scope["path"].startswith(PREFIX):
            return None if scope["method"] in ("GET", "HEAD") else _no(405, "there is nothing to send there")
        shown = headers.get(b"authorization", [])
        given = shown[0].removeprefix(b"Bearer ") if len(shown) == 1 and shown[0].startswith(b"Bearer ") else b""
        # Digests have one length: the time tells nothing, not even how long the token is.
        if not hmac.compare_digest(_digest(given), self._digest) or not given:
            answer = _no(401, "the token is missing or wrong; open the address that `volsweep serve` printed")
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        return None


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _no(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _where(error: BaseException) -> str:
    """The line that an error was raised in: what it says may be about a patient."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
