"""One series from file to file: read, prompt, sweep, measure, write, report. Command line, demo, batches run this."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from volsweep.errors import OutputError, PromptError
from volsweep.geometry import Plane
from volsweep.intensity import in_hounsfield
from volsweep.io import check_can_hold, read_volume, write_labels
from volsweep.io.overlaps import Labelled
from volsweep.io.sidecar import files_of, files_read
from volsweep.io.writing import check_no_image, check_spares, check_writable, write_whole
from volsweep.io.writing.signed import signed_by
from volsweep.job.contact_sheet import write_sheet
from volsweep.job.context import CONTEXT, Context
from volsweep.job.job import NEEDS, UNSAID, Job, Outcome, as_swept, check_needs, swept_as
from volsweep.job.report import Made, Stopwatch, notes_before, notes_of_defaults, report_of
from volsweep.models import DEFAULT_MODEL, find_model
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.source import SourceKind, kind_of_source, read_prompt_source
from volsweep.prompts.text import parse_prompts
from volsweep.session.actions import Action, AddPrompts, LoadPrompts, Operate, Propagate, SetPrompts
from volsweep.session.file import SecondReference, SessionFile, read_trusted_session
from volsweep.session.second.series import SecondSeries
from volsweep.session.session import Session
from volsweep.session.steps import Step
from volsweep.terminology import window_of
from volsweep.volume import Volume

_log = logging.getLogger(__name__)
_SAYING = AddPrompts | LoadPrompts | SetPrompts | Operate
_WITHOUT_BIAS = "the network looked at the image without its bias field (N4); masks and values are the image's own"
_BY_NAMES = "window {}, by the names of the objects (window= says otherwise)"


@dataclass(frozen=True)
class _Given:
    """What a job was given to do, found fit for its volume."""

    plane: Plane
    prompts: PromptSet
    actions: tuple[Action, ...] = ()
    model: str | None = None
    window: str | None = None
    proposals: tuple[dict[str, Any], ...] = ()
    seconds: tuple[SecondReference, ...] = ()
    context: Context | None = None

    def labels_of(self, session: Session, job: Job) -> Labelled:
        """What it came to."""
        found = session.objects
        return found if self.context is None else self.context.apart_from(found, keep=job.keep_context)

    def steps(self, session: Session, job: Job, notes: list[str]) -> Iterator[Step]:
        """Do it; `notes` gets what someone should know of how."""
        for second in self.seconds:
            session.know(second.beside(session.volume))
        if self.context is not None:
            self.context.hold_in(session)
        if self.actions:
            yield from session.replay(self.actions, tell=notes.append)
        # A lock in a prompt file protects a drawing in progress; a job draws everything it is told.
        labels = {value: replace(label, locked=False) for value, label in self.prompts.labels.items()}
        session.load_prompts(replace(self.prompts, labels=labels))
        if job.overlap or job.inside or job.outside:
            from volsweep.session.overlaps.relations import typed_relations

            for action in typed_relations(job.overlap, job.inside, job.outside, session.state.labels):
                session.apply(action)
        drawn = all(prompt.label == CONTEXT for prompt in session.state.said)  # all else, by a finder: it is complete
        if not (drawn or any(isinstance(action, Propagate) for action in self.actions)):
            sweep = job.sweep
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
    (saved, job), chosen = _session_of(job), job.defaults
    usual = (chosen.model if chosen is not None else None) or DEFAULT_MODEL
    find_model(job.model or (saved.view.model if saved is not None else None) or usual)
    watch = Stopwatch(on_stage)
    with watch.stage("read"):
        volume = read_volume(job.source, series=job.series, gaps=job.gaps, modality=job.modality)
        check_can_hold(job.output, volume.source, volume.grid)
        check_spares(_pictured(job), volume.source)
        second, image = _second(job, volume), volume
        given = _within(job, volume, _given_by_session(job, saved, volume) if saved else _given(job, volume, second))
        if job.n4:
            from volsweep.job.bias import without_bias

            volume = without_bias(volume)
    window, by_names = _window(job, given, volume)
    where: dict[str, Any] = {"plane": given.plane, "device": job.device, "second": second, "server": job.server}
    reader = job.reader or (chosen.reader if chosen is not None else None) or ""
    session = Session(volume, given.model or usual, window=window, reader=reader, **where)
    signer = signed_by(job.output, reader) if job.sign else ""
    if session.server is not None:
        session.server.sent = on_sent
    with watch.stage("load_model"):
        engine = session.engine
    _log.info("model %s: %s; window %s", session.model.id, engine.describe(), session.window)
    said: list[str] = []
    with watch.stage("sweep"):
        for step in given.steps(session, job, said):
            if on_step is not None:
                on_step(step)
        labels = given.labels_of(session, job)
        doubtful = {v: {z for z, trust in session.trust(v).items() if trust.doubtful} for v in labels.labels}
    with watch.stage("write"):
        receipt = write_labels(job.output, labels, overwrite=job.overwrite, overlaps="files", creator=signer)
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
            *((_WITHOUT_BIAS,) if job.n4 else ()),
            *((_BY_NAMES.format(window),) if window == by_names else ()),
            *(() if chosen is None else notes_of_defaults(chosen, session, given.window, given.model)),
        )
        made = Made(job.source, session, given.plane, job.sweep, labels, receipt, doubtful, watch.seconds, notes, image)
        report = {**report_of(made), "proposals": list(given.proposals)}
        if job.report is not None:
            write_whole(job.report, json.dumps(report, indent=1) + "\n", overwrite=job.overwrite, spare=volume.source)
    return Outcome(labels, receipt, report)


def _window(job: Job, given: _Given, volume: Volume) -> tuple[str, str | None]:
    """What the network sees through: as it was said, by the user's defaults, or by what is prompted (told beside)."""
    by_names = _window_of_names(given.prompts, volume) if given.window is None else None
    chosen = job.defaults.window_for(volume) if job.defaults is not None else None
    return given.window or chosen or by_names or "auto", by_names


