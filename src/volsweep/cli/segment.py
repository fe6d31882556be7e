"""`volsweep segment`: one series and its prompts to a label volume."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.console import console, counting_progress, warn
from volsweep.engine.sweep.plan import Direction
from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.io.formats import WRITTEN

if TYPE_CHECKING:
    from volsweep.job.run import Job, Outcome
    from volsweep.prompts.kinds import PromptSet
    from volsweep.session.actions import Action
    from volsweep.session.file import SessionFile
    from volsweep.volume import Volume


class Gaps(StrEnum):
    """What to do with missing or unevenly spaced slices."""

    REFUSE = "refuse"
    KEEP = "keep"


def segment(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="DICOM folder, file, DICOMDIR or zip; NIfTI, NRRD or MetaImage.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Labels to write: {WRITTEN}.")],
    box: Annotated[list[str] | None, typer.Option(help="LABEL@SLICE:X0,Y0,X1,Y1; LABEL is 1 or name=1.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="LABEL@SLICE:X,Y, negative: LABEL@SLICE:X,Y,-")] = None,
    line: Annotated[list[str] | None, typer.Option(help="RECIST diameter, LABEL@SLICE:X0,Y0,X1,Y1.")] = None,
    prompts: Annotated[
        list[Path] | None,
        typer.Option(help="Prompt file or session (JSON); or an RTSTRUCT, SEG or mask: its largest slices."),
    ] = None,
    plane: Annotated[Plane, typer.Option(help="The plane whose slices are swept.")] = Plane.AXIAL,
    slice_range: Annotated[str | None, typer.Option("--range", help="Z0:Z1, slices that may be visited.")] = None,
    direction: Annotated[Direction, typer.Option(help="Which way to sweep.")] = Direction.BOTH,
    stride: Annotated[int, typer.Option(min=1, help="Visit every n-th slice, fill between.")] = 1,
    window: Annotated[str, typer.Option(help="auto, percentile, a CT preset such as lung, or W/L: 400/40.")] = "auto",
    model: Annotated[str, typer.Option(help="A model of `volsweep models list`, or a checkpoint.")] = "volsweep-nano",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    series: Annotated[str | None, typer.Option(help="SeriesInstanceUID, its beginning, or SeriesNumber.")] = None,
    gaps: Annotated[Gaps, typer.Option(help="Missing or unevenly spaced slices: refuse, or keep.")] = Gaps.REFUSE,
    report: Annotated[Path | None, typer.Option(help="Write what was done as JSON.")] = None,
    preview: Annotated[Path | None, typer.Option(help="Write a contact sheet as PNG.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report instead of a table.")] = False,
) -> None:
    """Segment what the prompts mark, through the volume, and save it on the scanner's geometry."""
    from volsweep.job.run import Job, Sweep
    from volsweep.prompts.text import parse_prompts

    given = parse_prompts(
        [("box", text) for text in box or []]
        + [("line", text) for text in line or []]
        + [("point", text) for text in point or []],
        plane,
    )
    saved = _session_among(prompts or [], bool(given.prompts))
    if saved is not None:
        # What the session looked through, unless the command line says otherwise.
        plane = plane if _was_given(ctx, "plane") else saved.view.plane
        if saved.view.model is not None and not _was_given(ctx, "model"):
            model = saved.view.model
        if saved.view.window is not None and not _was_given(ctx, "window"):
            window = "{1:g}/{0:g}".format(*saved.view.window)
    job = Job(
        source=path,
        output=output,
        prompts=lambda volume: _gather(given, [] if saved else prompts or [], volume, plane),
        actions=None
        if saved is None
        else partial(_actions, saved, _was_given(ctx, "window") or _was_given(ctx, "model")),
        series=series,
        gaps=gaps.value,
        model=model,
        device=device,
        window=window,
        sweep=Sweep(plane, parse_range(slice_range), direction, stride),
        report=report,
        preview=preview,
        overwrite=force,
    )
    if not (given.prompts or prompts):
        raise typer.BadParameter("give at least one --box, --point, --line or --prompts")
    outcome = run_with_progress(job, quiet or as_json)
    if as_json:
        console.print_json(json.dumps(outcome.report))
    elif not quiet:
        show(outcome)


