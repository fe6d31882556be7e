"""What is asked of a session and changes nothing in it: to be saved, compared, learned from, at a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

from volsweep.errors import VolsweepError
from volsweep.io import read_objects, write_labels
from volsweep.io.writing.signed import signed_by
from volsweep.napari.worker import events
from volsweep.napari.worker.events import Event
from volsweep.napari.worker.tasks import Compare, Prepare, Save, SaveSession, Send, Teach
from volsweep.session.file import SessionFile, VolumeReference, seconds_of, write_session
from volsweep.session.session import Session


def saved(session: Session, task: Save) -> Iterator[Event]:
    """Write the label volume."""
    yield events.Busy(f"Saving {task.path.name}")
    try:
        signer = signed_by(task.path, session.reader) if task.sign else ""
        receipt = write_labels(
            task.path,
            session.labels if task.painted else session.objects,
            overwrite=task.overwrite,
            overlaps="files",
            creator=signer,
        )
        yield events.Saved(receipt, session.journal.effective)
    finally:
        yield events.Busy("")


def session_saved(session: Session, task: SaveSession) -> Iterator[Event]:
    """Write a session file."""
    yield events.Busy(f"Saving {task.path.name}")
    try:
        reference = VolumeReference.of(session.volume)
        done, seconds = session.journal.effective, seconds_of(session)
        content = SessionFile(volume=reference, seconds=seconds, view=task.view, actions=done)
        write_session(task.path, content, overwrite=True, spare=session.volume.source)
        yield events.SessionSaved(task.path, done)
    finally:
        yield events.Busy("")


def compared(session: Session, task: Compare) -> Iterator[Event]:
    """Read other labels on the session's grid, and hold its own against them."""
    from volsweep.evaluate.agreement import compare  # beside it lies what loads torch

    yield events.Busy(f"Comparing with {task.path.name}")
    try:
        other = read_objects(task.path, source=session.volume)
        rows = compare(session.objects, other)
        told = tuple(dict.fromkeys((*other.warnings, *(row.note for row in rows if row.note))))
        yield events.Compared(task.path, tuple(rows), other.painted().array_zyx, dict(other.labels), told)
    finally:
        yield events.Busy("")


def sent(session: Session, _: Send) -> Iterator[Event]:
    """Bring the volume to the server that runs the session's networks, telling how far it is."""
    server = session.server
    if server is None:
        yield events.Served("")
        return
    news: SimpleQueue[tuple[int, int] | Exception | None] = SimpleQueue()

    def send() -> None:  # beside the worker, which waits for it and tells of it
        try:
            _ = session.engine
            news.put(None)
        except Exception as error:
            news.put(error)

    server.sent = lambda done, total: news.put((done, total))
    yield events.Busy(f"Asking {server.client.address.url}")
    try:
        Thread(target=send, daemon=True, name="volsweep-send").start()
        while isinstance(latest := news.get(), tuple):
            yield events.Sending(*latest)
        if latest is not None:
            raise latest
        machine = ", ".join(str(value) for value in server.arithmetic.values())
        yield events.Served(server.client.address.url, machine)
    finally:
        server.sent = None
        yield events.Busy("")


def taught(session: Session, task: Teach) -> Iterator[Event]:
    """Write what was accepted of a session; whoever makes a lesson of it tells what went wrong."""
    from volsweep.train.apart import write_case

    yield events.Busy("Gathering what was accepted")
    try:
        task.done(write_case(task.path, session, task.labels))
    except Exception as error:
        task.done(error)
    finally:
        yield events.Busy("")


def prepared(session: Session, task: Prepare) -> Iterator[Event]:
    """Make what a prompt shows that is about to be given; of what a server is asked, nothing is kept here."""
    if session.server is None:
        with suppress(VolsweepError):  # it is told when the prompt is given
            session.get_ready_for(task.coming)
    yield from ()


ASKED: Mapping[type[Any], Callable[[Session, Any], Iterator[Event]]] = {
    Prepare: prepared,
    Save: saved,
    SaveSession: session_saved,
    Compare: compared,
    Send: sent,
    Teach: taught,
}
"""Who answers which task."""
