"""A result of a batch that a reader accepted: record, report and picture, and the batch's table and page, follow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from volsweep.batch.checks import Places
from volsweep.batch.fingerprint import file_sha256
from volsweep.batch.record import RECORD, Correction, Record, found_labels, read_record
from volsweep.batch.runner import ABOUT, SERIES, write_tables
from volsweep.batch.shard import claimed
from volsweep.batch.tasks import PREVIEW, REPORT
from volsweep.errors import BatchError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.io import read_objects, read_volume, write_labels
from volsweep.io.formats import written_suffixes
from volsweep.io.overlaps import Labelled
from volsweep.io.writing import write_whole
from volsweep.job.contact_sheet import choose_slices, draw, packed
from volsweep.measurement import measure
from volsweep.settings import read_json
from volsweep.volume import Volume
from volsweep.worklist.batch_page import row_of
from volsweep.worklist.progress import Progress, Reading

_CORRECTED = "corrected"


def result_of(progress: Progress, base: Path, case: str) -> Path | None:
    """The folder of the batch's result that a case is about; None where it is about none, or read by several.

    Several readers are blind to each other: which of them the batch follows is not decided by who comes last.
    """
    return None if progress.worklist.readings > 1 else row_of(progress.worklist.case(case), base)


def follow(folder: Path, labels: Path, reading: Reading, volume: Volume | None = None) -> str:
    """Let a batch follow what a reader accepted.

    Beside the network's labels ``corrected`` ones are written, in the same format; report, picture, record, summary and
    page are of these from now on.

    Parameters
    ----------
    folder
        Of the result.
    labels
        What was accepted, of any format that `read_labels` reads.
    reading
        By whom, and when.
    volume
        The image, where it is open already.

    Returns
    -------
    str
        What someone should know; empty where there is nothing.

    Raises
    ------
    VolsweepError
        If the image cannot be read, or a file not written.
    """
    record = read_record(folder)
    if record is None or record.status != "done":
        raise BatchError(f"{folder.name} holds no result that is done; run the batch first")
    report = json.loads(read_json(folder / REPORT))
    source = report["source"]
    if volume is None:
        volume = read_volume(
            source["path"], series=source["series_uid"], gaps="keep", modality=source["modality"] or None
        )
    objects = read_objects(labels, source=volume)
    correction = Correction(by=reading.reader, when=_iso(reading.when))
    receipt = write_labels(folder / f"{_CORRECTED}{_suffix(record)}", objects, overwrite=True, overlaps="files")
    report["labels"] = _rows(objects, volume, Plane(report["run"]["plane"]))
    report[_CORRECTED] = {**correction.model_dump(), "receipt": receipt.to_dict()}
    write_whole(folder / PREVIEW, _picture(report, objects, volume), overwrite=True, spare=volume.source)
    write_whole(folder / REPORT, json.dumps(report, indent=1) + "\n", overwrite=True, spare=volume.source)
    _write_record(folder, record, correction, found_labels({**report, "prompts": []}, objects.labels))
    return _follow_tables(folder)


def _rows(objects: Labelled, volume: Volume, plane: Plane) -> list[dict[str, Any]]:
    """Rows of the report as `volsweep.job.report.label_rows` has them; a reader's slices are none to look at."""
    measured = measure(objects, volume, plane=plane)
    return [{**measured[value].to_dict(), "doubtful_slices": [], "suggested_slice": None} for value in sorted(measured)]


def _picture(report: Mapping[str, Any], objects: Labelled, volume: Volume) -> bytes:
    run, prompts = report["run"], report["prompts"]
    plane, said = Plane(run["plane"]), run["window"]
    prompted: Sequence[int] = sorted({p["slice"] for p in prompts if p["plane"] == plane})
    sheet = choose_slices(objects, plane, prompted)
    return packed(draw(volume, objects, Window(said["level"], said["width"], said.get("name") or ""), sheet))


def _suffix(record: Record) -> str:
    """The ending of the network's labels."""
    names = [name for name in record.outputs if name.startswith("labels.") and name.endswith(written_suffixes())]
    return min(names, key=len).removeprefix("labels") if names else written_suffixes()[0]


def _write_record(folder: Path, record: Record, correction: Correction, labels: Any) -> None:
    """The last file that changes: until then the record does not fit, and the batch would run the row again."""
    files = {*record.outputs, *(path.name for path in folder.glob(f"{_CORRECTED}*"))}
    outputs = {name: file_sha256(folder / name) for name in sorted(files)}
    after = record.model_copy(update={"labels": labels, "corrected": correction, "outputs": outputs})
    write_whole(folder / RECORD, after.model_dump_json(indent=1) + "\n", overwrite=True)


def _follow_tables(folder: Path) -> str:
    output = folder.parent.parent
    about = output / ABOUT
    if folder.parent.name != SERIES or not about.is_file():
        return f"{folder.name} follows; it lies in no folder of a batch, so there is no table to follow"
    manifest = Path(json.loads(read_json(about))["manifest"]["path"])
    if not manifest.is_file():
        return f"{folder.name} follows; the table does not, for its manifest is gone: {manifest}"
    try:
        with claimed(output, None):
            write_tables(Places(manifest), output)
    except BatchError:
        return f"{folder.name} follows; the table does as soon as the run that writes to {output} ends"
    return ""


def _iso(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")