def _was_given(ctx: typer.Context, option: str) -> bool:
    source = ctx.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _session_among(files: list[Path], other_prompts: bool) -> SessionFile | None:
    """The session file among the prompt files; it says everything, so it is given alone."""
    from volsweep.prompts.source import is_session_file
    from volsweep.session.file import read_session

    found = [file for file in files if is_session_file(file)]
    if not found:
        return None
    if len(files) > 1 or other_prompts:
        raise typer.BadParameter(f"{found[0].name} is a session; give no other prompts with it", param_hint="--prompts")
    return read_session(found[0])


def _actions(saved: SessionFile, look_anew: bool, volume: Volume) -> tuple[Action, ...]:
    """A session's actions on the volume it was made on; `look_anew` leaves window and model to the job."""
    saved.check(volume)
    if not look_anew:
        return saved.actions
    return tuple(a.model_copy(update={"made_with": None}) if hasattr(a, "made_with") else a for a in saved.actions)


def parse_range(text: str | None) -> tuple[int, int] | None:
    """Read ``Z0:Z1``, both inclusive."""
    if text is None:
        return None
    try:
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not of the form Z0:Z1, such as 10:40", param_hint="--range") from None
    return first, last


def _gather(given: PromptSet, files: list[Path], volume: Volume, plane: Plane) -> PromptSet:
    from volsweep.prompts.kinds import PromptSet

    prompts, labels = list(given.prompts), dict(given.labels)
    for file in files:
        from_file = _read(file, volume, plane)
        prompts += from_file.prompts
        labels = {**from_file.labels, **labels}
    planes = {p.plane for p in prompts}
    if len(planes) > 1:
        raise PromptError(f"one run sweeps one plane, and the prompts are about {', '.join(sorted(planes))}")
    return PromptSet(tuple(prompts), labels)


def _read(file: Path, volume: Volume, plane: Plane) -> PromptSet:
    """Read a prompt file, or take the largest slices of what was drawn as boxes."""
    if file.suffix.lower() == ".json":
        from volsweep.prompts.file import read_prompts

        return read_prompts(file, volume.grid)
    from volsweep.prompts.source import read_prompt_source

    return read_prompt_source(file, volume, plane=plane)


def run_with_progress(job: Job, quiet: bool) -> Outcome:
    """Run a job with a progress bar; notes on the volume go to standard error."""
    from volsweep.job.run import run_job
    from volsweep.session.steps import Step

    with counting_progress("slices", quiet) as progress:
        task = progress.add_task("reading", total=None)

        def on_step(step: Step) -> None:
            progress.update(task, description=f"slice {step.slice}", completed=step.done, total=step.total)

        outcome = run_job(job, on_step)
    if not quiet:
        for warning in outcome.report["source"]["warnings"]:
            warn(warning)
    return outcome


def show(outcome: Outcome) -> None:
    """Print what was found and where it was written."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("label", "volume", "long × short axis", "slices", "to check"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label in outcome.report["labels"]:
        axes = f"{label['diameters']['long_mm']:.1f} × {label['diameters']['short_mm']:.1f} mm"
        doubtful = label["doubtful_slices"]
        table.add_row(
            f"{label['label']} {label['name']}",
            f"{label['volume_ml']:.2f} mL",
            axes,
            str(label["slices"]),
            ", ".join(map(str, doubtful)) or "–",
        )
    console.print(table)
    report = outcome.report
    console.print(
        f"{report['slices_visited']} slices in {report['seconds']['sweep']:.1f} s "
        f"({report['slices_per_second']:.0f}/s) with {report['model']['id']} on {report['run']['device']}",
        highlight=False,
    )
    console.print(f"wrote {outcome.receipt.path}", highlight=False, soft_wrap=True)
