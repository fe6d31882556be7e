"""One series as one task, wherever it is run: in this process, a worker's, or on another machine."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from volsweep.batch import followed, prompt_cell
from volsweep.batch.fingerprint import Fingerprint, file_sha256, fingerprint, is_unchanged
from volsweep.batch.manifest import Row, model_name
from volsweep.batch.record import (
    RECORD,
    Record,
    found_labels,
    note_problem,
    outputs_are_whole,
    read_record,
    sentence_of,
    write_record,
)
from volsweep.errors import OutputError, VolsweepError, unwritten
from volsweep.io.formats import kind_of
from volsweep.io.writing import WholeFolder, open_private
from volsweep.models import DEFAULT_MODEL, find_model
from volsweep.models.registry import digest_of
from volsweep.session.engines import arithmetic

PREVIEW, REPORT = "preview.png", "report.json"

# torch's threads and the loaded network belong to the process: a Dask worker with several threads takes turns.
_log = logging.getLogger(__name__)

_turn = threading.Lock()


class Redo(StrEnum):
    """What to do with a series that was run before."""

    REFUSE = "refuse"
    RESUME = "resume"
    FAILED = "failed"
    ALL = "all"


@dataclass(frozen=True)
class Task:
    """One series to segment; plain values, so that it can be sent to another process.

    Parameters
    ----------
    name, folder
        Of its results.
    row
        What the manifest says.
    base
        The folder that relative paths in the row start from.
    source, uid
        What to read, a path or the files of a series, and which series of it.
    problem
        Why it cannot be run; then it only leaves a record.
    redo
        Whether a verified result is kept.
    device
        Where the network runs.
    baseline, second
        Of a row that has one: what to read, and which series of it.
    model, trust_model, send_voxels
        Of a row that names none, whether weights that it names are loaded, and whether its voxels may go to the finder
        that it names; see `Places`.
    """

    name: str
    folder: Path
    row: Row | None
    base: Path
    source: Path | tuple[Path, ...] = Path()
    uid: str | None = None
    problem: str = ""
    redo: Redo = Redo.REFUSE
    device: str = "auto"
    model: str = DEFAULT_MODEL
    trust_model: bool = False
    send_voxels: bool = False
    baseline: followed.Located | None = None
    second: followed.Located | None = None


@dataclass(frozen=True)
class Result:
    """What became of a task, whether an earlier result was kept, and what is to be known of that."""

    record: Record
    kept: bool = False
    note: str = ""


def run_task(task: Task) -> Result:
    """Run one task to its end; its failure is part of the result, and on the disk.

    An earlier result is kept, if the task says so, when nothing has changed: the series' files,
    the prompts, options, model, version and precision it was made with, and the results themselves.
    One that another processor computed is kept, too, and told.
    """
    with _turn:
        known = read_record(task.folder)
        if task.redo is Redo.RESUME and known is not None and is_complete(task, known):
            return Result(note_problem(task.folder, known, ""), kept=True, note=_computed_elsewhere(task, known))
        if task.problem and known is not None and known.status == "done":
            # A disk that is not mounted today must not cost yesterday's results.
            failed = failure(task, f"{task.problem} (the result of an earlier run was left as it is)")
            note_problem(task.folder, known, failed.error)
            return Result(failed)
        started = time.perf_counter()
        try:
            with WholeFolder(task.folder, RECORD) as folder:
                try:
                    record = _segment(task, folder.temporary)
                except Exception as error:
                    record = failure(task, sentence_of(error))
                    folder.clear()
                seconds = round(time.perf_counter() - started, 2)
                record = record.model_copy(update={"seconds": seconds})
                write_record(folder.temporary, record)
                folder.publish()
        except OSError as error:
            record = failure(task, unwritten(task.folder, error))
        except OutputError as error:
            record = failure(task, sentence_of(error))
        _log.info("row %s: %s in %.1f s", task.name, record.status, time.perf_counter() - started)
        return Result(record)


def record_failure(task: Task, error: str) -> Result:
    """Note a failure that the task's own process could not: it died."""
    record = failure(task, error)
    try:
        with WholeFolder(task.folder, RECORD) as folder:
            write_record(folder.temporary, record)
            folder.publish()
    except (OSError, OutputError):
        pass
    return Result(record)


def failure(task: Task, error: str) -> Record:
    """Make the record of a failure."""
    model = (task.row.model or task.model) if task.row else ""
    return Record(name=task.name, status="failed", error=error, model=model)


def is_complete(task: Task, known: Record) -> bool:
    """Whether an earlier result is what running the task again would give."""
    if known.status != "done" or known.inputs is None or task.row is None or task.problem:
        return False
    try:
        if known.key != task_key(task):
            return False
    except (VolsweepError, OSError):
        return False
    return outputs_are_whole(task.folder, known) and is_unchanged(task.source, known.inputs)


