"""Where the network runs: on this machine, or on a Volsweep server."""

from __future__ import annotations

from psygnal import Signal

from volsweep.errors import ServerError
from volsweep.napari.host import Host
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Redraw, Send, Use


class Serving:
    """The one server of a window, and how far the volume that is worked on is on its way there.

    Parameters
    ----------
    host
        Whose volumes go there.
    """

    changed = Signal()
    lost = Signal(str)
    """What was asked of the server failed, in a sentence: here, or once more there?"""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.address: str | None = None
        """With its token; None for this machine."""
        self.at = events.Served("")
        """Where the networks of the volume that is worked on run."""
        self.sending: tuple[int, int] | None = None
        """Slices that went over, and all of them, while they go."""
        self.is_lost = False

    def use(self, address: str | None) -> None:
        """Run the networks of all volumes there from now on, or here."""
        self.address = address
        self.take_along()
        self.changed.emit()

    def take_along(self, *, again: bool = False) -> None:
        """Let the volume that is worked on be where the others are; `again` also where it seems to be there."""
        opened = self._host.opened
        self.sending, self.is_lost = None, False
        if opened is None:
            self.at = events.Served("")
            return
        if again or opened.server != self.address:
            self.at, opened.server = events.Served(""), self.address
            self._host.post(Use(server=self.address))
            self._host.post(Send())
            self._host.post(Redraw())

    def on(self, event: events.Event) -> None:
        """Something happened to the volume that is worked on."""
        if isinstance(event, events.Sending):
            self.sending = (event.done, event.total)
        elif isinstance(event, events.Served):
            self.at, self.sending, self.is_lost = event, None, False
        elif isinstance(event, events.Failed) and isinstance(event.error, ServerError):
            self.sending, self.is_lost = None, self.address is not None
            self.lost.emit(event.message)
        else:
            return
        self.changed.emit()
