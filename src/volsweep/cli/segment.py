"""`volsweep segment`: one series and its prompts to a label volume."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.options import (
    NETWORK,
    SERIES,
    ContextOption,
    DeviceOption,
    Draw,
    FinderOption,
    ForceOption,
    Gaps,
    GapsOption,
    InsideOption,
    KeepContextOption,
    ModalityOption,
    ModelIfGiven,
    N4Option,
    OutsideOption,
    OverlapOption,
    PatienceOption,
    QuietOption,
    ReaderOption,
    Register,
    RegisterOption,
    SecondOption,
    SecondWindowOption,
    SendVoxelsOption,
    ServerOption,
    SignOption,
    TextOption,
    WindowIfGiven,
)
from volsweep.cli.terminal.console import as_bad_call, nothing_found, run_with_progress, show, tell_json
from volsweep.engine.network.device_name import check_device_name
from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.geometry import Plane
from volsweep.intensity import window_named
from volsweep.io.formats import WRITTEN, format_written_as
from volsweep.settings import defaults_file
from volsweep.volume import checked_reader

if TYPE_CHECKING:
    from volsweep.defaults import Defaults
    from volsweep.prompts.text import PromptKind


_PROMPTS, _SWEEP = "What to segment", "How it is swept"
_CORNERS = "LABEL@SLICE:X0,Y0,X1,Y1"


def segment(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="SERIES",
            help="DICOM folder, file, DICOMDIR or zip; NIfTI, NRRD or MetaImage; sample:ct_phantom for a try.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Labels to write: {WRITTEN}.")],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CORNERS,
            rich_help_panel=_PROMPTS,
            help="First column, first row, last column, last row of a box, in voxels from 0, all inclusive. "
            "LABEL is 1, or lesion=1 with a name. Repeat for more.",
        ),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL@SLICE:X,Y", rich_help_panel=_PROMPTS, help="Column and row in the object; outside it: X,Y,-"
        ),
    ] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar=_CORNERS, rich_help_panel=_PROMPTS, help="Both ends of a RECIST diameter."),
    ] = None,
    recist: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL@SLICE:LONG/SHORT",
            rich_help_panel=_PROMPTS,
            help="Both RECIST axes, the ends of each: 1@20:X0,Y0,X1,Y1/X2,Y2,X3,Y3.",
        ),
    ] = None,
    scribble: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL@SLICE:X,Y,X,Y...",
            rich_help_panel=_PROMPTS,
            help="A stroke in the object; outside it with ,- behind. Its width: /3 voxels, or /2.5mm.",
        ),
    ] = None,
    extent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL@Z0:Z1",
            rich_help_panel=_PROMPTS,
            help="First and last slice of an object, either left out where it is not known: 1@12: or 1@:30; or a box "
            "around it on another plane that says both: 1@coronal:112:X0,Y0,X1,Y1.",
        ),
    ] = None,
    text: TextOption = None,
    finder: FinderOption = None,
    send_voxels: SendVoxelsOption = False,
    prompts: Annotated[
        list[Path] | None,
        typer.Option(
            rich_help_panel=_PROMPTS,
            help="Prompt file or session (JSON); an RTSTRUCT, SEG or mask: its largest slices; SR or GSPS.",
        ),
    ] = None,
    prompts_anyway: Annotated[
        bool,
        typer.Option(
            "--prompts-anyway",
            rich_help_panel=_PROMPTS,
            help="Take prompt files whatever volume they say they are of.",
        ),
    ] = False,
    label: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_PROMPTS, help="Of what was drawn: number or name of an object to take; all by default."
        ),
    ] = None,
    draw: Annotated[
        Draw, typer.Option(rich_help_panel=_PROMPTS, help="Of what was drawn: what the largest slices become.")
    ] = Draw.BOX,
    overlap: OverlapOption = None,
    inside: InsideOption = None,
    outside: OutsideOption = None,
    plane: Annotated[
        Plane | None,
        typer.Option(rich_help_panel=_SWEEP, help="The plane whose slices are swept; the series' own by default."),
    ] = None,
    slice_range: Annotated[
        str | None,
        typer.Option("--range", metavar="Z0:Z1", rich_help_panel=_SWEEP, help="Slices that may be visited."),
    ] = None,
    direction: Annotated[Direction, typer.Option(rich_help_panel=_SWEEP, help="Which way to sweep.")] = Direction.BOTH,
    stride: Annotated[
        int, typer.Option(min=1, rich_help_panel=_SWEEP, help="Visit every n-th slice, fill between.")
    ] = 1,
    patience: PatienceOption = DEFAULT_PATIENCE,
    window: WindowIfGiven = None,
    n4: N4Option = False,
    context: ContextOption = None,
    keep_context: KeepContextOption = False,
    second: SecondOption = None,
    second_window: SecondWindowOption = None,
    register: RegisterOption = Register.AUTO,
    model: ModelIfGiven = None,
    trust_model: Annotated[
        bool,
        typer.Option(
            "--trust-model",
            rich_help_panel=NETWORK,
            help="Load weights that a session file names, wherever they come from.",
        ),
    ] = False,
    device: DeviceOption = "auto",
    server: ServerOption = None,
    series: Annotated[
        str | None,
        typer.Option(rich_help_panel=SERIES, help="SeriesInstanceUID, its beginning, or SeriesNumber."),
    ] = None,
    modality: ModalityOption = None,
    gaps: GapsOption = Gaps.REFUSE,
    report: Annotated[Path | None, typer.Option(help="Write what was done as JSON.")] = None,
    preview: Annotated[Path | None, typer.Option(help="Write a contact sheet as PNG.")] = None,
    reader: ReaderOption = "",
    sign: SignOption = False,
    force: ForceOption = False,
    quiet: QuietOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report instead of a table.")] = False,
) -> None:
    """Segment what the prompts mark, through the volume, and save it on the scanner's geometry.

    \b
    A box on slice 20 of the sample, and a picture of what comes out:
      volsweep segment sample:ct_phantom -o lesion.nii.gz \\
        --box lesion=1@20:55,98,86,126 --preview lesion.png
    A click inside and one outside, seen through the lung window:
      volsweep segment ct/ -o nodule.nii.gz --window lung \\
        --point 1@41:120,88 --point 1@41:150,88,-
    An expert's contours as prompts, contours as the result:
      volsweep segment ct/ -o tumour.rtstruct.dcm --prompts RS.dcm --label GTV
    Slices count from 0 along the series' normal.

    Exit code 3: the labels were written, and nothing was found.
    """  # noqa: D301 - the first backslash is the sign for: leave these lines as they are
    from volsweep.io.volumes import modality_named
    from volsweep.job.job import Job
    from volsweep.prompts.text import parse_prompts
    from volsweep.session.overlaps.relations import check_typed

    given: dict[PromptKind, list[str] | None] = {"box": box, "line": line, "recist": recist, "point": point}
    given |= {"scribble": scribble, "extent": extent}
    typed = tuple((kind, text) for kind, texts in given.items() for text in texts or ())
    chosen = _defaults_if_there()
    if chosen is not None and chosen.format is not None and not output.suffix:
        output = output.with_name(output.name + chosen.format)
    # What is malformed is refused before anything is read.
    for option, was_typed, check in (
        ("", typed, lambda: parse_prompts(typed, Plane.AXIAL)),
        ("", bool(inside or outside), lambda: check_typed([*(inside or ()), *(outside or ())])),
        ("--output", True, lambda: format_written_as(output)),
        ("--with-window", second_window is not None, lambda: window_named(second_window or "")),
        ("--window", window is not None, lambda: window_named(window or "")),
        ("--device", device != "auto", lambda: check_device_name(device)),
        ("--reader", bool(reader), lambda: checked_reader(reader)),
        ("--modality", modality is not None, lambda: modality_named(modality or "")),
    ):
        if was_typed:
            with as_bad_call(option):
                check()
    if not (prompts or text or any(texts for kind, texts in given.items() if kind != "extent")):
        options = ", ".join(f"--{kind}" for kind in given if kind != "extent")
        raise typer.BadParameter(f"nothing says what to segment; give at least one {options}, --text or --prompts")
    job = Job(
        source=path,
        output=output,
        typed=typed,
        sources=tuple(prompts or ()),
        text=tuple(text or ()),
        finder=finder,
        send_voxels=send_voxels,
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
        server=server,
        defaults=chosen,
        sweep=SweepOptions(*(_range(slice_range) or (0, -1)), direction, stride, patience),
        report=report,
        preview=preview,
        overwrite=force,
        overlap=tuple(overlap or ()),
        inside=tuple(inside or ()),
        outside=tuple(outside or ()),
        n4=n4,
        context=context,
        keep_context=keep_context,
        second=second,
        second_window=second_window,
        register=register.value,
        reader=reader,
        sign=sign,
    )
    outcome = run_with_progress(job, quiet or as_json)
    if as_json:
        tell_json(outcome.report)
    elif not quiet:
        show(outcome)
    if not any(label["slices"] for label in outcome.report["labels"]):
        raise nothing_found("nothing was found: the labels are empty; look at the prompts and the window")


def _range(text: str | None) -> tuple[int, int] | None:
    """Read ``Z0:Z1``, both inclusive."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not of the form Z0:Z1, such as 10:40", param_hint="--range")
    first, last = map(int, found.groups())
    if last < first:
        raise typer.BadParameter(f"{text!r} ends before it begins; did you mean {last}:{first}?", param_hint="--range")
    return first, last


def _defaults_if_there() -> Defaults | None:
    """The user's defaults; None where there are none, and nothing is loaded to read them."""
    file = defaults_file()
    if file is None or not file.exists():
        return None
    from volsweep.defaults import read_defaults

    return read_defaults()
