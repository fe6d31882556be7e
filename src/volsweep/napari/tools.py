"""What the mouse does, and what becomes of what it drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from pydantic import ValidationError

from volsweep.errors import PromptError, sentence, why_invalid
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.io.contours import fill
from volsweep.measurement import DrawnMeasure
from volsweep.napari.canvas.layers import prompt_from
from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.canvas.strokes import Limits
from volsweep.napari.display import Display
from volsweep.napari.host import OPEN_FIRST, Host
from volsweep.napari.measures import Measures
from volsweep.napari.objects import Objects
from volsweep.napari.worker.tasks import Prepare
from volsweep.operations.kinds import CopySlice
from volsweep.prompts.base import checked
from volsweep.prompts.extent import NO_ENDS, Extent, SideBox
from volsweep.prompts.kinds import Box, Point, Prompt
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.session.actions import AddPrompts, ClearPrompts, Operate, SetExtent, SetPrompts
from volsweep.volume import take_slice

TOOLS = (
    *("pan", "box", "point+", "point-", "line", "recist", "scribble+", "scribble-"),
    *("lasso", "polygon", "brush", "eraser", "ruler", "angle"),
)
BY_HAND = {"recist": 2, "scribble+": 1, "scribble-": 1, "lasso": 1, "ruler": 1, "angle": 2}
"""Tools whose strokes are followed by ourselves (`window/gestures`), and of how many strokes each thing is made."""
FREEHAND = ("scribble+", "scribble-", "lasso")
"""Those whose strokes are wherever the mouse was; of the others both ends count."""
_STEP = 0.5
"""In voxels: places of a scribble that are closer together are one."""


class Tools:
    """The tool in hand; it is told what the user drew (`prompt_layers.Listener`).

    Parameters
    ----------
    host
        Whose session is prompted.
    display, objects
        The slice and the object that are prompted.
    measures
        Rulers and angles.
    """

    chosen = Signal(str)
    prompted = Signal(object)
    """A prompt was drawn."""
    pressed = Signal(object)
    """A prompt is about to be drawn."""
    live = Signal(str)
    """What is being drawn measures so much now; empty when it is drawn."""

    def __init__(self, host: Host, display: Display, objects: Objects, measures: Measures) -> None:
        self._host, self._display, self._objects, self._measures = host, display, objects, measures
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
        return not self.tool.endswith("-")

    @property
    def limits(self) -> Limits | None:
        """Where the brush paints."""
        volume = self._host.volume
        return None if volume is None or self.values is None else Limits(volume.array_zyx, *self.values)

    def choose(self, tool: str) -> None:
        """Take a tool in hand, one of `TOOLS`."""
        if self._host.volume is None:
            self._host.say(OPEN_FIRST, "info")
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
            "polygon": (layers.objects, "polygon"),
        }.get(self.tool, (layers.objects, "pan_zoom"))
        layers.activate(*where)
        if where[1] == "pan_zoom":  # strokes that we follow move no picture
            layers.objects.mouse_pan = self.tool == "pan"

    def coming(self, prompt: Prompt) -> None:
        """The button was pressed: while a finger holds it, the network may have made the mask."""
        if self._host.volume is not None:
            self._host.post(Prepare(checked(AddPrompts, prompts=(prompt,))))
            self.pressed.emit(prompt)

    def drawn(self, prompt: Prompt) -> None:
        """A prompt was added, or a box or line moved."""
        first = not any(p.label == prompt.label for p in self._host.state.prompts)
        self._objects.begin(prompt.label)
        self._host.post(checked(AddPrompts, prompts=(prompt,)))
        self.prompted.emit(prompt)
        if first and prompt.is_click and not prompt.is_there:
            name = self._objects.label_of(prompt.label).name
            what = "click" if isinstance(prompt, Point) else "stroke"
            self._host.say(
                f"A {what} with − alone says that {name} is not on this slice. Where it is, begin with a box (B) or a "
                "click on it (P).",
                "info",
            )

    def stroked(self, strokes_zyx: Sequence[FloatArray], *, take_away: bool = False) -> None:
        """Strokes of the tool in hand are done: (n, 3) voxel indices each, as many as `BY_HAND` says."""
        volume = self._host.volume
        if volume is None:
            return
        try:
            if self.tool == "lasso":
                self._enclose(strokes_zyx[0], volume.grid, take_away=take_away)
            elif self.tool == "recist":
                ends_zyx = np.concatenate([stroke[[0, -1]] for stroke in strokes_zyx])
                self.drawn(prompt_from(Recist, ends_zyx, volume.grid, self.plane, label=self.label))
            elif self.tool in FREEHAND:
                said = {"label": self.label, "positive": self.positive}
                self.drawn(prompt_from(Scribble, thinned(strokes_zyx[0], _STEP), volume.grid, self.plane, **said))
            else:
                self._measures.add(self.measure_of(strokes_zyx, volume.grid))
        except ValidationError as error:
            self.refused(why_invalid(error))
        except PromptError as error:
            self.refused(str(error))

    def measure_of(self, strokes_zyx: Sequence[FloatArray], grid: Grid) -> DrawnMeasure:
        """The ruler or angle that strokes make."""
        axis = grid.plane_axis(self.plane)
        points = [strokes_zyx[0][0], *(stroke[-1] for stroke in strokes_zyx)]
        points_xy = tuple((float(x), float(y)) for y, x in np.delete(np.array(points), axis, axis=1).round(2))
        kind = "angle" if len(points) > 2 else "ruler"
        return DrawnMeasure.model_validate(
            {"kind": kind, "plane": self.plane, "slice": self.slice, "points_xy": points_xy}
        )

    def lengths_of(self, strokes_zyx: Sequence[FloatArray]) -> str:
        """How long strokes are from end to end, or which angle they make, while they are drawn."""
        volume = self._host.volume
        if volume is None or self.tool in FREEHAND:
            return ""
        grid = volume.grid
        if self.tool == "angle" and len(strokes_zyx) > 1:
            try:
                return self.measure_of(strokes_zyx, grid).words(grid)
            except ValidationError:
                return ""
        ends_mm = [grid.to_lps_mm(stroke[[0, -1]]) for stroke in strokes_zyx]
        return " × ".join(f"{np.linalg.norm(b - a):.1f}" for a, b in ends_mm) + " mm"

    def _enclose(self, path_zyx: FloatArray, grid: Grid, *, take_away: bool) -> None:
        """What a freehand outline encloses belongs to the object, or no longer does."""
        layers, axis = self._host.show_layers(), grid.plane_axis(self.plane)
        if layers is None:
            return
        path_xy = np.delete(path_zyx, axis, axis=1)[:, ::-1]
        shown_yx = take_slice(layers.objects.data, grid, self.plane, self.slice)
        inside = fill([path_xy], shown_yx.shape)
        if not inside.any():
            raise PromptError("the lasso holds no voxel: draw around what is meant")
        mask = layers.beneath.mask_yx(self.label, grid, self.plane, self.slice)
        if take_away:
            mask &= ~inside
        else:
            if self.limits is not None:
                values = take_slice(self.limits.image_zyx, grid, self.plane, self.slice)
                inside &= (values >= self.limits.low) & (values <= self.limits.high)
            mask |= inside
        self.painted(mask, self.slice)

    def redrawn(self, prompts: Sequence[Prompt], label: int, index: int) -> None:
        """A label's prompts on a slice became these; a mask painted there stays."""
        painted = [p for p in self._host.state.on_slice(label, self.plane, index) if p.is_painted]
        new = (*painted, *prompts)
        self._host.post(checked(SetPrompts, label=label, plane=self.plane, slice=index, prompts=new))

    def painted(self, mask_yx: NDArray[np.bool_], index: int) -> None:
        """The current label's mask on a slice was painted or erased."""
        mask = Mask.from_array(mask_yx, label=self.label, slice=index, plane=self.plane)
        self._objects.begin(self.label)
        self._host.post(checked(AddPrompts, prompts=(mask,)))

    def refused(self, why: str) -> None:
        """What was drawn is no prompt."""
        self._host.say(f"{sentence(why)}.", "refused")
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

    def boxed_beside(self, side: Plane, corners_zyx: FloatArray) -> None:
        """A box around the current object was drawn on a slice of another plane: it begins and ends where that does."""
        volume = self._host.volume
        if volume is None or side == self.plane:
            return
        rows, columns = (a for a in range(3) if a != volume.grid.plane_axis(side))
        around = corners_zyx[[0, 0, 1, 1]].copy()
        around[:, [rows, columns]] = [
            (corners_zyx[i][rows], corners_zyx[j][columns]) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))
        ]
        try:
            box = prompt_from(Box, around, volume.grid, side, label=self.label)
            drawn = SideBox(plane=side, slice=box.slice, box_xyxy=box.box_xyxy)
            extent = checked(Extent, label=self.label, plane=self.plane, drawn=drawn).on(volume.grid)
        except PromptError as error:
            self.refused(str(error))
            return
        self._host.post(checked(SetExtent, extent=extent))
        self._host.say(f"{self._objects.label_of(self.label).name}: slices {extent.first_to_last}.", "info")

    def copy_slice(self, by: int) -> None:
        """Show on the next slice (1) or the one before (-1) what the object shows on this one, and go there."""
        here, plane = self._display.slice, self.plane
        to = here + by
        if not 0 <= to < self._display.slices or self._host.volume is None:
            beyond = "There is no slice beyond this one."
            self._host.say(OPEN_FIRST if self._host.volume is None else beyond, "info")
            return
        copy = CopySlice(plane=plane, slice=here, to=to)
        self._display.go_along(copy)
        self._host.post(checked(Operate, label=self.label, operation=copy))

    def clear_slice(self) -> None:
        """Take back the current object's prompts on this slice."""
        self._host.post(checked(ClearPrompts, label=self.label, plane=self.plane, slice=self.slice))


def thinned(stroke: FloatArray, step: float) -> FloatArray:
    """A stroke (n, 3) without places that are closer than a step to the one before; its end stays."""
    kept = [stroke[0]]
    for point in stroke[1:]:
        if np.linalg.norm(point - kept[-1]) >= step:
            kept.append(point)
    if len(kept) == 1 or not np.array_equal(kept[-1], stroke[-1]):
        kept.append(stroke[-1])
    return np.array(kept)
