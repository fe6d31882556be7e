"""What the commands of `volsweep batch` share: options, and what these stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.terminal.words import as_bad_call
from volsweep.engine.network.device_name import check_device_name

if TYPE_CHECKING:
    from volsweep.batch.checks import Places
    from volsweep.batch.executors import Executor
    from volsweep.batch.tasks import Redo

ManifestArgument = Annotated[Path, typer.Argument(help="CSV or JSON with at least the columns series and prompts.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder in which series given by UID are looked up.")]
ModelOption = Annotated[str, typer.Option(help="The model of rows that name none.")]
TrustOption = Annotated[
    bool, typer.Option("--trust-model", help="Load weights that rows or their sessions name, wherever they come from.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
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
