"""`volsweep demo`: the main job on the CT phantom that comes with Volsweep, scored against its truth."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volsweep.cli.options import ModelOption, QuietOption
from volsweep.cli.terminal.console import console, run_with_progress, table_of, tell, tell_json
from volsweep.errors import what_to_do, why_refused

if TYPE_CHECKING:
    from volsweep.cases.phantoms import Sample
    from volsweep.job.job import Outcome


class SampleName(StrEnum):
    """A phantom that comes with Volsweep."""

    CT = "ct_phantom"
    MR = "mr_phantom"


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("demo"),
    model: ModelOption = "volsweep-nano",
    sample: Annotated[SampleName, typer.Option(help="Which phantom.")] = SampleName.CT,
    copy: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Only copy both phantoms there, with prompts and truths.")
    ] = None,
    quiet: QuietOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Segment the lesion of a phantom from one box, offline, and compare it with the truth."""
    from volsweep.cases.phantoms import sample as find_sample
    from volsweep.io.writing import make_folder
    from volsweep.job.job import Job

    if copy is not None:
        names = _copy(copy)
        if as_json:
            tell_json({"output": str(copy), "copied": names})
        elif not quiet:
            tell(f"copied {', '.join(names)} to {copy}/")
        return
    files = find_sample(sample.value)
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
    outcome = run_with_progress(job, quiet or as_json)
    rows = _scores(outcome, files)
    if as_json:
        tell_json({"sample": sample.value, "output": str(output), "labels": rows})
    elif not quiet:
        _show(rows, outcome.report["slices_per_second"])
        tell(f"wrote labels.nii.gz, preview.png and report.json to {output}/")


def _copy(folder: Path) -> list[str]:
    from volsweep.errors import OutputError
    from volsweep.io.dicom.samples import sample_folder, sample_names

    names = sample_names()
    wanted = [p for p in sorted(sample_folder().iterdir()) if any(p.name.startswith(name) for name in names)]
    taken = next((folder / p.name for p in wanted if (folder / p.name).exists()), None)
    if taken is not None:
        raise OutputError(f"{taken} exists already and stays; name another folder (--copy)")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in wanted:
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, folder / path.name)
    except OSError as error:
        raise OutputError(
            f"the samples cannot be copied to {folder}: {why_refused(error)}; {what_to_do(error)}"
        ) from None
    return [path.name for path in wanted]


def _scores(outcome: Outcome, files: Sample) -> list[dict[str, Any]]:
    from volsweep.io import read_labels

    truth = read_labels(files.truth)
    rows = []
    for label in outcome.report["labels"]:
        result, expected = outcome.labels.mask_zyx(label["label"]), truth.mask_zyx(label["label"])
        dice = 2 * float((result & expected).sum()) / max(1.0, float(result.sum() + expected.sum()))
        told = {key: label[key] for key in ("label", "name", "volume_ml", "slices")}
        rows.append({**told, "dsc": round(dice, 4)})
    return rows


def _show(rows: list[dict[str, Any]], slices_per_second: float) -> None:
    table = table_of("label", numbers=("volume (mL)", "slices", "DSC", "slices/s"))
    for row in rows:
        numbers = f"{row['volume_ml']:.2f}", str(row["slices"]), f"{row['dsc']:.3f}", f"{slices_per_second:.0f}"
        table.add_row(row["name"], *numbers)
    console.print(table)
