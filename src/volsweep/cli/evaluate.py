"""`volsweep evaluate`: how good a model is on cases with known masks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.console import console, messages
from volsweep.geometry import Plane


class Protocols(StrEnum):
    """Which protocol to run; see docs/evaluation.md."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    ALL = "all"


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="JSON list of cases, each with image and label.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for table, JSON and pictures.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Model or checkpoint; repeat to compare.")] = None,
    protocol: Annotated[
        Protocols,
        typer.Option(
            help="A: box, B: box and clicks, C: RECIST line, D: box and slices outlined by hand, E: box and both ends."
        ),
    ] = Protocols.A,
    jitter: Annotated[bool, typer.Option("--jitter", help="Also with prompts as people draw them.")] = False,
    split: Annotated[str | None, typer.Option(help="Only cases of this split.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only cases of this family; repeatable.")] = None,
    plane: Annotated[Plane, typer.Option(help="The plane that is prompted and swept.")] = Plane.AXIAL,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    baselines: Annotated[bool, typer.Option(help="Score simple baselines beside the models.")] = True,
) -> None:
    """Score models on cases with known masks: DSC, NSD at 2 mm, ends, time."""
    from rich.progress import track

    from volsweep.evaluate import Options, Protocol, Report, evaluate_each, read_cases
    from volsweep.io.writing import make_folder
    from volsweep.models import DEFAULT_MODEL

    cases = read_cases(manifest, split, family or ())
    if output is not None:
        make_folder(output)
    options = Options(
        protocols=tuple(Protocol) if protocol == Protocols.ALL else (Protocol(protocol.value),),
        jitter=jitter,
        baselines=baselines,
        pictures=output is not None,
        plane=plane,
        device=device,
    )
    scored, skipped = [], []
    running = evaluate_each(cases, model or [DEFAULT_MODEL], options)
    for _, found, left_out in track(running, "evaluating", total=len(cases), console=messages, transient=True):
        scored += found
        skipped += left_out
    report = Report(tuple(scored), tuple(skipped))
    console.print(report.to_markdown(), markup=False, highlight=False, soft_wrap=True)
    if output is not None:
        report.write(output)
        console.print(f"wrote the table, JSON and contact sheets to {output}/", highlight=False, soft_wrap=True)
