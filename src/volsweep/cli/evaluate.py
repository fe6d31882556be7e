"""`volsweep evaluate`: how good a model is on cases with known masks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.options import NETWORK, DeviceOption, known_models
from volsweep.cli.terminal.console import as_bad_call, console, nothing_found, progress, tell
from volsweep.engine.network.device_name import check_device_name
from volsweep.geometry import Plane


class Protocols(StrEnum):
    """Which protocol to run; see docs/evaluation.md."""

    A = "A"
    B = "B"
    C = "C"
    C2 = "C2"
    D = "D"
    E = "E"
    ALL = "all"


def evaluate(
    manifest: Annotated[Path | None, typer.Argument(hidden=True)] = None,
    data: Annotated[Path | None, typer.Option(help="Manifest of your cases (JSON), each with image and label.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for table, JSON and pictures.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=known_models, rich_help_panel=NETWORK, help="Model or checkpoint; repeat to compare."
        ),
    ] = None,
    protocol: Annotated[
        Protocols,
        typer.Option(
            help="A: box, B: box and clicks, C: RECIST line, C2: both RECIST axes, "
            "D: box and slices outlined by hand, E: box and both ends."
        ),
    ] = Protocols.A,
    jitter: Annotated[bool, typer.Option("--jitter", help="Also with prompts as people draw them.")] = False,
    split: Annotated[str | None, typer.Option(help="Only cases of this split.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only cases of this family; repeatable.")] = None,
    plane: Annotated[Plane, typer.Option(help="The plane that is prompted and swept.")] = Plane.AXIAL,
    device: DeviceOption = "auto",
    baselines: Annotated[bool, typer.Option(help="Score simple baselines beside the models.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print summaries and every score as JSON.")] = False,
) -> None:
    """Score models on cases with known masks: DSC, NSD at 2 mm, ends, time."""
    from volsweep.evaluate import Options, Protocol, Report, evaluate_each, read_cases
    from volsweep.io.writing import make_folder
    from volsweep.models import DEFAULT_MODEL

    with as_bad_call("--device"):
        check_device_name(device)
    cases = read_cases(_one_of(data, manifest), split, family or ())
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
    with progress("cases", quiet or as_json, "evaluating") as meter:
        for done, (case, found, left_out) in enumerate(running, start=1):
            scored += found
            skipped += left_out
            meter.one(f"scored: {case.name}", done, len(cases))
    report = Report(tuple(scored), tuple(skipped))
    if as_json:
        console.print_json(report.to_json())
    else:
        tell(report.to_markdown())
    if output is not None:
        report.write(output)
        if not as_json:
            tell(f"wrote the table, JSON and contact sheets to {output}/")
    if not scored:
        raise nothing_found("nothing was scored: no case has a label that an object can be taken from")


def _one_of(data: Path | None, manifest: Path | None) -> Path:
    """The manifest, which was an argument before it was called as `volsweep train` calls it."""
    match [path for path in (data, manifest) if path is not None]:
        case [path]:
            return path
        case []:
            raise typer.BadParameter("which cases? give their manifest", param_hint="--data")
        case _:
            raise typer.BadParameter("the manifest was given twice", param_hint="--data")
