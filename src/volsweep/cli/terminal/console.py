"""The terminal: results go to standard output; progress, notes and what is wrong to standard error.

How far a command is shows a bar on a terminal; where output goes to a file or a pipe, a line now and then.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

from volsweep.cli.terminal.words import command_words
from volsweep.errors import VolsweepError, shown

if TYPE_CHECKING:
    from rich.table import Table

    from volsweep.job.job import Job, Outcome

NOTHING_FOUND = 3
"""Exit code of a command that did what it was told and found nothing; docs/exit_codes.md lists them all."""
LINE_EVERY_S = 30.0
"""How often a command that takes long says so where there is no terminal."""
STAGES = {
    "read": "reading the series",
    "load_model": "loading the network",
    "sweep": "sweeping",
    "write": "writing the labels",
    "preview": "drawing the preview",
}
"""The stages of a job as `run_job` names them, in words."""


class Terminal(Console):
    """A terminal that obeys no text: names come from other people's files, and so may be commands or markup.

    NO_COLOR takes every style away, bold with the colours.
    """

    def __init__(self, **options: Any) -> None:
        system: Any = None if os.environ.get("NO_COLOR") else "auto"
        super().__init__(markup=False, emoji=False, **{"color_system": system, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text, in tables as well, comes through here."""
        return super().render_str(text if text.isprintable() else shown(text), **options)

    def print_json(self, json: str | None = None, **options: Any) -> None:
        """Print JSON, what is not ASCII escaped."""
        super().print_json(json, **{"ensure_ascii": True, **options})


console = Terminal()
messages = Terminal(stderr=True)
_SENTENCES = frozenset({"notes", "note", "warnings", "error", "problems", "problem"})
"""Keys of results under which somebody is told something."""


