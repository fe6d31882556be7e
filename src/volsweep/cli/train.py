"""`volsweep train`: adapt a network to your own label maps, or train the bundled one."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volsweep.cli.options import NETWORK, DeviceIfGiven, known_models
from volsweep.cli.terminal.console import as_bad_call, progress, tell, tell_json
from volsweep.engine.network.device_name import check_device_name
from volsweep.errors import InputError, why_invalid
from volsweep.settings import read_json

if TYPE_CHECKING:
    from volsweep.train.config import TrainConfig
    from volsweep.train.loop import Progress


def train(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; it resumes where it stopped.")],
    data: Annotated[Path | None, typer.Option(help="Manifest of your cases (JSON).")] = None,
    from_session: Annotated[
        list[Path] | None,
        typer.Option(help="Session file whose objects are learned from, in a minute or two; may be given again."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            autocompletion=known_models,
            rich_help_panel=NETWORK,
            help="Model to start from; 'none' for random weights.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps in all.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips per step.")] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Slices per clip.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    freeze: Annotated[list[str] | None, typer.Option(help="Part to leave as it is, such as image-encoder.")] = None,
    lora: Annotated[int | None, typer.Option(min=1, help="Rank of low-rank adapters, for big models.")] = None,
    device: DeviceIfGiven = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that prepare clips.")] = None,
    settings: Annotated[Path | None, typer.Option(help="JSON of TrainConfig fields; options win over it.")] = None,
    trust_model: Annotated[bool, typer.Option(help="Load weights that a session or a file of settings names.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print where the weights are, and the last step, as JSON.")
    ] = False,
) -> None:
    """Train a network; the result loads with --model RUN/model.safetensors."""
    from pydantic import ValidationError

    from volsweep.models.find import check_trusted
    from volsweep.train.config import TrainConfig
    from volsweep.train.loop import train as train_by

    with as_bad_call("--device"):
        check_device_name(device or "auto")
    fields = _read_settings(settings)
    if init is None and fields.get("init") is not None and settings is not None and not trust_model:
        check_trusted(str(fields["init"]), settings.name)
    given: dict[str, Any] = {"data": data, "steps": steps, "batch": batch, "frames": frames, "lr": lr, "lora": lora}
    given |= {"device": device, "workers": workers, "freeze": tuple(freeze) if freeze else None}
    fields |= {name: value for name, value in given.items() if value is not None} | {"output": output}
    if init is not None:
        fields["init"] = None if init == "none" else init
    try:
        config = TrainConfig(**fields)
    except ValidationError as error:
        raise InputError(f"settings of the training: {why_invalid(error)}") from error
    run: Callable[[Callable[[Progress], None]], Path] = partial(train_by, config)
    if from_session:
        run = _learn(from_session, config, fields, trust_model)
    last: dict[str, float] = {}
    done: list[int] = []
    with progress("steps", quiet or as_json, "loading the network and the cases") as meter:

        def on_progress(at: Progress) -> None:
            if not last:
                meter.stage("training", at.steps)
            last.update(at.values)
            done.append(at.steps)
            dsc = at.values.get("dsc", at.values.get("body_dsc", 0.0))
            speed = f"  {at.slices_per_s:.0f} slices/s" if at.slices_per_s else ""
            meter.at(at.step, at.steps, f"loss {at.values['loss']:.3f}  DSC {dsc:.3f}{speed}")

        weights = run(on_progress)
    if as_json:
        tell_json({"weights": str(weights), "steps": done[-1] if done else 0, "last_step": last})
    else:
        tell(str(weights))


def _learn(
    paths: list[Path], config: TrainConfig, given: dict[str, Any], trust_model: bool
) -> Callable[[Callable[[Progress], None]], Path]:
    """Tuning on the objects of session files; settings that say what else to train on are refused."""
    from volsweep.session.file import open_session
    from volsweep.train.learn import learn

    if other := sorted(given.keys() - {"output", "steps", "device"}):
        raise InputError(f"sessions are learned from by a recipe of their own; leave out {', '.join(other)}")

    def run(on_progress: Callable[[Progress], None]) -> Path:
        sessions = [open_session(path, device=config.device, trust_model=trust_model) for path in paths]
        steps = given.get("steps")
        return learn(sessions, config.output, steps=steps, device=config.device, on_progress=on_progress).weights

    return run


def _read_settings(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        fields = json.loads(read_json(path).decode())
    except (OSError, ValueError) as error:
        raise InputError(
            f"settings {path} cannot be read as JSON: {getattr(error, 'strerror', None) or error}"
        ) from error
    if not isinstance(fields, dict):
        raise InputError(f"settings {path} must be a JSON object of TrainConfig fields")
    return fields
