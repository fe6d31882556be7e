"""Which slices the reader has looked at, and which are left."""

from __future__ import annotations

from collections.abc import Mapping

from psygnal import Signal

from volsweep.geometry import Plane
from volsweep.napari.display import Display
from volsweep.napari.host import Host
from volsweep.napari.objects import Objects
from volsweep.prompts.base import checked
from volsweep.session.actions import Tick
from volsweep.session.trust import SliceTrust, next_doubtful, suggested_slice


class Review:
    """The review of the object that is prompted, along the plane on the screen.

    Parameters
    ----------
    host
        Whose sweeps are reviewed.
    display, objects
        The slice on the screen, and the object that is prompted.
    """

    changed = Signal()

    def __init__(self, host: Host, display: Display, objects: Objects) -> None:
        self._host, self._display, self._objects = host, display, objects

    @property
    def trust(self) -> Mapping[int, Mapping[int, SliceTrust]]:
        """Of every object, along the plane that it was swept along."""
        return {} if self._host.opened is None else self._host.opened.trust

    @property
    def accepted(self) -> Mapping[int, frozenset[int]]:
        """Slices ticked off that show what they showed then, by label."""
        return {} if self._host.opened is None else self._host.opened.accepted

    @property
    def other_plane(self) -> Plane | None:
        """The plane that the object was swept along, where it is not the one on the screen."""
        opened = self._host.opened
        plane = None if opened is None else opened.planes.get(self._objects.label)
        return None if plane == self._display.plane else plane

    @property
    def current(self) -> Mapping[int, SliceTrust]:
        """Trust in the object that is prompted; empty where its slices are not those on the screen."""
        return {} if self.other_plane is not None else self.trust.get(self._objects.label, {})

    @property
    def ticked(self) -> frozenset[int]:
        """Slices of that object that were ticked off; none where its slices are not those on the screen."""
        return frozenset() if self.other_plane is not None else self.accepted.get(self._objects.label, frozenset())

    def to_doubtful(self, *, backwards: bool = False) -> None:
        """Show the next slice that someone should look at."""
        name = self._objects.label_of(self._objects.label).name
        if self._is_elsewhere("to look through its doubtful slices"):
            return
        index = next_doubtful(self.current, self.ticked, self._display.slice, backwards=backwards)
        if index is None:
            self._host.say(f"No doubtful slice is left in {name}.", "info")
        else:
            self._display.go_to(index)

    def suggest(self) -> None:
        """Show the slice to outline or correct next."""
        name = self._objects.label_of(self._objects.label).name
        if self._is_elsewhere("to be told which of its slices is next"):
            return
        opened = self._host.opened
        marks = self.current if opened is not None else {}
        index = None if opened is None else suggested_slice(marks, opened.voxels_on(marks, self._objects.label))
        if index is None:
            self._host.say(f"No slice of {name} is left to outline: sweep it first, if you did not.", "info")
            return
        self._display.go_to(index)
        self._host.say(f"Look at slice {index} of {name} next: an outline or a click is worth most there.", "info")

    def accept(self) -> None:
        """Tick this slice off as it is, or take the tick back; undo covers it."""
        opened, label = self._host.opened, self._objects.label
        if opened is None or self._is_elsewhere("to tick its slices off"):
            return
        if self._display.slice not in self.current:
            name = self._objects.label_of(label).name
            self._host.say(f"There is nothing of {name} to tick off on this slice: it was not looked for here.", "info")
            return
        index = self._display.slice
        tick = checked(Tick, label=label, plane=self._display.plane, slice=index, ticked=index not in self.ticked)
        self._host.post(tick)

    def _is_elsewhere(self, what_for: str) -> bool:
        """Whether the object's slices are not those on the screen, which is then said."""
        plane = self.other_plane
        if plane is not None:
            name = self._objects.label_of(self._objects.label).name
            self._host.say(f"{name} was swept along the {plane} plane: turn to it {what_for}.", "info")
        return plane is not None
