"""Fetching weights from the Model panel: progress, cancel, and weights that are not the right ones."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from volsweep.models import MODELS, checkpoint_path
from volsweep.napari.panels import model as model_panel
from volsweep.napari.panels.model import is_here

pytestmark = pytest.mark.gui

WEIGHTS = b"PK\x03\x04" + bytes(range(256)) * 12_000


class Server(ThreadingHTTPServer):
    """Sends weights; the second half only when `go_on` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = WEIGHTS
        self.go_on = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        half = len(self.server.body) // 2
        self.wfile.write(self.server.body[:half])
        self.server.go_on.wait(120)
        self.wfile.write(self.server.body[half:])


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def panel(window, server, tmp_path, monkeypatch):
    """The Model panel, with a model whose weights lie on the local server, chosen."""
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("VOLSWEEP_OFFLINE", raising=False)
    url = f"http://127.0.0.1:{server.server_port}/weights.pt"
    spec = replace(MODELS["sam2.1-tiny"], url=url, sha256=hashlib.sha256(WEIGHTS).hexdigest())
    panel = window.widget.model
    specs = [spec if s.id == spec.id else s for s in panel._specs]
    monkeypatch.setattr(panel, "_specs", specs)
    choose(panel, specs.index(spec))
    yield panel
    choose(panel, 0)


def choose(panel, index: int) -> None:
    panel.model.setCurrentIndex(index)
    panel.model.activated.emit(index)


def test_progress_then_the_model_is_used(window, server, panel):
    assert "Not on this machine" in panel.about.text()
    assert panel.fetch.isVisible()
    panel.fetch.click()
    window.until(lambda: panel.progress.value() >= 45)
    assert panel.fetch.text() == "Cancel"
    assert panel.progress.isVisible()
    assert 40 <= panel.progress.value() <= 60
    assert "of 3 MB" in panel.progress.text()
    server.go_on.set()
    window.until(lambda: not panel.fetch.isVisible())
    assert checkpoint_path(panel.spec).read_bytes() == WEIGHTS
    assert window.controller.model == panel.spec
    assert "on this machine" in panel.model.currentText()


def test_cancel_keeps_nothing_and_can_be_tried_again(window, server, panel):
    panel.fetch.click()
    window.until(lambda: panel.progress.value() > 0)
    panel.fetch.click()
    server.go_on.set()  # the next chunk is where a cancel is noticed
    window.until(lambda: panel.fetch.text() == "Download")
    assert not is_here(panel.spec)
    assert panel.model.isEnabled()
    assert not panel.progress.isVisible()
    assert "cancel" in window.says.lower()
    assert window.widget.message.kind == "info"
    assert window.controller.model.bundled
    panel.fetch.click()
    window.until(lambda: not panel.fetch.isVisible())
    assert is_here(panel.spec)


def test_weights_of_another_hash_are_refused(window, server, panel):
    server.go_on.set()
    server.body = WEIGHTS[:-1] + b"!"
    panel.fetch.click()
    window.until(lambda: window.widget.message.kind == "error")
    assert "sha256 differs" in window.says
    window.until(lambda: panel.fetch.text() == "Download")
    assert panel.fetch.isVisible()
    assert not is_here(panel.spec)
    assert window.controller.model.bundled


def test_a_closed_window_ends_the_download(own_window, server, monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path / "models"))
    asked, cancelled = threading.Event(), threading.Event()
    monkeypatch.setattr(model_panel, "download", lambda *_, is_cancelled, **__: _until(is_cancelled, asked, cancelled))
    panel = own_window.widget.model
    choose(panel, next(i for i, s in enumerate(panel._specs) if not s.bundled))
    panel.fetch.click()
    own_window.until(asked.is_set)
    own_window.close()
    assert cancelled.wait(120)


def _until(is_cancelled, asked, cancelled):
    from volsweep.errors import DownloadCancelled

    asked.set()
    while not is_cancelled():
        cancelled.wait(0.02)
    cancelled.set()
    raise DownloadCancelled("cancelled")
