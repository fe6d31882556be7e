"""Learning from what a reader drew and accepted: some minutes on a processor, kept as a model of its own.

Both networks of bodies are tuned on the objects of a few sessions: shown as training shows them (turned, bent, in other
windows, prompted anew), and never their patients' names. Most of what there is to gain comes with the first
accepted cases (CLoPA, arXiv:2603.06426).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]

from volsweep.errors import InputError, ModelError
from volsweep.io.writing import make_folder, write_whole
from volsweep.models import ModelSpec, checkpoint_path
from volsweep.models.find import ORIGIN, UNKNOWN_LICENCE, read_architecture
from volsweep.models.registry import sha256_of
from volsweep.session.session import Session
from volsweep.train.config import TrainConfig
from volsweep.train.data.case import Case, find_targets
from volsweep.train.loop import Progress, train

RECIPE: dict[str, Any] = {
    "batch": 0,
    "blocks": 8,
    "planes": 2,
    "steps": 60,
    "warmup": 5,
    "made": 0.0,
    "lesions": 0.0,
    "regions": 0.0,
    "body_lr": 1e-3,
    "refiner_lr": 1e-3,
    "ema": 0.95,
    "freeze": ("trunk",),
}
"""Five patients' hippocampi, the next ten patients' from one box: DSC 0.605 before, 0.667 after, 0.643 with the refiner
alone, 0.607 with its norms and last layers alone."""
FEWEST = 2
"""Objects to learn from, at least."""
_BODIES = "foresight", "refiner"


@dataclass(frozen=True)
class Learned:
    """A model that was tuned, and on what.

    Parameters
    ----------
    weights
        The checkpoint; ``--model`` and `find_model` take its path. The model that it came from stays as it was.
    parent, parent_sha256
        That model, and its weights' hash.
    cases
        Hash of each case's voxels, and how many objects it taught.
    steps, seconds
        Of the tuning.
    volsweep
        The version that did it.
    """

    weights: Path
    parent: str
    parent_sha256: str
    cases: tuple[tuple[str, int], ...]
    steps: int
    seconds: float
    volsweep: str


def learn(
    sessions: Sequence[Session],
    output: str | os.PathLike[str],
    *,
    steps: int | None = None,
    device: str = "auto",
    on_progress: Callable[[Progress], None] | None = None,
) -> Learned:
    """Tune the network of some sessions on their objects; neither they nor the network they use change.

    Parameters
    ----------
    sessions
        Of one model; every object with voxels counts as accepted.
    output
        Folder of the tuned model, which must not hold one: ``model.safetensors``, its yaml, and
        ``learned.json`` with what it came from, in hashes.
    steps
        Optimizer steps; `RECIPE` says how many are usual.
    device
        Where.
    on_progress
        Called after every step.

    Raises
    ------
    InputError
        If there are fewer than two objects.
    ModelError
        If the sessions use several models, or one that predicts no bodies.
    OutputError
        If the folder cannot be made, or holds a model.
    """
    parent = _model_of(sessions)
    _check_fit(parent)  # before any session is asked what it shows, which loads its network
    cases = [case for case in map(case_of, sessions) if case is not None]
    return tune(parent, cases, output, steps=steps, device=device, on_progress=on_progress)


def tune(
    parent: ModelSpec,
    cases: Sequence[Case],
    output: str | os.PathLike[str],
    *,
    name: str = "model",
    steps: int | None = None,
    device: str = "auto",
    on_progress: Callable[[Progress], None] | None = None,
) -> Learned:
    """As `learn`, from cases; the weights are called `name`, and so is the model."""
    _check_fit(parent)
    objects = sum(len(case.targets) for case in cases)
    if objects < FEWEST:
        raise InputError(f"there is too little to learn from: {objects} objects, and it takes at least {FEWEST}")
    folder = make_folder(Path(output))
    if (folder / f"{name}.safetensors").exists():
        raise InputError(f"{folder} holds a model already; give another folder")
    weights, began = checkpoint_path(parent), time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder) as run:
        recipe = {
            **RECIPE,
            "steps": steps or RECIPE["steps"],
            "output": Path(run),
            "init": parent.asked_as,
            "device": device,
        }
        made = train(TrainConfig.model_validate(recipe), on_progress, cases=cases)
        about = read_architecture(made.with_suffix(".yaml"))
        if parent.licence != UNKNOWN_LICENCE:
            about |= {"licence": parent.licence, "tuned_from": parent.id}
        write_whole(folder / f"{name}.yaml", yaml.safe_dump(about, sort_keys=False), overwrite=True)
        made.replace(folder / f"{name}{made.suffix}")
    found = Learned(
        folder / f"{name}{made.suffix}",
        parent.id,
        sha256_of(weights),
        tuple((case.name, len(case.targets)) for case in cases),
        recipe["steps"],
        round(time.monotonic() - began, 1),
        version("napari-volsweep"),
    )
    origin = {key: value for key, value in asdict(found).items() if key != "weights"}
    write_whole(folder / ORIGIN, json.dumps(origin, indent=1) + "\n", overwrite=True)
    return found


def _model_of(sessions: Sequence[Session]) -> ModelSpec:
    """The one model of some sessions."""
    if not sessions:
        raise InputError("there is nothing to learn from: give at least one session")
    models = {session.model.id: session.model for session in sessions}
    if len(models) > 1:
        raise ModelError(f"the sessions use several models, {', '.join(sorted(models))}; learn from those of one")
    return next(iter(models.values()))


def _check_fit(parent: ModelSpec) -> None:
    if not any(read_architecture(parent.config_path).get(part) for part in _BODIES):
        raise ModelError(f"{parent.id} predicts no bodies, and nothing else is tuned here; use `volsweep train --data`")


def case_of(session: Session, only: Collection[int] | None = None) -> Case | None:
    """A session's volume and objects (or `only` some) as training takes them; None where none of them has voxels.

    Raises
    ------
    InputError
        If an object's number is above 255.
    """
    labels, volume = session.labels, session.volume
    values = [int(value) for value in labels.values() if only is None or value in only]
    if not values:
        return None
    if max(values) > np.iinfo(np.uint8).max:
        raise InputError(f"there is an object {max(values)}; training takes numbers up to 255")
    labels_zyx = labels.array_zyx.astype(np.uint8)
    z, y, x = (float(mm) for mm in volume.grid.spacing_zyx_mm)
    return Case(
        image_zyx=np.ascontiguousarray(volume.array_zyx),
        labels_zyx=labels_zyx,
        spacing_zyx_mm=(z, y, x),
        modality=volume.modality,
        targets=find_targets(labels_zyx, values),
        name=volume.content_sha256,
        window=session.window,
    )
