"""A server that listens, with a session of arithmetic behind it, and a client that knows its token."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import requests
from support.tiny_engine import TinyEngine, TinySession

from volsweep.geometry import Grid
from volsweep.io import write_labels
from volsweep.remote.wire import PREFIX, labels_of, unpack
from volsweep.serve.app import server_of
from volsweep.serve.options import Limits, Options
from volsweep.volume import LabelVolume

TOKEN = "a-token-of-thirty-two-characters-or-more"
SHAPE = (9, 24, 28)
LONGEST_SECONDS = 240
_SERVER = """
import sys
from dataclasses import replace
from pathlib import Path
from support.live_server import options_of, tiny_load
from support.tiny_engine import TinySession
from volsweep.serve.app import server_of
scans, root, port = sys.argv[1:]
server_of(replace(options_of(Path(scans)), port=int(port)), Path(root), TinySession, tiny_load).run()
"""


def write_volume(path: Path, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> Path:
    """A NIfTI of noise."""
    grid = Grid.axis_aligned(shape, (2.5, 0.8, 0.8))
    noise = np.random.default_rng(seed).integers(1, 200, shape).astype(np.uint8)
    write_labels(path, LabelVolume(noise, grid))
    path.with_name(path.name.removesuffix(".nii.gz") + ".labels.json").unlink(missing_ok=True)
    return path


def two_volumes(parent: Path) -> Path:
    """A folder to serve, with two volumes."""
    folder = parent / "scans"
    folder.mkdir()
    write_volume(folder / "a.nii.gz", 0)
    write_volume(folder / "b.nii.gz", 1)
    return folder


def tiny_load(spec, device, volume, window, zoom) -> TinyEngine:
    looks = SimpleNamespace(window=(window.center, window.width), zoom=zoom, model=spec.id, second=None)
    return TinyEngine(volume.grid, looks)


class Client:
    """Asks a server as the page does."""

    def __init__(self, options: Options, port: int) -> None:
        self.options, self.url = options, f"http://127.0.0.1:{port}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["authorization"] = f"Bearer {options.token}"

    def ask(self, method: str, path: str, said: Any = None, **more: Any) -> requests.Response:
        if said is not None:
            more["json"] = said
        return self.http.request(method, self.url + PREFIX + path, timeout=LONGEST_SECONDS, **more)

    def post(self, path: str, said: Any = None, status: int = 200) -> Any:
        answer = self.ask("POST", path, said if said is not None else {})
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer

    def open(self, name: str = "a.nii.gz", **more: Any) -> dict[str, Any]:
        folder = self.get("")["folders"][0]
        return self.post("/sessions", {"where": {"folder": folder, "path": name}, **more}, 201)

    def frames(self, path: str, said: Any = None) -> list[tuple[dict[str, Any], bytes]]:
        answer = self.post(path, said)
        return list(unpack([answer.content]))

    def act(self, session: str, action: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
        return self.frames(f"/sessions/{session}/actions", {"action": action})

    def box(self, session: str, label: int = 1, index: int = 4, box=(6, 6, 14, 12)) -> Any:
        prompt = {"kind": "box", "label": label, "plane": "axial", "slice": index, "box_xyxy": list(box)}
        return self.act(session, {"action": "add_prompts", "prompts": [prompt]})

    def labels(self, session: str) -> np.ndarray:
        head, body = next(unpack([self.get(f"/sessions/{session}/labels").content]))
        return labels_of(body, tuple(head["shape_zyx"]))


@contextmanager
def serving(options: Options, root: Path, make: Any = TinySession, load: Any = tiny_load) -> Iterator[Client]:
    """A server in a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))  # held from now on: no other program gets this port
    port = listening.getsockname()[1]
    options = replace(options, port=port)
    server = server_of(options, root, make, load)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    end = time.monotonic() + LONGEST_SECONDS
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.01)
    client = Client(options, port)
    try:
        yield client
    finally:
        client.http.close()
        server.should_exit = True
        thread.join(LONGEST_SECONDS)


@contextmanager
def serving_apart(scans: Path, root: Path, port: int) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """A server in a process of its own."""
    # As here: the tests' own folder is on the path.
    here = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{_SERVER}"]
    with subprocess.Popen([*here, str(scans), str(root), str(port)]) as server:
        client = Client(options_of(scans), port)
        try:
            end = time.monotonic() + LONGEST_SECONDS
            while True:
                try:
                    client.get("")
                    break
                except requests.exceptions.ConnectionError:
                    assert server.poll() is None
                    assert time.monotonic() < end
                    time.sleep(0.2)
            yield client, server
        finally:
            client.http.close()
            server.terminate()
            server.wait(LONGEST_SECONDS)


def options_of(folder: Path, **limits: Any) -> Options:
    return Options({"scans": folder.resolve()}, token=TOKEN, device="cpu", limits=Limits(**limits))
