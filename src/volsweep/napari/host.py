"""What the controller is to its parts: they know this protocol, and never the controller."""

from __future__ import annotations

from typing import Protocol

from napari.components import ViewerModel
from napari.layers import Image

from volsweep.models import ModelSpec
from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.opened import OpenVolume
from volsweep.napari.worker.tasks import Task
from volsweep.session.state import State
from volsweep.volume import Volume

OPEN_FIRST = "Open a volume first: drop a DICOM folder on the window."
"""Said where something is asked of a volume, and none is open."""


class Host(Protocol):
    """One volume in one viewer, seen by `Display`, `Objects`, `Tools` and `Review`."""

    @property
    def viewer(self) -> ViewerModel:
        """The viewer's model."""

    @property
    def opened(self) -> OpenVolume | None:
        """The volume that is worked on, with all that is its own."""

    @property
    def image(self) -> Image | None:
        """The layer of the volume that is worked on."""

    @property
    def volume(self) -> Volume | None:
        """The volume that is worked on."""

    @property
    def state(self) -> State:
        """Prompts, labels and locks, as the session last told them."""

    @property
    def model(self) -> ModelSpec:
        """The network that answers prompts."""

    @property
    def device(self) -> str:
        """Where it runs."""

    def use_model(self, model: ModelSpec, device: str) -> None:
        """Use another model or device from the next prompt on."""

    def post(self, task: Task) -> None:
        """Leave an action of the session, or another task, to its worker."""

    def say(self, text: str, kind: str) -> None:
        """A sentence for the user: ``"info"``, ``"refused"``, ``"warning"``, ``"error"`` or ``"busy"``."""

    def show_layers(self) -> PromptLayers | None:
        """Show the session's layers, also after the user deleted one."""

    def show_state(self, *, force: bool = False) -> None:
        """Show labels and prompts as they are; `force` also where they seem to be shown already."""

    def tell_changed(self) -> None:
        """Let everybody know that what is shown of the state is another."""
