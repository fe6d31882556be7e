"""What the mouse does, and what becomes of what it drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from volsweep.geometry import Plane
from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.display import Display
from volsweep.napari.host import Host
from volsweep.napari.objects import Objects
from volsweep.napari.worker.tasks import Edit
from volsweep.prompts.kinds import Prompt

TOOLS = ("pan", "box", "point+", "point-", "line", "brush", "eraser", "lasso")


class Tools:
    """The tool in hand; it is told what the user drew (`prompt_layers.Listener`).

    Parameters
    ----------
    host
        Whose session is prompted.
    display, objects
        The slice and the object that are prompted.
    """

    chosen = Signal(str)
    prompted = Signal(object)
    """A prompt was drawn."""

    def __init__(self, host: Host, display: Display, objects: Objects) -> None:
        self._host, self._display, self._objects = host, display, objects
        self.tool = "pan"

    @property
    def plane(self) -> Plane:
        """The plane that is prompted."""
        return self._display.plane

    @property
    def label(self) -> int:
        """The object that is prompted."""
        return self._objects.label

    @property
    def positive(self) -> bool:
        """Whether a click says that the object is here."""
        return self.tool != "point-"

    def choose(self, tool: str) -> None:
        """Take a tool in hand, one of `TOOLS`."""
        if self._host.volume is None:
            self._host.say("Open a volume first: drop a DICOM folder on the window.", "info")
            return
        self.tool = tool
        layers = self._host.show_layers()
        if layers is not None:
            self.apply(layers)
        self.chosen.emit(tool)

    def apply(self, layers: PromptLayers) -> None:
        """Make the layer active that the tool draws on."""
        layers.style_new(self._objects.label_of(self.label).color)
        where = {
            "pan": (layers.objects, "pan_zoom"),
            "box": (layers.shapes, "add_rectangle"),
            "line": (layers.shapes, "add_line"),
            "point+": (layers.points, "add"),
            "point-": (layers.points, "add"),
            "brush": (layers.objects, "paint"),
            "eraser": (layers.objects, "erase"),
            "lasso": (layers.objects, "polygon"),
        }[self.tool]
        layers.activate(*where)

    def drawn(self, prompt: Prompt) -> None:
        """A prompt was added, or a box or line moved."""
        self._host.post(Edit(lambda session: session.add(prompt), touches=prompt.label))
        self.prompted.emit(prompt)

    def redrawn(self, prompts: Sequence[Prompt], label: int, index: int) -> None:
        """A label's prompts on a slice became these."""
        plane = self.plane
        masks = [p for p in self._host.state.on_slice(label, plane, index) if p.is_painted]
        new = [*masks, *prompts]
        self._host.post(Edit(lambda s: s.set_prompts(new, label=label, slice=index, plane=plane), touches=label))

    def painted(self, mask_yx: NDArray[np.bool_], index: int) -> None:
        """The current label's mask on a slice was painted or erased."""
        label, plane = self.label, self.plane
        self._host.post(
            Edit(
                lambda s: s.add_mask(label=label, slice=index, mask_yx=mask_yx, plane=plane),
                touches=label,
                painted=index,
            )
        )

    def refused(self, why: str) -> None:
        """What was drawn is no prompt."""
        self._host.say(why[0].upper() + why[1:] + ".", "info")
        self._host.show_state(force=True)

    def clear_slice(self) -> None:
        """Take back the current object's prompts on this slice."""
        label, index, plane = self.label, self._display.slice, self.plane
        self._host.post(Edit(lambda s: s.clear_prompts(label=label, slice=index, plane=plane), touches=label))
