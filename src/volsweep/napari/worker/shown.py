"""What of a session is shown: slices that look otherwise now, sizes, and how far to trust each slice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from volsweep.measurement import Measurement, measure_masks
from volsweep.napari.worker import events
from volsweep.session.changes import changed_slices
from volsweep.session.session import Session
from volsweep.session.state import State


def changed(session: Session) -> events.Changed:
    """The state that a session is in."""
    journal = session.journal
    return events.Changed(session.state, journal.can_undo, journal.can_redo, len(journal), journal.effective)


def redrawn(
    session: Session, before: State, drawn: Collection[int] = (), *, anew: bool = False
) -> events.Redrawn | events.RedrawnAll | None:
    """What to draw again since a state, but for slices that are drawn already; `anew` draws everything."""
    plane = session.plane
    slices = None if anew else changed_slices(before, session.state, plane)
    if slices is not None and not slices:
        return None
    shown = session.shown
    if slices is None or not in_one_plane(session):
        return events.RedrawnAll(shown.labels_zyx)
    return events.Redrawn(plane, {z: shown.slice_yx(plane, z) for z in sorted(slices.difference(drawn))})


def in_one_plane(session: Session) -> bool:
    """Whether everything lies along the plane on the screen, so that a slice can be drawn alone."""
    state, plane = session.state, session.plane
    return all(masks.plane == plane for masks in state.swept.values()) and all(p.plane == plane for p in state.prompts)


def assessed(
    session: Session, is_interrupted: Callable[[], bool]
) -> Iterator[events.Reviewed | events.Ticked | events.Measured]:
    """Trust and ticks, then sizes; no sizes where something else is to be done first."""
    shown = session.shown
    planes = {label: found.plane for label, found in shown.masks.items()}
    yield events.Reviewed({label: session.trust(label) for label in planes}, planes)
    yield events.Ticked(shown.ticked())
    measured: dict[int, Measurement] = {}
    for label, found in shown.masks.items():
        if is_interrupted():
            return
        measurement = measure_masks(shown.labels_zyx, label, found, session.volume)
        if measurement is not None:
            measured[label] = measurement
    yield events.Measured(measured)
