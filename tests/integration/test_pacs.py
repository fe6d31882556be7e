"""Pull and push against a real Orthanc with its DICOMweb plugin, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from volsweep.cases.phantoms import sample
from volsweep.errors import PacsError
from volsweep.io import read_labels, read_volume, write_labels
from volsweep.pacs import Query, Server, find, pull, push
from volsweep.volume import LabelVolume

pytestmark = pytest.mark.integration

USER, PASSWORD = "tester", "wichtig-5ecret"
PLUGIN = "libOrthancDicomWeb.so"


class Orthanc:
    """A server of its own, in a folder of its own, on a port that is free."""

    def __init__(self, folder: Path, **more: Any) -> None:
        program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
        plugins = [p for root in ("/usr/share/orthanc/plugins", "/usr/lib") for p in Path(root).rglob(PLUGIN)]
        if program is None or not plugins:
            pytest.fail("Orthanc or its DICOMweb plugin is not installed; `make test-integration` installs them")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/dicom-web"
        config = {
            "StorageDirectory": str(folder / "db"),
            "IndexDirectory": str(folder / "db"),
            "Plugins": [str(plugins[0])],
            "HttpPort": self.port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **more,
        }
        (folder / "orthanc.json").write_text(json.dumps(config))
        self.log = folder / "orthanc.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 240
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/system", timeout=10)
            except urllib.error.HTTPError:
                return  # it is up, and asks for the password
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.process.kill()
        pytest.fail(f"Orthanc did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def orthanc(tmp_path_factory) -> Iterator[Orthanc]:
    running = Orthanc(tmp_path_factory.mktemp("orthanc"))
    yield running
    running.stop()


@pytest.fixture
def server(orthanc, monkeypatch, tmp_path) -> Server:
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_USER", USER)
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_PASSWORD", PASSWORD)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    return Server(orthanc.url)


@pytest.fixture(scope="module", params=["phantom", "real"])
def source(request) -> Path:
    """A CT series."""
    if request.param == "phantom":
        return sample("ct_phantom").series
    return request.getfixturevalue("cases") / "dicom" / "sarcoma_sts025" / "CT" / "image"


def volsweep(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "volsweep", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=500, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    return done


def answer(*arguments: object) -> list[dict]:
    done = volsweep(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_there_and_back(orthanc, server, source, tmp_path):
    """Push a series, find and pull it, segment it, push SEG and RTSTRUCT, pull these, and compare."""
    original = read_volume(source)
    sent = push(server, [source], verify=True)
    assert len(sent) == original.shape_zyx[0]
    assert not any(one.error or one.changed for one in sent)

    header = pydicom.dcmread(sent[0].path, stop_before_pixels=True)
    (found,) = find(server, Query(study=header.StudyInstanceUID))
    assert (found.series_uid, found.instances) == (original.source.series_uid, len(sent))
    for query in (
        Query(series=header.SeriesInstanceUID),
        Query(patient=str(header.PatientID)),
        Query(patient=str(header.PatientID), modality="CT"),
        *([Query(date=f"{header.StudyDate}-{header.StudyDate}")] if header.StudyDate else []),
    ):
        assert find(server, query) == [found]
    for query in (Query(patient="nobody"), Query(study=header.StudyInstanceUID, modality="MR"), Query(date="18500101")):
        assert find(server, query) == []

    pulled = pull(server, found, tmp_path / "cache")
    here = read_volume(pulled.folder)
    assert np.array_equal(here.array_zyx, original.array_zyx)
    assert here.grid.matches(original.grid, 1e-6)
    assert pull(server, found, tmp_path / "cache").kept

    middle = original.shape_zyx[0] // 2
    names = ("labels.seg.dcm", "labels.rtstruct.dcm")
    for name in names:
        done = volsweep("segment", pulled.folder, "--box", f"lesion=1@{middle}:60,60,100,100", "-q",
                        "--range", f"{middle - 2}:{middle + 2}", "-o", tmp_path / name)  # fmt: skip
        assert done.returncode == 0, done.stderr
    receipts = answer("push", *(tmp_path / name for name in names), "--url", orthanc.url, "--verify", "--json")
    assert [(r["modality"], r["stored"], r["changed"]) for r in receipts] == [
        ("SEG", True, []),
        ("RTSTRUCT", True, []),
    ]

    for name, receipt in zip(names, receipts, strict=True):
        (back,) = answer("pull", "--series", receipt["series_uid"], "--url", orthanc.url, "--json",
                         "-o", tmp_path / "results")  # fmt: skip
        (file,) = Path(back["folder"]).glob("*.dcm")
        mine = read_labels(tmp_path / name, source=source)
        theirs = read_labels(file, source=source)
        assert np.array_equal(mine.array_zyx, theirs.array_zyx)
        assert mine.labels == theirs.labels
        assert theirs.array_zyx.any()
    (listed, *_) = answer("pull", "--study", header.StudyInstanceUID, "--url", orthanc.url, "--list", "--json")
    assert set(listed) == {"study_uid", "series_uid", "modality", "number", "description", "instances"}


def test_an_experts_contours_go_there_and_back(server, cases, tmp_path):
    folder = cases / "dicom" / "sarcoma_sts025" / "MR_T1"
    expert = read_labels(folder / "mask" / "RS.dcm", source=folder / "image")
    write_labels(tmp_path / "expert.seg.dcm", LabelVolume(expert.array_zyx, expert.grid, expert.labels, expert.source))
    results = push(server, [folder / "image", folder / "mask" / "RS.dcm", tmp_path / "expert.seg.dcm"])
    assert not any(one.error for one in results)
    image, contours, segmentation = results[0], results[-2], results[-1]
    at = {one.series_uid: pull(server, one, tmp_path / "cache").folder for one in find(server, Query(image.study_uid))}
    for one in (contours, segmentation):
        (file,) = at[one.series_uid].glob("*.dcm")
        found = read_labels(file, source=at[image.series_uid])
        assert np.array_equal(found.array_zyx, expert.array_zyx)


def test_a_batch_from_the_cache(orthanc, server, cases, tmp_path):
    """The third user's way: pull, run a manifest of UIDs with the expert's contours as prompts, push the results."""
    folder = cases / "dicom" / "sarcoma_sts025" / "CT"
    push(server, [folder])
    (found,) = find(server, Query(patient=str(_header(folder / "image").PatientID), modality="CT"))
    (plan,) = find(server, Query(study=found.study_uid, modality="RTSTRUCT"))
    cache = tmp_path / "cache"
    pull(server, found, cache)
    (contours,) = pull(server, plan, cache).folder.glob("*.dcm")
    (tmp_path / "m.csv").write_text(
        f"series,prompts,format,output,range\n{found.series_uid},{contours},seg.dcm,one,20:30\n"
    )
    done = volsweep("batch", "run", tmp_path / "m.csv", "--root", cache, "-o", tmp_path / "out", "-q")
    assert done.returncode == 0, done.stderr
    (receipt,) = answer("push", tmp_path / "out" / "series" / "one", "--url", orthanc.url, "--json")
    assert receipt["stored"]
    assert receipt["study_uid"] == found.study_uid


def test_the_wrong_password(orthanc, server, monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_PASSWORD", "not-the-password")
    with pytest.raises(PacsError, match="HTTP 401"):
        find(server, Query(study="1.2.3"))
    (result,) = push(server, [sorted(sample("ct_phantom").series.iterdir())[0]])
    assert "HTTP 401" in result.error
    done = volsweep("pull", "--study", "1.2.3", "--url", orthanc.url, "-o", tmp_path / "cache")
    assert done.returncode == 1
    assert "refuses who asks" in done.stderr
    assert "not-the-password" not in done.stdout + done.stderr
    assert not (tmp_path / "cache").exists()
    monkeypatch.delenv("VOLSWEEP_DICOMWEB_USER")
    monkeypatch.delenv("VOLSWEEP_DICOMWEB_PASSWORD")
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert find(server, Query(study="1.2.3")) == []


def test_a_server_that_dies_while_pulling(orthanc, server, tmp_path):
    source = sample("ct_phantom").series
    push(server, [source])
    (found,) = find(server, Query(series=read_volume(source).source.series_uid))

    def kill(done: int, _: int) -> None:
        if done == 3:
            orthanc.process.kill()
            orthanc.process.wait()

    # What is on its way in buffers still arrives, so the series is asked for one instance at a time.
    with pytest.raises(PacsError, match=r"did not arrive, so nothing of it was kept.*check that it is running"):
        _pull_singly(server, found, tmp_path / "cache", kill)
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [".pull.lock"]


def _pull_singly(server, found, cache, on_instance):
    from unittest.mock import patch

    with patch("volsweep.pacs.pull._Fetch.whole"):
        pull(server, found, cache, on_instance=on_instance)


def test_a_server_that_dies_while_pushing(orthanc, server):
    def kill(_: object) -> None:
        orthanc.process.kill()
        orthanc.process.wait()

    results = push(server, [sample("ct_phantom").series], on_file=kill)
    assert results[0].error == ""
    assert all("check that it is running" in one.error for one in results[1:])


def _header(folder: Path) -> pydicom.Dataset:
    return pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True)
