"""How far a command is: a bar on a terminal; where output goes to a file or a pipe, a line now and then. And what a job
found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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

from volsweep.cli.terminal.console import console, messages, tell, warn

if TYPE_CHECKING:
    from volsweep.job.run import Job, Outcome

STAGES = {
    "read": "reading the series",
    "load_model": "loading the network",
    "sweep": "sweeping",
    "write": "writing the labels",
    "preview": "drawing the preview",
}
"""The stages of a job as `run_job` names them, in words."""
LINE_EVERY_S = 30.0
"""Where there is no terminal."""


def clock(seconds: float) -> str:
    """A time as people read it: ``0:07``, ``1:02:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def times(elapsed: float, done: float, total: float | None) -> str:
    """How long it took, and how long it takes yet where that can be told."""
    if not total or not done or done >= total:
        return f"{clock(elapsed)} elapsed"
    return f"{clock(elapsed)} elapsed, about {clock(elapsed / done * (total - done))} left"


class _Times(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(times(task.elapsed or 0.0, task.completed, task.total))


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
    """

    def __init__(self, bar: Progress | None, things: str, quiet: bool) -> None:
        self._bar, self._things, self._quiet = bar, things, quiet
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
            self._say(f"{head}{done:g}{of} {self._things}, {times(time.monotonic() - self._began, done, total)}")

    def one(self, text: str, done: int, total: int | None) -> None:
        """One of the counted things is done: on a terminal the bar shows it, elsewhere it is a line."""
        if self._bar is not None:
            self.at(done, total)
        elif not self._quiet:
            of = f" of {total}" if total else ""
            self._say(f"{text} ({done}{of}, {times(time.monotonic() - self._began, done, total)})")

    def _say(self, text: str) -> None:
        self._told = time.monotonic()
        messages.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(things: str, quiet: bool, first: str = "") -> Iterator[Meter]:
    """Tell how far a command is; `first` names its first stage."""
    if quiet or not messages.is_terminal:
        meter = Meter(None, things, quiet)
        meter.stage(first)
        yield meter
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn(things), _Times(), console=messages, transient=True) as bar:
        meter = Meter(bar, things, quiet)
        meter.stage(first)
        yield meter


def run_with_progress(job: Job, quiet: bool) -> Outcome:
    """Run a job with a progress bar; notes on the volume go to standard error."""
    from volsweep.job.run import run_job
    from volsweep.session.steps import Step

    with progress("slices", quiet, "starting") as meter:

        def on_step(step: Step) -> None:
            meter.at(step.done, step.total, f"{STAGES['sweep']}, slice {step.slice}")

        def on_sent(done: int, total: int) -> None:
            meter.at(done, total, "sending the volume")

        outcome = run_job(job, on_step, lambda name: meter.stage(STAGES[name]), on_sent)
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
    rate = report["slices_per_second"]
    tell(
        f"swept {report['slices_visited']} slices in {report['seconds']['sweep']:.1f} s "
        f"({rate:.{0 if rate >= 10 else 1}f}/s) with {report['model']['id']} on {report['run']['device']}"
    )
    tell(f"wrote {outcome.receipt.path}")
