"""Rulers and angles: drawn, listed, deleted, undone; they are no prompts, and change no voxel."""

from __future__ import annotations

from typing import Any

from psygnal import Signal

from volsweep.measurement import DrawnMeasure
from volsweep.napari.canvas.measures import MeasureLayer, MeasureList
from volsweep.napari.display import Display
from volsweep.napari.host import Host


class Measures:
    """What was measured by hand on the volume that is worked on.

    Parameters
    ----------
    host
        Whose volume it is.
    display
        The plane and the slice on the screen.
    """

    changed = Signal()
    layer_made = Signal(object)

    def __init__(self, host: Host, display: Display) -> None:
        self._host, self._display = host, display
        self._shown: MeasureLayer | None = None
        display.plane_changed.connect(self.show)
        host.viewer.layers.events.removed.connect(self._on_removed)

    @property
    def items(self) -> tuple[DrawnMeasure, ...]:
        """All of them, in the order in which they were drawn."""
        return self._list.items

    @property
    def _list(self) -> MeasureList:
        opened = self._host.opened
        return MeasureList() if opened is None else opened.measures

    @property
    def _done(self) -> int:
        opened = self._host.opened
        return 0 if opened is None else len(opened.done)

    def add(self, drawn: DrawnMeasure) -> None:
        """One more was drawn."""
        volume = self._host.volume
        if volume is not None:
            self._list.put((*self.items, drawn), self._done)
            self._tell()
            self._host.say(f"{drawn.kind.capitalize()}: {drawn.words(volume.grid)}.", "info")

    def remove(self, drawn: DrawnMeasure) -> None:
        """Delete one."""
        self._list.put([item for item in self.items if item is not drawn], self._done)
        self._tell()

    def clear(self) -> None:
        """Delete all."""
        if self.items:
            self._list.put((), self._done)
            self._tell()

    def undo(self) -> bool:
        """Take the last change back, if nothing was done to the session since."""
        if not self._list.can_undo(self._done):
            return False
        self._list.undo(self._done)
        self._tell()
        return True

    def redo(self) -> bool:
        """Do again what was undone, if nothing was done to the session since."""
        if not self._list.can_redo(self._done):
            return False
        self._list.redo(self._done)
        self._tell()
        return True

    def go_to(self, drawn: DrawnMeasure) -> None:
        """Show the slice that one lies on."""
        self._display.set_plane(drawn.plane)
        self._display.go_to(drawn.slice)

    def restore(self, items: tuple[DrawnMeasure, ...]) -> None:
        """Have what a session file holds."""
        self._list.items = items
        self._tell()

    def show(self) -> None:
        """Show them as they are; the layer is there once there is something to show."""
        opened = self._host.opened
        if opened is None or (self._shown is None and not opened.measures.items):
            return
        if self._shown is None:
            self._shown = MeasureLayer(self._host.viewer, opened.image, opened.volume.grid)
            self.layer_made.emit(self._shown.layer)
        self._shown.show(opened.measures.items, self._display.plane)

    def leave(self) -> None:
        """Another volume is chosen: the layer goes, what was measured stays with its volume."""
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.remove()

    def _tell(self) -> None:
        self.show()
        self.changed.emit()
        self._host.tell_changed()

    def _on_removed(self, event: Any) -> None:
        """Who deletes the layer deletes what it shows."""
        if self._shown is not None and event.value is self._shown.layer:
            self._shown = None
            self.clear()
