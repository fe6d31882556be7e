"""`volsweep batch`: many series from one manifest."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volsweep.cli.options import (
    ForceOption,
    IndexOption,
    JsonOption,
    ManifestArgument,
    RootOption,
    RowsModelOption,
    RowsSendOption,
    RowsTrustOption,
    executor_of,
    places_of,
    redo_of,
)
from volsweep.cli.terminal.console import (
    Stopped,
    as_bad_call,
    fail,
    messages,
    nothing_found,
    progress,
    sigterm_as_interrupt,
    tell,
    tell_json,
    warn,
)
from volsweep.cli.terminal.words import row_words

if TYPE_CHECKING:
    from volsweep.batch.checks import Places
    from volsweep.batch.executors import Executor
    from volsweep.batch.runner import Options

app = typer.Typer(
    no_args_is_help=True,
    help="""Segment many series from one manifest (CSV or JSON).

\b
A manifest names series and what to prompt them with:
  series,prompts,output
  ct/0001,"box lesion=1@20:55,98,86,126",first
  ct/0002,ct/0002/RS.dcm,second
\b
Then, in this order (make writes a manifest from a tree and what was drawn in it):
  volsweep batch make scans/ -o manifest.csv
  volsweep batch check manifest.csv --deep
  volsweep batch run manifest.csv -o results
  volsweep batch run manifest.csv -o results --resume
All columns, and how to review results: docs/batch.md.""",
)

_NO_ROWS = "the manifest has no rows below its first line: there is nothing to run"


@app.command("check")
def check(
    manifest: ManifestArgument,
    root: RootOption = None,
    index: IndexOption = None,
    model: RowsModelOption = "volsweep-nano",
    trust_model: RowsTrustOption = False,
    send_voxels: RowsSendOption = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Read every series' headers and prompts too, and hold the one against the other."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List everything that is wrong with a manifest, without running a model. Exit code 1: something is."""
    from volsweep.batch.checks import problems_of

    places = replace(places_of(manifest, root, index, model), trust_model=trust_model, send_voxels=send_voxels)
    total = sum(1 for _ in places.entries()) if deep else None
    rows, found = 0, []
    with progress("series", quiet=not deep or as_json, first="checking") as meter:
        for entry in places.entries():
            rows += 1
            problems = [row_words(problem) for problem in problems_of(entry, places, deep)]
            if problems:
                found.append({"line": entry.line, "name": entry.name, "problems": problems})
            if not as_json:
                for problem in problems:
                    tell(f"line {entry.line}: {problem}")
            meter.at(rows, total)
    if as_json:
        tell_json({"rows": rows, "with_problems": len(found), "problems": found})
    elif found:
        fail(f"{len(found)} of {rows} rows have problems")
    else:
        tell(f"{rows} rows, no problems")
    if found:
        raise typer.Exit(1)
    if not rows:
        raise nothing_found(_NO_ROWS)


@app.command("make")
def make(
    folder: Annotated[Path, typer.Argument(help="Searched with its subfolders for series, RTSTRUCTs and SEGs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Manifest to write.")] = Path("manifest.csv"),
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON, too.")] = False,
) -> None:
    """Write a manifest of a tree: a row for every RTSTRUCT and SEG, with the series that it was drawn on.

    Results are called by number and description of their series. Exit code 3: there is nothing to make a row of.
    """
    from volsweep.batch.make import rows_below
    from volsweep.io.writing import check_writable, write_whole

    check_writable([output], overwrite=force)
    made = rows_below(folder, output)
    for note in made.notes:
        warn(note)
    if not made.rows:
        raise nothing_found(f"no RTSTRUCT or SEG below {folder} belongs to a series there; nothing was written")
    write_whole(output, made.to_csv(), overwrite=force)
    if as_json:
        tell_json({"manifest": str(output), "rows": list(made.rows), "notes": list(made.notes)})
    else:
        tell(f"wrote {len(made.rows)} rows to {output}; see them with: volsweep batch check {output} --deep")


