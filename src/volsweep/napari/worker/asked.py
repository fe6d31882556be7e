"""What is asked of a session and changes nothing in it: to be saved, to be compared."""

from __future__ import annotations

from collections.abc import Iterator

from volsweep.io import read_objects, write_labels
from volsweep.napari.worker import events
from volsweep.napari.worker.events import Event
from volsweep.napari.worker.tasks import Compare, Save, SaveSession
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.session.session import Session


def saved(session: Session, task: Save) -> Iterator[Event]:
    """Write the label volume."""
    yield events.Busy(f"Saving {task.path.name}")
    try:
        receipt = write_labels(task.path, session.labels, overwrite=task.overwrite)
        yield events.Saved(receipt, len(session.journal))
    finally:
        yield events.Busy("")


def session_saved(session: Session, task: SaveSession) -> Iterator[Event]:
    """Write a session file."""
    yield events.Busy(f"Saving {task.path.name}")
    try:
        reference = VolumeReference.of(session.volume)
        content = SessionFile(volume=reference, view=task.view, actions=session.journal.effective)
        write_session(task.path, content, overwrite=True, spare=session.volume.source)
        yield events.SessionSaved(task.path, len(session.journal))
    finally:
        yield events.Busy("")


def compared(session: Session, task: Compare) -> Iterator[Event]:
    """Read other labels on the session's grid, and hold its own against them."""
    from volsweep.evaluate.agreement import compare  # beside it lies what loads torch

    yield events.Busy(f"Comparing with {task.path.name}")
    try:
        other = read_objects(task.path, source=session.volume)
        rows = compare(session.labels, other)
        told = tuple(dict.fromkeys((*other.warnings, *(row.note for row in rows if row.note))))
        yield events.Compared(task.path, tuple(rows), other.painted().array_zyx, dict(other.labels), told)
    finally:
        yield events.Busy("")
