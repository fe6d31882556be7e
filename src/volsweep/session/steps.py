"""A sweep as a series of steps: one for each slice of each label, with signs of how far to trust it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import Direction, SweepOptions, plan_legs, within_ends
from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.masks import LabelMasks, SliceMask
from volsweep.prompts.extent import NO_ENDS, Extent
from volsweep.prompts.kinds import ObjectPrompts
from volsweep.session.actions import Propagate
from volsweep.session.history import History
from volsweep.session.overlay import as_held
from volsweep.session.state import State
from volsweep.session.trust import SliceTrust, trust_of

if TYPE_CHECKING:
    from volsweep.session.networks.any_engine import AnyEngine


HeldFrom = Callable[[int], NDArray[np.bool_] | None]
"""Of a label: voxels (slices, rows, columns) that other objects hold and it cannot have; None where there are none."""


@dataclass(frozen=True, eq=False)
class Step:
    """One slice of one label, as a sweep found it.

    Parameters
    ----------
    label
        The label.
    plane, slice
        Where.
    mask
        The mask and its scores; empty where the object is absent.
    done
        Slices finished so far, of at most `total`; a sweep that finds the object's ends stops
        earlier.
    trust
        How far to trust it, as far as was known when the step was taken.
    """

    label: int
    plane: Plane
    slice: int
    mask: SliceMask
    done: int
    total: int
    trust: SliceTrust

    @property
    def score(self) -> float:
        """How good the network thinks the mask is, 0 to 1."""
        return self.mask.iou

    @property
    def neighbour_iou(self) -> float | None:
        """Overlap with the slice that it was reached from; None on a prompted slice."""
        return self.trust.neighbour_iou

    @property
    def interpolated(self) -> bool:
        """Whether the slice was skipped and filled from its neighbours."""
        return self.mask.interpolated

    @property
    def doubtful(self) -> bool:
        """Whether someone should look (see `SliceTrust.doubtful`)."""
        return self.trust.doubtful


class SweepKeywords(TypedDict, total=False):
    """Options of `Session.steps`, which says what they mean."""

    labels: Iterable[int] | None
    direction: Direction | str
    slices: tuple[int, int] | None
    stride: int
    patience: int
    plane: Plane | str | None


class Unswept(Generator[Step, Any, None]):
    """Steps that warn where nobody takes the first of them: until then nothing is swept.

    Parameters
    ----------
    steps
        The steps.
    """

    def __init__(self, steps: Generator[Step]) -> None:
        self._steps = steps
        self._begun = False

    def send(self, value: Any) -> Step:
        """Take a step."""
        self._begun = True
        return self._steps.send(value)

    def throw(self, *error: Any) -> Step:
        """Raise an error where the sweep is."""
        self._begun = True
        return self._steps.throw(*error)

    def __del__(self) -> None:
        if not self._begun:
            text = "nothing was swept: take the steps that Session.propagate returns in a loop, or call Session.sweep"
            warnings.warn(text, UserWarning, stacklevel=2)


def covered_slices(prompted: Sequence[int], action: Propagate, extent: Extent | None = None) -> set[int]:
    """The slices a sweep could visit for a label, were its object nowhere to end but where it is told to.

    Raises
    ------
    PromptError
        If no prompted slice lies in the range to sweep.
    """
    first, last = within_ends((action.first, action.last), NO_ENDS if extent is None else extent.ends)
    legs = plan_legs(prompted, first, last, action.direction)
    inside = {index for index in prompted if first <= index <= last}
    return inside | {z for leg in legs for z in range(leg.start, leg.last + leg.step, leg.step)}


def plan_sweep(state: State, plane: Plane, options: SweepOptions, labels: Iterable[int] | None) -> Propagate:
    """What a sweep is asked for, every default spelled out; refused now, not at the first step.

    Parameters
    ----------
    state
        Whose prompts it starts from.
    plane
        Whose slices are swept.
    options
        Within the plane's slices (`SweepOptions.within`).
    labels
        Which; None for every unlocked one with prompts along the plane.

    Raises
    ------
    PromptError, SessionError
        If there is nothing to sweep, or a label is locked.
    """
    action = Propagate(
        labels=_labels_to_sweep(state, labels, plane),
        plane=plane,
        direction=options.direction.value,
        first=options.first,
        last=options.last,
        stride=options.stride,
        patience=options.patience,
    )
    for label in action.labels:
        covered_slices(list(state.by_slice(label, plane)), action, state.extent(label, plane))
    return action


def _labels_to_sweep(state: State, labels: Iterable[int] | None, plane: Plane) -> tuple[int, ...]:
    prompted = sorted({p.label for p in state.prompts if p.plane == plane})
    if labels is None:
        said = {p.label for p in state.said if p.plane == plane}
        chosen = tuple(v for v in prompted if v in said and not state.is_locked(v))
        if not chosen:
            drawn = " of its own; what a finder drew is complete" if len(said) < len(prompted) else ""
            raise PromptError(f"nothing to sweep: no unlocked object has a prompt on {plane} slices{drawn}")
        return chosen
    chosen = tuple(labels)
    for value in chosen:
        state.check_unlocked(value)
        if value not in prompted:
            raise PromptError(f"object {value} has no prompt on {plane} slices; add one first")
    return chosen


def run_sweep(
    engine: AnyEngine,
    history: History,
    action: Propagate,
    masks: Callable[[int], LabelMasks | None],
    held_from: HeldFrom | None = None,
) -> Generator[Step]:
    """Run a sweep in a session's history: its masks appear in the state as it goes.

    Left in the middle, what was found so far is kept. Come to its end, slices that look more, or less,
    doubtful beside what their neighbours became are yielded once more.

    Parameters
    ----------
    engine
        The network on the volume.
    history
        Of the session.
    action
        What the sweep is asked for.
    masks
        Says what a label's masks are now, prompted slices included.
    held_from
        Says which voxels locked labels hold and a label cannot have.
    """
    prompts = {label: history.state.by_slice(label, action.plane) for label in action.labels}
    told = {label: one for label in action.labels if (one := history.state.extent(label, action.plane)) is not None}
    # Masks appear in these as the sweep goes, over what an earlier sweep left there.
    shown = {label: history.state.swept_along(label, action.plane) for label in action.labels}
    earlier = {label: set(by_slice) for label, by_slice in shown.items()}
    state = history.state
    for label, by_slice in shown.items():
        state = state.with_swept(label, LabelMasks(action.plane, by_slice))
    sweep = history.begin_sweep(action, state)
    found: dict[int, dict[int, Step]] = {label: {} for label in action.labels}
    try:
        for drawn in sweep_steps(engine, prompts, action, told, held_from):
            step = _as_held(drawn, history.state)
            history.count_step(sweep)
            shown[step.label][step.slice] = step.mask
            found[step.label][step.slice] = step
            yield step
    except BaseException:
        history.leave_sweep(sweep)  # stopped, or failed: what was found is kept
        raise
    if not history.is_running(sweep):  # stopped after its last step: it is written down so
        return
    for label, prompted in prompts.items():
        # Also what lies beyond an end that is told by now, and was shown no more.
        for index in (earlier[label] - found[label].keys()) & covered_slices(list(prompted), action):
            del shown[label][index]  # an earlier sweep saw the object here, this one does not
    history.end_sweep()
    for label in action.labels:
        now = masks(label)
        trust = trust_of(now) if now is not None else {}
        for index, step in found[label].items():
            if index in trust and trust[index].doubtful != step.doubtful:
                yield replace(step, trust=trust[index])


def _as_held(step: Step, state: State) -> Step:
    """A step as it is shown: what an operation drew, or a finder, is no reader's prompt."""
    mask = as_held(step.mask, state, (step.label, step.plane, step.slice))
    return step if mask is step.mask else replace(step, mask=mask, trust=SliceTrust.of(mask, None))


