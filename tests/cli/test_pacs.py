"""`volsweep pull` and `volsweep push`, as a user calls them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from volsweep.cli import app


@pytest.fixture
def pacs(tmp_path, monkeypatch):
    from support.dicom_files import AXIAL, along, pattern, write_series
    from support.fake_pacs import FakePacs

    files = write_series(tmp_path / "series", pattern(4), along(AXIAL, 4, 2.0))
    with FakePacs(files) as running:
        monkeypatch.setenv("VOLSWEEP_DICOMWEB_URL", running.url)
        yield running


def run(*arguments, code: int = 0):
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def test_list_pull_and_push(pacs, tmp_path):
    uid = pacs.instances[0].SeriesInstanceUID
    assert f"{uid}  CT" in run("pull", "--series", uid, "--list").stdout
    (listed,) = json.loads(run("pull", "--series", uid, "--list", "--json").stdout)
    assert set(listed) == {"study_uid", "series_uid", "modality", "number", "description", "instances"}
    assert "CT, 4 instances" in run("pull", "--series", uid, "-o", tmp_path / "cache").stdout
    assert "was there already" in run("pull", "--series", uid, "-o", tmp_path / "cache").stdout
    (receipt,) = json.loads(run("pull", "--series", uid, "-o", tmp_path / "cache", "--json").stdout)
    assert (receipt["kept"], receipt["instances"]) == (True, 4)
    pacs.instances = []
    said = run("push", receipt["folder"], "--verify").stdout
    assert said.count("CT stored as") == 4
    assert "4 of 4 files stored on 127.0.0.1:" in said
    assert all(one["stored"] for one in json.loads(run("push", receipt["folder"], "--json").stdout))


def test_failures_are_told_and_the_rest_goes_on(pacs, tmp_path):
    uid = pacs.instances[0].SeriesInstanceUID
    assert "no such series" in run("pull", "--series", "1.2", "-o", tmp_path / "x", code=3).stderr
    broken = pacs.instances[1].SOPInstanceUID
    pacs.left_out, pacs.status = {broken}, {broken: 500}
    said = run("pull", "--series", uid, "-o", tmp_path / "x", code=1).stderr
    assert f"instance {broken}" in said
    assert "1 of 1 series did not arrive" in said
    pacs.refuses = {broken: 0xA700}
    done = run("push", tmp_path / "series", code=1)
    assert "out of resources" in done.stderr
    assert "3 of 4 files stored" in done.stdout


def test_bad_calls(pacs, tmp_path):
    assert "--list" in run("pull", "--series", "1.2", code=2).stderr
    assert "say what to find" in str(run("pull", "-o", tmp_path, code=1).exception)
