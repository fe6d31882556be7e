"""What a job takes, and what it made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.errors import InputError
from volsweep.geometry import Plane
from volsweep.io import Receipt
from volsweep.io.overlaps import Labelled
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.shapes import DrawnAs
from volsweep.prompts.source import kind_of_source
from volsweep.prompts.text import PromptKind
from volsweep.session.actions import Propagate
from volsweep.session.file import SessionFile

if TYPE_CHECKING:
    from volsweep.defaults import Defaults
    from volsweep.registration.beside import How


NEEDS = {
    "keep_context": "context",
    "second_window": "second",
    "register": "second",
    "finder": "text",
    "send_voxels": "finder",
    "only": "sources",
    "draw": "sources",
}
"""What is said of something else: without that it would change nothing, in silence."""
UNSAID = (None, False, (), "auto", "box")


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
    text
        Names of organs that a finder looks for, ``right parotid`` or ``right parotid=2`` with a label.
    finder, send_voxels
        Who looks, None for the bundled one (see `volsweep.finder.finder_named`); and whether the volume's voxels may
        go to a VoxTell server for that.
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
    overlap, inside, outside
        Objects that may overlap with others, by number or name; and, as ``CHILD:PARENT``, those that others clip,
        or that they leave alone.
    second, second_uid, second_window, register
        Another series of the same patient that the network looks at, too (as `source` and `series`), through a window
        of its own, and whether it is registered (see `place_beside`). Labels lie on the first.
    context, keep_context
        A file of objects that stay as they are: the networks are told that nothing else is there, and nothing is drawn
        over them; not those in which something is prompted. Whether they are written with the result.
    n4
        Show the network an MR image without its bias field (N4).
    reader, sign
        Initials for the report; and whether a DICOM SEG names them, too (ContentCreatorName).
    """

    source: Path | tuple[Path, ...]
    output: Path
    prompts: PromptSet = field(default_factory=partial(PromptSet, ()))
    typed: tuple[tuple[PromptKind, str], ...] = ()
    sources: tuple[Path, ...] = ()
    text: tuple[str, ...] = ()
    finder: str | None = None
    send_voxels: bool = False
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
    overlap: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    context: Path | None = None
    keep_context: bool = False
    n4: bool = False
    second: Path | tuple[Path, ...] | None = None
    second_uid: str | None = None
    second_window: str | None = None
    register: How = "auto"
    reader: str = ""
    sign: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a job made."""

    labels: Labelled
    receipt: Receipt
    report: dict[str, Any]


def check_needs(job: Job) -> None:
    """Refuse what would change nothing, in silence: what is said of something that is not given, or holds no objects.

    Raises
    ------
    InputError
        If there is such; the message names it.
    """
    said = [what for what in NEEDS if getattr(job, what) not in UNSAID]
    for what in said:
        if not getattr(job, NEEDS[what]):
            raise InputError(f"{what}= has nothing to work on; give {NEEDS[what]}= too, or leave it out")
    for what in {"only", "draw"} & {*said}:
        if not any(kind_of_source(path).is_drawn for path in job.sources):
            raise InputError(
                f"{what}= is about objects that were drawn (RTSTRUCT, SEG, mask, SR, GSPS), and {job.sources[0].name} "
                "holds prompts, which are all taken: leave it out"
            )


def check_sweep(name: str, saved: SessionFile, plane: Plane | None, sweep: SweepOptions) -> None:
    """Refuse to be told how to sweep by anyone but a session that says it itself.

    Raises
    ------
    InputError
        If it was swept, and something else is asked for; `name` is that of its file.
    """
    swept = swept_as(saved)
    if swept is not None and (sweep not in (SweepOptions(), swept[1]) or plane not in (None, swept[0])):
        raise InputError(
            f"{name} is a session, which says itself how far and in which plane its objects are swept: leave out "
            "plane, range, direction, stride and patience"
        )


def as_swept(job: Job, name: str, saved: SessionFile) -> Job:
    """A job whose only source is a session, with how that was swept in the place of what is usual.

    Raises
    ------
    InputError
        As `check_sweep`.
    """
    check_sweep(name, saved, job.plane, job.sweep)
    swept = swept_as(saved)
    return job if swept is None else replace(job, sweep=swept[1])


def swept_as(saved: SessionFile | None) -> tuple[Plane, SweepOptions] | None:
    """How a session was swept, the last time; None where there is none that was."""
    sweeps = [action for action in saved.actions if isinstance(action, Propagate)] if saved is not None else []
    if not sweeps:
        return None
    last = sweeps[-1]
    return last.plane, SweepOptions(last.first, last.last, Direction(last.direction), last.stride, last.patience)
