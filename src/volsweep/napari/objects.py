"""What is being segmented: which object is prompted next, what the objects are called, which are seen."""

from __future__ import annotations

from collections.abc import Sequence

from psygnal import Signal

from volsweep.napari.canvas.chosen import row_of
from volsweep.napari.host import Host
from volsweep.prompts.base import checked
from volsweep.session.actions import DeleteLabel, EditLabel, Relate
from volsweep.volume import Label


class Objects:
    """The objects of the volume.

    Parameters
    ----------
    host
        Whose state they are in.
    """

    selected = Signal(int)

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def label(self) -> int:
        """The object that is prompted."""
        return 1 if self._host.opened is None else self._host.opened.label

    @property
    def hidden(self) -> frozenset[int]:
        """Objects that are not shown."""
        return frozenset() if self._host.opened is None else self._host.opened.hidden

    def select(self, label: int) -> None:
        """Prompt another object from now on."""
        opened = self._host.opened
        if opened is not None and label != opened.label and label >= 1:
            opened.label = label
            self._host.show_state()
            self.selected.emit(label)

    def new(self) -> None:
        """Add an object and select it."""
        opened = self._host.opened
        label = 1 if opened is None else opened.take_label()
        if not self.begin(label):
            self._host.post(checked(EditLabel, label=label))
        self.select(label)

    def begin(self, label: int) -> bool:
        """Make an object that is not there yet as the user's label table has it; whether it does."""
        row = row_of(label)
        if row is None or label in self._host.state.labels:
            return False
        self._host.post(checked(EditLabel, label=label, name=row.name, color=row.color))
        return True

    def rename(self, label: int, *, name: str | None = None, color: str | None = None) -> None:
        """Name or colour an object."""
        self._host.post(checked(EditLabel, label=label, name=name, color=color))

    def lock(self, label: int, locked: bool) -> None:
        """Protect an object, or let it change again."""
        self._host.post(checked(EditLabel, label=label, locked=locked))

    def let_overlap(self, label: int, overlaps: bool) -> None:
        """Let an object share voxels with others, or no longer."""
        self._host.post(checked(Relate, label=label, overlaps=overlaps))

    def relate(self, label: int, *, inside: int | None = None, outside: Sequence[int] | None = None) -> None:
        """Say what an object lies inside, 0 for nothing, or outside of."""
        self._host.post(checked(Relate, label=label, inside=inside, outside=None if outside is None else (*outside,)))

    def delete(self, label: int) -> None:
        """Remove an object with its prompts and masks."""
        self._host.post(checked(DeleteLabel, label=label))

    def set_hidden(self, label: int, hidden: bool) -> None:
        """Hide an object on the screen, or show it."""
        opened = self._host.opened
        if opened is not None:
            opened.hidden = opened.hidden | {label} if hidden else opened.hidden - {label}
            self._host.show_state()
            self._host.tell_changed()

    def label_of(self, value: int) -> Label:
        """Name, colour and lock of an object."""
        return self._host.state.labels.get(value, Label.default(value))
