"""What stands in for a voxtell-server: its addresses and its framing, and a threshold in its network's place."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np

LEAST = {"bright": 400, "very bright": 700}
"""A name -> the smallest value that is it."""


def blosc2_of_zlib() -> Any:
    """The three functions of blosc2 that are used, over another compression."""

    def compress(data: bytes, typesize: int = 1) -> bytes:
        packed = zlib.compress(data)
        return struct.pack("<QQ", len(data), len(packed)) + packed

    def sizes(data: bytes) -> tuple[int, int, int]:
        before, after = struct.unpack_from("<QQ", data)
        return before, after, before

    return SimpleNamespace(compress=compress, get_cbuffer_sizes=sizes, decompress=lambda d: zlib.decompress(d[16:]))


def packed(array: np.ndarray) -> bytes:
    """An array as the server sends it."""
    raw, kind = array.tobytes(), array.dtype.str.encode()
    chunk = sys.modules["blosc2"].compress(raw, typesize=array.itemsize)
    head = b"VXA2" + bytes([len(kind)]) + kind + bytes([array.ndim])
    return (
        head
        + struct.pack(f"<{array.ndim}QQ", *array.shape, len(raw))
        + struct.pack("<QQ", len(raw), len(chunk))
        + chunk
    )


class VoxTellServer(ThreadingHTTPServer):
    """One that listens on this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.key = ""
        self.ends_with = "done"
        self.sends_to = ""
        self.result: bytes | None = None
        self.image_zyx = np.zeros((1, 1, 1))
        self.names: list[str] = []
        self.header: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: VoxTellServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = self._begun()
        if self.server.sends_to:
            self._say(b"", status=307)
        elif path == "/images":
            image = nib.Nifti1Image.from_bytes(gzip.decompress(body))
            self.server.header = image.header
            turned = nib.as_closest_canonical(image)
            self.server.image_zyx = np.asarray(turned.dataobj).T
            self._say(b"", {"image_id": "an-image", "shape": list(self.server.image_zyx.shape), "spacing": [1, 1, 1]})
        elif path == "/jobs":
            self.server.names = json.loads(body)["prompts"]
            self._say(json.dumps({"job_id": "a1b2"}).encode())
        elif path:
            self._say(b"{}")

    def do_GET(self) -> None:
        path = self._begun()
        if path.endswith("/events"):
            lines = ({"done": 1, "total": 2}, {"status": self.server.ends_with, "message": "Quixote^Alonso"})
            self._say("".join(json.dumps(line) + "\n" for line in lines).encode())
        elif path:
            masks = np.stack([self.server.image_zyx >= LEAST.get(name, 1e9) for name in self.server.names])
            self._say(self.server.result if self.server.result is not None else packed(masks.astype(np.uint8)))

    def _begun(self) -> str:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        if self.server.key and self.headers["Authorization"] != f"Bearer {self.server.key}":
            self._say(b"", status=401)
            return ""
        return path

    def _say(self, body: bytes, meta: dict[str, Any] | None = None, status: int = 200) -> None:
        self.send_response(status)
        if meta is not None:
            self.send_header("X-Meta", json.dumps(meta))
        if status == 307:
            self.send_header("Location", self.server.sends_to + self.path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def voxtell() -> Iterator[VoxTellServer]:
    """A server while it is needed."""
    with VoxTellServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
