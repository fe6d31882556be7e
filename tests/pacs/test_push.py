"""Storing results: an answer for every file."""

from __future__ import annotations

import json
import os

import pydicom
import pytest
from support.fake_pacs import FakePacs

from volsweep.errors import PacsError
from volsweep.pacs import Server, push


def test_files_and_folders(pacs, slices):
    pacs.instances = []
    (slices[0].parent / "notes.txt").write_text("not DICOM")
    seen = []
    results = push(Server(pacs.url), [slices[0].parent], on_file=seen.append)
    assert results == seen
    assert [r.path for r in results] == sorted(slices)
    assert not any(r.error for r in results)
    assert {r.instance_uid for r in results} == {ds.SOPInstanceUID for ds in pacs.stored}
    assert json.dumps(results[0].to_dict())
    for result in results:
        sent = pydicom.dcmread(result.path)
        there = next(ds for ds in pacs.stored if ds.SOPInstanceUID == result.instance_uid)
        assert sent == there


@pytest.mark.parametrize("status", [409, 200, 202])
def test_one_that_is_refused_does_not_keep_the_others_back(pacs, slices, status):
    refused = pydicom.dcmread(slices[1]).SOPInstanceUID
    pacs.refuses, pacs.refusal_status = {refused: 0xA900}, status
    results = push(Server(pacs.url), slices)
    (failed,) = [r for r in results if r.error]
    assert failed.instance_uid == refused
    assert "does not fit its class, code A900" in failed.error
    assert len(pacs.stored) == 4


def test_reasons(pacs, slices):
    pacs.refuses = {pydicom.dcmread(path).SOPInstanceUID: code for path, code in zip(slices, _CODES, strict=False)}
    said = [r.error for r in push(Server(pacs.url), slices)]
    for text, (code, reason) in zip(said, _CODES.items(), strict=False):
        assert reason in text
        assert f"{code:04X}" in text


_CODES = {0xA7FF: "out of resources", 0xC123: "not understand", 0x0122: "this kind", 0xC122: "syntax", 7: "no reason"}


def test_files_that_cannot_be_sent(pacs, slices, tmp_path):
    (tmp_path / "text.dcm").write_text("no DICOM at all")
    (tmp_path / "empty.dcm").write_bytes(b"")
    nameless = pydicom.dcmread(slices[0])
    del nameless.StudyInstanceUID
    nameless.save_as(tmp_path / "nameless.dcm")
    wrong = [tmp_path / name for name in ("text.dcm", "empty.dcm", "nameless.dcm", "missing.dcm")]
    results = push(Server(pacs.url), [*wrong, slices[1]])
    assert [bool(r.error) for r in results] == [True] * 4 + [False]
    assert "is not DICOM" in results[0].error
    assert "is not DICOM" in results[1].error
    assert "no UIDs" in results[2].error
    assert "cannot be read" in results[3].error
    assert len(pacs.stored) == 1
    with pytest.raises(PacsError, match="no DICOM file"):
        push(Server(pacs.url), [])


def test_a_server_that_may_not_be_written_to(pacs, slices):
    pacs.status = {"studies": 403}
    results = push(Server(pacs.url), slices[:2])
    assert all("may not do this" in r.error for r in results)
    assert len(pacs.requests) == 2


def test_a_post_is_never_repeated(pacs, slices):
    """A repeated one would send an empty body: the first has used it up."""
    pacs.status = {"studies": 503}
    assert "busy" in push(Server(pacs.url), slices[:1])[0].error
    assert len(pacs.requests) == 1


def test_nobody_there(pacs, slices):
    pacs.die()
    with pytest.raises(PacsError, match="check that it is running"):
        push(Server(pacs.url), slices)


def test_a_server_that_dies_in_the_middle(pacs, slices):
    def die(stored):
        if len(pacs.stored) == 2 and not pacs.dead:
            pacs.die()

    results = push(Server(pacs.url), slices, on_file=die)
    assert [bool(r.error) for r in results] == [False] * 2 + [True] * 3
    assert "check that it is running" in results[-1].error


def test_an_answer_that_confirms_nothing(pacs, slices, monkeypatch):
    from support import fake_pacs

    monkeypatch.setattr(fake_pacs._Handler, "do_POST", lambda self: (self.rfile.read(
        int(self.headers["Content-Length"])), self._send(200)))  # fmt: skip
    (result,) = push(Server(pacs.url), slices[:1])
    assert "does not confirm" in result.error


def test_verified(pacs, slices, monkeypatch):
    pacs.instances = []
    (result,) = push(Server(pacs.url), slices[:1], verify=True)
    assert not result.error
    assert result.changed == ()
    pacs.instances = []

    from support import fake_pacs

    real = fake_pacs._Handler._retrieve

    def coerced(self, found, whole):
        found[0].PatientID = "corrected"
        real(self, found, whole)

    monkeypatch.setattr(fake_pacs._Handler, "_retrieve", coerced)
    (result,) = push(Server(pacs.url), slices[:1], verify=True)
    assert not result.error
    assert result.changed == ("PatientID",)
    monkeypatch.setattr(fake_pacs._Handler, "_retrieve", lambda self, found, whole: self._send(404))
    (result,) = push(Server(pacs.url), slices[:1], verify=True)
    assert "does not come back" in result.error


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.dcm")
    with FakePacs() as pacs:
        (stored,) = push(Server(pacs.url), [tmp_path / "x.dcm"])
    assert "is a pipe, a device or a socket" in stored.error
    assert pacs.stored == []
