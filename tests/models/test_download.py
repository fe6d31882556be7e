"""Fetching weights from a local server that serves well, cuts, corrupts, stalls, redirects and lies."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from volsweep.errors import DownloadCancelled, DownloadError, ModelError
from volsweep.models import MODELS, ResumingDownloader, checkpoint_path, download, verify

PAYLOAD = b"PK\x03\x04" + np.random.default_rng(7).bytes(1_500_000)
OTHER = b"PK\x03\x04" + np.random.default_rng(8).bytes(1_500_000)
DAMAGED = PAYLOAD[:1000] + bytes([PAYLOAD[1000] ^ 1]) + PAYLOAD[1001:]
QUICK = ResumingDownloader(attempts=4, timeout_s=0.4, pause_s=0.01)


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
            self.server.closing.wait(10)


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The models folder, which does not exist yet."""
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("VOLSWEEP_OFFLINE", raising=False)
    return tmp_path / "models"


@pytest.fixture
def spec(server, folder):
    """A model with a published hash, as SAM 2.1 has one."""
    return replace(MODELS["sam2.1-tiny"], url=server.url, sha256=hashlib.sha256(PAYLOAD).hexdigest())


@pytest.fixture
def unhashed(server, folder):
    """A model without one, as MedSAM2."""
    return replace(MODELS["medsam2-latest"], url=server.url)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_good_server(server, spec, folder):
    seen = []
    path = download(spec, progress=lambda done, total: seen.append((done, total)), downloader=QUICK)
    assert path == folder / "weights.pt" == checkpoint_path(spec)
    assert path.read_bytes() == PAYLOAD
    assert files_in(folder) == ["weights.pt"]
    assert path.stat().st_mode & 0o044 == 0o044
    assert seen[0] == (0, len(PAYLOAD))
    assert seen[-1] == (len(PAYLOAD), len(PAYLOAD))
    assert seen == sorted(seen)
    assert verify(spec).trust == "published"


def test_what_is_here_is_not_fetched_again(server, spec):
    download(spec, downloader=QUICK)
    download(spec, downloader=QUICK)
    assert len(server.paths) == 1


def test_what_is_here_but_damaged_is_fetched_again(server, spec):
    path = download(spec, downloader=QUICK)
    path.write_bytes(DAMAGED)
    with pytest.raises(ModelError, match=r"damaged or was replaced: .*volsweep models download sam2\.1-tiny"):
        verify(spec)
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD
    assert len(server.paths) == 2


def test_a_cut_is_resumed_where_it_happened(server, spec):
    server.script = [Answer(send=300_000), Answer(send=500_000)]
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD
    first, second, third = server.ranges
    assert first is None
    # What was still in the client's buffers may be asked for again, but not the whole.
    starts = [int(r.removeprefix("bytes=").removesuffix("-")) for r in (second, third)]
    assert 200_000 < starts[0] <= 300_000
    assert 600_000 < starts[1] <= 800_000


@pytest.mark.parametrize(
    "second",
    [Answer(honours_range=False), Answer(body=PAYLOAD, etag='"v2"'), Answer(etag="")],
    ids=["ignores Range", "file changed", "no ETag any more"],
)
def test_a_cut_restarts_where_resuming_is_not_possible(server, spec, second):
    server.script = [Answer(send=300_000), second]
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD


def test_a_changed_file_is_not_glued_to_the_old_one(server, unhashed):
    server.script = [Answer(send=300_000), Answer(body=OTHER, etag='"v2"')]
    assert download(unhashed, downloader=QUICK).read_bytes() == OTHER


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_resumed(server, spec, etag):
    server.script = [Answer(send=300_000, etag=etag)]
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD
    assert server.ranges == [None, None]


def test_the_wrong_part_of_the_file_is_refused(server, unhashed):
    server.script = [Answer(send=300_000), Answer(shift=10)]
    assert download(unhashed, downloader=QUICK).read_bytes() == PAYLOAD
    assert server.ranges[-1] is None


def test_a_stall_is_given_up_and_resumed(server, spec):
    server.script = [Answer(send=300_000, silent=True)]
    began = time.monotonic()
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD
    assert time.monotonic() - began < 5
    assert server.ranges[1].startswith("bytes=")


