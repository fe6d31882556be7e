"""One file over HTTP from a server that cuts, stalls, redirects and lies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.weights_server import HASTY, OTHER, PAYLOAD, QUICK, Answer, files_in

from volsweep.errors import DownloadCancelled, DownloadError
from volsweep.models import download, transfer


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
    assert download(spec, downloader=HASTY).read_bytes() == PAYLOAD
    assert server.ranges[1].startswith("bytes=")


@pytest.mark.parametrize("part", ["head", "body"])
@pytest.mark.parametrize("says_length", [True, False])
def test_a_drip_ends(server, spec, folder, part, says_length, monkeypatch):
    monkeypatch.setattr(transfer, "_SILENCES", 0.005)  # every byte comes in time, and too few of them
    server.script = [Answer(drips=part, says_length=says_length) for _ in range(2)]
    with pytest.raises(DownloadError, match="sends so slowly"):
        download(spec, downloader=replace(QUICK, attempts=2, timeout_s=100))
    assert files_in(folder) == []
    # A passing drip is got over; on a busy machine the file itself comes in pieces.
    server.script = [Answer(drips=part, says_length=says_length)]
    assert download(spec, downloader=replace(QUICK, attempts=30, timeout_s=100)).read_bytes() == PAYLOAD


def test_everything_ends_in_its_time(server, spec, folder):
    server.script = [Answer(drips="body") for _ in range(9)]
    with pytest.raises(DownloadError, match=r"was given up after .* hours"):
        download(spec, downloader=replace(QUICK, attempts=9, timeout_s=3600, total_s=1.5))
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
        download(spec, downloader=HASTY)
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
        download(spec, downloader=replace(QUICK, timeout_s=240))


def test_a_length_that_is_not_said(server, spec):
    server.script = [Answer(says_length=False)]
    totals = set()
    assert download(spec, progress=lambda _, total: totals.add(total), downloader=QUICK).read_bytes() == PAYLOAD
    assert totals == {None}


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
        with pytest.raises(DownloadCancelled):
            download(spec, is_cancelled=lambda: len(server.paths) > 0, downloader=replace(QUICK, pause_s=3600))

    def test_ctrl_c_keeps_nothing(self, spec, folder):
        def interrupt(done, total):
            if done > 400_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            download(spec, progress=interrupt, downloader=QUICK)
        assert files_in(folder) == []
