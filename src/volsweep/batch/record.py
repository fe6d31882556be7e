"""What became of one series, kept beside its results so that a later run knows it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from volsweep.batch.fingerprint import Fingerprint, file_sha256
from volsweep.errors import OutputError, VolsweepError
from volsweep.io.writing import open_private, write_whole
from volsweep.volume import Label

RECORD = "record.json"
_MAX_SENTENCE = 600


class FoundLabel(BaseModel):
    """One label of a result, as the summary shows it.

    A label that was prompted and of which nothing was found has no voxels and no slices.
    """

    model_config = ConfigDict(frozen=True)

    label: int
    name: str
    volume_ml: float = 0.0
    long_mm: float = 0.0
    short_mm: float = 0.0
    slices: int = 0
    first_slice: int | None = None
    last_slice: int | None = None
    doubtful: tuple[int, ...] = ()

    @property
    def trust(self) -> float:
        """Share of the label's slices that nobody needs to look at, 0 to 1; 0 where it is empty."""
        return max(0.0, 1 - len(self.doubtful) / self.slices) if self.slices else 0.0


class FoundChange(BaseModel):
    """What became of an object of an earlier study, as the page shows it: a row of `volsweep follow --table`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: int
    name: str
    fate: str
    volume_before_ml: float
    volume_after_ml: float | None = None
    volume_change_percent: float | None = None
    long_before_mm: float
    long_after_mm: float | None = None


class Correction(BaseModel):
    """Who looked at a result and accepted it, corrected or as it was, and when: ISO 8601, UTC."""

    model_config = ConfigDict(frozen=True)

    by: str
    when: str


class Record(BaseModel):
    """The outcome of one task.

    Parameters
    ----------
    name
        Of the folder of results.
    status
        Done, or failed with `error`; a result of an earlier run that is done has one, too, where the row as it is now
        cannot be run.
    error
        One sentence.
    key
        Hash of what the result depends on besides the series' own files: prompts, options, model, version, precision.
    inputs
        The series' files as they were.
    outputs
        SHA-256 of every file written.
    processor
        What computed it; empty in records of before.
    series, series_uid
        What was read, and which series of it; empty in records of before.
    corrected
        By whom, where a reader accepted it: labels and report are then those that were accepted.
    changes, response
        Of a row that follows an earlier study: each object's, and a sentence on all.
    """

    model_config = ConfigDict(frozen=True)

    schema_: Literal["volsweep-batch-record"] = "volsweep-batch-record"
    version: Literal[1] = 1
    name: str
    status: Literal["done", "failed"]
    error: str = ""
    asked: str = ""
    """What its row asked for (`prompt_cell.row_digest`); records of before do not say it."""
    key: str = ""
    inputs: Fingerprint | None = None
    outputs: Mapping[str, str] = {}
    seconds: float = 0.0
    model: str = ""
    processor: str = ""
    series: str = ""
    series_uid: str = ""
    labels: tuple[FoundLabel, ...] = ()
    corrected: Correction | None = None
    changes: tuple[FoundChange, ...] = ()
    response: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether there is no result of the row as it is now, whatever an earlier run made."""
        return self.status == "failed" or bool(self.error)

    @property
    def to_check(self) -> bool:
        """Whether someone should look at the result: doubtful slices, or a label without a voxel."""
        return any(label.doubtful or not label.slices for label in self.labels)


def sentence(text: str) -> str:
    """A message on one line and not longer than anyone reads."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SENTENCE else f"{line[:_MAX_SENTENCE]}…"


def read_record(folder: Path) -> Record | None:
    """Read the record in a folder of results; None where there is none that can be read."""
    try:
        return Record.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Put a record into a folder of results."""
    with open_private(folder / RECORD) as file:
        file.write(f"{record.model_dump_json(indent=1)}\n".encode())


def note_problem(folder: Path, record: Record, problem: str) -> Record:
    """Write into the record of an earlier result what keeps its row from being run now; empty: nothing, any more."""
    if record.error == problem:
        return record
    noted = record.model_copy(update={"error": problem})
    with suppress(OutputError):  # where nothing can be written, the run itself tells
        write_whole(folder / RECORD, f"{noted.model_dump_json(indent=1)}\n", overwrite=True)
    return noted


def outputs_are_whole(folder: Path, record: Record) -> bool:
    """Whether every file a record names is there and is what was written."""
    try:
        return bool(record.outputs) and all(file_sha256(folder / name) == sha for name, sha in record.outputs.items())
    except OSError:
        return False


def found_labels(report: Mapping[str, Any], names: Mapping[int, Label]) -> tuple[FoundLabel, ...]:
    """Sum up a report of `run_job`, also the labels of which nothing was found."""
    found = {
        entry["label"]: FoundLabel(
            label=entry["label"],
            name=entry["name"],
            volume_ml=entry["volume_ml"],
            long_mm=entry["diameters"]["long_mm"],
            short_mm=entry["diameters"]["short_mm"],
            slices=entry["slices"],
            first_slice=entry["first_slice"],
            last_slice=entry["last_slice"],
            doubtful=tuple(entry["doubtful_slices"]),
        )
        for entry in report["labels"]
    }
    for value in {prompt["label"] for prompt in report["prompts"]} - found.keys():
        found[value] = FoundLabel(label=value, name=names.get(value, Label.default(value)).name)
    return tuple(found[value] for value in sorted(found))


def sentence_of(error: BaseException) -> str:
    """Say in one sentence what went wrong.

    Of an exception nobody foresaw only its type and place are told: its message may hold what
    a patient's file holds.
    """
    if isinstance(error, VolsweepError):
        return sentence(str(error))
    if isinstance(error, MemoryError):
        return "this machine ran out of memory; run fewer workers"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__}{where}; this is a fault of Volsweep's, please report it"
