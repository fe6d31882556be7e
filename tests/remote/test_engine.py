"""A session whose network is elsewhere: the same masks to the voxel, also over a line that breaks."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from support.cut_line import CutLine
from support.live_server import TOKEN, options_of, serving
from support.tiny_engine import TinyEngine, TinySession
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.cli.terminal.console import Meter
from volsweep.errors import ModelError, ServerError
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.io import read_labels, read_volume
from volsweep.models import checkpoint_path, find_model, sha256_of
from volsweep.remote import client as client_module
from volsweep.serve.engines import load_engine
from volsweep.session.second.series import SecondSeries
from volsweep.session.session import Session
from volsweep.volume import Volume


@pytest.fixture
def volume(rng):
    grid = Grid.axis_aligned((12, 20, 24), (2, 1, 1))
    return Volume(rng.integers(-1000, 1000, grid.shape_zyx).astype(np.int16), grid, "CT")


def address(port):
    return f"http://127.0.0.1:{port}/#token={TOKEN}"


def work(session):
    """Boxes, clicks, extents, overlapping objects, undo; label volumes on the way."""
    session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
    session.add_box(label=2, slice=8, box_xyxy=(8, 6, 16, 12))
    yield session.labels.array_zyx
    session.sweep()
    yield session.labels.array_zyx
    session.add_point(label=1, point_zyx=(6, 12, 12))
    session.add_point(label=1, point_zyx=(6, 5, 5), positive=False)
    yield session.labels.array_zyx
    session.set_extent(label=2, first=7)
    session.sweep(stride=2, direction="forward")
    yield session.labels.array_zyx
    session.undo()
    session.use(window=session.window.__class__(41, 300))
    session.add_box(label=3, slice=3, box_xyxy=(2, 2, 6, 6), plane="coronal")
    session.sweep(labels=[3], plane="coronal")
    yield session.labels.array_zyx
    session.lock(1)
    session.sweep(labels=[2])
    found = session.masks(2)
    yield np.stack([found.by_slice[index].mask_yx() for index in sorted(found.by_slice)])


def test_masks_are_the_same_to_the_voxel(server, volume):
    remote = Session(volume, server=address(server.url.rpartition(":")[2]))
    for found, want in zip(work(remote), work(TinySession(volume, device="cpu")), strict=True):
        np.testing.assert_array_equal(found, want)
    assert remote.labels.array_zyx.any()
    made = remote.journal.effective[0].made_with
    assert (made.precision, made.processor) == tuple(remote._arithmetic().values())


class Fusing(Session):
    """A session of arithmetic, on two series as on one."""

    def _arithmetic(self):
        return {}

    def _engine_on(self, volume, made_with):
        return TinyEngine(volume.grid, made_with)


def test_two_series_are_seen_as_one_with_both_networks_on_the_server(server, volume, rng):
    other = Volume(rng.integers(0, 1000, volume.shape_zyx).astype(np.int16), volume.grid, "PT")
    second = SecondSeries.beside(volume, other, window=Window(41, 300))
    where = address(server.url.rpartition(":")[2])
    remote, local = Session(volume, second=second, server=where), Fusing(volume, second=second, device="cpu")
    for session in (remote, local):
        session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
        session.add_box(label=2, slice=8, box_xyxy=(8, 6, 16, 12))
        session.sweep()
        session.add_point(label=1, point_zyx=(6, 12, 12))
        session.sweep(labels=[1], slices=(2, 11))
    np.testing.assert_array_equal(remote.labels.array_zyx, local.labels.array_zyx)
    assert remote.labels.array_zyx.any()
    assert len(server.loaded) == 2, "one network a series"
    told = remote.engine.describe()
    assert (told["series"], "127.0.0.1" in str(told["server"])) == (2, True)
    alone = remote.labels.array_zyx.copy()
    remote.use(second=None)
    remote.add_box(label=3, slice=2, box_xyxy=(2, 2, 6, 6))
    remote.sweep(labels=[3])
    assert ((remote.labels.array_zyx == alone) | (remote.labels.array_zyx == 3)).all(), "what was found stays"


def test_a_volume_goes_over_once(server, volume):
    where = address(server.url.rpartition(":")[2])
    told = []
    for _ in range(2):
        session = Session(volume, server=where)
        session.server.sent = lambda done, total: told.append((done, total))
        session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
        session.preview(label=1, slice=5)
    assert told[-1] == (volume.shape_zyx[0],) * 2
    assert len(told) == volume.shape_zyx[0]
    assert len(server.loaded) == 1


def test_a_mask_is_asked_for_once(server, volume):
    session = Session(volume, server=address(server.url.rpartition(":")[2]))
    session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
    first = session.preview_mask(label=1, slice=5)
    assert session.preview_mask(label=1, slice=5) is first


def test_a_server_that_forgot_is_sent_the_volume_again(server, volume, tmp_path):
    with serving(options_of(tmp_path, volume_bytes=volume.array_zyx.nbytes), tmp_path / "small") as small:
        where = address(small.url.rpartition(":")[2])
        session = Session(volume, server=where)
        session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
        before = session.labels.array_zyx
        other = Session(Volume(volume.array_zyx + 1, volume.grid), server=where)
        other.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
        assert other.labels.array_zyx.any()
        session.sweep()
        session.add_point(label=1, point_zyx=(6, 12, 12))
        assert session.labels.array_zyx.sum() > before.sum()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(client_module, "_PAUSES_S", (0.01, 0.01, 0.01))


def test_a_line_that_breaks_is_said_and_the_sweep_goes_on(server, volume, impatient):
    line = CutLine(int(server.url.rpartition(":")[2]))
    try:
        session, local = Session(volume, server=address(line.port)), TinySession(volume, device="cpu")
        for one in (session, local):
            one.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
        session.preview(label=1, slice=5)
        # The connection that is open has passed some bytes already; it breaks in the sweep, and so do the next two.
        line.cuts = [4000, 2500, 6000]
        with pytest.warns(UserWarning, match=r"failed or broke; trying again"):
            steps = session.sweep(patience=0)
        assert [(s.label, s.slice) for s in steps] == [(s.label, s.slice) for s in local.sweep(patience=0)]
        np.testing.assert_array_equal(session.labels.array_zyx, local.labels.array_zyx)
        assert line.connections >= 3
    finally:
        line.close()


def test_a_line_that_stays_broken_ends_the_sweep_with_a_sentence_and_it_goes_on_here(server, volume, impatient):
    line = CutLine(int(server.url.rpartition(":")[2]))
    session = Session(volume, server=address(line.port))
    session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))
    session.preview(label=1, slice=5)
    line.cuts = [0] * 50
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ServerError, match="failed or broke"):
            session.sweep()
    line.close()
    assert session.journal.can_undo
    session.use(server=None)
    assert session.server is None


def test_what_is_refused_is_said_in_the_servers_words(server, volume, tmp_path):
    port = server.url.rpartition(":")[2]
    session = Session(volume, server=f"http://127.0.0.1:{port}/#token=wrong")
    with pytest.raises(ServerError, match="token is missing or wrong"):
        session.add_box(label=1, slice=5, box_xyxy=(4, 4, 12, 10))


def test_the_network_itself_gives_the_same_masks_to_the_voxel(tmp_path):
    volume = read_volume("sample:ct_phantom")
    local = Session(volume, device="cpu")
    with serving(options_of(tmp_path), tmp_path / "served", load=load_engine) as server:
        remote = Session(volume, server=address(server.url.rpartition(":")[2]))
        for session in (local, remote):
            session.add_box(label=1, slice=20, box_xyxy=(55, 98, 86, 126))
            session.sweep(slices=(16, 24))
            session.add_point(label=1, point_zyx=(22, 112, 70))
        assert local.labels.array_zyx.any()
        np.testing.assert_array_equal(local.labels.array_zyx, remote.labels.array_zyx)
        assert {z: t.trust for z, t in local.trust(1).items()} == {z: t.trust for z, t in remote.trust(1).items()}
        told = remote.engine.describe()
        assert told["server"].startswith("http://127.0.0.1")
        assert {**local.engine.describe(), "server": told["server"], "weights": local.weights_sha256} == told


def test_segment_with_a_server(tmp_path, monkeypatch):
    told: list[tuple] = []
    call = ["segment", "sample:ct_phantom", "--box", "1@20:55,98,86,126", "--range", "18:22", "--quiet"]
    with serving(options_of(tmp_path), tmp_path / "served", load=load_engine) as server:
        where = ["--server", address(server.url.rpartition(":")[2])]
        for name, more in (("here", []), ("there", where)):
            report = tmp_path / f"{name}.json"
            given = [*call, "-o", str(tmp_path / f"{name}.nii.gz"), "--report", str(report), *more]
            if more:
                monkeypatch.setattr(Meter, "at", lambda meter, done, total, what=None: told.append((what, done, total)))
            assert CliRunner().invoke(app, given, catch_exceptions=False).exit_code == 0
            assert TOKEN not in report.read_text()
        here, there = (read_labels(tmp_path / f"{name}.nii.gz").array_zyx for name in ("here", "there"))
        assert here.any()
        np.testing.assert_array_equal(here, there)
        assert ("sending the volume", 40, 40) in told


def test_the_report_names_the_weights_of_the_server(tmp_path, monkeypatch):
    """It named those of this machine, and where there were none it failed after the labels had been written."""
    want = sha256_of(checkpoint_path(find_model("volsweep-nano")))
    report = tmp_path / "r.json"
    call = ["segment", "sample:ct_phantom", "--box", "1@20:55,98,86,126", "--range", "20:20", "--quiet"]

    def gone(_: object) -> None:
        raise ModelError("not on this machine")

    for module in ("session.engines", "models.registry", "job.report"):
        monkeypatch.setattr(f"volsweep.{module}.checkpoint_path", gone, raising=False)
    with serving(options_of(tmp_path), tmp_path / "served") as server:
        where = ["--server", address(server.url.rpartition(":")[2])]
        call += ["-o", str(tmp_path / "o.nii.gz"), "--report", str(report), *where]
        done = CliRunner().invoke(app, call, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert json.loads(report.read_text())["model"]["sha256"] == want
