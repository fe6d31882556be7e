"""What the mouse does, and what becomes of what it drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.canvas.strokes import Limits
from volsweep.napari.display import Display
from volsweep.napari.host import Host
from volsweep.napari.objects import Objects
from volsweep.operations.kinds import CopySlice
from volsweep.prompts.extent import NO_ENDS, Extent
from volsweep.prompts.kinds import Mask, Point, Prompt
from volsweep.session.actions import AddPrompts, ClearPrompts, Operate, SetExtent, SetPrompts, checked

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
        self.values: tuple[float, float] | None = None
        """First and last value that brush and lasso paint over; None for all."""

    @property
    def plane(self) -> Plane:
        """The plane that is prompted."""
        return self._display.plane

    @property
    def slice(self) -> int:
        """The slice on the screen."""
        return self._display.slice

    @property
    def label(self) -> int:
        """The object that is prompted."""
        return self._objects.label

    def select(self, label: int) -> None:
        """Another object was chosen in napari's own controls."""
        self._objects.select(label)

    @property
    def positive(self) -> bool:
        """Whether a click says that the object is here."""
        return self.tool != "point-"

    @property
    def limits(self) -> Limits | None:
        """Where the brush paints."""
        volume = self._host.volume
        return None if volume is None or self.values is None else Limits(volume.array_zyx, *self.values)

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
        first = not any(p.label == prompt.label for p in self._host.state.prompts)
        self._host.post(checked(AddPrompts, prompts=(prompt,)))
        self.prompted.emit(prompt)
        if first and isinstance(prompt, Point) and not prompt.positive:
            name = self._objects.label_of(prompt.label).name
            self._host.say(
                f"A click with − alone says that {name} is not on this slice. Where it is, begin with a box (B) or a "
                "click on it (P).",
                "info",
            )

    def redrawn(self, prompts: Sequence[Prompt], label: int, index: int) -> None:
        """A label's prompts on a slice became these; a mask painted there stays."""
        painted = [p for p in self._host.state.on_slice(label, self.plane, index) if p.is_painted]
        new = (*painted, *prompts)
        self._host.post(checked(SetPrompts, label=label, plane=self.plane, slice=index, prompts=new))

    def painted(self, mask_yx: NDArray[np.bool_], index: int) -> None:
        """The current label's mask on a slice was painted or erased."""
        mask = Mask.from_array(mask_yx, label=self.label, slice=index, plane=self.plane)
        self._host.post(checked(AddPrompts, prompts=(mask,)))

    def refused(self, why: str) -> None:
        """What was drawn is no prompt."""
        self._host.say(why[0].upper() + why[1:] + ".", "info")
        self._host.show_state(force=True)

    def end_here(self, *, first: bool) -> None:
        """The slice on the screen is the current object's first, or last, one; said again, that is taken back."""
        told = self._host.state.extent(self.label, self.plane)
        low, high = NO_ENDS if told is None else told.ends
        here = self.slice
        if first:
            low = None if low == here else here
        else:
            high = None if high == here else here
        try:
            extent = checked(Extent, label=self.label, plane=self.plane, first=low, last=high)
        except PromptError:
            other = f"last slice is {high}" if first else f"first slice is {low}"
            name = self._objects.label_of(self.label).name
            self._host.say(f"The {other}: {name} cannot {'begin' if first else 'end'} on slice {here}.", "info")
            return
        self._host.post(checked(SetExtent, extent=extent))
        if extent.ends != NO_ENDS:
            self._host.say(f"{self._objects.label_of(self.label).name}: slices {extent.first_to_last}.", "info")

    def copy_slice(self, by: int) -> None:
        """Show on the next slice (1) or the one before (-1) what the object shows on this one, and go there."""
        here, plane = self._display.slice, self.plane
        to = here + by
        if not 0 <= to < self._display.slices:
            self._host.say("There is no slice beyond this one.", "info")
            return
        self._host.post(checked(Operate, label=self.label, operation=CopySlice(plane=plane, slice=here, to=to)))
        self._display.go_to(to)

    def clear_slice(self) -> None:
        """Take back the current object's prompts on this slice."""
        self._host.post(checked(ClearPrompts, label=self.label, plane=self.plane, slice=self.slice))
