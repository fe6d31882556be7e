"""Run the protocols over cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from volsweep.cases.manifest import Case
from volsweep.engine.sweep.plan import DEFAULT_PATIENCE
from volsweep.evaluate.baselines import BASELINES
from volsweep.evaluate.protocols import Protocol, Reader
from volsweep.evaluate.report import Report, Scored
from volsweep.evaluate.scores import Method, score
from volsweep.evaluate.sheets import strip
from volsweep.evaluate.targets import Target
from volsweep.geometry import Plane
from volsweep.intensity import resolve_window
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.session.session import Session
from volsweep.volume import LabelVolume, Volume


@dataclass(frozen=True)
class Options:
    """What to evaluate.

    Parameters
    ----------
    protocols
        Which.
    jitter
        Whether to run jittered prompts as well as ideal ones.
    baselines
        Whether to score the baselines under protocol A.
    pictures
        Whether to make contact sheets.
    plane
        The plane that is prompted and swept.
    device
        See `volsweep.Session`.
    patience
        See `volsweep.Session.propagate`.
    min_voxels
        Labels with fewer are left out: no reader would sweep for them.
    seed
        Of the jitter.
    """

    protocols: tuple[Protocol, ...] = (Protocol.A,)
    jitter: bool = False
    baselines: bool = True
    pictures: bool = True
    plane: Plane = Plane.AXIAL
    device: str = "auto"
    patience: int = DEFAULT_PATIENCE
    min_voxels: int = 50
    seed: int = 0


def evaluate(
    cases: Iterable[Case],
    models: Sequence[str | Path | ModelSpec] = (DEFAULT_MODEL,),
    options: Options | None = None,
) -> Report:
    """Run protocols over cases and score them.

    Parameters
    ----------
    cases
        See `read_cases`.
    models
        Models to compare: names, paths of checkpoints, or their `ModelSpec`. May be empty.
    options
        Which protocols, and how.

    Raises
    ------
    InputError
        If a case cannot be read.
    ModelError
        If a model is not there.
    """
    options = options or Options()
    scored: list[Scored] = []
    skipped: list[str] = []
    for _, found, left_out in evaluate_each(cases, models, options):
        scored += found
        skipped += left_out
    return Report(tuple(scored), tuple(skipped))


def evaluate_each(
    cases: Iterable[Case], models: Sequence[str | Path | ModelSpec], options: Options
) -> Iterator[tuple[Case, list[Scored], list[str]]]:
    """As `evaluate`, yielding after each case: the case, its scores, and what was left out."""
    specs = [model if isinstance(model, ModelSpec) else find_model(model) for model in models]
    names = _distinct_names(specs)
    for case in cases:
        volume, labels = case.load()
        scored: list[Scored] = []
        skipped: list[str] = []
        for value in case.labels if case.labels is not None else labels.values():
            voxels = int(labels.mask_zyx(value).sum())
            if voxels < options.min_voxels:
                skipped.append(f"{case.name} label {value} ({voxels} voxels)")
                continue
            scored += _evaluate_target(case, volume, _target(case, labels, value, options), names, options)
        yield case, scored, skipped


def _target(case: Case, labels: LabelVolume, value: int, options: Options) -> Target:
    return Target.of(case.name, value, labels.mask_zyx(value), options.plane, labels.grid)


def _evaluate_target(
    case: Case, volume: Volume, target: Target, models: dict[str, ModelSpec], options: Options
) -> Iterator[Scored]:
    frames = _frames(case, volume, options.plane)
    if options.baselines:
        for name, baseline in BASELINES.items():
            found = baseline(target, target.box(), frames)
            yield Scored(score(target, case, Method(name), [found]))
    for name, spec in models.items():
        for protocol in options.protocols:
            for jittered in (False, True) if options.jitter else (False,):
                session = Session(volume, spec, window=case.true_window(), plane=options.plane, device=options.device)
                jitter = target.randomness(options.seed) if jittered else None
                attempt = Reader(target, session, options.patience).read(protocol, jitter)
                method = Method(name, protocol.value, jittered)
                one = score(target, case, method, attempt.rounds_nyx, (attempt.seconds, attempt.visited))
                yield Scored(one, strip(target, attempt.final_nyx, frames) if options.pictures else None)


def _frames(case: Case, volume: Volume, plane: Plane) -> NDArray[np.float32]:
    """Grey values (slices, rows, columns) of the plane, as the network is shown them."""
    array = np.moveaxis(volume.array_zyx, volume.grid.plane_axis(plane), 0)
    return resolve_window(volume, case.true_window()).frame(array)


def _distinct_names(specs: Sequence[ModelSpec]) -> dict[str, ModelSpec]:
    """Models by id; a local checkpoint that is called like another by its folder too."""
    named: dict[str, ModelSpec] = {}
    for spec in specs:
        name = spec.id
        if name in named and spec.weights_path is not None:
            name = f"{spec.weights_path.parent.name}/{spec.id}"
        named[name] = spec
    return named