def task_key(task: Task) -> str:
    """Hash of all that a result depends on, the series' own files left out.

    Raises
    ------
    ModelError
        If the model is not on this machine, or a finder's folder cannot be read.
    PromptError
        If the prompts cannot be read.
    """
    assert task.row is not None  # tasks without a row carry a problem instead
    columns = ("extent", "baseline", "overlap", "inside", "outside", "n4", "second", "second_window", "keep_context")
    absent = {name for name in (*columns, "finder") if not getattr(task.row, name)}  # columns that were not, once
    absent |= {"second_register"} if task.row.second is None else set()
    elsewhere = {"series", "output", "prompts", "model", "baseline", "context"} | absent
    depends = {
        "row": task.row.model_dump(mode="json", exclude=elsewhere),
        "series": task.uid,
        "prompts": prompt_cell.digest(task.row, task.base)
        if task.baseline is None
        else followed.digest(task.row, task.base, task.baseline),
        "model": digest_of(find_model(prompt_cell.model_of(task.row, task.base, task.model))),
        "volsweep": version("napari-volsweep"),
        "precision": _computing(task).get("precision"),
        **({} if task.second is None else {"second": followed.digest_of(task.second)}),
        **({"finder": prompt_cell.finder_digest(task.row, task.base)} if task.row.text else {}),
        **({} if task.row.context is None else {"context": prompt_cell.context_digest(task.row, task.base)}),
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _computing(task: Task) -> dict[str, str]:
    """Precision and processor here; of several devices, which workers take in turn, those of the first."""
    return arithmetic(task.device.partition(",")[0])


def _computed_elsewhere(task: Task, known: Record) -> str:
    """A sentence where another processor made a result than would make it now; empty where none is known of."""
    now = _computing(task).get("processor")
    if not known.processor or now is None or known.processor == now:
        return ""
    return (
        f"computed by {known.processor}; {now} may round otherwise, by a voxel here and there "
        '(redo="all" runs everything again)'
    )


def _second(row: Row, source: Path | tuple[Path, ...], uid: str | None) -> dict[str, Any]:
    return {"second": source, "second_uid": uid, "second_window": row.second_window, "register": row.second_register}


def _segment(task: Task, folder: Path) -> Record:
    from volsweep.job.job import Job
    from volsweep.job.run import run_job

    row = task.row
    if row is None or task.problem:
        return failure(task, task.problem)
    if isinstance(task.source, Path):
        kind_of(task.source)  # before it is hashed: a pipe would never end
    made_of: dict[str, Any] = {"key": task_key(task), "asked": prompt_cell.row_digest(row, task.base)}
    made_of["inputs"] = _fingerprint(task.source)
    if task.baseline is not None:
        return _follow(task, row, folder).model_copy(update=made_of)
    job = Job(
        source=task.source,
        output=folder / f"labels.{row.format}",
        typed=prompt_cell.typed(row),
        sources=prompt_cell.sources(row, task.base),
        **prompt_cell.names(row, task.base, task.send_voxels),
        draw=row.draw,
        only=row.label,
        series=task.uid,
        gaps=row.gaps,
        modality=row.modality,
        prompts_anyway=row.prompts_anyway,
        model=model_name(row, task.base) or (None if prompt_cell.is_session(row, task.base) else task.model),
        device=task.device,
        plane=row.plane,
        window=row.window,
        trust_model=task.trust_model,
        sweep=prompt_cell.sweep_of(row),
        preview=folder / PREVIEW,
        overlap=row.overlap,
        inside=row.inside,
        outside=row.outside,
        n4=row.n4,
        context=prompt_cell.context_file(row, task.base),
        keep_context=row.keep_context,
        **({} if task.second is None else _second(row, *task.second)),
    )
    outcome = run_job(job)
    report = outcome.report
    # The folder is about to get its name.
    for receipt in (report["receipt"], *report["receipt"].get("others", ())):
        receipt |= {one: str(task.folder / Path(receipt[one]).name) for one in ("path", "sidecar") if receipt[one]}
    with open_private(folder / REPORT) as file:
        file.write(f"{json.dumps(report, indent=1)}\n".encode())
    return Record(
        name=task.name,
        status="done",
        **made_of,
        outputs={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
        model=report["model"]["id"],
        processor=_computing(task).get("processor", ""),
        series=str(Path(report["source"]["path"]).absolute()),
        series_uid=report["source"].get("series_uid") or "",
        labels=found_labels(report, outcome.labels.labels),
        warnings=(*report["source"]["warnings"], *report["notes"]),
    )


def _follow(task: Task, row: Row, folder: Path) -> Record:
    """The record of a row that follows, but for what it was made from."""
    assert task.baseline is not None
    studies, how = (task.baseline, (task.source, task.uid)), (model_name(row, task.base) or task.model, task.device)
    record = followed.write_followed(followed.follow_row(row, task.base, studies, how), row, folder)
    told = {"name": task.name, "processor": _computing(task).get("processor", ""), "series_uid": task.uid or ""}
    series = str(task.source.absolute()) if isinstance(task.source, Path) else ""
    return record.model_copy(update={**told, "series": series})


def _fingerprint(source: Path | tuple[Path, ...]) -> Fingerprint | None:
    """None where the series is not there: reading it says so better."""
    try:
        return fingerprint(source)
    except OSError:
        return None
