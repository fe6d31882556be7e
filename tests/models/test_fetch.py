"""Weights on this machine: known by their hash, fetched when they are not here, refused when they are others."""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import replace

import pytest
from support.weights_server import DAMAGED, OTHER, PAYLOAD, QUICK, Answer, files_in

from volsweep.errors import DownloadError, ModelError
from volsweep.models import MODELS, checkpoint_path, download, fetch, sha256_of, verify


def test_a_hash_is_that_of_the_content_now(tmp_path):
    path = tmp_path / "weights.pt"
    for content in (b"first", b"other"):
        path.write_bytes(content)
        assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_weights_that_are_not_here_are_named_with_what_to_do(spec, folder):
    for act in (checkpoint_path, verify):
        with pytest.raises(ModelError, match=r"models download sam2\.1-tiny .*weights\.pt into .*models by hand"):
            act(spec)


def test_weights_that_come_with_volsweep_come_with_its_installation(spec, folder):
    with pytest.raises(ModelError, match=r"missing from .*; install Volsweep again"):
        checkpoint_path(replace(spec, url=None))


def test_weights_on_a_disk_that_fails_are_told_with_the_reason(spec, tmp_path, monkeypatch):
    def failing(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    (tmp_path / "mine.pt").write_bytes(PAYLOAD)
    monkeypatch.setattr(fetch, "sha256_of", failing)
    with pytest.raises(ModelError, match=r"mine\.pt cannot be read: Input/output error"):
        verify(replace(spec, url=None, weights_path=tmp_path / "mine.pt"))


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


def test_one_damaged_transfer_is_repeated(server, spec):
    server.script = [Answer(body=DAMAGED)]
    assert download(spec, downloader=QUICK).read_bytes() == PAYLOAD


def test_a_file_that_is_not_the_published_one_is_refused(server, spec, folder):
    server.script = [Answer(body=DAMAGED)] * 2
    with pytest.raises(DownloadError, match="not the published file"):
        download(spec, downloader=QUICK)
    assert files_in(folder) == []


def test_a_login_page_is_not_a_checkpoint(server, unhashed, folder):
    server.script = [Answer(body=b"<!DOCTYPE html><title>Welcome to the hospital's network</title>")]
    with pytest.raises(DownloadError, match="not a checkpoint"):
        download(unhashed, downloader=QUICK)
    assert files_in(folder) == []


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
            (errno.EIO, "cannot be written: broken"),
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
        with pytest.raises(DownloadError, match=r"cannot be written|may not be written"):
            download(spec, downloader=QUICK)
