"""Options that several commands take, each declared once; and what those of `volsweep batch` stand for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.terminal.console import as_bad_call
from volsweep.engine.network.device_name import check_device_name

if TYPE_CHECKING:
    from volsweep.batch.checks import Places
    from volsweep.batch.executors import Executor
    from volsweep.batch.tasks import Redo


class Draw(StrEnum):
    """What an object that was drawn before becomes."""

    BOX = "box"
    LINE = "line"
    RECIST = "recist"
    MASK = "mask"


class Gaps(StrEnum):
    """What to do with missing or unevenly spaced slices."""

    REFUSE = "refuse"
    KEEP = "keep"


class Register(StrEnum):
    """Whether a second series is registered."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


def known_windows() -> list[str]:
    """For a shell that completes."""
    from volsweep.intensity import CT_WINDOWS

    return ["auto", "percentile", *(name.replace(" ", "-") for name in CT_WINDOWS)]


def known_models() -> list[str]:
    """For a shell that completes."""
    from volsweep.models import MODELS

    return list(MODELS)


def known_devices() -> list[str]:
    """For a shell that completes."""
    from volsweep.engine.network.device_name import DEVICES

    return list(DEVICES)


NETWORK, SERIES = "The network", "The series"
"""The panel of a help page that says what runs, through what it looks, and where."""
_MODEL = "A model of `volsweep models list`, or a checkpoint."
_WINDOW = "auto, percentile, a CT preset such as lung, or W/L: 400/40."
_DEVICE = typer.Option(autocompletion=known_devices, rich_help_panel=NETWORK, help="auto, cpu, cuda or mps.")

