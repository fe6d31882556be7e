"""Where cases come from: folders, manifests, a batch's results."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.dicom_files import write_ball

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.io import find_series, write_labels
from volsweep.volume import LabelVolume
from volsweep.worklist.make import cases_of

GRID = Grid.axis_aligned((3, 8, 9), (3, 1, 1))


def labels(path) -> None:
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[1, 2:5, 2:5] = 1
    write_labels(path, LabelVolume(array, GRID))


def test_a_folder_of_files_and_dicom_without_the_labels_in_it(tmp_path):
    (tmp_path / "x" / "deep").mkdir(parents=True)
    labels(tmp_path / "x" / "deep" / "drawn.nii.gz")
    (tmp_path / "x" / "scan.nii.gz").write_bytes((tmp_path / "x" / "deep" / "drawn.nii.gz").read_bytes())
    (tmp_path / "x" / "ball").mkdir()
    write_ball(tmp_path / "x" / "ball")
    cases, notes = cases_of(tmp_path / "x", tmp_path)
    assert [case.series for case in cases if case.uid is None] == ["x/scan.nii.gz"]
    (dicom,) = [case for case in cases if case.uid]
    assert dicom.series.startswith("x/ball")
    (called,) = {info.short_name for info in find_series(tmp_path / "x" / "ball")}
    assert dicom.name == called
    assert "CT" in called, "a number alone says nothing"
    assert notes == []


def test_files_of_one_name_are_called_after_their_folders_too(tmp_path):
    for folder in ("a", "b", "c/a"):
        (tmp_path / folder).mkdir(parents=True)
        labels(tmp_path / folder / "l.nii.gz")
        (tmp_path / folder / "scan.nii.gz").write_bytes((tmp_path / folder / "l.nii.gz").read_bytes())
    cases, _ = cases_of(tmp_path, tmp_path)
    assert [case.name for case in cases] == ["a_scan", "b_scan", "a_scan_2"]


def test_what_is_called_labels_is_no_case_and_is_told(tmp_path):
    labels(tmp_path / "l.nii.gz")
    for name in ("a/image", "a/label", "b/image", "b/image_seg", "segmental", "b/mask-2"):
        path = tmp_path / "x" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((tmp_path / "l.nii.gz").read_bytes())
    cases, notes = cases_of(tmp_path / "x", tmp_path)
    assert [case.name for case in cases] == ["a_image", "b_image", "segmental"]
    (note,) = notes
    assert note.startswith("labels by their names, and left out: ")
    assert "a/label.nii.gz" in note.replace("\\", "/")


def test_a_manifest_with_its_prompt_files_and_what_is_left_out(tmp_path):
    (tmp_path / "p.json").write_text("{}")
    lines = ["series,prompts,output", "ct,p.json,one", 'ct,"box 1@2:1,1,4,4",two', ",,", "ct,,three"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    cases, notes = cases_of(tmp_path / "m.csv", tmp_path)
    assert [(case.name, case.series, case.prompts) for case in cases] == [("one", "ct", "p.json"), ("two", "ct", None)]
    assert any("typed in the manifest" in note for note in notes)
    assert any("line 5: prompts is missing" in note for note in notes)


def test_the_results_of_a_batch_are_opened_with_their_labels(tmp_path):
    for name, status in (("good", "done"), ("bad", "failed")):
        folder = tmp_path / "out" / name
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps({"status": status, "error": "no such series"}))
        if status == "done":
            labels(folder / "labels.nii.gz")
            source = {"source": {"path": str(tmp_path / "ct"), "series_uid": "1.2.3"}}
            (folder / "report.json").write_text(json.dumps(source))
    (case,), (note,) = cases_of(tmp_path / "out", tmp_path)
    assert (case.name, case.series, case.uid, case.labels) == ("good", "ct", "1.2.3", "out/good/labels.nii.gz")
    assert "bad failed in the batch" in note


def test_nothing_is_no_list(tmp_path):
    with pytest.raises(InputError, match="holds no case"):
        cases_of(tmp_path, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        cases_of(tmp_path / "none", tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.json", "{"),
        ("record.json", "[]"),
        ("report.json", ""),
        ("report.json", '{"schema": "volsweep-follow-up", "objects": []}'),
        ("labels.nii.gz", None),
    ],
)
def test_a_damaged_result_and_one_that_follows_an_earlier_study_are_left_out_by_name(tmp_path, name, content):
    for folder in (tmp_path / "out" / "good", tmp_path / "out" / "other"):
        folder.mkdir(parents=True)
        (folder / "record.json").write_text('{"status": "done"}')
        (folder / "report.json").write_text(json.dumps({"source": {"path": str(tmp_path / "ct")}}))
        labels(folder / "labels.nii.gz")
    damaged = tmp_path / "out" / "other" / name
    damaged.unlink() if content is None else damaged.write_text(content)
    (case,), (note,) = cases_of(tmp_path / "out", tmp_path)
    assert case.name == "good"
    assert note.startswith("other ")
