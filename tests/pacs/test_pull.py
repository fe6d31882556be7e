"""Finding and fetching series: whole or not at all, and only once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.dicom_files import PATIENT

from volsweep.errors import PacsError
from volsweep.io import read_volume
from volsweep.pacs import Query, Server, find, pull
from volsweep.pacs.pull import _is_torn


@pytest.fixture
def server(pacs) -> Server:
    return Server(pacs.url)


@pytest.fixture
def header(slices) -> pydicom.Dataset:
    return pydicom.dcmread(slices[0], stop_before_pixels=True)


@pytest.fixture
def series(server, header):
    (found,) = find(server, Query(series=header.SeriesInstanceUID))
    return found


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.name != ".pull.lock"} if folder.exists() else set()


@pytest.mark.parametrize("ignores_offset", [False, True])
def test_pages(server, pacs, series, tmp_path, ignores_offset):
    """A server that answers two at a time is asked on; one that always answers with all of it, once more."""
    pacs.page, pacs.ignores_offset = (1000 if ignores_offset else 2), ignores_offset
    assert pull(server, series, tmp_path / "cache").instances == 5


def test_pixels_and_geometry_arrive(server, series, slices, tmp_path):
    seen = []
    pulled = pull(server, series, tmp_path / "cache", on_instance=lambda n, total: seen.append((n, total)))
    assert seen == [(n, 5) for n in range(1, 6)]
    there, here = read_volume(slices[0].parent), read_volume(pulled.folder)
    assert np.array_equal(there.array_zyx, here.array_zyx)
    assert there.grid.matches(here.grid)
    assert pulled.size == sum(p.stat().st_size for p in pulled.folder.glob("*.dcm"))
    assert pulled.to_dict()["instances"] == 5
    told = json.dumps(pulled.to_dict()) + (pulled.folder / "pull.json").read_text()
    assert PATIENT.split("^")[0] not in told


def test_a_complete_series_is_not_fetched_again(server, pacs, series, tmp_path):
    first = pull(server, series, tmp_path)
    pacs.requests.clear()
    second = pull(server, series, tmp_path)
    assert second.kept
    assert (second.instances, second.size) == (first.instances, first.size)
    assert all(path.split("?")[0].endswith("/instances") for _, path, _ in pacs.requests)
    assert not pull(server, series, tmp_path, again=True).kept


@pytest.mark.parametrize("other", ["study", "patient"])
def test_what_was_fetched_of_another_study_or_patient_is_not_kept(server, series, tmp_path, other):
    """One series UID in two studies: what lies there is not what is asked for now."""
    folder = pull(server, series, tmp_path).folder
    if other == "study":
        receipt = json.loads((folder / "pull.json").read_text())
        (folder / "pull.json").write_text(json.dumps({**receipt, "study": "1.2.3.4"}))
    else:
        for path in folder.glob("*.dcm"):
            ds = pydicom.dcmread(path)
            ds.PatientID = "9" * len(ds.PatientID)
            size = path.stat().st_size
            ds.save_as(path)
            assert path.stat().st_size == size
    assert not pull(server, series, tmp_path).kept
    assert pull(server, series, tmp_path).kept


@pytest.mark.parametrize("harm", ["shorter", "gone", "receipt", "grown"])
def test_an_incomplete_one_is(server, pacs, series, tmp_path, harm):
    folder = pull(server, series, tmp_path).folder
    file = sorted(folder.glob("*.dcm"))[0]
    if harm == "shorter":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "gone":
        file.unlink()
    elif harm == "receipt":
        (folder / "pull.json").write_text("[]")
    else:
        extra = pydicom.dcmread(file)
        extra.SOPInstanceUID = extra.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        pacs.instances.append(extra)
    again = pull(server, series, tmp_path)
    assert not again.kept
    assert again.instances == len(list(folder.glob("*.dcm"))) == (6 if harm == "grown" else 5)
    assert names(tmp_path) & {series.series_uid} == {series.series_uid}
    assert pull(server, series, tmp_path).kept


def test_what_a_series_comes_without_is_asked_for_one_by_one(server, pacs, series, tmp_path):
    pacs.left_out = {pacs.instances[1].SOPInstanceUID, pacs.instances[3].SOPInstanceUID}
    assert pull(server, series, tmp_path).instances == 5
    assert sum("/instances/" in path for _, path, _ in pacs.requests) == 2


def test_a_server_that_only_gives_single_instances(server, pacs, series, tmp_path):
    pacs.status = {f"/series/{series.series_uid}": 406}
    assert pull(server, series, tmp_path).instances == 5


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.93])
def test_a_connection_that_breaks_costs_nothing(server, pacs, series, slices, tmp_path, share, honest):
    """Also where the answer names no length, so that a cut looks like an end."""
    pacs.cut_after = int(share * sum(p.stat().st_size for p in slices))
    pacs.honest_length = honest
    pulled = pull(server, series, tmp_path / "cache")
    assert np.array_equal(read_volume(pulled.folder).array_zyx, read_volume(slices[0].parent).array_zyx)


def test_instances_that_do_not_come_are_named(server, pacs, series, tmp_path):
    bad = pacs.instances[2].SOPInstanceUID
    pacs.left_out, pacs.status = {bad}, {bad: 500}
    with pytest.raises(PacsError, match=f"1 of 5 instances .* nothing of it was kept; instance {bad}: .*failed itself"):
        pull(server, series, tmp_path / "cache")
    assert names(tmp_path / "cache") == set()


def test_another_instance_is_not_taken_for_it(server, pacs, series, tmp_path, monkeypatch):
    from support import fake_pacs

    real = fake_pacs._Handler._retrieve

    def confused(self, found, whole):
        real(self, found if whole else self.pacs.instances[:1], whole)

    monkeypatch.setattr(fake_pacs._Handler, "_retrieve", confused)
    pacs.left_out = {pacs.instances[2].SOPInstanceUID}
    with pytest.raises(PacsError, match="another instance came in its place"):
        pull(server, series, tmp_path / "cache")


def test_a_failure_leaves_the_older_result(server, pacs, series, tmp_path):
    folder = pull(server, series, tmp_path).folder
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    pacs.left_out = {pacs.instances[2].SOPInstanceUID}
    pacs.status = {pacs.instances[2].SOPInstanceUID: 404}
    with pytest.raises(PacsError, match="did not arrive"):
        pull(server, series, tmp_path, again=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_full_disk_is_said(server, series, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pydicom.Dataset, "save_as", full)
    with pytest.raises(PacsError, match="No space left on device"):
        pull(server, series, tmp_path / "cache")
    assert names(tmp_path / "cache") == set()


def test_two_pulls_do_not_share_a_folder(server, series, tmp_path):
    def second(*_):
        with pytest.raises(PacsError, match="another pull is writing"):
            pull(server, series, tmp_path)

    pull(server, series, tmp_path, on_instance=second)


def test_a_killed_pull_leaves_no_half_series(server, series, tmp_path):
    """Killed with a part of the files on the disk; the next one clears up."""
    code = (
        "import sys, time; from pathlib import Path; from volsweep.pacs import *\n"
        f"pull(Server({server.url!r}), RemoteSeries({series.study_uid!r}, {series.series_uid!r}), "
        f"Path({str(tmp_path / 'cache')!r}), "
        "on_instance=lambda n, _: n == 3 and (print('now', flush=True), time.sleep(60)))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "now\n"
        os.kill(process.pid, signal.SIGKILL)
    (left,) = names(tmp_path / "cache")
    assert left.startswith(f".{series.series_uid}.")
    assert pull(server, series, tmp_path / "cache").instances == 5
    assert names(tmp_path / "cache") == {series.series_uid}


def test_ctrl_c_leaves_nothing(server, series, tmp_path):
    def stop(n, _):
        if n == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(server, series, tmp_path / "cache", on_instance=stop)
    assert names(tmp_path / "cache") == set()


def test_a_server_that_dies_in_the_middle(pacs, server, series, slices, tmp_path):
    """It answers half of the series and is gone."""

    def die(n, _):
        if n == 2 and not pacs.dead:
            pacs.die()

    pacs.cut_after = sum(p.stat().st_size for p in slices) // 2
    with pytest.raises(PacsError, match=r"3 of 5 instances .* did not arrive.* check that it is running"):
        pull(server, series, tmp_path / "cache", on_instance=die)
    assert names(tmp_path / "cache") == set()


def test_the_cache_is_a_root_for_batches(server, series, tmp_path):
    from volsweep.batch import SeriesIndex

    folder = pull(server, series, tmp_path / "cache").folder
    assert SeriesIndex(tmp_path / "cache").find(series.series_uid) == folder
    shutil.rmtree(folder)
    assert len(SeriesIndex(tmp_path / "cache")) == 0


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI:UserWarning")  # pydicom's, where the server takes the name
@pytest.mark.parametrize("name", ["..", ".", "1..2", "../../etc/passwd", "/etc/passwd"])
def test_no_server_names_a_place_beyond_the_folder(server, pacs, series, tmp_path, name):
    from pydicom.uid import UID

    from volsweep.pacs import RemoteSeries

    with pytest.raises(PacsError, match="is no UID of a series"):
        pull(server, RemoteSeries(series.study_uid, name), tmp_path / "cache")
    with pytest.raises(PacsError, match="is no UID of a series"):
        pull(server, RemoteSeries(name, series.series_uid), tmp_path / "cache")
    for ds in pacs.instances[1:]:
        ds.SOPInstanceUID = UID(name)
    with pytest.raises(PacsError, match="without a usable SOPInstanceUID"):
        pull(server, series, tmp_path / "cache")
    for ds in pacs.instances:
        ds.SeriesInstanceUID = UID(name)
    assert find(server, Query(study=series.study_uid)) == []
    assert names(tmp_path) <= {"cache", "series"}
    assert names(tmp_path / "cache") == set()


@pytest.mark.parametrize(
    ("keyword", "what"), [("PatientID", "patient"), ("SeriesInstanceUID", "series"), ("StudyInstanceUID", "study")]
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_of_another_patient_or_series_is_refused(server, pacs, series, tmp_path, keyword, what, whole):
    """Under the right SOPInstanceUID, in the answer to the whole series and one by one."""
    pacs.sends_as = {pacs.instances[2].SOPInstanceUID: {keyword: "9.9.9"}}
    if not whole:
        pacs.status = {f"series/{series.series_uid}": 500}
    with pytest.raises(PacsError, match=f"as one of another {what} than was asked for"):
        pull(server, series, tmp_path / "cache")
    assert not (tmp_path / "cache" / series.series_uid).exists()


def test_servers_that_refuse_what_is_only_nice_to_know(server, pacs, header, tmp_path):
    pacs.refuses_query = lambda asked: 400 if "includefield" in asked else None
    (found,) = find(server, Query(study=header.StudyInstanceUID))
    assert pull(server, found, tmp_path / "cache").instances == 5


def test_servers_that_take_no_offset_without_a_limit_and_have_no_page_after_the_last(server, pacs, header, tmp_path):
    pacs.page = 2

    def answer(asked):
        if "offset" in asked and "limit" not in asked:
            return 400
        return 404 if int(asked.get("offset", ["0"])[0]) >= 5 else None

    pacs.refuses_query = answer
    (found,) = find(server, Query(series=header.SeriesInstanceUID))
    assert pull(server, found, tmp_path / "cache").instances == 5


@pytest.mark.parametrize("status", [400, 422, 501])
def test_servers_that_know_no_pages_send_all_at_once(server, pacs, header, tmp_path, status):
    pacs.refuses_query = lambda asked: status if {"offset", "limit"} & asked.keys() else None
    (found,) = find(server, Query(study=header.StudyInstanceUID))
    assert pull(server, found, tmp_path / "cache").instances == 5


def test_a_part_of_a_list_is_not_taken_for_all(server, pacs, series, tmp_path):
    """The server cuts its answer, and refuses to go on: it said how many there are."""
    pacs.page = 2
    pacs.refuses_query = lambda asked: 400 if {"offset", "limit"} & asked.keys() else None
    with pytest.raises(PacsError, match="HTTP 400"):
        pull(server, replace(series, instances=5), tmp_path / "cache")


def test_pages_without_end_are_refused(server, pacs, series, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["volsweep.pacs.find"], "_MOST_PAGES", 3)
    pacs.page = 1
    with pytest.raises(PacsError, match="more than 3 pages"):
        pull(server, series, tmp_path / "cache")


def test_a_series_tells_nothing_of_its_patient(server, pacs, header):
    (found,) = find(server, Query(study=header.StudyInstanceUID))
    assert found.patient
    assert str(pacs.instances[0].PatientID) not in repr(vars(found))


def test_an_instance_cut_between_two_elements_is_no_other_patients(slices):
    """What came ends before its UIDs: it is asked for again, not refused as another series."""
    dataset = pydicom.dcmread(slices[0])
    assert not _is_torn(dataset)
    for keyword in ("SeriesInstanceUID", "StudyInstanceUID"):
        torn = pydicom.dcmread(slices[0])
        delattr(torn, keyword)
        assert _is_torn(torn)