@pytest.mark.parametrize("part", ["head", "body"])
@pytest.mark.parametrize("says_length", [True, False])
def test_a_drip_ends(server, spec, folder, part, says_length):
    server.script = [Answer(drips=part, says_length=says_length) for _ in range(2)]
    began = time.monotonic()
    with pytest.raises(DownloadError, match="sends so slowly"):
        download(spec, downloader=replace(QUICK, attempts=2, timeout_s=0.2))
    assert time.monotonic() - began < 15
    assert files_in(folder) == []
    # A passing drip is got over.
    server.script = [Answer(drips=part, says_length=says_length)]
    assert download(spec, downloader=replace(QUICK, timeout_s=0.2)).read_bytes() == PAYLOAD


def test_everything_ends_in_its_time(server, spec, folder):
    server.script = [Answer(drips="body") for _ in range(9)]
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"was given up after .* hours"):
        download(spec, downloader=replace(QUICK, attempts=9, timeout_s=60, total_s=1.5))
    assert time.monotonic() - began < 10
    assert files_in(folder) == []


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_without_an_end_is_given_up(server, spec, folder, says_length):
    server.script = [Answer(says_length=says_length)]
    with pytest.raises(DownloadError, match="more than 1 MiB, which these weights do not have"):
        download(spec, downloader=replace(QUICK, most_bytes=1_100_000))
    assert files_in(folder) == []
    assert len(server.paths) == 1


def test_a_server_that_only_stalls_is_named(server, spec, folder):
    server.script = [Answer(send=0, silent=True)] * 4
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1.* in 4 tries: the server stopped answering"):
        download(spec, downloader=QUICK)
    assert files_in(folder) == []


def test_a_passing_fault_is_tried_again(server, spec):
    server.script = [Answer(status=503), Answer(status=429), Answer(send=1000), Answer(status=416)]
    assert download(spec, downloader=replace(QUICK, attempts=5)).read_bytes() == PAYLOAD
    assert server.ranges[-1] is None


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_missing_file_is_said_at_once(server, spec, folder, status):
    server.script = [Answer(status=status)] * 4
    with pytest.raises(DownloadError, match=f"answered {status} .*moved or access is barred"):
        download(spec, downloader=QUICK)
    assert len(server.paths) == 1
    assert files_in(folder) == []


def test_redirects_are_followed(server, spec):
    server.script = [Answer(location="/a/weights.pt"), Answer(location="/b/weights.pt")]
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD
    assert server.paths == ["/weights.pt", "/a/weights.pt", "/b/weights.pt"]


def test_a_circle_of_redirects_ends(server, spec):
    server.script = [Answer(location="/weights.pt")] * 200
    with pytest.raises(DownloadError, match="TooManyRedirects"):
        download(spec, downloader=QUICK)


def test_one_damaged_transfer_is_repeated(server, spec):
    server.script = [Answer(body=DAMAGED)]
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD


def test_a_file_that_is_not_the_published_one_is_refused(server, spec, folder):
    server.script = [Answer(body=DAMAGED)] * 2
    with pytest.raises(DownloadError, match="not the published file"):
        download(spec, downloader=QUICK)
    assert files_in(folder) == []


def test_a_length_that_is_not_said(server, spec):
    server.script = [Answer(says_length=False)]
    totals = set()
    assert download(spec, progress=lambda _, total: totals.add(total), downloader=QUICK).read_bytes() == PAYLOAD
    assert totals == {None}


def test_a_login_page_is_not_a_checkpoint(server, unhashed, folder):
    server.script = [Answer(body=b"<!DOCTYPE html><title>Welcome to the hospital's network</title>")]
    with pytest.raises(DownloadError, match="not a checkpoint"):
        download(unhashed, downloader=QUICK)
    assert files_in(folder) == []


def test_no_server_at_all(spec, folder):
    unreachable = replace(spec, url="http://127.0.0.1:9/weights.pt")
    with pytest.raises(DownloadError, match="the connection failed"):
        download(unreachable, downloader=replace(QUICK, attempts=2))
    assert files_in(folder) == []