class Stopped(Exception):  # noqa: N818
    """Someone ended a command with a signal; what is to be said has been."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number


@contextmanager
def sigterm_as_interrupt() -> Iterator[list[int]]:
    """A cluster's scheduler ends jobs with SIGTERM: finish as after Ctrl-C, and keep which of them it was."""
    received: list[int] = []

    def interrupt(number: int, _: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def tell(text: str) -> None:
    """Print a line of a result, as long as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def tell_json(content: Any) -> None:
    """Print a result as JSON; what it says in sentences names options, as all that is said here."""
    console.print_json(json.dumps(_in_command_words(content)))


def _in_command_words(content: Any, key: str = "") -> Any:
    if isinstance(content, dict):
        return {name: _in_command_words(value, str(name)) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_in_command_words(value, key) for value in content]
    return command_words(content) if isinstance(content, str) and key in _SENTENCES else content


def fail(message: str) -> None:
    """Say what went wrong."""
    say(messages, ("error:", "bold red"), message)


def warn(message: str) -> None:
    """Say what the user should know."""
    say(messages, ("note:", "yellow"), message)


def nothing_found(message: str) -> typer.Exit:
    """Say that nothing was found, and what to do; to be raised."""
    warn(message)
    return typer.Exit(NOTHING_FOUND)


def say(where: Console, head: tuple[str, str], message: str) -> None:
    """Print a word in a style, and what it is about, arguments named as options."""
    where.print(Text.assemble(head, " ", shown(command_words(message))), highlight=False, soft_wrap=True)


@contextmanager
def as_bad_call(option: str = "") -> Iterator[None]:
    """Whatever is wrong with a value that was typed is a bad call, whoever finds it."""
    try:
        yield
    except VolsweepError as error:
        raise typer.BadParameter(command_words(str(error)), param_hint=option or None) from error


def clock(seconds: float) -> str:
    """A time as people read it: ``0:07``, ``1:02:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def times(elapsed: float, done: float, total: float | None, about: str = "about") -> str:
    """How long it took, and how long it takes yet where that can be told."""
    if not total or not done or done >= total:
        return f"{clock(elapsed)} elapsed"
    return f"{clock(elapsed)} elapsed, {about} {clock(elapsed / done * (total - done))} left"


class _Times(ProgressColumn):
    def __init__(self, about: str) -> None:
        super().__init__()
        self._about = about

    def render(self, task: Task) -> Text:
        return Text(times(task.elapsed or 0.0, task.completed, task.total, self._about))


class Meter:
    """What a command tells its progress to.

    Parameters
    ----------
    bar
        Shown on a terminal; None where there is none.
    things
        What is counted, such as ``"slices"``.
    quiet
        Tell nothing.
    about
        What stands before the time that is left: "at most" where the total is a bound.
    """

    def __init__(self, bar: Progress | None, things: str, quiet: bool, about: str = "about") -> None:
        self._bar, self._things, self._quiet, self._about = bar, things, quiet, about
        self._task: TaskID | None = None
        self._began = self._told = time.monotonic()

    def stage(self, name: str, total: float | None = None) -> None:
        """Begin something else, which is measured by itself."""
        self._began = time.monotonic()
        if self._bar is None:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total)

    def at(self, done: float, total: float | None, what: str | None = None) -> None:
        """So much of it is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, description=what)
        elif not self._quiet and time.monotonic() - self._told >= LINE_EVERY_S:
            of = f" of {total:g}" if total else ""
            head = f"{what}: " if what else ""
            self._say(f"{head}{done:g}{of} {self._things}, {self._times(done, total)}")

    def one(self, text: str, done: int, total: int | None) -> None:
        """One of the counted things is done: on a terminal the bar shows it, elsewhere it is a line."""
        if self._bar is not None:
            self.at(done, total)
        elif not self._quiet:
            of = f" of {total}" if total else ""
            self._say(f"{text} ({done}{of}, {self._times(done, total)})")

    def _times(self, done: float, total: float | None) -> str:
        return times(time.monotonic() - self._began, done, total, self._about)

    def _say(self, text: str) -> None:
        self._told = time.monotonic()
        messages.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(things: str, quiet: bool, first: str = "", about: str = "about") -> Iterator[Meter]:
    """Tell how far a command is; `first` names its first stage."""
    if quiet or not messages.is_terminal:
        meter = Meter(None, things, quiet, about)
        meter.stage(first)
        yield meter
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn(things), _Times(about), console=messages, transient=True) as bar:
        meter = Meter(bar, things, quiet, about)
        meter.stage(first)
        yield meter


def run_with_progress(job: Job, quiet: bool) -> Outcome:
    """Run a job with a progress bar; notes on the volume go to standard error."""
    from volsweep.job.run import run_job
    from volsweep.session.steps import Step

    # A sweep ends where its object does: the volume's slices are a bound, and mostly far off.
    with progress("slices", quiet, "starting", "at most") as meter:

        def on_step(step: Step) -> None:
            meter.at(step.done, step.total, f"{STAGES['sweep']}, slice {step.slice}")

        def on_sent(done: int, total: int) -> None:
            meter.at(done, total, "sending the volume")

        outcome = run_job(job, on_step, lambda name: meter.stage(STAGES[name]), on_sent)
    for warning in (*outcome.report["source"]["warnings"], *outcome.report["notes"]):
        warn(warning)  # whatever is quiet: they are part of the result
    return outcome


def table_of(*words: str, numbers: Sequence[str] = ()) -> Table:
    """A table without lines, by its headings: columns of words, then columns of numbers, which stand to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in words:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def show(outcome: Outcome) -> None:
    """Print what was found and where it was written."""
    table = table_of("label", numbers=("volume", "long × short axis", "slices", "to check"))
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
    rate = report["slices_per_second"]
    tell(
        f"swept {report['slices_visited']} slices in {report['seconds']['sweep']:.1f} s "
        f"({rate:.{0 if rate >= 10 else 1}f}/s) with {report['model']['id']} on {report['run']['device']}"
    )
    tell(f"wrote {outcome.receipt.path}")
