"""One task: what its key depends on, what is kept, and what a failure says and leaves."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from batch.conftest import BOX
from support.voxtell_server import LEAST, blosc2_of_zlib, voxtell

import volsweep
from volsweep.batch import prompt_cell, tasks
from volsweep.batch.checks import Places, problems_of
from volsweep.batch.fingerprint import file_sha256, fingerprint
from volsweep.batch.manifest import Entry, Row
from volsweep.batch.record import Record, read_record, write_record
from volsweep.batch.tasks import Redo, Result, Task, is_complete, record_failure, run_task, task_key
from volsweep.errors import PromptError
from volsweep.volume import Label


@pytest.fixture
def task(series, tmp_path) -> Task:
    source = series("a")
    row = Row(series="a.nii.gz", prompts=BOX, range="4:6")
    return Task("a", tmp_path / "out" / "a", row, tmp_path, source)


@pytest.fixture
def segments(monkeypatch):
    """Takes the place of the network: the record that it makes, and how often it was asked."""
    asked = []

    def segment(task, folder):
        asked.append(task.name)
        (folder / "labels.nii.gz").write_bytes(b"labels")
        outputs = {"labels.nii.gz": file_sha256(folder / "labels.nii.gz")}
        return Record(
            name=task.name,
            status="done",
            key=task_key(task),
            inputs=fingerprint(task.source),
            outputs=outputs,
            processor=tasks.arithmetic(task.device)["processor"],
        )

    monkeypatch.setattr(tasks, "_segment", segment)
    return asked


def with_row(task: Task, **cells) -> Task:
    return replace(task, row=task.row.model_copy(update=cells))


def test_the_key_hangs_on_all_that_the_result_depends_on(task):
    key = task_key(task)
    same = [
        with_row(task, series="elsewhere/a.nii.gz"),
        with_row(task, output="another name"),
        with_row(task, model="volsweep-nano"),
        replace(task, name="b", folder=task.base / "b", device="cpu"),
    ]
    assert {task_key(one) for one in same} == {key}
    others = [
        with_row(task, prompts="box 1@5:12,12,27,26"),
        with_row(task, range=(4, 7)),
        with_row(task, window="lung"),
        with_row(task, patience=9),
        with_row(task, format="nrrd"),
        replace(task, uid="1.2.3"),
    ]
    assert len({task_key(one) for one in others} | {key}) == 7


def test_a_second_series_is_found_counts_with_its_content_and_reaches_the_job(task, series, monkeypatch):
    places = Places(task.base / "manifest.csv")
    row = Row(series="a.nii.gz", prompts=BOX, second="b.nii.gz", second_window="8/4", second_register="never")
    entry = Entry(2, "a", row)
    assert problems_of(entry, places) == [f"second 'b.nii.gz' does not exist (paths start from {task.base})"]
    other = series("b", 1)
    assert problems_of(entry, places) == []
    two = replace(task, row=row, second=places.locate_second(row))
    keys = {task_key(task), task_key(two), task_key(with_row(two, second_register="auto"))}
    series("b", 2)
    assert len(keys | {task_key(two)}) == 4
    jobs = []

    def run(job):
        jobs.append(job)
        raise PromptError("enough")

    monkeypatch.setattr("volsweep.job.run.run_job", run)
    assert run_task(two).record.error == "enough"
    assert [(job.second, job.second_window, job.register) for job in jobs] == [(other, "8/4", "never")]
    with pytest.raises(ValueError, match="leave second empty"):
        Row(series="a", prompts="b.dcm", baseline="c", second="d")


def test_a_context_counts_with_its_content_and_holds_what_it_covers(task, series, monkeypatch):
    places = Places(task.base / "manifest.csv")
    row = Row(series="a.nii.gz", prompts=BOX, range="4:6", context="organs.nii.gz")
    assert problems_of(Entry(2, "a", row), places) == [
        f"context 'organs.nii.gz' does not exist (paths start from {task.base})"
    ]
    grid = volsweep.read_volume(task.source).grid
    held = np.zeros(grid.shape_zyx, np.uint8)
    held[:, :, 22:] = 1
    organs = {1: Label("liver", "#102030")}
    volsweep.write_labels(task.base / "organs.nii.gz", volsweep.LabelVolume(held, grid, organs))
    assert problems_of(Entry(2, "a", row), places, deep=True) == []
    told = replace(task, row=row)
    keys = {task_key(task), task_key(told), task_key(with_row(told, keep_context=True))}
    assert task_key(replace(task, row=task.row.model_copy())) in keys, "a row without one is what it was"
    record = run_task(told).record
    assert (record.status, record.error) == ("done", "")
    found = volsweep.read_labels(task.folder / "labels.nii.gz")
    assert found.mask_zyx(1).any()
    assert not found.mask_zyx(1)[held > 0].any()
    assert [label.name for label in found.labels.values()] == ["ball"]
    note = "context of organs.nii.gz, over which nothing was drawn: 1 objects"
    assert note in record.warnings
    assert note in json.loads((task.folder / "report.json").read_text())["notes"]
    other = volsweep.LabelVolume(held[:, ::-1, ::-1].copy(), grid, organs)
    volsweep.write_labels(task.base / "organs.nii.gz", other, overwrite=True)
    assert len(keys | {task_key(told)}) == 4


def test_contexts_that_are_none_are_refused(task, series):
    places = Places(task.base / "manifest.csv")
    (task.base / "p.json").write_text("{}")
    row = Row(series="a.nii.gz", prompts=BOX, context="p.json")
    (problem,) = problems_of(Entry(2, "a", row), places)
    assert problem == "context 'p.json' is a prompt file; give labels, a DICOM SEG or an RTSTRUCT"
    with pytest.raises(ValueError, match="leave context empty"):
        Row(series="a", prompts="b.dcm", baseline="c", context="d")
    with pytest.raises(ValueError, match="the row has none; name its file"):
        Row(series="a", prompts=BOX, keep_context=True)


def test_another_finder_looks_for_a_rows_names_and_changes_its_key(task, monkeypatch):
    monkeypatch.setitem(sys.modules, "blosc2", blosc2_of_zlib())
    named = with_row(task, prompts="", text=("any",), range=None)
    assert len({task_key(named), task_key(with_row(named, finder="http://127.0.0.1:9"))}) == 2
    monkeypatch.setitem(LEAST, "any", 180)
    with voxtell() as server:
        asks = with_row(named, finder=server.url)
        refused = run_task(asks).record
        assert refused.status == "failed"
        assert "nothing was sent" in refused.error
        assert server.asked == []
        done = run_task(replace(asks, send_voxels=True, redo=Redo.ALL)).record
        assert done.status == "done", done.error
        assert server.names == ["any"]
    report = json.loads((task.folder / "report.json").read_text())
    assert [one["finder"] for one in report["proposals"]] == ["VoxTell"]


def test_weights_of_a_clip_that_are_replaced_in_place_change_the_key(task, segments):
    (folder := task.base / "clip").mkdir()
    (folder / "open_clip_config.json").write_text("{}")
    weights = folder / "open_clip_model.safetensors"
    weights.write_bytes(b"some weights")
    named = with_row(task, prompts="", text=("liver",), range=None, finder="clip")
    again = replace(named, redo=Redo.RESUME)
    key = task_key(named)
    run_task(named)
    assert run_task(again).kept
    weights.write_bytes(b"better weights")
    other = task_key(named)
    assert other != key
    assert not run_task(again).kept
    (folder / "tokenizer.json").write_text("{}")
    assert len({key, other, task_key(named)}) == 3
    nobody = with_row(named, finder="nowhere")
    assert not is_complete(nobody, read_record(task.folder)), "a folder that is gone keeps nothing"


def test_another_bundled_finder_changes_the_key_of_rows_with_names_alone(task, monkeypatch):
    named = with_row(task, prompts="", text=("mandible",), range=None)
    before = task_key(named), task_key(task)
    monkeypatch.setattr(prompt_cell, "FINDER", replace(prompt_cell.FINDER, sha256="0" * 64))
    after = task_key(named), task_key(task)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_result_is_kept_while_nothing_has_changed(task, series, segments):
    again = replace(task, redo=Redo.RESUME)
    first = run_task(task)
    assert (first.record.status, first.kept) == ("done", False)
    assert run_task(again).kept
    assert not run_task(replace(task, redo=Redo.ALL)).kept
    assert len(segments) == 2
    known = read_record(task.folder)
    assert is_complete(again, known)
    assert not is_complete(with_row(again, window="lung"), known)
    assert not is_complete(replace(again, problem="it does not exist"), known)
    assert not is_complete(again, known.model_copy(update={"status": "failed"}))
    assert not is_complete(again, known.model_copy(update={"inputs": None}))
    assert not is_complete(with_row(again, prompts="none.json"), known)
    series("a", seed=9)
    assert not is_complete(again, known)
    assert not run_task(again).kept


@pytest.fixture
def computes(monkeypatch):
    """Says in what precision, and by which processor, this machine computes."""

    def set_to(precision: str, processor: str) -> None:
        monkeypatch.setattr(tasks, "arithmetic", lambda _: {"precision": precision, "processor": processor})

    return set_to


def test_what_another_precision_made_is_made_again(task, segments, computes):
    computes("float32", "an abacus")
    run_task(task)
    computes("bfloat16", "an abacus")
    assert not run_task(replace(task, redo=Redo.RESUME)).kept
    assert run_task(replace(task, redo=Redo.RESUME)).kept


def test_what_another_processor_made_is_kept_and_told(task, segments, computes):
    computes("float32", "an abacus")
    assert run_task(task).note == ""
    again = replace(task, redo=Redo.RESUME)
    assert run_task(again) == Result(read_record(task.folder), kept=True)
    computes("float32", "a slide rule")
    result = run_task(again)
    assert result.kept
    assert result.note.startswith("computed by an abacus; a slide rule may round otherwise")
    write_record(task.folder, result.record.model_copy(update={"processor": ""}))
    assert run_task(again).note == "", "of records of before nothing is known"


def test_a_failure_leaves_a_record_and_nothing_half(task, monkeypatch):
    def fail(_, folder):
        (folder / "labels.nii.gz").write_bytes(b"half")
        raise PromptError("slice 99 is outside the volume")

    monkeypatch.setattr(tasks, "_segment", fail)
    record = run_task(task).record
    assert (record.status, record.error) == ("failed", "slice 99 is outside the volume")
    assert [path.name for path in task.folder.iterdir()] == ["record.json"]
    assert read_record(task.folder) == record


def test_a_problem_does_not_cost_an_earlier_result(task, segments):
    run_task(task)
    gone = replace(task, problem="a.nii.gz does not exist", redo=Redo.RESUME)
    record = run_task(gone).record
    assert record.status == "failed"
    assert "earlier run was left as it is" in record.error
    assert read_record(task.folder).status == "done"
    assert (task.folder / "labels.nii.gz").read_bytes() == b"labels"


def test_a_process_that_died_is_recorded_by_another(task):
    result = record_failure(task, "its process died")
    assert read_record(task.folder) == result.record
    assert (result.record.error, result.record.model) == ("its process died", "volsweep-nano")
    # Also where nothing can be written: the result still says it.
    task.folder.parent.joinpath("file").write_bytes(b"")
    assert record_failure(replace(task, folder=task.folder.parent / "file" / "x"), "died").record.error == "died"


def test_a_record_on_a_full_disk_is_a_failure(task, segments, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks, "write_record", full)
    assert run_task(task).record.error == (
        f"{task.folder} cannot be written: No space left on device; make room there, or choose another folder"
    )
    assert not task.folder.exists()


def test_a_record_written_before_is_read_by_the_next_run(task, segments):
    """Of which a task keeps nothing if it is no result: it was refused, or another version wrote it."""
    task.folder.mkdir(parents=True)
    write_record(task.folder, Record(name="a", status="failed", error="it was not there"))
    assert not run_task(replace(task, redo=Redo.RESUME)).kept
    assert segments == ["a"]
