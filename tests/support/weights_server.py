"""A server of weights that serves well, cuts, corrupts, stalls, redirects and lies, as it is told."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from volsweep.models import ResumingDownloader

PAYLOAD = b"PK\x03\x04" + np.random.default_rng(7).bytes(1_500_000)
OTHER = b"PK\x03\x04" + np.random.default_rng(8).bytes(1_500_000)
DAMAGED = PAYLOAD[:1000] + bytes([PAYLOAD[1000] ^ 1]) + PAYLOAD[1001:]
QUICK = ResumingDownloader(attempts=4, timeout_s=240, pause_s=0.01)
HASTY = ResumingDownloader(attempts=4, timeout_s=0.4, pause_s=0.01)
"""For a server that falls silent; a busy machine makes every server do so."""


@dataclass
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: bytes = PAYLOAD
    etag: str = '"v1"'
    send: int | None = None
    """Bytes sent before it stops; None for all."""
    silent: bool = False
    """Whether it then keeps the connection open and says nothing more."""
    honours_range: bool = True
    shift: int = 0
    """How far from the asked-for byte it begins."""
    says_length: bool = True
    drips: str = ""
    """Whether it sends its head, or its body, byte by byte for ever."""
    location: str = ""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Answer] = []
        self.ranges: list[str | None] = []
        self.paths: list[str] = []
        self.closing = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/weights.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args):
        pass

    def drip(self, content):
        with suppress(OSError):
            for number in range(len(content)):
                self.wfile.write(content[number : number + 1])
                self.wfile.flush()
                if self.server.closing.wait(0.02):
                    return

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        self.server.paths.append(self.path)
        answer = self.server.script.pop(0) if self.server.script else Answer()
        if answer.drips == "head":
            self.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 10_000)
            return
        if answer.location:
            self.send_response(302)
            self.send_header("Location", answer.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if answer.status != 200:
            self.send_error(answer.status)
            return
        start = 0
        if asked and answer.honours_range and self.headers.get("If-Range") == answer.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-")) + answer.shift
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}")
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if answer.says_length:
            self.send_header("Content-Length", str(len(answer.body) - start))
        self.end_headers()
        body = answer.body[start:]
        if answer.drips:
            self.drip(body)
            return
        self.wfile.write(body if answer.send is None else body[: answer.send])
        self.wfile.flush()
        if answer.silent:
            self.server.closing.wait()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
