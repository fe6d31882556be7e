"""What the controller is to its parts: they know this protocol, and never the controller."""

from __future__ import annotations

from typing import Protocol

from napari.components import ViewerModel
from napari.layers import Image

from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.worker.tasks import Task
from volsweep.session.state import State
from volsweep.volume import Volume


class Host(Protocol):
    """One volume in one viewer, seen by `Display`, `Objects`, `Tools` and `Review`."""

    @property
    def viewer(self) -> ViewerModel:
        """The viewer's model."""

    @property
    def image(self) -> Image | None:
        """The layer of the volume that is worked on."""

    @property
    def volume(self) -> Volume | None:
        """The volume that is worked on."""

    @property
    def state(self) -> State:
        """Prompts, labels and locks, as the session last told them."""

    def post(self, task: Task) -> None:
        """Leave something for the session to do."""

    def say(self, text: str, kind: str) -> None:
        """A sentence for the user: ``"info"``, ``"warning"``, ``"error"`` or ``"busy"``."""

    def show_layers(self) -> PromptLayers | None:
        """Show the session's layers, also after the user deleted one."""

    def show_state(self, *, force: bool = False) -> None:
        """Show labels and prompts as they are; `force` also where they seem to be shown already."""

    def tell_changed(self) -> None:
        """Let everybody know that what is shown of the state is another."""