def _within(job: Job, volume: Volume, given: _Given) -> _Given:
    if job.context is None:
        return given
    from volsweep.job.context import context_of

    saying = [action for action in given.actions if isinstance(action, _SAYING)]
    said = [one.found or () if isinstance(one, Operate) else one.prompts for one in saying]
    prompts = [prompt for some in (given.prompts.prompts, *said) for prompt in some]
    context = context_of(job.context, volume, prompts)
    told = replace(given.prompts, notes=(*given.prompts.notes, *context.notes_on(given.prompts.labels)))
    return replace(given, context=context, prompts=told)


def _second(job: Job, volume: Volume) -> SecondSeries | None:
    if job.second is None:
        return None
    from volsweep.job.second import second_of

    return second_of(job, volume)


def _session_of(job: Job) -> tuple[SessionFile | None, Job]:
    """The session file among the sources, and the job swept as it was; it says everything, so it is given alone.

    Raises
    ------
    InputError
        If a source cannot be what it is to be.
    PromptError
        If there is nothing to do, or a session and something else.
    ModelError
        If the session names weights of its own, and nobody said that they are trusted.
    """
    if not (job.prompts.prompts or job.typed or job.sources or job.text):
        raise PromptError("there is nothing to segment: give at least one box, point, line, name or prompt file")
    sessions = [path for path in job.sources if kind_of_source(path) is SourceKind.SESSION]
    if not sessions:
        return None, job
    if len(job.sources) > 1 or job.prompts.prompts or job.typed or job.text:
        raise PromptError(f"{sessions[0].name} is a session, which says everything; give no other prompts with it")
    saved = read_trusted_session(sessions[0], trust_model=job.trust_model or job.model is not None)
    return saved, as_swept(job, sessions[0].name, saved)


