"""What is being segmented: which object is prompted next, what the objects are called, which are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from volsweep.napari.worker.tasks import Edit
from volsweep.volume import Label

if TYPE_CHECKING:
    from volsweep.napari.controller import Controller


class Objects:
    """The objects of the controller's volume.

    Parameters
    ----------
    controller
        Whose state they are in.
    """

    selected = Signal(int)

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.label = 1
        self.hidden: frozenset[int] = frozenset()

    def forget(self) -> None:
        """Begin anew with another volume."""
        self.label, self.hidden = 1, frozenset()

    def select(self, label: int) -> None:
        """Prompt another object from now on."""
        if label != self.label and label >= 1:
            self.label = label
            self._controller.show_state()
            self.selected.emit(label)

    def new(self) -> None:
        """Add an object and select it."""
        label = max(self._controller.state.labels, default=0) + 1
        self._controller.post(Edit(lambda session: session.name_label(label), touches=label))
        self.label = label
        self.selected.emit(label)

    def rename(self, label: int, *, name: str | None = None, color: str | None = None) -> None:
        """Name or colour an object."""
        self._controller.post(
            Edit(lambda session: session.name_label(label, name, color), touches=label, beside_sweep=True)
        )

    def lock(self, label: int, locked: bool) -> None:
        """Protect an object, or let it change again."""
        self._controller.post(Edit(lambda session: session.lock(label, locked), touches=label))

    def delete(self, label: int) -> None:
        """Remove an object with its prompts and masks."""
        self._controller.post(Edit(lambda session: session.delete_label(label), touches=label))

    def set_hidden(self, label: int, hidden: bool) -> None:
        """Hide an object on the screen, or show it."""
        self.hidden = self.hidden | {label} if hidden else self.hidden - {label}
        self._controller.show_state()
        self._controller.state_changed.emit()

    def label_of(self, value: int) -> Label:
        """Name, colour and lock of an object."""
        return self._controller.state.labels.get(value, Label.default(value))
