"""A row that follows a patient's objects from an earlier series: its cell `baseline`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsweep.batch.fingerprint import content_of, file_sha256, input_files, is_there, with_companions
from volsweep.batch.manifest import Row
from volsweep.batch.record import FoundChange, FoundLabel, Record
from volsweep.errors import BatchError, InputError, PromptError
from volsweep.io.placement import Place
from volsweep.prompts.source import SourceKind, kind_of_source

if TYPE_CHECKING:
    from volsweep.follow import FollowUp
    from volsweep.io.overlaps import Objects

TABLE = "changes.csv"
_DRAWN = (SourceKind.SEG, SourceKind.RTSTRUCT, SourceKind.MASK)
_OF_PROMPTS = ("extent", "plane", "range", "draw", "direction", "stride", "patience")

Located = tuple[Path | tuple[Path, ...], str | None]
"""Files of a series, and which series of them."""


def check(row: Row, base: Path) -> None:
    """Find what is wrong with a row that follows, without its volumes.

    Raises
    ------
    PromptError, InputError
        If its prompts are no drawing, or it says what only prompts do.
    """
    path = base / row.prompts
    if not is_there(path):
        raise PromptError(
            f"prompts {row.prompts[:80]!r} do not exist; "
            "in a row with a baseline they are the file that was drawn on it"
        )
    kind = kind_of_source(path)
    if kind not in _DRAWN:
        raise PromptError(
            f"{path.name} is a {kind}, and a row with a baseline follows what was drawn on it: "
            "give a DICOM SEG, an RTSTRUCT or a mask"
        )
    said = [name for name in _OF_PROMPTS if getattr(row, name) != Row.model_fields[name].get_default()]
    if said:
        raise InputError(f"a row with a baseline is prompted by what was drawn there; leave out {', '.join(said)}")


def check_on_series(row: Row, base: Path, place: Place) -> None:
    """Find what is wrong with what was drawn, on the voxels of the earlier series.

    Raises
    ------
    PromptError, InputError, GeometryError
        What running the row would raise of it.
    """
    _chosen(row, base, place)


def digest(row: Row, base: Path, baseline: Located) -> str:
    """SHA-256 of the objects and of their series.

    Raises
    ------
    BatchError
        If a file cannot be read.
    """
    try:
        parts = content_of(input_files(baseline[0])), content_of(with_companions(base / row.prompts)), baseline[1] or ""
    except OSError as error:
        raise BatchError(f"what is to be followed cannot be read: {error.strerror}") from None
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def digest_of(series: Located) -> str:
    """SHA-256 of another series than the row's own.

    Raises
    ------
    BatchError
        If a file cannot be read.
    """
    try:
        return hashlib.sha256(f"{content_of(input_files(series[0]))} {series[1] or ''}".encode()).hexdigest()
    except OSError as error:
        raise BatchError(f"the second series cannot be read: {error.strerror}") from None


def follow_row(row: Row, base: Path, studies: tuple[Located, Located], how: tuple[str, str]) -> FollowUp:
    """Follow the objects of a row.

    Parameters
    ----------
    row, base
        What to do, and where its paths start.
    studies
        The earlier series and the later one.
    how
        Model and device.

    Raises
    ------
    VolsweepError
        As `volsweep.follow.follow`.
    """
    from volsweep.follow import follow
    from volsweep.io import read_volume

    earlier, later = (read_volume(source, series=uid, gaps=row.gaps, modality=row.modality) for source, uid in studies)
    labels = _chosen(row, base, earlier)
    return follow(earlier, labels, later, window=row.window or "auto", model=how[0], device=how[1])


def _chosen(row: Row, base: Path, on: Any) -> Objects:
    """What was drawn, of it the labels that the row takes."""
    from volsweep.io import read_objects
    from volsweep.io.overlaps import own_numbers
    from volsweep.prompts.shapes import choose

    drawn = read_objects(base / row.prompts, source=on)
    there = {value: drawn.labels[value] for value in drawn.values()}
    kept = choose(there, row.label, own_numbers(drawn))
    return replace(drawn, found=[one for one in drawn.found if one.value in kept])


def write_followed(found: FollowUp, row: Row, folder: Path) -> Record:
    """Write labels, table, report and preview into a folder; return what the summary shows of them."""
    from volsweep.follow import to_csv
    from volsweep.io import write_labels
    from volsweep.io.writing import open_private
    from volsweep.job.contact_sheet import write_sheet

    session = found.session
    assert session is not None, "what was followed just now has one"
    write_labels(folder / f"labels.{row.format}", found.labels, overlaps="files")
    write_sheet(folder / "preview.png", session, found.labels, overwrite=False)
    for name, text in (("report.json", json.dumps(found.to_dict(), indent=1) + "\n"), (TABLE, to_csv(found.changes))):
        with open_private(folder / name) as file:
            file.write(text.encode())
    doubtful = {
        value: tuple(sorted(z for z, trust in session.trust(value).items() if trust.doubtful))
        for value in found.labels.values()
    }
    return Record(
        name="",
        status="done",
        outputs={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
        model=session.model.id,
        labels=tuple(_label(change.label, found, doubtful.get(change.label, ())) for change in found.changes),
        changes=tuple(FoundChange.model_validate(change.row()) for change in found.changes),
        response=found.response.describe(),
        warnings=(
            *found.notes,
            *(f"{change.name}: {change.note}" for change in found.changes if change.note),
            f"registration: {found.registration.describe()}",
        ),
    )


def _label(value: int, found: FollowUp, doubtful: tuple[int, ...]) -> FoundLabel:
    change = next(change for change in found.changes if change.label == value)
    after = change.after
    if after is None:
        return FoundLabel(label=value, name=change.name)
    return FoundLabel(
        label=value,
        name=change.name,
        volume_ml=after.volume_ml,
        long_mm=after.diameters.long_mm,
        short_mm=after.diameters.short_mm,
        slices=after.slices,
        first_slice=after.first_slice,
        last_slice=after.last_slice,
        doubtful=doubtful,
    )