ModelArgument = Annotated[str, typer.Argument(autocompletion=known_models, help=_MODEL)]
ModelOption = Annotated[str, typer.Option(autocompletion=known_models, rich_help_panel=NETWORK, help=_MODEL)]
ModelIfGiven = Annotated[
    str | None,
    typer.Option(autocompletion=known_models, rich_help_panel=NETWORK, help=f"{_MODEL}  [default: volsweep-nano]"),
]
WindowOption = Annotated[str, typer.Option(autocompletion=known_windows, rich_help_panel=NETWORK, help=_WINDOW)]
WindowIfGiven = Annotated[
    str | None,
    typer.Option(autocompletion=known_windows, rich_help_panel=NETWORK, help=f"{_WINDOW}  [default: auto]"),
]
DeviceOption = Annotated[str, _DEVICE]
DeviceIfGiven = Annotated[str | None, _DEVICE]
_CONTEXT = "What to segment"
OverlapOption = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL", rich_help_panel=_CONTEXT, help="An object that may share voxels with others."),
]
InsideOption = Annotated[
    list[str] | None,
    typer.Option(metavar="CHILD:PARENT", rich_help_panel=_CONTEXT, help="It may overlap; its parent clips it."),
]
OutsideOption = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL:OTHER", rich_help_panel=_CONTEXT, help="It may overlap, but with this one not."),
]
ContextOption = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=_CONTEXT,
        help="Objects that stay as they are, such as a TotalSegmentator result (NIfTI, SEG): nothing is drawn over "
        "them. Those in which something is prompted are left out of it.",
    ),
]
KeepContextOption = Annotated[
    bool, typer.Option("--keep-context", rich_help_panel=_CONTEXT, help="Write the context with the labels, by name.")
]
_SECOND = "A second series"
SecondOption = Annotated[
    Path | None,
    typer.Option(
        "--with",
        metavar="SERIES",
        rich_help_panel=_SECOND,
        help="Look at this series of the patient, too, and fuse: the PET of a CT, the FLAIR of a T1. Prompt files may "
        "be drawn on either; labels lie on the first.",
    ),
]
SecondWindowOption = Annotated[
    str | None,
    typer.Option("--with-window", autocompletion=known_windows, rich_help_panel=_SECOND, help="As --window, for it."),
]
RegisterOption = Annotated[
    Register,
    typer.Option(
        rich_help_panel=_SECOND,
        help="Whether it is registered: if it says that it is of another frame of reference, never, or always.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite what exists.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table; notes are told.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

ManifestArgument = Annotated[Path, typer.Argument(help="CSV or JSON with at least the columns series and prompts.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder in which series given by UID are looked up.")]
RowsModelOption = Annotated[str, typer.Option(autocompletion=known_models, help="The model of rows that name none.")]
RowsTrustOption = Annotated[
    bool, typer.Option("--trust-model", help="Load weights that rows or their sessions name, wherever they come from.")
]
RowsSendOption = Annotated[
    bool, typer.Option("--send-voxels", help="Series' voxels may go to the VoxTell servers that rows name as finder.")
]
IndexOption = Annotated[
    Path | None,
    typer.Option(help="File that keeps what was found below the root; unchanged folders are not read again."),
]


def places_of(manifest: Path, root: Path | None, index: Path | None, model: str) -> Places:
    """A manifest, and where its series lie."""
    from volsweep.batch.checks import Places
    from volsweep.batch.series_index import SeriesIndex

    return Places(manifest, None if root is None else SeriesIndex(root.absolute(), index), model)


def redo_of(resume: bool, retry_failed: bool, force: bool) -> Redo:
    """What to do with series that were run before."""
    from volsweep.batch.tasks import Redo

    if resume + retry_failed + force > 1:
        raise typer.BadParameter("--resume, --retry-failed and --force exclude each other")
    if resume:
        return Redo.RESUME
    if retry_failed:
        return Redo.FAILED
    return Redo.ALL if force else Redo.REFUSE


def executor_of(workers: int | None, device: str, scheduler: str | None, resources: list[str]) -> Executor:
    """Where series are run."""
    if scheduler is not None:
        if workers is not None:
            raise typer.BadParameter("--scheduler and --workers exclude each other")
        from volsweep.batch.dask_cluster import DaskCluster

        return DaskCluster(scheduler, dict(map(_resource, resources)))
    from volsweep.batch.executors import LocalWorkers, in_process

    for name in device.split(","):
        with as_bad_call("--device"):
            check_device_name(name)
    return in_process if workers is None else LocalWorkers(workers, device.split(","))


def _resource(text: str) -> tuple[str, float]:
    name, _, amount = text.partition("=")
    try:
        return name.strip(), float(amount)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not of the form NAME=AMOUNT, such as GPU=1") from None


TextOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel="What to segment",
        help='An organ to look for in CT of head and neck, such as "right parotid", or NAME=LABEL. Repeat for more.',
    ),
]

ModalityOption = Annotated[
    str | None,
    typer.Option(rich_help_panel=SERIES, help="CT, MR, PT ...: what made the image, where its files do not say so."),
]

GapsOption = Annotated[
    Gaps, typer.Option(rich_help_panel=SERIES, help="Missing or unevenly spaced slices: refuse, or keep.")
]

FinderOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL|FOLDER",
        rich_help_panel="What to segment",
        help="Who looks for names instead: a VoxTell server, or the folder of a CLIP of open_clip's (docs/text.md).",
    ),
]

SendVoxelsOption = Annotated[
    bool,
    typer.Option(
        "--send-voxels",
        rich_help_panel="What to segment",
        help="The volume's voxels may go to the VoxTell server that --finder names.",
    ),
]

PatienceOption = Annotated[
    int,
    typer.Option(
        min=0,
        rich_help_panel="How it is swept",
        help="Slices without the object before a pass ends; 0 runs to the volume's ends.",
    ),
]

ServerOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        rich_help_panel=NETWORK,
        help="Run the network there: the address that `volsweep serve` prints.",
    ),
]
ReaderOption = Annotated[
    str, typer.Option(metavar="INITIALS", help="Who reads, for the report; by default as `config` says.")
]
SignOption = Annotated[bool, typer.Option("--sign", help="Name the reader in a DICOM SEG, too.")]
N4Option = Annotated[
    bool, typer.Option("--n4", rich_help_panel=NETWORK, help="MR: show the network the image without its bias field.")
]
