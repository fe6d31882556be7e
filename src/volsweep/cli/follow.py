"""`volsweep follow`: the objects of one study, found in the next one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volsweep.cli.options import (
    DeviceOption,
    ForceOption,
    Gaps,
    GapsOption,
    ModalityOption,
    ModelOption,
    QuietOption,
    WindowOption,
)
from volsweep.cli.terminal.console import as_bad_call, console, progress, table_of, tell, tell_json, warn
from volsweep.engine.network.device_name import check_device_name
from volsweep.intensity import window_named
from volsweep.io.formats import WRITTEN, format_written_as

if TYPE_CHECKING:
    from volsweep.follow import FollowUp


def follow(
    baseline: Annotated[Path, typer.Argument(metavar="BASELINE", help="The earlier series.")],
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="What was drawn on it: any format that `convert` reads.")
    ],
    follow_up: Annotated[Path, typer.Argument(metavar="FOLLOWUP", help="The later series of the same patient.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Labels to write: {WRITTEN}.")],
    table: Annotated[Path | None, typer.Option(help="Write the table of changes as CSV.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write table, response and registration as JSON.")] = None,
    sr: Annotated[Path | None, typer.Option("--sr", help="Write table and response as DICOM SR (TID 1500).")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Write what was prompted, to go on from.")] = None,
    window: WindowOption = "auto",
    model: ModelOption = "volsweep-nano",
    device: DeviceOption = "auto",
    baseline_series: Annotated[str | None, typer.Option(help="Of several series in BASELINE: UID or number.")] = None,
    series: Annotated[str | None, typer.Option(help="Of several series in FOLLOWUP: UID or number.")] = None,
    modality: ModalityOption = None,
    gaps: GapsOption = Gaps.REFUSE,
    force: ForceOption = False,
    quiet: QuietOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Find a patient's objects in the next study, and say what changed.

    \b
    Yesterday's lesions on today's CT, and the table for a spreadsheet:
      volsweep follow march/ march.seg.dcm june/ -o june.seg.dcm --table june.csv
    Numbers, names and colours stay; no object is added. The category follows
    RECIST 1.1 from these two studies alone and is not a diagnosis.
    """  # noqa: D301 - the first backslash is the sign for: leave these lines as they are
    from volsweep.io.volumes import modality_named

    for option, check in (
        ("--output", lambda: format_written_as(output)),
        ("--modality", lambda: modality and modality_named(modality)),
        ("--window", lambda: window_named(window)),
        ("--device", lambda: check_device_name(device)),
    ):
        with as_bad_call(option):
            check()
    from volsweep.follow import follow as run
    from volsweep.follow import to_csv, to_sr
    from volsweep.io import check_can_hold, read_volume, write_labels
    from volsweep.io.derived.sr_write import can_be_reported
    from volsweep.io.labels_read import read_labelled
    from volsweep.io.sidecar import files_read
    from volsweep.io.writing import check_spares, check_writable, write_whole
    from volsweep.prompts.file import write_prompts

    how: Any = {"modality": modality, "gaps": gaps.value}
    others = [path for path in (table, report, sr, prompts) if path is not None]
    check_writable([output, *others], overwrite=force, labels=True)
    with progress("objects", quiet or as_json, "reading") as meter:
        before = read_volume(baseline, series=baseline_series, **how)
        drawn = read_labelled(labels, before)
        after = read_volume(follow_up, series=series, **how)
        check_can_hold(output, after.source, after.grid)
        if sr is not None:
            can_be_reported(after.source)
        for source in (before.source, after.source, *files_read(labels)):
            if source is not None:
                check_spares([output, *others], source)
        meter.stage("registering")
        found = run(
            before,
            drawn,
            after,
            model=model,
            window=window,
            device=device,
            on_object=lambda done, count: meter.at(done, count, "carrying objects"),
        )
    receipt = write_labels(output, found.labels, overwrite=force, overlaps="files")
    if table is not None:
        write_whole(table, to_csv(found.changes), overwrite=force, spare=after.source)
    if report is not None:
        write_whole(report, json.dumps(found.to_dict(), indent=1) + "\n", overwrite=force, spare=after.source)
    if sr is not None:
        write_whole(sr, to_sr(found, before, after), overwrite=force, spare=after.source)
    if prompts is not None:
        write_prompts(prompts, found.prompts, of=after)
    for note in found.notes:
        warn(note)
    for change in found.changes:
        if change.note:
            warn(f"{change.label} {change.name}: {change.note}")
    if as_json:
        tell_json(found.to_dict())
    elif not quiet:
        _show(found)
        tell(f"wrote {receipt.path}")


def _show(found: FollowUp) -> None:
    table = table_of("label", "", numbers=("volume", "change", "long axis"))
    for change in found.changes:
        row = change.row()
        percent = row["volume_change_percent"]
        table.add_row(
            f"{change.label} {change.name}",
            str(change.fate),
            _pair(change.before.volume_ml, change.volume_after_ml, "mL", 2),
            "–" if percent is None else f"{percent:+.0f} %",
            # Of what was measured, as the sentence below: rounded twice the two would differ.
            _pair(change.before.diameters.long_mm, change.long_after_mm, "mm", 1),
        )
    console.print(table)
    tell(found.response.describe())
    tell(f"registration: {found.registration.describe()}")


def _pair(before: float, after: float | None, unit: str, digits: int) -> str:
    later = "–" if after is None else f"{after:.{digits}f}"
    return f"{before:.{digits}f} → {later} {unit}"
