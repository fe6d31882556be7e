"""One series from file to file: read, prompt, sweep, measure, write, report.

The command line, the demo and batches all run this.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import OutputError, PromptError
from volsweep.geometry import Plane
from volsweep.io import Receipt, check_can_hold, read_volume, write_labels
from volsweep.io.sidecar import files_of
from volsweep.io.spared import check_no_image, check_spares
from volsweep.io.writing import check_writable, write_whole
from volsweep.job.contact_sheet import write_sheet
from volsweep.job.report import Made, Stopwatch, notes_before, notes_of_defaults, report_of
from volsweep.models import DEFAULT_MODEL, check_trusted, find_model
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.shapes import DrawnAs
from volsweep.prompts.source import SourceKind, kind_of_source, read_prompt_source
from volsweep.prompts.text import PromptKind, parse_prompts
from volsweep.session.actions import Action, AddPrompts, LoadPrompts, Propagate, SetPrompts
from volsweep.session.file import SessionFile, read_session
from volsweep.session.session import Session
from volsweep.session.steps import Step
from volsweep.volume import LabelVolume, Volume

if TYPE_CHECKING:
    from volsweep.defaults import Defaults

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One series to segment.

    Parameters
    ----------
    source
        What to read (see `read_volume`), with `series`, `gaps` and `modality`.
    output
        The label volume to write; its suffix chooses the format.
    prompts
        On the volume's voxels.
    typed
        Prompts as a person types them, kind and text (see `parse_prompts`); they count the slices of `plane`.
    sources
        Files of prompts (see `read_prompt_source`), or one session file, which is done again: its actions on
        this volume, then, if none of them is a sweep, one.
    draw, only
        Of what was drawn in `sources`: what the largest slice of an object becomes, and the numbers or names
        of the objects to take.
    prompts_anyway
        Take prompt files as they are, whatever volume they say they were drawn on.
    plane
        Whose slices are prompted and swept; None for the session's, the prompts', or the series' own.
    model, window
        None for the session's, or the bundled network and ``"auto"``.
    trust_model
        Load weights that a session names and that are none of the registry's.
    server
        Address of a `volsweep serve` that runs the network; None: here.
    defaults
        What the user chose once and for all (`volsweep.defaults.read_defaults`); it counts where neither this job nor
        a session says anything. None follows nothing, as in Python.
    sweep
        How far and how finely.
    """

    source: Path | tuple[Path, ...]
    output: Path
    prompts: PromptSet = field(default_factory=lambda: PromptSet(()))
    typed: tuple[tuple[PromptKind, str], ...] = ()
    sources: tuple[Path, ...] = ()
    draw: DrawnAs = "box"
    only: tuple[str, ...] = ()
    prompts_anyway: bool = False
    series: str | None = None
    gaps: Literal["refuse", "keep"] = "refuse"
    modality: str | None = None
    plane: Plane | None = None
    model: str | None = None
    window: str | None = None
    trust_model: bool = False
    device: str = "auto"
    server: str | None = None
    defaults: Defaults | None = None
    sweep: SweepOptions = field(default_factory=SweepOptions)
    report: Path | None = None
    preview: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a job made."""

    labels: LabelVolume
    receipt: Receipt
    report: dict[str, Any]


@dataclass(frozen=True)
class _Given:
    """What a job was given to do, found fit for its volume."""

    plane: Plane
    prompts: PromptSet
    actions: tuple[Action, ...] = ()
    model: str | None = None
    window: str | None = None

    def steps(self, session: Session, sweep: SweepOptions, notes: list[str]) -> Iterator[Step]:
        """Do it; `notes` gets what someone should know of how."""
        if self.actions:
            yield from session.replay(self.actions, tell=notes.append)
        # A lock in a prompt file protects a drawing in progress; a job draws everything it is told.
        labels = {value: replace(label, locked=False) for value, label in self.prompts.labels.items()}
        session.load_prompts(replace(self.prompts, labels=labels))
        if not any(isinstance(action, Propagate) for action in self.actions):
            yield from session.steps(
                direction=sweep.direction, slices=sweep.slices, stride=sweep.stride, patience=sweep.patience
            )


def run_job(
    job: Job,
    on_step: Callable[[Step], None] | None = None,
    on_stage: Callable[[str], None] | None = None,
    on_sent: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run a job to its end.

    Parameters
    ----------
    job
        What to do.
    on_step
        Called after every slice.
    on_stage
        Called as a stage begins: ``"read"``, ``"load_model"``, ``"sweep"``, ``"write"``, ``"preview"``.
    on_sent
        Called as the volume goes over to a server: how many of all its slices have.

    Raises
    ------
    VolsweepError
        If anything is wrong with what was given; then nothing has been written. If only the preview could not
        be made, labels and report have been.
    """
    _check_outputs(job)
    saved = _session_of(job)
    chosen = job.defaults
    usual = (chosen.model if chosen is not None else None) or DEFAULT_MODEL
    find_model(job.model or (saved.view.model if saved is not None else None) or usual)
    watch = Stopwatch(on_stage)
    with watch.stage("read"):
        volume = read_volume(job.source, series=job.series, gaps=job.gaps, modality=job.modality)
        check_can_hold(job.output, volume.source, volume.grid)
        check_spares(_pictured(job), volume.source)
        given = _given_by_session(job, saved, volume) if saved is not None else _given(job, volume)
    model = given.model or usual
    window = given.window or (chosen.window_for(volume) if chosen is not None else None) or "auto"
    session = Session(volume, model, window=window, plane=given.plane, device=job.device, server=job.server)
    if session.server is not None:
        session.server.sent = on_sent
    with watch.stage("load_model"):
        engine = session.engine
    _log.info("model %s: %s; window %s", session.model.id, engine.describe(), session.window)
    said: list[str] = []
    with watch.stage("sweep"):
        for step in given.steps(session, job.sweep, said):
            if on_step is not None:
                on_step(step)
        labels = session.labels
        doubtful = {v: {z for z, trust in session.trust(v).items() if trust.doubtful} for v in labels.labels}
    with watch.stage("write"):
        receipt = write_labels(job.output, labels, overwrite=job.overwrite)
    try:
        if job.preview is not None:
            with watch.stage("preview"):
                write_sheet(job.preview, session, labels, overwrite=job.overwrite)
    finally:
        # The labels are on the disk: what they are is told whatever became of their picture.
        notes = (
            *given.prompts.notes,
            *said,
            *notes_before(given.plane, plane_given=bool(job.plane or saved)),
            *(() if chosen is None else notes_of_defaults(chosen, session, given.window, given.model)),
        )
        made = Made(job.source, session, given.plane, job.sweep, labels, receipt, doubtful, watch.seconds, notes)
        report = report_of(made)
        if job.report is not None:
            write_whole(job.report, json.dumps(report, indent=1) + "\n", overwrite=job.overwrite, spare=volume.source)
    return Outcome(labels, receipt, report)