def test_proxy_of_the_environment_is_used(server, spec, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    beyond = replace(spec, url="http://weights.invalid/folder/weights.pt")
    assert download(beyond, downloader=QUICK).read_bytes() == PAYLOAD
    assert server.paths == ["http://weights.invalid/folder/weights.pt"]


class TestNoPublishedHash:
    def test_the_first_download_is_noted_and_held_against_later_files(self, server, unhashed, folder):
        path = download(unhashed, downloader=QUICK)
        note = json.loads((folder / "weights.pt.json").read_text())
        assert note["sha256"] == hashlib.sha256(PAYLOAD).hexdigest()
        assert verify(unhashed).trust == "first download"
        path.write_bytes(OTHER)
        with pytest.raises(ModelError, match="damaged or was replaced"):
            verify(unhashed)
        assert download(unhashed, downloader=QUICK).read_bytes() == PAYLOAD

    def test_other_weights_under_the_same_name_are_refused(self, server, unhashed, folder):
        path = download(unhashed, downloader=QUICK)
        path.unlink()
        server.script = [Answer(body=OTHER)] * 2
        with pytest.raises(DownloadError, match=r"not what it sent at the first download; .*weights\.pt\.json"):
            download(unhashed, downloader=QUICK)
        assert files_in(folder) == ["weights.pt.json"]

    def test_put_in_place_by_hand(self, server, unhashed, folder):
        folder.mkdir()
        (folder / "weights.pt").write_bytes(OTHER)
        assert verify(unhashed).trust == "none"
        assert download(unhashed, downloader=QUICK).read_bytes() == OTHER
        assert verify(unhashed).trust == "first download"
        assert server.paths == []

    @pytest.mark.parametrize("text", ["{", "[]", "{}"])
    def test_a_damaged_note(self, unhashed, folder, text):
        folder.mkdir()
        (folder / "weights.pt").write_bytes(PAYLOAD)
        (folder / "weights.pt.json").write_text(text)
        with pytest.raises(ModelError, match=r"weights\.pt\.json is damaged"):
            verify(unhashed)


class TestStopping:
    def test_cancel_in_the_middle_keeps_nothing(self, spec, folder):
        seen = []
        with pytest.raises(DownloadCancelled):
            download(
                spec,
                progress=lambda done, _: seen.append(done),
                is_cancelled=lambda: bool(seen) and seen[-1] > 400_000,
                downloader=QUICK,
            )
        assert 400_000 < seen[-1] < 600_000
        assert files_in(folder) == []

    def test_cancel_between_tries_does_not_wait(self, server, spec):
        server.script = [Answer(status=503)] * 4
        began = time.monotonic()
        with pytest.raises(DownloadCancelled):
            download(spec, is_cancelled=lambda: len(server.paths) > 0, downloader=replace(QUICK, pause_s=60))
        assert time.monotonic() - began < 2

    def test_ctrl_c_keeps_nothing(self, spec, folder):
        def interrupt(done, total):
            if done > 400_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            download(spec, progress=interrupt, downloader=QUICK)
        assert files_in(folder) == []


class TestOffline:
    def test_refuses_and_says_where_to_put_the_file(self, server, spec, folder, monkeypatch):
        monkeypatch.setenv("VOLSWEEP_OFFLINE", "1")
        with pytest.raises(DownloadError, match="VOLSWEEP_OFFLINE is set") as error:
            download(spec)
        assert str(folder / "weights.pt") in str(error.value)
        assert spec.url in str(error.value)
        assert server.paths == []

    def test_uses_what_is_here(self, spec, folder, monkeypatch):
        monkeypatch.setenv("VOLSWEEP_OFFLINE", "true")
        folder.mkdir()
        (folder / "weights.pt").write_bytes(PAYLOAD)
        assert download(spec) == folder / "weights.pt"

    def test_bundled_models_need_no_download(self, folder, monkeypatch):
        monkeypatch.setenv("VOLSWEEP_OFFLINE", "1")
        assert download(MODELS["volsweep-nano"]) == checkpoint_path(MODELS["volsweep-nano"])


class TestDisk:
    @pytest.mark.parametrize(
        ("code", "sentence"),
        [
            (errno.ENOSPC, "disk that holds .* is full; .*VOLSWEEP_MODELS"),
            (errno.EACCES, "may not be written to; .*VOLSWEEP_MODELS"),
            (errno.EROFS, "may not be written to"),
            (errno.EIO, "could not be written: broken"),
        ],
    )
    def test_failures_are_explained(self, spec, folder, code, sentence):
        def fail(done, total):
            if done > 400_000:
                raise OSError(code, "broken")

        with pytest.raises(DownloadError, match=sentence):
            download(spec, progress=fail, downloader=QUICK)
        assert files_in(folder) == []

    def test_a_folder_that_is_a_file(self, spec, folder):
        folder.write_text("not a folder")
        with pytest.raises(DownloadError, match=r"could not be written|may not be written"):
            download(spec, downloader=QUICK)
