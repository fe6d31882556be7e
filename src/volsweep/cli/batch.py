"""`volsweep batch`: many series from one manifest."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volsweep.cli.console import batch_progress, console, fail, messages

if TYPE_CHECKING:
    from volsweep.batch.checks import Places
    from volsweep.batch.executors import Executor
    from volsweep.batch.runner import Options
    from volsweep.batch.tasks import Redo

app = typer.Typer(
    no_args_is_help=True,
    help="""Segment many series from one manifest (CSV or JSON).

\b
A manifest names series and what to prompt them with:
  series,prompts,output
  ct/0001,"box lesion=1@20:55,98,86,126",first
  ct/0002,ct/0002/RS.dcm,second
\b
Then, in this order:
  volsweep batch check manifest.csv --deep
  volsweep batch run manifest.csv -o results
  volsweep batch run manifest.csv -o results --resume
All columns, and how to review results: docs/batch.md.""",
)

ManifestArgument = Annotated[Path, typer.Argument(help="CSV or JSON with at least the columns series and prompts.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder in which series given by UID are looked up.")]
ModelOption = Annotated[str, typer.Option(help="The model of rows that name none.")]
TrustOption = Annotated[
    bool, typer.Option("--trust-model", help="Load weights that rows or their sessions name, wherever they come from.")
]
IndexOption = Annotated[
    Path | None,
    typer.Option(help="File that keeps what was found below the root; unchanged folders are not read again."),
]


@app.command("check")
def check(
    manifest: ManifestArgument,
    root: RootOption = None,
    index: IndexOption = None,
    model: ModelOption = "volsweep-nano",
    trust_model: TrustOption = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Read every series' headers and prompts too, and hold the one against the other."),
    ] = False,
) -> None:
    """List everything that is wrong with a manifest, without running a model."""
    from volsweep.batch.checks import problems_of

    places = replace(_places(manifest, root, index, model), trust_model=trust_model)
    rows = wrong = 0
    with batch_progress(quiet=not deep) as progress:
        bar = progress.add_task("checking", total=sum(1 for _ in places.entries()) if deep else None)
        for entry in places.entries():
            rows += 1
            problems = problems_of(entry, places, deep)
            wrong += bool(problems)
            for problem in problems:
                console.print(f"line {entry.line}: {problem}", markup=False, highlight=False, soft_wrap=True)
            progress.advance(bar)
    if wrong:
        fail(f"{wrong} of {rows} rows have problems")
        raise typer.Exit(1)
    console.print(f"{rows} rows, no problems", highlight=False)


@app.command("run")
def run(
    manifest: ManifestArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    root: RootOption = None,
    index: IndexOption = None,
    model: ModelOption = "volsweep-nano",
    trust_model: TrustOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps; cuda:0,cuda:1 shares workers out.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes on this machine, each with a model.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler to run on, tcp://host:8786.")] = None,
    resource: Annotated[
        list[str] | None, typer.Option(help="What a series takes of a Dask worker's resources: GPU=1.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep verified results, run the rest.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run only what failed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run everything again.")] = False,
    limit: Annotated[int | None, typer.Option(min=0, help="Run at most so many series.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be run, and leave.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Segment every series of a manifest; what fails is recorded and the rest goes on."""
    from volsweep.batch.runner import INDEX, Options

    if root is not None and index is None and not dry_run:
        index = output / INDEX
    places = replace(_places(manifest, root, index, model), trust_model=trust_model)
    options = Options(output, _redo(resume, retry_failed, force), limit, device)
    executor = _executor(workers, device, scheduler, resource or [])
    if dry_run:
        _list(places, options)
    else:
        _run(places, options, executor, quiet)


def _run(places: Places, options: Options, executor: Executor, quiet: bool) -> None:
    from volsweep.batch.runner import PAGE, SUMMARY, run_batch
    from volsweep.batch.tasks import Result

    rows = sum(1 for _ in places.entries())
    with batch_progress(quiet) as progress, _sigterm_as_interrupt():
        bar = progress.add_task("series", total=rows if options.limit is None else min(rows, options.limit))

        def on_result(result: Result) -> None:
            progress.advance(bar)
            if result.record.status == "failed" and not quiet:
                text = f"failed: {result.record.name}: {result.record.error}"
                messages.print(text, markup=False, highlight=False, soft_wrap=True)

        tally = run_batch(places, options, executor, on_result)
    if not quiet:
        kept = f", {tally.kept} kept as they were" if tally.kept else ""
        console.print(
            f"{tally.done} done, {tally.failed} failed{kept}, of {rows} series, in {tally.seconds:.1f} s",
            highlight=False,
        )
        console.print(
            f"see {options.output / PAGE} and {options.output / SUMMARY}", markup=False, highlight=False, soft_wrap=True
        )
    if tally.interrupted:
        fail("stopped; what was finished is whole, and --resume goes on from there")
    if tally.stopped:
        fail(f"{tally.stopped}; make room, and --resume goes on from there")
    if tally.interrupted or tally.stopped or tally.failed:
        raise typer.Exit(1)


def _list(places: Places, options: Options) -> None:
    from volsweep.batch.record import read_record
    from volsweep.batch.runner import plan
    from volsweep.batch.tasks import Redo, is_complete

    run = 0
    for task in plan(places, options):
        known = read_record(task.folder)
        if options.redo is Redo.RESUME and known is not None and is_complete(task, known):
            continue
        run += 1
        what = f"cannot run: {task.problem}" if task.problem else "run"
        console.print(f"{task.name}: {what}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{run} series would be run; nothing was written", highlight=False)


def _places(manifest: Path, root: Path | None, index: Path | None, model: str) -> Places:
    from volsweep.batch.checks import Places
    from volsweep.batch.series_index import SeriesIndex

    return Places(manifest, None if root is None else SeriesIndex(root.absolute(), index), model)


def _redo(resume: bool, retry_failed: bool, force: bool) -> Redo:
    from volsweep.batch.tasks import Redo

    if resume + retry_failed + force > 1:
        raise typer.BadParameter("--resume, --retry-failed and --force exclude each other")
    if resume:
        return Redo.RESUME
    if retry_failed:
        return Redo.FAILED
    return Redo.ALL if force else Redo.REFUSE


def _executor(workers: int | None, device: str, scheduler: str | None, resources: list[str]) -> Executor:
    if scheduler is not None:
        if workers is not None:
            raise typer.BadParameter("--scheduler and --workers exclude each other")
        from volsweep.batch.dask_cluster import DaskCluster

        return DaskCluster(scheduler, dict(map(_resource, resources)))
    from volsweep.batch.executors import LocalWorkers, in_process

    return in_process if workers is None else LocalWorkers(workers, device.split(","))


def _resource(text: str) -> tuple[str, float]:
    name, _, amount = text.partition("=")
    try:
        return name.strip(), float(amount)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not of the form NAME=AMOUNT, such as GPU=1") from None


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """A cluster's scheduler ends jobs with SIGTERM: finish as after Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