def _session_of(job: Job) -> SessionFile | None:
    """The session file among the sources; it says everything, so it is given alone.

    Raises
    ------
    InputError
        If a source cannot be what it is to be.
    PromptError
        If there is nothing to do, or a session and something else.
    ModelError
        If the session names weights of its own, and nobody said that they are trusted.
    """
    if not (job.prompts.prompts or job.typed or job.sources):
        raise PromptError("there is nothing to segment: give at least one box, point, line or prompt file")
    sessions = [path for path in job.sources if kind_of_source(path) is SourceKind.SESSION]
    if not sessions:
        return None
    if len(job.sources) > 1 or job.prompts.prompts or job.typed:
        raise PromptError(f"{sessions[0].name} is a session, which says everything; give no other prompts with it")
    saved = read_session(sessions[0])
    if job.model is None and not job.trust_model:
        for name in saved.foreign_models:
            check_trusted(name, sessions[0].name)
    return saved


def _given_by_session(job: Job, saved: SessionFile, volume: Volume) -> _Given:
    saved.check(volume)
    view, actions = saved.view, saved.actions
    if job.model is not None or job.window is not None:
        # What the job says counts from the first action on, whatever each of them was made with.
        actions = tuple(a.model_copy(update={"made_with": None}) if hasattr(a, "made_with") else a for a in actions)
    if not any(isinstance(action, AddPrompts | LoadPrompts | SetPrompts) for action in actions):
        raise PromptError(f"there is nothing to segment: no prompt was given in {job.sources[0].name}")
    window = "{1:g}/{0:g}".format(*view.window) if view.window is not None else None
    return _Given(
        job.plane or view.plane,
        PromptSet(()),
        actions,
        model=job.model or view.model,
        window=job.window or window,
    )


def _given(job: Job, volume: Volume) -> _Given:
    """All prompts, in the order: on voxels, typed, from files."""
    where = job.plane or (job.defaults.plane if job.defaults is not None else None) or volume.grid.own_plane
    sets = [job.prompts, parse_prompts(job.typed, where)]
    for path in job.sources:
        sets.append(
            read_prompt_source(
                path,
                volume,
                kind=job.draw,
                plane=where,
                only=job.only,
                slices=job.sweep.slices,
                anyway=job.prompts_anyway,
            )
        )
    given = PromptSet.joined(sets)
    if job.defaults is not None:
        numbers = {prompt.label for prompt in given.prompts} & job.defaults.labels.keys() - given.labels.keys()
        given = replace(given, labels={**given.labels, **{value: job.defaults.label(value) for value in numbers}})
    prompts = given.prompts
    if not prompts:
        raise PromptError("there is nothing to segment: the files hold no prompt")
    planes = sorted({prompt.plane for prompt in prompts})
    if len(planes) > 1:
        raise PromptError(f"one run sweeps one plane, and the prompts are about {', '.join(planes)} slices")
    if job.plane not in (None, planes[0]):
        raise PromptError(f"the prompts are about {planes[0]} slices, and the plane to sweep is {job.plane}")
    for one in (*prompts, *given.extents):
        one.check_on(volume.grid)
    for label in {extent.label for extent in given.extents} - {prompt.label for prompt in prompts}:
        raise PromptError(f"label {label} has an extent and no prompt; add a box, a line or a point")
    return _Given(planes[0], given, model=job.model, window=job.window)


def _check_outputs(job: Job) -> None:
    """Refuse now what would be refused after the sweep."""
    outputs = [path for path in (*files_of(job.output), job.report, job.preview) if path]
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise OutputError(f"two outputs have the same name: {', '.join(str(path) for path in outputs)}")
    check_writable(outputs, overwrite=job.overwrite, labels=True)
    check_no_image(_pictured(job))
    for source in (*job.sources, *(job.source if isinstance(job.source, tuple) else (job.source,))):
        check_spares(outputs, source)


def _pictured(job: Job) -> list[Path]:
    """Outputs that are about the labels."""
    return [path for path in (job.report, job.preview) if path]
