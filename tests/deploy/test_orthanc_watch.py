"""The watcher against a real Orthanc: a drawing comes back swept, once, and nothing of a patient is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from integration.test_pacs import PASSWORD, USER, Orthanc

from volsweep.cases.phantoms import sample
from volsweep.io import read_labels, read_volume, write_labels
from volsweep.volume import LabelVolume

pytestmark = pytest.mark.integration

WATCH = Path(__file__).resolve().parents[2] / "deploy" / "orthanc" / "watch.py"


@pytest.fixture
def orthanc(tmp_path):
    folder = tmp_path / "orthanc"
    folder.mkdir()
    running = Orthanc(folder, StableAge=1)
    yield running
    running.stop()


def ask(orthanc: Orthanc, path: str, content: bytes | None = None):
    key = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {key}"}
    request = urllib.request.Request(f"http://127.0.0.1:{orthanc.port}{path}", content, headers)
    with urllib.request.urlopen(request, timeout=240) as answer:
        return answer.read()


def watch(orthanc: Orthanc, folder: Path, *options: str) -> str:
    command = [sys.executable, str(WATCH), f"http://127.0.0.1:{orthanc.port}", str(folder), "--once", *options]
    programs = Path(sys.executable).parent
    environment = {**os.environ, "ORTHANC_USER": USER, "ORTHANC_PASSWORD": PASSWORD, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stderr


def series(orthanc: Orthanc) -> dict[str, list[str]]:
    """Orthanc's series by modality."""
    out: dict[str, list[str]] = {}
    for one in json.loads(ask(orthanc, "/series?expand")):
        out.setdefault(one["MainDicomTags"]["Modality"], []).append(one["ID"])
    return out


@pytest.mark.parametrize("written", ["seg.dcm", "rtstruct.dcm"])
def test_a_drawing_comes_back_swept(orthanc, tmp_path, written):
    phantom = sample("ct_phantom")
    volume, truth = read_volume(phantom.series), read_labels(phantom.truth)
    lesion = np.where(truth.array_zyx == 1, 1, 0).astype(np.uint8)
    drawn = np.zeros_like(lesion)
    largest = int(np.argmax(lesion.sum(axis=(1, 2))))
    drawn[largest] = lesion[largest]
    label = {1: truth.labels[1]}
    write_labels(tmp_path / "drawn.rtstruct.dcm", LabelVolume(drawn, volume.grid, label, volume.source))
    for path in [*sorted(phantom.series.iterdir()), tmp_path / "drawn.rtstruct.dcm"]:
        ask(orthanc, "/instances", path.read_bytes())
    state, told, end = tmp_path / "state", "", time.monotonic() + 300
    while "results stored" not in told:
        assert time.monotonic() < end, told
        time.sleep(1)
        told += watch(orthanc, state, "--format", written, "--device", "cpu")
    assert "1 results stored" in told
    assert not [word for word in ("phantom", "lesion", "^") if word in told.lower()]
    modality = {"seg.dcm": "SEG", "rtstruct.dcm": "RTSTRUCT"}[written]
    found = series(orthanc)[modality]
    assert len(found) == 1 + (modality == "RTSTRUCT")
    own = json.loads((state / "state.json").read_text())["own"]
    (instance,) = json.loads(ask(orthanc, f"/series/{own[0]}"))["Instances"]
    (tmp_path / f"swept.{written}").write_bytes(ask(orthanc, f"/instances/{instance}/file"))
    swept = read_labels(tmp_path / f"swept.{written}", source=volume).array_zyx == 1
    dice = 2 * (swept & (lesion == 1)).sum() / (swept.sum() + lesion.sum())
    assert dice > 0.75
    time.sleep(3)  # what was stored becomes stable, and is no reader's
    assert "sweeping" not in watch(orthanc, state, "--format", written)
    assert len(series(orthanc)[modality]) == len(found)
    assert not list(state.glob("job-*"))


def test_what_cannot_be_swept_is_passed_over_once(orthanc, tmp_path):
    phantom = sample("ct_phantom")
    volume = read_volume(phantom.series)
    drawn = np.zeros(volume.shape_zyx, np.uint8)
    drawn[5, 10:20, 10:20] = 1
    write_labels(tmp_path / "drawn.rtstruct.dcm", LabelVolume(drawn, volume.grid, {}, volume.source))
    ask(orthanc, "/instances", (tmp_path / "drawn.rtstruct.dcm").read_bytes())  # its series is not there
    told, end = "", time.monotonic() + 300
    while "passed over" not in told:
        assert time.monotonic() < end, told
        time.sleep(1)
        told += watch(orthanc, tmp_path / "state")
    assert "sweeping" not in watch(orthanc, tmp_path / "state")
