"""`volsweep demo`: the main job on the CT phantom that comes with Volsweep, scored against its truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.console import console
from volsweep.cli.segment import run_with_progress


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("demo"),
    model: Annotated[str, typer.Option(help="A model of `volsweep models list`, or a checkpoint.")] = "volsweep-nano",
    sample: Annotated[str, typer.Option(help="ct_phantom or mr_phantom.")] = "ct_phantom",
) -> None:
    """Segment the lesion of a phantom from one box, offline, and compare it with the truth."""
    from rich.table import Table

    from volsweep.cases.phantoms import sample as find_sample
    from volsweep.io import read_labels
    from volsweep.io.writing import make_folder
    from volsweep.job.run import Job

    files = find_sample(sample)
    make_folder(output)
    job = Job(
        source=files.series,
        output=output / "labels.nii.gz",
        sources=(files.prompts,),
        model=model,
        report=output / "report.json",
        preview=output / "preview.png",
        overwrite=True,
    )
    outcome = run_with_progress(job, quiet=False)
    truth = read_labels(files.truth)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("label", "volume (mL)", "slices", "DSC", "slices/s"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label in outcome.report["labels"]:
        result, expected = outcome.labels.mask_zyx(label["label"]), truth.mask_zyx(label["label"])
        dice = 2 * float((result & expected).sum()) / max(1.0, float(result.sum() + expected.sum()))
        speed = f"{outcome.report['slices_per_second']:.0f}"
        table.add_row(label["name"], f"{label['volume_ml']:.2f}", str(label["slices"]), f"{dice:.3f}", speed)
    console.print(table)
    console.print(f"wrote labels.nii.gz, preview.png and report.json to {output}/", highlight=False, soft_wrap=True)
