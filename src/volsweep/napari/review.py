"""Which slices the reader has looked at, and which are left."""

from __future__ import annotations

from collections.abc import Mapping

from psygnal import Signal

from volsweep.napari.display import Display
from volsweep.napari.host import Host
from volsweep.napari.objects import Objects
from volsweep.session.steps import Step
from volsweep.session.trust import SliceTrust, next_doubtful


class Review:
    """What the reader has looked at, and what is left.

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
        self.marks: dict[int, dict[int, SliceTrust]] = {}
        self.accepted: dict[int, frozenset[int]] = {}
        """Slices ticked off, by label; they lie along the plane that the label was swept along."""

    def forget(self) -> None:
        """Begin anew with another volume."""
        self.marks, self.accepted = {}, {}

    def note(self, step: Step) -> None:
        """A sweep found a slice; the plot draws itself again anyway."""
        mask = step.mask
        mark = SliceTrust(step.neighbour_iou, mask.iou, mask.object_score, mask.agreement, mask.prompted, mask.is_empty)
        self.marks.setdefault(step.label, {})[step.slice] = mark

    def replace(self, marks: Mapping[int, Mapping[int, SliceTrust]]) -> None:
        """Marks of everything, after something changed."""
        self.marks = {label: dict(found) for label, found in marks.items()}
        self.changed.emit()

    @property
    def current(self) -> dict[int, SliceTrust]:
        """Marks of the object that is prompted."""
        return self.marks.get(self._objects.label, {})

    @property
    def ticked(self) -> frozenset[int]:
        """Slices of that object that were ticked off."""
        return self.accepted.get(self._objects.label, frozenset())

    def to_doubtful(self, *, backwards: bool = False) -> None:
        """Show the next slice that someone should look at."""
        display, objects = self._display, self._objects
        index = next_doubtful(self.current, self.ticked, display.slice, backwards=backwards)
        if index is None:
            self._host.say(f"No doubtful slice is left in {objects.label_of(objects.label).name}.", "info")
        else:
            display.go_to(index)

    def accept(self) -> None:
        """Tick this slice off, or take the tick back."""
        self.accepted[self._objects.label] = self.ticked ^ {self._display.slice}
        self.changed.emit()
