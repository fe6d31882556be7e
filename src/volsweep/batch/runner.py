"""Run a manifest: tasks out, results in, a summary that is whole at any moment."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from volsweep.batch.checks import Places, problems_of
from volsweep.batch.executors import Executor, in_process
from volsweep.batch.manifest import Entry, digest
from volsweep.batch.page import write_page
from volsweep.batch.prompt_cell import is_retried
from volsweep.batch.record import Record, read_record
from volsweep.batch.shard import Shard, claimed
from volsweep.batch.summary import write_summary
from volsweep.batch.tasks import Redo, Result, Task
from volsweep.errors import BatchError, OutputError, unwritten
from volsweep.io.writing import check_spares, replacing, write_whole
from volsweep.settings import own_folder

SERIES, SUMMARY, PAGE, ABOUT, INDEX = "series", "summary.csv", "index.html", "batch.json", "index.json"
_REFRESH_S = 30.0
# Of the time that passes, at most this share goes into summaries written on the way.
_REFRESH_SHARE = 0.05
_LEAST_FREE_BYTES = 2**24


@dataclass(frozen=True)
class Options:
    """How to run a manifest.

    Parameters
    ----------
    output
        Folder of results; created.
    redo
        What to do with series that were run before.
    limit
        Run at most so many series; None for all.
    device
        Where networks run.
    shard
        Run this part of the manifest alone, beside other processes that run the others; `merge` then writes the
        summary.
    """

    output: Path
    redo: Redo = Redo.REFUSE
    limit: int | None = None
    device: str = "auto"
    shard: Shard | None = None


@dataclass
class Tally:
    """How a run went, in numbers of series."""

    done: int = 0
    failed: int = 0
    kept: int = 0
    interrupted: bool = False
    stopped: str = ""
    """Why the rest was not run, where something else than the user stopped it."""
    seconds: float = 0.0

    def count(self, result: Result) -> None:
        """Take in one result."""
        if result.kept:
            self.kept += 1
        elif result.record.status == "done":
            self.done += 1
        else:
            self.failed += 1


def run_batch(
    places: Places, options: Options, executor: Executor = in_process, on_result: Callable[[Result], None] | None = None
) -> Tally:
    """Run the series of a manifest that need it.

    Parameters
    ----------
    places
        The manifest, and where its series lie.
    options
        Where to, and what to do with earlier results.
    executor
        Where tasks run.
    on_result
        Called with every result as it comes.

    Returns
    -------
    Tally
        Ctrl-C ends a run early and cleanly (`Tally.interrupted`), and so does a disk that is full
        (`Tally.stopped`).

    Raises
    ------
    BatchError
        If it cannot start: the manifest cannot be read, the folder holds results and nothing
        was said about them, or another run is writing there.
    """
    started = time.perf_counter()
    tally = Tally()
    check_spares([options.output / name for name in (SUMMARY, PAGE, ABOUT, INDEX)], places.manifest)
    with _claimed(places, options):
        refresh = None if options.shard is not None else _Refresh(places, options.output)
        try:
            with closing(executor(_while_there_is_room(plan(places, options), options.output, tally))) as results:
                for result in results:
                    tally.count(result)
                    if on_result is not None:
                        on_result(result)
                    if refresh is not None:
                        refresh.if_due()
        except KeyboardInterrupt:
            tally.interrupted = True
        finally:
            tally.seconds = round(time.perf_counter() - started, 2)
            if refresh is not None:
                refresh.now()
            _write_about(places, options, tally)
    return tally


def merge(places: Places, options: Options) -> Tally:
    """Write summary and page of a folder that parts of a manifest were run into (`Options.shard`).

    Parameters
    ----------
    places
        The manifest, and where its series lie.
    options
        Of the output alone.

    Returns
    -------
    Tally
        Of all rows; what no part has run yet is neither done nor failed.

    Raises
    ------
    BatchError
        If a part is still being run.
    """
    check_spares([options.output / name for name in (SUMMARY, PAGE, ABOUT)], places.manifest)
    tally = Tally()
    with _claimed(places, replace(options, shard=None, redo=Redo.RESUME)):
        for _, record in Outcomes(places, options.output / SERIES):
            tally.done += record is not None and not record.has_failed
            tally.failed += record is not None and record.has_failed
        _Refresh(places, options.output).now()
        _write_about(places, options, tally)
    return tally


def plan(places: Places, options: Options) -> Iterator[Task]:
    """Make the tasks of a run, one by one.

    A row with problems becomes a task that only leaves a record of them.
    """
    left = options.limit
    for place, entry in enumerate(places.entries()):
        if options.shard is not None and not options.shard.holds(place):
            continue
        task = _task(entry, places, options)
        known = read_record(task.folder)
        if options.redo is Redo.FAILED and not is_retried(known, entry.row, places.base):
            continue
        # What is done has yet to be verified, which is a task but no work.
        counts = not (options.redo is Redo.RESUME and known is not None and known.status == "done")
        if counts and left is not None:
            if left <= 0:
                continue
            left -= 1
        yield task


def _while_there_is_room(tasks: Iterator[Task], output: Path, tally: Tally) -> Iterator[Task]:
    """Hand out tasks until the disk is full: thousands of series would be run to fail one by one."""
    for task in tasks:
        if shutil.disk_usage(output).free < _LEAST_FREE_BYTES:
            tally.stopped = f"less than {_LEAST_FREE_BYTES >> 20} MiB are free on the disk of {output}"
            return
        yield task


def _task(entry: Entry, places: Places, options: Options) -> Task:
    folder = (options.output / SERIES / entry.name).absolute()
    problems = problems_of(entry, places)
    if entry.row is None or problems:
        problem = "; ".join(problems)
        return Task(entry.name, folder, entry.row, places.base, problem=problem, redo=options.redo, model=places.model)
    return Task(
        entry.name,
        folder,
        entry.row,
        places.base,
        *places.locate(entry.row),
        redo=options.redo,
        device=options.device,
        model=places.model,
        trust_model=places.trust_model,
        send_voxels=places.send_voxels,
        baseline=places.locate_baseline(entry.row),
        second=places.locate_second(entry.row),
    )


@contextmanager
def _claimed(places: Places, options: Options) -> Iterator[None]:
    """Make the folder, for this run alone, or for this part."""
    series = options.output / SERIES
    try:
        own_folder(series)
    except OSError as error:
        raise BatchError(f"{options.output} cannot be made: {error.strerror}") from None
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(options.output, options.shard))
        except OSError as error:
            raise BatchError(f"{unwritten(options.output, error)}") from None
        if options.redo is Redo.REFUSE and _holds_results(places, options):
            raise BatchError(
                f'{options.output} holds results already; redo="resume" goes on with them, redo="failed" runs what '
                'failed, redo="all" runs everything again'
            )
        yield


def _holds_results(places: Places, options: Options) -> bool:
    series = options.output / SERIES
    if options.shard is None:
        return any(not path.name.startswith(".") for path in series.iterdir())
    return any((series / e.name).exists() for i, e in enumerate(places.entries()) if options.shard.holds(i))


class _Refresh:
    """Writes summary and page, now and then while the run goes on."""

    def __init__(self, places: Places, output: Path) -> None:
        self._places = places
        self._output = output
        self._next = time.monotonic() + _REFRESH_S

    def if_due(self) -> None:
        """Write when it is time, and less often the longer it takes."""
        if time.monotonic() >= self._next:
            with suppress(OutputError):  # the disk may have room again at the end, which tells it if not
                self.now()

    def now(self) -> None:
        """Write from the records on the disk, in the manifest's order."""
        began = time.monotonic()
        write_tables(self._places, self._output)
        now = time.monotonic()
        self._next = now + max(_REFRESH_S, (now - began) / _REFRESH_SHARE)


