"""A job on the terminal: its progress, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from volsweep.cli.console import console, tell, warn
from volsweep.cli.progress import STAGES, progress

if TYPE_CHECKING:
    from volsweep.job.run import Job, Outcome


def run_with_progress(job: Job, quiet: bool) -> Outcome:
    """Run a job with a progress bar; notes on the volume go to standard error."""
    from volsweep.job.run import run_job
    from volsweep.session.steps import Step

    with progress("slices", quiet, "starting") as meter:

        def on_step(step: Step) -> None:
            meter.at(step.done, step.total, f"{STAGES['sweep']}, slice {step.slice}")

        outcome = run_job(job, on_step, lambda name: meter.stage(STAGES[name]))
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
    tell(
        f"{report['slices_visited']} slices in {report['seconds']['sweep']:.1f} s "
        f"({report['slices_per_second']:.0f}/s) with {report['model']['id']} on {report['run']['device']}"
    )
    tell(f"wrote {outcome.receipt.path}")
