"""The manifest: which series to segment, from which prompts, and how. CSV or JSON.

Rows are handed out one by one, so that a manifest of any length takes the same memory. A row
that is wrong does not stop the ones after it: it comes out with its problems.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from volsweep.batch.fingerprint import is_there
from volsweep.batch.manifest_rows import read_rows
from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction
from volsweep.errors import remedy, shown
from volsweep.geometry import Plane
from volsweep.io.formats import DEFAULT_SUFFIX, stem_of, written_suffixes
from volsweep.io.writing import as_on_disk, free_name
from volsweep.prompts.shapes import DrawnAs
from volsweep.registration.beside import How
from volsweep.settings import regular

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00]*$")]

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_MAX_NAME_BYTES = 120
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever follows a dot; results are read there, too."""


class Row(BaseModel):
    """One series to segment; a blank cell means the default.

    Parameters
    ----------
    series
        What to read (a path, see `read_volume`), or a SeriesInstanceUID below the root.
    prompts
        ``box lesion=1@20:55,98,86,126; point 1@20:60,110,-`` (the words are those of the options of ``volsweep
        segment``), or the path of a prompt file, of a session, or
        of what was drawn on the series: an RTSTRUCT, DICOM SEG, mask, DICOM SR or presentation state (GSPS).
    text
        Names of organs that a finder looks for, ``right parotid; left parotid=2``, beside `prompts` or in their place.
    finder
        Who looks instead of the bundled one, as ``--finder`` of ``volsweep segment``.
    baseline
        The patient's earlier series (a path, or a SeriesInstanceUID below the root). Then `prompts` is what was drawn
        on that one, and its objects are followed to `series`.
    second, second_window, second_register
        Another series of the patient that is looked at, too (a path, or a SeriesInstanceUID below the root), and how;
        as ``--with``, ``--with-window`` and ``--register`` of ``volsweep segment``.
    extent
        First and last slice of objects, ``1@12:30; 2@:40``, either left out where it is not known, or a box on
        another plane, ``1@coronal:112:55,12,86,30``.
    label
        Of what was drawn: the numbers or names of the labels to take; all by default.
    draw
        Of what was drawn: what the largest slice of each label becomes.
    uid
        SeriesInstanceUID, its beginning, or SeriesNumber, where the path holds several series.
    output
        Name of the folder of results; by default the last part of `series`.
    format
        Of the labels, as the end of their file's name.
    overlap, inside, outside
        As in ``volsweep segment``; several with semicolons between them.
    context, keep_context
        A file of objects on the series that stay as they are, and whether they are written with the labels.
    model, window, n4, plane, range, direction, stride, patience, gaps, modality, prompts_anyway
        As in ``volsweep segment``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    series: Text
    prompts: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00]*$")] = ""
    text: tuple[Text, ...] = ()
    finder: Text | None = None
    baseline: Text | None = None
    second: Text | None = None
    second_window: Text | None = None
    second_register: How = "auto"
    extent: tuple[Text, ...] = ()
    label: tuple[Text, ...] = ()
    draw: DrawnAs = "box"
    uid: Text | None = None
    output: Text | None = None
    format: str = DEFAULT_SUFFIX.removeprefix(".")
    model: Text | None = None
    window: Text | None = None
    plane: Plane | None = None
    range: tuple[int, int] | None = None
    direction: Direction = Direction.BOTH
    stride: Annotated[int, Field(ge=1)] = 1
    patience: Annotated[int, Field(ge=0)] = DEFAULT_PATIENCE
    gaps: Literal["refuse", "keep"] = "refuse"
    modality: Text | None = None
    prompts_anyway: bool = False
    overlap: tuple[Text, ...] = ()
    inside: tuple[Text, ...] = ()
    outside: tuple[Text, ...] = ()
    n4: bool = False
    context: Text | None = None
    keep_context: bool = False

    @field_validator("format")
    @classmethod
    def _is_written(cls, value: str) -> str:
        known = [suffix.removeprefix(".") for suffix in written_suffixes()]
        if value not in known:
            raise ValueError(f"labels are written as {', '.join(known)}")
        return value

    @field_validator("prompts", mode="before")
    @classmethod
    def _joined(cls, value: Any) -> Any:
        return "; ".join(map(str, value)) if isinstance(value, list) else value

    @field_validator("label", "extent", "text", "overlap", "inside", "outside", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, int | str):
            return [part for part in str(value).split(";") if part.strip()]
        return [str(part) for part in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _says_what(self) -> Row:
        if not (self.prompts or self.text):
            raise ValueError("prompts is missing, and so is text: nothing says what to segment")
        if self.finder is not None and not self.text:
            raise ValueError("finder is who looks for the names in the column text, and the row has none")
        if self.baseline is not None and self.second is not None:
            raise ValueError("a row with a baseline looks at one series; leave second empty")
        if self.baseline is not None and self.context is not None:
            raise ValueError("a row with a baseline follows its objects alone; leave context empty")
        if self.keep_context and self.context is None:
            raise ValueError("keep_context writes the context with the labels, and the row has none; name its file")
        if self.baseline is not None and (self.text or not self.prompts):
            raise ValueError("a row with a baseline takes its objects from the prompts alone; leave text empty")
        return self

    @field_validator("range", mode="before")
    @classmethod
    def _from_to(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        first, colon, last = value.partition(":")
        if not (colon and first.strip().isdecimal() and last.strip().isdecimal()):
            raise ValueError(f"{value!r} is not of the form Z0:Z1, such as 10:40")
        return int(first), int(last)


COLUMNS = tuple(Row.model_fields)


def model_name(row: Row, base: Path) -> str | None:
    """The model that a row names, if it does; the path of a checkpoint may be relative to the manifest."""
    if row.model is None:
        return None
    beside = base / row.model
    return str(beside) if is_there(beside) and beside.is_file() else row.model


@dataclass(frozen=True)
class Entry:
    """A row with its place in the manifest: usable, or with the problems that it has.

    Parameters
    ----------
    line
        The line it begins on, from 1.
    name
        Of its folder of results; no two entries share one.
    row
        None where it has problems.
    problems
        One sentence each.
    """

    line: int
    name: str
    row: Row | None
    problems: tuple[str, ...] = ()


def read_manifest(path: Path) -> Iterator[Entry]:
    """Read a manifest row by row.

    Parameters
    ----------
    path
        ``.csv`` (also with semicolons or tabs, as spreadsheets write them) with a header line, or
        ``.json``, a list of objects. Columns and keys are the fields of `Row`.

    Raises
    ------
    BatchError
        If the file cannot be read at all, or its header names an unknown column.
    """
    taken: set[str] = set()
    for line, values in read_rows(path, COLUMNS):
        entry = _entry(line, values)
        if as_on_disk(entry.name) in taken:
            problems = entry.problems
            if entry.row is not None or not entry.name.startswith("line-"):
                problems = (
                    *problems,
                    f"an earlier row has the output name {entry.name!r} too; name both in the column output",
                )
            # Several rows of a JSON file may stand on one line.
            entry = Entry(line, free_name(f"line-{line}", taken, "-"), None, problems)
        taken.add(as_on_disk(entry.name))
        yield entry


def digest(path: Path) -> str:
    """SHA-256 of a manifest."""
    with regular(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _entry(line: int, values: Any) -> Entry:
    if isinstance(values, str):
        return Entry(line, f"line-{line}", None, (values,))
    if not isinstance(values, dict):
        return Entry(
            line, f"line-{line}", None, (f"an object with keys such as series and prompts, not {str(values)[:80]!r}",)
        )
    given = {key: value for key, value in values.items() if value not in (None, "", [])}
    try:
        row = Row.model_validate(given)
    except ValidationError as error:
        named = given.get("output") or given.get("series")
        name = _default_name(named) if isinstance(named, str) else ""
        problems = tuple(_sentence(problem) for problem in error.errors(include_url=False))
        return Entry(line, f"line-{line}" if not name or _why_no_name(name) else name, None, problems)
    name = row.output or _default_name(row.series)
    problem = _why_no_name(name)
    if problem:
        return Entry(line, f"line-{line}", None, (problem,))
    return Entry(line, name, row)


def _sentence(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{field} is missing"
    if not field:  # about the row as a whole
        return remedy(problem)
    if problem["type"] == "extra_forbidden":
        return f"{field!r} is no column of a manifest; there are {', '.join(COLUMNS)}"
    return f"{field} {str(problem['input'])[:80]!r}: {remedy(problem)}"


def _default_name(series: str) -> str:
    """Last part of a path, without the suffix of an image."""
    last = PurePosixPath(series.strip().replace("\\", "/")).name
    seen = "".join("_" if shown(c) != c else c for c in stem_of(last).encode(errors="replace").decode())
    name = _UNSAFE.sub("_", seen).strip(". ") or "series"
    return f"{name}_" if _DEVICE.fullmatch(name) else name


def _why_no_name(name: str) -> str:
    if _UNSAFE.search(name) or name.startswith(".") or name.endswith((".", " ")):
        return f'output {name!r} is the name of a folder: no slashes, no dot at either end, none of <>:"|?*'
    if _DEVICE.fullmatch(name):
        return f"output {name!r} is the name of a device on Windows; give another one"
    if shown(name) != name:
        return f"output {name!r} holds letters that cannot be seen; give a name without them"
    if len(name.encode()) > _MAX_NAME_BYTES:
        return f"the output name {name[:20]!r}… is longer than {_MAX_NAME_BYTES} bytes; give a shorter one in output"
    return ""


def named_from(path: Path, folder: Path) -> str:
    """How a file that lies in `folder` names a path: what is below is relative, so that they move together."""
    path, folder = path.absolute(), folder.absolute()
    return path.relative_to(folder).as_posix() or "." if path.is_relative_to(folder) else str(path)