def write_tables(places: Places, output: Path) -> None:
    """Write summary and page from the records on the disk, in the manifest's order."""
    outcomes = Outcomes(places, output / SERIES)
    with replacing([output / SUMMARY], overwrite=True, spare=places.manifest) as (temporary,):
        write_summary(temporary, outcomes)
    with replacing([output / PAGE], overwrite=True, spare=places.manifest) as (temporary,):
        write_page(temporary, outcomes, title=places.manifest.stem)


class Outcomes:
    """Rows and what became of them, read anew each time one walks through."""

    def __init__(self, places: Places, series: Path) -> None:
        self._places = places
        self._series = series

    def __iter__(self) -> Iterator[tuple[Entry, Record | None]]:
        for entry in self._places.entries():
            yield entry, read_record(self._series / entry.name)


def _write_about(places: Places, options: Options, tally: Tally) -> None:
    about = {
        "schema": "volsweep-batch",
        "version": 1,
        "volsweep": version("napari-volsweep"),
        "manifest": {"path": str(places.manifest.absolute()), "sha256": digest(places.manifest)},
        "options": {"redo": options.redo, "limit": options.limit, "device": options.device, "model": places.model},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "tally": asdict(tally),
    }
    name = ABOUT if options.shard is None else f"batch-{options.shard}.json"
    write_whole(options.output / name, json.dumps(about, indent=1) + "\n", overwrite=True, spare=places.manifest)
