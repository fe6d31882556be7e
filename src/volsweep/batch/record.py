"""What became of one series, kept beside its results so that a later run knows it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from volsweep.batch.fingerprint import Fingerprint, file_sha256
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


class Record(BaseModel):
    """The outcome of one task.

    Parameters
    ----------
    name
        Of the folder of results.
    status
        Done, or failed with `error`.
    error
        One sentence.
    key
        Hash of what the result depends on besides the series' own files: prompts, options, model, version.
    inputs
        The series' files as they were.
    outputs
        SHA-256 of every file written.
    """

    model_config = ConfigDict(frozen=True)

    schema_: Literal["volsweep-batch-record"] = "volsweep-batch-record"
    version: Literal[1] = 1
    name: str
    status: Literal["done", "failed"]
    error: str = ""
    key: str = ""
    inputs: Fingerprint | None = None
    outputs: Mapping[str, str] = {}
    seconds: float = 0.0
    model: str = ""
    labels: tuple[FoundLabel, ...] = ()
    warnings: tuple[str, ...] = ()

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


class Folder:
    """A folder of results that appears whole or not at all.

    Everything is written to `temporary`, beside it; `publish` puts that in its place. Whatever
    kills the process, the folder holds one whole result, or none and is done again.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")

    def __enter__(self) -> Folder:
        for stale in self.target.parent.glob(f".{_escaped(self.target.name)}.????????"):
            shutil.rmtree(stale, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        return self

    def publish(self, record: Record) -> None:
        """Add the record and move the folder into place, instead of an older one.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        (self.temporary / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        if self.target.exists():
            older = self.target.with_name(f".{self.target.name}.{uuid.uuid4().hex[:8]}")
            self.target.rename(older)
            self.temporary.rename(self.target)
            shutil.rmtree(older, ignore_errors=True)
        else:
            self.temporary.rename(self.target)

    def clear(self) -> None:
        """Remove what was written so far."""
        for path in self.temporary.iterdir():
            path.unlink()

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "[*?" else c for c in name)
