"""What is being segmented: which object is prompted next, what the objects are called, which are seen."""

from __future__ import annotations

from psygnal import Signal

from volsweep.napari.host import Host
from volsweep.napari.worker.tasks import Edit
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
        self.label = 1
        self.hidden: frozenset[int] = frozenset()

    def forget(self) -> None:
        """Begin anew with another volume."""
        self.label, self.hidden = 1, frozenset()

    def select(self, label: int) -> None:
        """Prompt another object from now on."""
        if label != self.label and label >= 1:
            self.label = label
            self._host.show_state()
            self.selected.emit(label)

    def new(self) -> None:
        """Add an object and select it."""
        label = max(self._host.state.labels, default=0) + 1
        self._host.post(Edit(lambda session: session.name_label(label), touches=label))
        self.label = label
        self.selected.emit(label)

    def rename(self, label: int, *, name: str | None = None, color: str | None = None) -> None:
        """Name or colour an object."""
        self._host.post(Edit(lambda session: session.name_label(label, name, color), touches=label, beside_sweep=True))

    def lock(self, label: int, locked: bool) -> None:
        """Protect an object, or let it change again."""
        self._host.post(Edit(lambda session: session.lock(label, locked), touches=label))

    def delete(self, label: int) -> None:
        """Remove an object with its prompts and masks."""
        self._host.post(Edit(lambda session: session.delete_label(label), touches=label))

    def set_hidden(self, label: int, hidden: bool) -> None:
        """Hide an object on the screen, or show it."""
        self.hidden = self.hidden | {label} if hidden else self.hidden - {label}
        self._host.show_state()
        self._host.tell_changed()

    def label_of(self, value: int) -> Label:
        """Name, colour and lock of an object."""
        return self._host.state.labels.get(value, Label.default(value))
