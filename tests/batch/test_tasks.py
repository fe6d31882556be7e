"""One task: what its key depends on, what is kept, and what a failure says and leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from batch.conftest import BOX

from volsweep.batch import tasks
from volsweep.batch.fingerprint import file_sha256, fingerprint
from volsweep.batch.manifest import Row
from volsweep.batch.record import Record, read_record, write_record
from volsweep.batch.tasks import Redo, Result, Task, is_complete, record_failure, run_task, sentence_of, task_key
from volsweep.errors import PromptError


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
    assert run_task(task).record.error == "the result cannot be written: No space left on device"
    assert not task.folder.exists()


def test_only_messages_of_our_own_are_told():
    assert sentence_of(PromptError("a\nb")) == "a b"
    assert "fewer workers" in sentence_of(MemoryError())
    assert sentence_of(PermissionError(13, "Permission denied", "x.nii")) == "Permission denied: x.nii"
    assert sentence_of(OSError(28, "No space left on device")) == "No space left on device"
    with pytest.raises(KeyError) as raised:
        {}["DOE^JOHN"]
    told = sentence_of(raised.value)
    assert "unexpected KeyError in test_tasks.py, line " in told
    assert "DOE" not in told


def test_a_record_written_before_is_read_by_the_next_run(task, segments):
    """Of which a task keeps nothing if it is no result: it was refused, or another version wrote it."""
    task.folder.mkdir(parents=True)
    write_record(task.folder, Record(name="a", status="failed", error="it was not there"))
    assert not run_task(replace(task, redo=Redo.RESUME)).kept
    assert segments == ["a"]