def sweep_steps(
    engine: AnyEngine,
    prompts: Mapping[int, ObjectPrompts],
    action: Propagate,
    extents: Mapping[int, Extent] | None = None,
    held_from: HeldFrom | None = None,
) -> Iterator[Step]:
    """Run a sweep.

    Parameters
    ----------
    engine
        The network and its volume.
    prompts
        Label -> prompted slice -> the prompts there, in order.
    action
        How far and how finely.
    extents
        Label -> how far it reaches along the plane, where that is told.
    held_from
        Says which voxels other objects hold that a label cannot have.
    """
    extents = extents or {}
    options = SweepOptions(action.first, action.last, Direction(action.direction), action.stride, action.patience)
    total = sum(len(covered_slices(list(by_slice), action, extents.get(v))) for v, by_slice in prompts.items())
    found: dict[tuple[int, int], SliceMask] = {}
    for labels, held_zyx in _held_alike(prompts, held_from):
        here = {label: prompts[label] for label in labels}
        for tracked in engine.sweep(action.plane, here, options, extents, held_zyx):
            label, mask = tracked.label, replace(tracked.mask, interpolated=tracked.interpolated)
            before = mask.slice - tracked.leg.step if mask.interpolated else tracked.before
            neighbour = None if before is None else found.get((label, before))
            found[label, mask.slice] = mask
            yield Step(label, action.plane, mask.slice, mask, len(found), total, SliceTrust.of(mask, neighbour))


def _held_alike(labels: Iterable[int], held_from: HeldFrom | None) -> list[tuple[list[int], NDArray[np.bool_] | None]]:
    """Labels from which the same voxels are held: these are swept side by side, also where the others may overlap."""
    alike: list[tuple[list[int], NDArray[np.bool_] | None]] = []
    for label in labels:
        held_zyx = None if held_from is None else held_from(label)
        for same, theirs in alike:
            if held_zyx is theirs or (held_zyx is not None and theirs is not None and np.array_equal(held_zyx, theirs)):
                same.append(label)
                break
        else:
            alike.append(([label], held_zyx))
    return alike
