"""One series from file to file: read, prompt, sweep, measure, write, report.

The command line, the demo and batches all run this.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from volsweep.engine.sweep.plan import Direction
from volsweep.errors import OutputError, PromptError
from volsweep.geometry import Plane
from volsweep.io import Receipt, check_can_hold, read_volume, write_labels
from volsweep.io.sidecar import sidecar_path
from volsweep.io.writing import check_writable, replacing
from volsweep.job.contact_sheet import choose_slices, draw
from volsweep.measurement import Measurement, measure
from volsweep.models import checkpoint_path, find_model, sha256_of
from volsweep.prompts.kinds import PromptSet
from volsweep.session.actions import Action, AddPrompts, Propagate, SetPrompts
from volsweep.session.session import Session
from volsweep.session.steps import Step
from volsweep.volume import Label, LabelVolume, Volume

_log = logging.getLogger(__name__)

REPORT_SCHEMA = "volsweep-report"
REPORT_VERSION = 1


@dataclass(frozen=True)
class Sweep:
    """How to sweep; see `Session.propagate`."""

    plane: Plane = Plane.AXIAL
    slices: tuple[int, int] | None = None
    direction: Direction = Direction.BOTH
    stride: int = 1
    patience: int = 2


@dataclass(frozen=True)
class Job:
    """One series to segment.

    Parameters
    ----------
    source
        What to read (see `read_volume`), with `series` and `gaps`.
    output
        The label volume to write; its suffix chooses the format.
    prompts
        Makes the prompts once the volume is known, for those given in millimetres.
    actions
        Instead of prompts: actions of a session on this volume, to be carried out again. If none
        of them is a sweep, one follows.
    """

    source: Path | tuple[Path, ...]
    output: Path
    prompts: Callable[[Volume], PromptSet] = lambda _: PromptSet(())
    actions: Callable[[Volume], Sequence[Action]] | None = None
    series: str | None = None
    gaps: Literal["refuse", "keep"] = "refuse"
    model: str = "volsweep-nano"
    device: str = "auto"
    window: str = "auto"
    sweep: Sweep = field(default_factory=Sweep)
    report: Path | None = None
    preview: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a job made."""

    labels: LabelVolume
    receipt: Receipt
    report: dict[str, Any]


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - started, 3)
            _log.info("%s: %.2f s", name, self.seconds[name])


def run_job(job: Job, on_step: Callable[[Step], None] | None = None) -> Outcome:
    """Run a job to its end.

    Parameters
    ----------
    job
        What to do.
    on_step
        Called after every slice.

    Raises
    ------
    VolsweepError
        If anything is wrong with what was given; then nothing has been written.
    """
    _check_outputs(job)
    watch = _Stopwatch()
    model = find_model(job.model)
    with watch.stage("read"):
        volume = read_volume(job.source, series=job.series, gaps=job.gaps)
        check_can_hold(job.output, volume.source)
        steps = _prepare(job, volume)
    session = Session(volume, model, window=job.window, plane=job.sweep.plane, device=job.device)
    with watch.stage("load_model"):
        engine = session.engine
    _log.info("model %s: %s; window %s", model.id, engine.describe(), session.window)
    sweep = job.sweep
    doubtful: dict[int, set[int]] = {}
    with watch.stage("sweep"):
        for step in steps(session):
            flagged = doubtful.setdefault(step.label, set())
            (flagged.add if step.doubtful else flagged.discard)(step.slice)
            if on_step is not None:
                on_step(step)
        labels = session.labels
        engine = session.engine  # a session's actions may have looked through another model
    with watch.stage("write"):
        receipt = write_labels(job.output, labels, overwrite=job.overwrite)
    if job.preview is not None:
        with watch.stage("preview"):
            prompted = sorted({p.slice for p in session.state.prompts if p.plane == sweep.plane})
            sheet = choose_slices(labels, sweep.plane, prompted)
            image = draw(volume, labels, session.window, sheet)
            with replacing([job.preview], overwrite=job.overwrite) as (temporary,):
                image.save(temporary, format="PNG")
    seconds, prompts = watch.seconds, session.state.prompts
    report = {
        "schema": REPORT_SCHEMA,
        "version": REPORT_VERSION,
        "versions": _versions(),
        "model": {"id": model.id, "sha256": sha256_of(checkpoint_path(model)), "licence": model.licence},
        "run": {
            **engine.describe(),
            "window": {"width": session.window.width, "level": session.window.center, "name": session.window.name},
            "zoom": session.zoom,
            "plane": str(sweep.plane),
            "direction": str(sweep.direction),
            "range": sweep.slices,
            "stride": sweep.stride,
        },
        "source": _describe_source(job.source, volume),
        "prompts": [p.model_dump(mode="json") for p in prompts],
        "labels": [_describe_label(m, doubtful) for m in measure(labels, volume, plane=sweep.plane).values()],
        "seconds": {**seconds, "total": round(sum(seconds.values()), 3)},
        "slices_visited": engine.visited,
        "slices_per_second": round(engine.visited / max(seconds["sweep"], 1e-6), 1),
        "receipt": receipt.to_dict(),
    }
    if job.report is not None:
        with replacing([job.report], overwrite=job.overwrite) as (temporary,):
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return Outcome(labels, receipt, report)


def _prepare(job: Job, volume: Volume) -> Callable[[Session], Iterator[Step]]:
    """Check what was given against the volume; what comes back does it."""
    actions = job.actions(volume) if job.actions is not None else ()
    prompts = job.prompts(volume)
    if not prompts.prompts and not any(isinstance(a, AddPrompts | SetPrompts) for a in actions):
        raise PromptError("there is nothing to segment: give at least one box, point, line or prompt file")

    def steps(session: Session) -> Iterator[Step]:
        yield from session.replay(actions)
        session.load_prompts(PromptSet(prompts.prompts, {v: _unlocked(x) for v, x in prompts.labels.items()}))
        if not any(isinstance(action, Propagate) for action in actions):
            sweep = job.sweep
            yield from session.propagate(
                direction=sweep.direction, slices=sweep.slices, stride=sweep.stride, patience=sweep.patience
            )

    return steps


def _check_outputs(job: Job) -> None:
    """Refuse now what would be refused after the sweep."""
    outputs = [path for path in (job.output, sidecar_path(job.output), job.report, job.preview) if path]
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise OutputError(f"two outputs have the same name: {', '.join(str(path) for path in outputs)}")
    check_writable(outputs, overwrite=job.overwrite)


def _unlocked(label: Label) -> Label:
    """A lock in a prompt file protects a drawing in progress; a job draws everything it is told."""
    return Label(label.name, label.color)


def _versions() -> dict[str, str]:
    names = ("napari-volsweep", "sam2", "torch", "numpy", "pydicom", "nibabel", "SimpleITK")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _describe_source(path: Path | tuple[Path, ...], volume: Volume) -> dict[str, Any]:
    grid = volume.grid
    return {
        "path": str(volume.source.path if isinstance(path, tuple) and volume.source else path),
        "kind": volume.source.kind if volume.source else "memory",
        "series_uid": volume.source.series_uid if volume.source else None,
        "modality": volume.modality,
        "shape_zyx": list(grid.shape_zyx),
        "spacing_zyx_mm": np.round(grid.spacing_zyx_mm, 6).tolist(),
        "orientation": grid.orientation,
        "affine_lps": grid.affine.tolist(),
        "warnings": list(volume.warnings),
    }


def _describe_label(measured: Measurement, doubtful: dict[int, set[int]]) -> dict[str, Any]:
    return {**measured.to_dict(), "doubtful_slices": sorted(doubtful.get(measured.label, ()))}