@app.command("run")
def run(
    manifest: ManifestArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    root: RootOption = None,
    index: IndexOption = None,
    model: RowsModelOption = "volsweep-nano",
    trust_model: RowsTrustOption = False,
    send_voxels: RowsSendOption = False,
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
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Run the I-th of N parts, beside others; `batch merge` then sums them up."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be run, and leave.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Segment every series of a manifest; what fails is recorded and the rest goes on.

    Exit code 1: a series failed or, with --dry-run, cannot run.
    """
    from volsweep.batch.runner import INDEX, Options
    from volsweep.batch.shard import Shard

    with as_bad_call("--shard"):
        part = None if shard is None else Shard.parse(shard)
    if root is not None and index is None and not dry_run:
        index = output / (INDEX if part is None else f"index-{part}.json")
    places = replace(places_of(manifest, root, index, model), trust_model=trust_model, send_voxels=send_voxels)
    options = Options(output, redo_of(resume, retry_failed, force), limit, device, part)
    executor = executor_of(workers, device, scheduler, resource or [])
    if dry_run:
        _list(places, options, as_json)
    else:
        _run(places, options, executor, _Told(quiet, as_json))


@app.command("merge")
def merge(
    manifest: ManifestArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder that all parts were run into.")],
    root: RootOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up a manifest that was run in parts (run --shard): its page and its summary.

    Exit code 1: a series failed, or no part has run it yet.
    """
    from volsweep.batch.runner import PAGE, SUMMARY, Options
    from volsweep.batch.runner import merge as merged

    places = places_of(manifest, root, index, "volsweep-nano")
    rows = sum(1 for _ in places.entries())
    tally = merged(places, Options(output))
    missing = rows - tally.done - tally.failed
    if as_json:
        files = {"output": str(output), "page": str(output / PAGE), "summary": str(output / SUMMARY)}
        tell_json({"rows": rows, "done": tally.done, "failed": tally.failed, "not_run": missing, **files})
    else:
        tell(f"{tally.done} done, {tally.failed} failed, {missing} not run, of {rows} series")
        tell(f"see {output / PAGE} and {output / SUMMARY}")
    if missing and not as_json:
        fail(f"{missing} series were run by no part; run the missing parts again with --resume")
    if missing or tally.failed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Told:
    """What of a run is told."""

    quiet: bool
    as_json: bool

    @property
    def nothing(self) -> bool:
        """Whether standard error stays silent but for what is wrong with the whole run."""
        return self.quiet or self.as_json


def _run(places: Places, options: Options, executor: Executor, told: _Told) -> None:
    from volsweep.batch.runner import PAGE, SUMMARY, run_batch
    from volsweep.batch.tasks import Result

    rows = in_all = sum(1 for _ in places.entries())
    total = rows if options.limit is None else min(rows, options.limit)
    results: list[dict[str, Any]] = []
    noted: list[bool] = []
    notes: Counter[str] = Counter()
    with progress("series", told.nothing, "segmenting") as meter, sigterm_as_interrupt() as received:

        def on_result(result: Result) -> None:
            record = result.record
            failed = record.status == "failed"
            error = row_words(record.error)
            results.append({"name": record.name, "status": record.status, "kept": result.kept, "error": error})
            noted.append(bool(record.warnings))
            if result.note:
                results[-1]["note"] = result.note
                notes[result.note] += 1
            if failed and not told.nothing:
                text = f"failed: {record.name}: {error}"
                messages.print(text, markup=False, highlight=False, soft_wrap=True)
            meter.one(f"{'kept' if result.kept else record.status}: {record.name}", len(results), total)

        tally = run_batch(places, options, executor, on_result)
    page, summary = options.output / PAGE, options.output / SUMMARY
    for note, count in notes.items():
        warn(f"{count} of the results that were kept: {note}")
    if any(noted):
        warn(f"{sum(noted)} of {len(noted)} series have notes: the column notes of {summary} has them")
    if options.shard is not None:
        rows = sum(options.shard.holds(place) for place in range(rows))
    if told.as_json:
        files = {"output": str(options.output), "page": str(page), "summary": str(summary)}
        tell_json({**asdict(tally), "rows": rows, **files, "series": results})
    elif not told.quiet:
        kept = f", {tally.kept} kept as they were" if tally.kept else ""
        tell(f"{tally.done} done, {tally.failed} failed{kept}, of {rows} series, in {tally.seconds:.1f} s")
        tell(f"see {page} and {summary}" if options.shard is None else "when all parts are run: volsweep batch merge")
    if tally.stopped:
        fail(f"{tally.stopped}; make room, and --resume goes on from there")
    if tally.interrupted:
        fail("stopped; what was finished is whole, and --resume goes on from there")
        raise Stopped(received[0] if received else signal.SIGINT)
    if tally.stopped or tally.failed:
        raise typer.Exit(1)
    if not in_all:
        raise nothing_found(_NO_ROWS)


def _list(places: Places, options: Options, as_json: bool) -> None:
    from volsweep.batch.record import read_record
    from volsweep.batch.runner import plan
    from volsweep.batch.tasks import Redo, is_complete

    rows = []
    for task in plan(places, options):
        known = read_record(task.folder)
        if options.redo is Redo.RESUME and known is not None and is_complete(task, known):
            continue
        problem = row_words(task.problem)
        rows.append({"name": task.name, "problem": problem})
        if not as_json:
            tell(f"{task.name}: {f'cannot run: {problem}' if problem else 'run'}")
    wrong = sum(bool(row["problem"]) for row in rows)
    if as_json:
        tell_json({"would_run": len(rows) - wrong, "cannot_run": wrong, "series": rows})
    else:
        tell(f"{len(rows) - wrong} series would be run; nothing was written")
    if wrong:
        if not as_json:
            fail(f"{wrong} of {len(rows)} series cannot run; volsweep batch check says more")
        raise typer.Exit(1)