def _given_by_session(job: Job, saved: SessionFile, volume: Volume) -> _Given:
    saved.check(volume)
    view, actions = saved.view, saved.actions
    if job.model is not None or job.window is not None or job.second is not None:
        # What the job says counts from the first action on, whatever each of them was made with.
        actions = tuple(a.model_copy(update={"made_with": None}) if hasattr(a, "made_with") else a for a in actions)
    if not any(isinstance(action, _SAYING) for action in actions):
        raise PromptError(f"there is nothing to segment: no prompt was given in {job.sources[0].name}")
    swept, model, window = swept_as(saved), job.model or view.model, job.window or view.window_text
    plane = job.plane or (view.plane if swept is None else swept[0])  # however it was looked at in the end
    return _Given(plane, PromptSet(()), actions, model=model, window=window, seconds=saved.seconds)


def _given(job: Job, volume: Volume, second: SecondSeries | None) -> _Given:
    """All prompts, in the order: on voxels, typed, from files."""
    where = job.plane or (job.defaults.plane if job.defaults is not None else None) or volume.grid.own_plane
    sets = [job.prompts, parse_prompts(job.typed, where)]
    for path in job.sources:
        options: dict[str, Any] = {"kind": job.draw, "plane": where, "only": job.only, "slices": job.sweep.slices}
        options["anyway"] = job.prompts_anyway
        if second is None:
            sets.append(read_prompt_source(path, volume, **options))
        else:
            from volsweep.job.second import prompts_on_either

            sets.append(prompts_on_either(path, volume, second, options))
    found = None
    if job.text:
        from volsweep.job.by_name import found_by_name  # brings torch, and a plain run needs none of it

        found = found_by_name(job, volume, where, sets)
        sets.append(found.prompts)
    drawn, proposals = ((), ()) if found is None else (found.drawn, found.told)
    given = PromptSet.joined(sets)
    if job.defaults is not None:
        numbers = {prompt.label for prompt in given.prompts} & job.defaults.labels.keys() - given.labels.keys()
        given = replace(given, labels={**given.labels, **{value: job.defaults.label(value) for value in numbers}})
    prompts = given.prompts
    if not (prompts or drawn):
        raise PromptError("there is nothing to segment: the files hold no prompt")
    planes = sorted({prompt.plane for prompt in prompts} | ({where} if drawn else set()))
    if len(planes) > 1:
        raise PromptError(f"one run sweeps one plane, and the prompts are about {', '.join(planes)} slices")
    if job.plane not in (None, planes[0]):
        raise PromptError(f"the prompts are about {planes[0]} slices, and the plane to sweep is {job.plane}")
    for one in (*prompts, *given.extents):
        one.check_on(volume.grid)
    for label in {extent.label for extent in given.extents} - {one.label for one in (*prompts, *drawn)}:
        raise PromptError(f"label {label} has an extent and no prompt; add a box, a line or a point")
    return _Given(planes[0], given, drawn, model=job.model, window=job.window, proposals=proposals)


def _window_of_names(prompts: PromptSet, volume: Volume) -> str | None:
    """The window that everything which is prompted is best seen in, by its name; None where that is not one."""
    prompted = {prompt.label for prompt in prompts.prompts}
    window = window_of(prompts.labels[v].name if v in prompts.labels else "" for v in prompted)
    return window if window and in_hounsfield(volume) else None


def _check_outputs(job: Job) -> None:
    """Refuse now what would be refused after the sweep, or would change nothing."""
    if any(getattr(job, what) not in UNSAID for what in NEEDS):
        check_needs(job)
    outputs = [path for path in (*_label_files(job), job.report, job.preview) if path]
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise OutputError(f"two outputs have the same name: {', '.join(str(path) for path in outputs)}")
    check_writable(outputs, overwrite=job.overwrite, labels=True)
    check_no_image(_pictured(job))
    drawn = [path for read in (job.context, *job.sources) if read for path in files_read(read)]
    for read in (job.source, job.second, drawn):
        for source in read if isinstance(read, list | tuple) else (read,) if read else ():
            check_spares(outputs, source)


def _label_files(job: Job) -> tuple[Path, ...]:
    """The files of labels, as far as it is known what they will be."""
    if not (job.overlap or job.inside or job.outside):
        return files_of(job.output)
    from volsweep.io.groups import may_write

    return may_write(job.output, 2)


def _pictured(job: Job) -> list[Path]:
    """Outputs that are about the labels."""
    return [path for path in (job.report, job.preview) if path]
