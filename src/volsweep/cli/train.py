"""`volsweep train`: adapt a network to your own label maps, or train the bundled one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from volsweep.cli.console import console, messages
from volsweep.errors import InputError


def train(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; it resumes where it stopped.")],
    data: Annotated[Path | None, typer.Option(help="Manifest of your cases (JSON).")] = None,
    init: Annotated[str | None, typer.Option(help="Model to start from; 'none' for random weights.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps in all.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips per step.")] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Slices per clip.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    freeze: Annotated[list[str] | None, typer.Option(help="Part to leave as it is, such as image-encoder.")] = None,
    lora: Annotated[int | None, typer.Option(min=1, help="Rank of low-rank adapters, for big models.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that prepare clips.")] = None,
    settings: Annotated[Path | None, typer.Option(help="JSON of TrainConfig fields; options win over it.")] = None,
) -> None:
    """Train a network; the result loads with --model RUN/model.safetensors."""
    from pydantic import ValidationError
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from volsweep.train.config import TrainConfig
    from volsweep.train.loop import Progress
    from volsweep.train.loop import train as run

    fields = _read_settings(settings)
    given: dict[str, Any] = {"data": data, "steps": steps, "batch": batch, "frames": frames, "lr": lr, "lora": lora}
    given |= {"device": device, "workers": workers, "freeze": tuple(freeze) if freeze else None}
    fields |= {name: value for name, value in given.items() if value is not None} | {"output": output}
    if init is not None:
        fields["init"] = None if init == "none" else init
    try:
        config = TrainConfig(**fields)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in problem["loc"]) or "settings"
        raise InputError(f"{name}: {problem['msg']}") from error
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Bar(*columns, console=messages) as bar:
        task = bar.add_task("loading", total=config.steps)

        def on_progress(progress: Progress) -> None:
            values = progress.values
            dsc = values.get("dsc", values.get("body_dsc", 0.0))
            speed = f"  {progress.slices_per_s:.0f} slices/s" if progress.slices_per_s else ""
            note = f"loss {values['loss']:.3f}  DSC {dsc:.3f}{speed}"
            bar.update(task, completed=progress.step, description=note)

        weights = run(config, on_progress)
    console.print(str(weights), highlight=False, soft_wrap=True)


def _read_settings(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"settings {path} cannot be read as JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InputError(f"settings {path} must be a JSON object of TrainConfig fields")
    return fields
