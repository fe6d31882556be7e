"""`volsweep segment`: one series and its prompts to a label volume."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.console import console, counting_progress, warn
from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.geometry import Plane
from volsweep.io.formats import WRITTEN

if TYPE_CHECKING:
    from volsweep.job.run import Job, Outcome
    from volsweep.prompts.text import PromptKind


class Draw(StrEnum):
    """What an object that was drawn before becomes."""

    BOX = "box"
    LINE = "line"
    MASK = "mask"


class Gaps(StrEnum):
    """What to do with missing or unevenly spaced slices."""

    REFUSE = "refuse"
    KEEP = "keep"


def segment(
    path: Annotated[Path, typer.Argument(help="DICOM folder, file, DICOMDIR or zip; NIfTI, NRRD or MetaImage.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Labels to write: {WRITTEN}.")],
    box: Annotated[list[str] | None, typer.Option(help="LABEL@SLICE:X0,Y0,X1,Y1; LABEL is 1 or name=1.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="LABEL@SLICE:X,Y, negative: LABEL@SLICE:X,Y,-")] = None,
    line: Annotated[list[str] | None, typer.Option(help="RECIST diameter, LABEL@SLICE:X0,Y0,X1,Y1.")] = None,
    extent: Annotated[
        list[str] | None, typer.Option(help="First and last slice, LABEL@Z0:Z1, either left out: 1@12: or 1@:30.")
    ] = None,
    prompts: Annotated[
        list[Path] | None,
        typer.Option(help="Prompt file or session (JSON); an RTSTRUCT, SEG or mask: its largest slices; SR or GSPS."),
    ] = None,
    prompts_anyway: Annotated[
        bool, typer.Option("--prompts-anyway", help="Take prompt files whatever volume they say they are of.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option(help="Of what was drawn: number or name of an object to take; all by default.")
    ] = None,
    draw: Annotated[Draw, typer.Option(help="Of what was drawn: what the largest slices become.")] = Draw.BOX,
    plane: Annotated[
        Plane | None, typer.Option(help="The plane whose slices are swept; the series' own by default.")
    ] = None,
    slice_range: Annotated[str | None, typer.Option("--range", help="Z0:Z1, slices that may be visited.")] = None,
    direction: Annotated[Direction, typer.Option(help="Which way to sweep.")] = Direction.BOTH,
    stride: Annotated[int, typer.Option(min=1, help="Visit every n-th slice, fill between.")] = 1,
    patience: Annotated[
        int, typer.Option(min=0, help="Slices without the object before a pass ends; 0 runs to the volume's ends.")
    ] = DEFAULT_PATIENCE,
    window: Annotated[
        str | None, typer.Option(help="auto, percentile, a CT preset such as lung, or W/L: 400/40.  [default: auto]")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A model of `volsweep models list`, or a checkpoint.  [default: volsweep-nano]")
    ] = None,
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Load weights that a session file names, wherever they come from.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    series: Annotated[str | None, typer.Option(help="SeriesInstanceUID, its beginning, or SeriesNumber.")] = None,
    modality: Annotated[
        str | None, typer.Option(help="CT, MR, PT ...: what made the image, where its files do not say so.")
    ] = None,
    gaps: Annotated[Gaps, typer.Option(help="Missing or unevenly spaced slices: refuse, or keep.")] = Gaps.REFUSE,
    report: Annotated[Path | None, typer.Option(help="Write what was done as JSON.")] = None,
    preview: Annotated[Path | None, typer.Option(help="Write a contact sheet as PNG.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table; notes are told.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report instead of a table.")] = False,
) -> None:
    """Segment what the prompts mark, through the volume, and save it on the scanner's geometry."""
    from volsweep.job.run import Job
    from volsweep.prompts.text import parse_prompts

    given: dict[PromptKind, list[str] | None] = {"box": box, "line": line, "point": point, "extent": extent}
    typed = tuple((kind, text) for kind, texts in given.items() for text in texts or ())
    # What is malformed is refused before anything is read.
    if not (parse_prompts(typed, Plane.AXIAL).prompts or prompts):
        raise typer.BadParameter("give at least one --box, --point, --line or --prompts")
    job = Job(
        source=path,
        output=output,
        typed=typed,
        sources=tuple(prompts or ()),
        draw=draw.value,
        only=tuple(label or ()),
        prompts_anyway=prompts_anyway,
        series=series,
        gaps=gaps.value,
        modality=modality,
        plane=plane,
        model=model,
        window=window,
        trust_model=trust_model,
        device=device,
        sweep=SweepOptions(*(parse_range(slice_range) or (0, -1)), direction, stride, patience),
        report=report,
        preview=preview,
        overwrite=force,
    )
    outcome = run_with_progress(job, quiet or as_json)
    if as_json:
        console.print_json(json.dumps(outcome.report))
    elif not quiet:
        show(outcome)


def parse_range(text: str | None) -> tuple[int, int] | None:
    """Read ``Z0:Z1``, both inclusive."""
    if text is None:
        return None
    try:
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not of the form Z0:Z1, such as 10:40", param_hint="--range") from None
    return first, last


def run_with_progress(job: Job, quiet: bool) -> Outcome:
    """Run a job with a progress bar; notes on the volume go to standard error."""
    from volsweep.job.run import run_job
    from volsweep.session.steps import Step

    with counting_progress("slices", quiet) as progress:
        task = progress.add_task("reading", total=None)

        def on_step(step: Step) -> None:
            progress.update(task, description=f"slice {step.slice}", completed=step.done, total=step.total)

        outcome = run_job(job, on_step)
    for warning in (*outcome.report["source"]["warnings"], *outcome.report["notes"]):
        warn(warning)  # whatever is quiet: they are part of the result
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
