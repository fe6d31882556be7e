"""What of a session is shown: slices that look otherwise now, sizes, and how far to trust each slice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from volsweep.geometry import Plane
from volsweep.measurement import Measurement, measure_masks
from volsweep.napari.worker import events
from volsweep.session.actions import AddPrompts
from volsweep.session.changes import changed_slices
from volsweep.session.overlay import Shown
from volsweep.session.session import Session
from volsweep.session.state import State

Painted = frozenset[tuple[Plane, int]]
"""Slices, each with its plane, that a stroke was painted on: it is on the screen, whatever becomes of it."""


def painted_by(task: object) -> Painted:
    """Where something that is to be done was painted on the screen before."""
    prompts = task.prompts if isinstance(task, AddPrompts) else ()
    return frozenset((p.plane, p.slice) for p in prompts if p.is_painted)


def changed(session: Session) -> events.Changed:
    """The state that a session is in."""
    journal = session.journal
    undone = tuple(entry.action for entry in journal.undone)
    return events.Changed(session.state, len(journal), journal.effective, undone)


def redrawn(
    session: Session,
    before: State,
    drawn: Collection[int] = (),
    painted: Painted = frozenset(),
    *,
    anew: bool = False,
) -> events.Redrawn | events.RedrawnAll | None:
    """What to draw again since a state, but for slices that are drawn already; `anew` draws everything.

    What was `painted` is drawn again also where nothing came of it: it was refused, or undone before it was drawn.
    """
    plane = session.plane
    slices = None if anew else changed_slices(before, session.state, plane)
    if slices is not None and any(where != plane for where, _ in painted):
        slices = None
    if slices is not None:
        slices |= {index for _, index in painted}
        if not slices:
            return None
    if slices is None or not in_one_plane(session):
        return _all_layers(session.shown)
    return drawn_slices(session, plane, slices.difference(drawn))


def drawn_slices(session: Session, plane: Plane, slices: Iterable[int]) -> events.Redrawn:
    """Slices as they look now, with what lies beneath."""
    shown = session.shown
    layers = {index: shown.slice_layers(plane, index) for index in sorted(slices)}
    under = {index: each[1:] for index, each in layers.items() if len(each) > 1}
    return events.Redrawn(plane, {index: each[0] for index, each in layers.items()}, under)


def _all_layers(shown: Shown) -> events.RedrawnAll:
    return events.RedrawnAll(shown.labels_zyx, shown.layers_zyx[1:])


def in_one_plane(session: Session) -> bool:
    """Whether everything lies along the plane on the screen, so that a slice can be drawn alone."""
    state, plane = session.state, session.plane
    return all(masks.plane == plane for masks in state.swept.values()) and all(p.plane == plane for p in state.prompts)


def assessed(
    session: Session, is_interrupted: Callable[[], bool]
) -> Iterator[events.RedrawnAll | events.Reviewed | events.Ticked | events.Measured]:
    """Trust and ticks, then sizes; no sizes where something else is to be done first."""
    shown = session.shown
    if shown.sharing:  # which of two is the smaller, and so seen, may be another now also where nothing else changed
        yield _all_layers(shown)
    planes = {label: found.plane for label, found in shown.masks.items()}
    yield events.Reviewed({label: session.trust(label) for label in planes}, planes)
    yield events.Ticked(shown.ticked())
    measured: dict[int, Measurement] = {}
    for label, found in shown.masks.items():
        if is_interrupted():
            return
        measurement = measure_masks(shown.holding_zyx(label), label, found, session.volume)
        if measurement is not None:
            measured[label] = measurement
    yield events.Measured(measured)
