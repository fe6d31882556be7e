"""Between the desk and napari's layers, without Qt: the widgets ask it, and listen to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray
from psygnal import Signal

from volsweep.errors import VolsweepError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.napari import events
from volsweep.napari.desk import Desk, Edit, Replay, Save, Sweep, Task
from volsweep.napari.layers import camera_orientation, dims_order, limits, volume_of, window_of
from volsweep.napari.prompt_layers import PromptLayers
from volsweep.napari.review import Mark, next_doubtful
from volsweep.prompts import Mask, Prompt
from volsweep.session import Session
from volsweep.state import State
from volsweep.sweeping import Step
from volsweep.volume import Label, LabelVolume, Volume

TOOLS = ("pan", "box", "point+", "point-", "line", "brush", "eraser", "lasso")


Work = Callable[[], Iterator[events.Event]]


class Runner(Protocol):
    """Runs the desk's work somewhere, and hands its events back in the window's own thread."""

    def run(
        self,
        work: Callable[[], Iterator[events.Event]],
        handle: Callable[[events.Event], None],
        done: Callable[[], None],
    ) -> None:
        """Start work; call `handle` for each event and `done` at the end, whatever happened."""


SessionFactory = Callable[..., Session]


class Controller:
    """One volume at a time in one viewer.

    Parameters
    ----------
    viewer
        The viewer's model.
    runner
        Where the network runs.
    make_session
        Called as ``make_session(volume, model=, window=, plane=, device=)``.
    """

    layers_made = Signal()
    volume_opened = Signal()
    """Another volume is worked on, or none."""
    state_changed = Signal()
    """Prompts, labels, locks, undo."""
    label_changed = Signal(int)
    tool_changed = Signal(str)
    slice_changed = Signal(int)
    sweep_changed = Signal(bool)
    stepped = Signal(object)
    reviewed = Signal()
    measured = Signal(object)
    saved = Signal(object)
    said = Signal(str, str)
    """A sentence for the user, and its kind: ``"info"``, ``"warning"``, ``"error"`` or ``"busy"``."""

    def __init__(self, viewer: ViewerModel, runner: Runner, make_session: SessionFactory = Session) -> None:
        self.viewer = viewer
        self._runner = runner
        self._make_session = make_session
        self.image: Image | None = None
        self.volume: Volume | None = None
        self.layers: PromptLayers | None = None
        self.desk: Desk | None = None
        self.session: Session | None = None
        self.model: ModelSpec = find_model(DEFAULT_MODEL)
        self.device = "auto"
        self.plane = Plane.AXIAL
        self.state = State()
        self.can_undo = self.can_redo = False
        self.actions = self.saved_actions = 0
        self.label = 1
        self.tool = "pan"
        self.hidden: frozenset[int] = frozenset()
        self.marks: dict[int, dict[int, Mark]] = {}
        self.accepted: dict[int, frozenset[int]] = {}
        self.sweeping = False
        self._running = False
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)

    # --- the volume ------------------------------------------------------------------------

    def open(self, image: Image | None) -> None:
        """Work on an image layer's volume, or on none."""
        if image is self.image and image is not None:
            self.show_layers()
            return
        self.close()
        if image is None:
            return
        try:
            volume = volume_of(image)
            window = window_of(image.contrast_limits)
            session = self._make_session(volume, model=self.model, window=window, plane=self.plane, device=self.device)
        except VolsweepError as error:
            self.said.emit(str(error), "error")
            return
        self.image, self.volume, self.session = image, volume, session
        self.desk = Desk(session)
        image.events.contrast_limits.connect(self._on_contrast)
        self.show_layers()
        self._orient()
        self.volume_opened.emit()
        for warning in volume.warnings:
            self.said.emit(warning, "warning")

    def close(self) -> None:
        """Leave the volume; its layers go, its journal stays."""
        if self.desk is not None:
            self.desk.close()
        if self.image is not None:
            self.image.events.contrast_limits.disconnect(self._on_contrast)
        layers, self.layers = self.layers, None
        self.image = self.volume = self.session = self.desk = None
        self.state, self.marks, self.accepted, self.hidden = State(), {}, {}, frozenset()
        self.can_undo = self.can_redo = False
        self.actions = self.saved_actions = 0
        self.label = 1
        self._running = False
        self._set_sweeping(False)
        if layers is not None:
            layers.remove()
        self.volume_opened.emit()
        self.state_changed.emit()

    def show_layers(self) -> None:
        """Show the session, also after the user deleted one of its layers."""
        if self.volume is None or (self.layers is not None and all(x in self.viewer.layers for x in self.layers.all)):
            return
        if self.layers is not None:
            old, self.layers = self.layers, None
            old.remove()
        self.layers = PromptLayers(self.viewer, self.volume.grid, self._empty_labels(), self)
        self.layers_made.emit()
        self._show_state(force=True)
        self.set_tool(self.tool)
        if self.state.labels:
            self.post(Edit(lambda _: None, touches=0), redraw=True)

    def _empty_labels(self) -> LabelVolume:
        assert self.volume is not None
        nothing = np.broadcast_to(np.uint8(0), self.volume.shape_zyx)
        return LabelVolume(nothing, self.volume.grid, {}, self.volume.source)

    def _on_removed(self, event: Any) -> None:
        layer, image = event.value, self.image
        if image is not None and layer is image:
            self.close()
            self.said.emit(f"The volume {layer.name!r} was removed; open it again to go on.", "warning")
        elif self.layers is not None and layer in self.layers.all:
            was_sweeping = self.sweeping
            self.cancel()
            self.said.emit(
                f"The layer {layer.name!r} was removed{', so the sweep stops' if was_sweeping else ''}. "
                "Nothing is lost: choose a tool to show it again.",
                "warning",
            )

    # --- how it is seen --------------------------------------------------------------------

    def set_window(self, window: Window) -> None:
        """Show, and let the model see, another window."""
        if self.image is not None:
            self.image.contrast_limits_range = _wider(self.image.contrast_limits_range, window)
            self.image.contrast_limits = limits(window)

    def _on_contrast(self) -> None:
        if self.image is not None and self.session is not None:
            window = window_of(self.image.contrast_limits)
            self.post(Edit(lambda session: session.look_through(window=window), touches=0))

    @property
    def window(self) -> Window | None:
        """The window on the screen."""
        return None if self.image is None else window_of(self.image.contrast_limits)

    def set_model(self, model: ModelSpec, device: str) -> None:
        """Use another model or device from the next prompt on."""
        self.model, self.device = model, device
        self.post(Edit(lambda session: session.look_through(model=model, device=device)))

    def set_plane(self, plane: Plane) -> None:
        """Prompt and sweep the slices of another plane."""
        if plane == self.plane:
            return
        self.plane = plane
        if self.session is not None:
            self.post(Edit(lambda session: setattr(session, "plane", plane)))
            self._orient()
            self._show_state(force=True)
            self.state_changed.emit()

    def _orient(self) -> None:
        assert self.volume is not None
        if self.viewer.dims.ndim == 3:
            self.viewer.dims.order = dims_order(self.volume.grid, self.plane)
        self.viewer.scene.camera.orientation2d = camera_orientation(self.volume.grid, self.plane)
        self.viewer.reset_view()

    @property
    def slices(self) -> int:
        """How many slices the plane has."""
        return 1 if self.volume is None else self.volume.grid.plane_shape(self.plane)[0]

    @property
    def slice(self) -> int:
        """The slice on the screen."""
        return 0 if self.volume is None else int(self.viewer.dims.current_step[self._axis])

    @property
    def _axis(self) -> int:
        assert self.volume is not None
        return self.volume.grid.plane_axis(self.plane)

    def go_to(self, index: int) -> None:
        """Show a slice."""
        if self.volume is not None:
            self.viewer.dims.set_current_step(self._axis, int(np.clip(index, 0, self.slices - 1)))

    def _on_step(self) -> None:
        if self.volume is not None:
            self.slice_changed.emit(self.slice)

    # --- objects ---------------------------------------------------------------------------

    def select(self, label: int) -> None:
        """Prompt another object from now on."""
        if label != self.label and label >= 1:
            self.label = label
            self._show_state()
            self.label_changed.emit(label)

    def new_object(self) -> None:
        """Add an object and select it."""
        label = max(self.state.labels, default=0) + 1
        self.post(Edit(lambda session: session.name_label(label), touches=label))
        self.label = label
        self.label_changed.emit(label)

    def rename(self, label: int, *, name: str | None = None, color: str | None = None) -> None:
        """Name or colour an object."""
        self.post(Edit(lambda session: session.name_label(label, name, color), touches=label, beside_sweep=True))

    def lock(self, label: int, locked: bool) -> None:
        """Protect an object, or let it change again."""
        self.post(Edit(lambda session: session.lock(label, locked), touches=label))

    def delete(self, label: int) -> None:
        """Remove an object with its prompts and masks."""
        self.post(Edit(lambda session: session.delete_label(label), touches=label))

    def set_hidden(self, label: int, hidden: bool) -> None:
        """Hide an object on the screen, or show it."""
        self.hidden = self.hidden | {label} if hidden else self.hidden - {label}
        self._show_state()
        self.state_changed.emit()

    def label_of(self, value: int) -> Label:
        """Name, colour and lock of an object."""
        return self.state.labels.get(value, Label.default(value))

    # --- prompts ---------------------------------------------------------------------------

    @property
    def positive(self) -> bool:
        """Whether a click says that the object is here."""
        return self.tool != "point-"

    def set_tool(self, tool: str) -> None:
        """Choose what the mouse does."""
        if self.volume is None:
            self.said.emit("Open a volume first: drop a DICOM folder on the window.", "info")
            return
        self.tool = tool
        self.show_layers()
        assert self.layers is not None
        layers = self.layers
        layers.style_new(self.label_of(self.label).color)
        where = {
            "pan": (layers.objects, "pan_zoom"),
            "box": (layers.shapes, "add_rectangle"),
            "line": (layers.shapes, "add_line"),
            "point+": (layers.points, "add"),
            "point-": (layers.points, "add"),
            "brush": (layers.objects, "paint"),
            "eraser": (layers.objects, "erase"),
            "lasso": (layers.objects, "polygon"),
        }[tool]
        layers.activate(*where)
        self.tool_changed.emit(tool)

    def drawn(self, prompt: Prompt) -> None:
        """A prompt was added, or a box or line moved."""
        self.post(Edit(lambda session: session.add(prompt), touches=prompt.label))

    def redrawn(self, prompts: Sequence[Prompt], label: int, index: int) -> None:
        """A label's prompts on a slice became these."""
        plane = self.plane
        masks = [p for p in self.state.on_slice(label, plane, index) if isinstance(p, Mask)]
        new = [*masks, *prompts]
        self.post(Edit(lambda s: s.set_prompts(new, label=label, slice=index, plane=plane), touches=label))

    def painted(self, mask_yx: NDArray[np.bool_], index: int) -> None:
        """The current label's mask on a slice was painted or erased."""
        label, plane = self.label, self.plane
        self.post(
            Edit(
                lambda s: s.add_mask(label=label, slice=index, mask_yx=mask_yx, plane=plane),
                touches=label,
                painted=index,
            )
        )

    def refused(self, why: str) -> None:
        """What was drawn is no prompt."""
        self.said.emit(why[0].upper() + why[1:] + ".", "info")
        self._show_state(force=True)

    def clear_slice(self) -> None:
        """Take back the current object's prompts on this slice."""
        label, index, plane = self.label, self.slice, self.plane
        self.post(Edit(lambda s: s.clear_prompts(label=label, slice=index, plane=plane), touches=label))

    def undo(self) -> None:
        """Take back the last thing that was done; while sweeping, the sweep ends first."""
        if self.can_undo:
            self.post(Edit(lambda session: session.undo()))
        else:
            self.said.emit("There is nothing to undo.", "info")

    def redo(self) -> None:
        """Do again what was last undone."""
        if self.can_redo:
            self.post(Edit(lambda session: session.redo()))
        else:
            self.said.emit("There is nothing to redo.", "info")

    # --- sweep, review, save ---------------------------------------------------------------

    def sweep(self, **options: Any) -> None:
        """Sweep the unlocked objects; options as `Session.propagate`."""
        self.post(Sweep({"plane": self.plane, **options}))

    def replay(self, actions: tuple[Any, ...]) -> None:
        """Carry out a journal's effective actions again."""
        self.post(Replay(actions))

    def cancel(self) -> None:
        """Stop the sweep; what it found is kept."""
        if self.desk is not None:
            self.desk.cancel()

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the label volume."""
        self.post(Save(path, overwrite))

    def to_doubtful(self, *, backwards: bool = False) -> None:
        """Show the next slice that someone should look at."""
        marks = self.marks.get(self.label, {})
        index = next_doubtful(marks, self.accepted.get(self.label, frozenset()), self.slice, backwards=backwards)
        if index is None:
            self.said.emit(f"No doubtful slice is left in {self.label_of(self.label).name}.", "info")
        else:
            self.go_to(index)

    def accept(self) -> None:
        """Tick this slice off, or take the tick back."""
        ticked = self.accepted.get(self.label, frozenset())
        self.accepted[self.label] = ticked ^ {self.slice}
        self.reviewed.emit()

    # --- the desk --------------------------------------------------------------------------

    def post(self, task: Task, *, redraw: bool = False) -> None:
        """Leave a task for the worker."""
        if self.desk is None:
            self.said.emit("Open a volume first: drop a DICOM folder on the window.", "info")
            return
        if redraw:
            self.desk.forget_shown()
        self.desk.post(task)
        self._ensure_running()

    def _ensure_running(self) -> None:
        if self._running or self.desk is None or not self.desk.waiting:
            return
        self._running = True
        desk = self.desk
        self._runner.run(desk.work, lambda e: self._handle(desk, e), lambda: self._done(desk))

    def _done(self, desk: Desk) -> None:
        if desk is self.desk:
            self._running = False
            self._ensure_running()

    def _handle(self, desk: Desk, event: events.Event) -> None:
        if desk is not self.desk or self.volume is None:
            return  # of a volume that was left meanwhile
        layers = self.layers
        match event:
            case events.Changed():
                self.state, self.can_undo, self.can_redo = event.state, event.can_undo, event.can_redo
                self.actions = event.actions
                self._show_state()
                self.state_changed.emit()
            case events.Redrawn() if layers is not None:
                layers.show_slices(event.plane, event.slices)
            case events.RedrawnAll() if layers is not None:
                layers.show_all(event.labels_zyx)
            case events.SweepStarted():
                self._set_sweeping(True)
            case events.Stepped():
                self._note(event.step)
                self.stepped.emit(event.step)
            case events.SweepEnded():
                self._set_sweeping(False)
                self.said.emit(_sweep_sentence(event), "info")
            case events.Reviewed():
                self.marks = {label: dict(marks) for label, marks in event.marks.items()}
                self.reviewed.emit()
            case events.Measured():
                self.measured.emit(event.measurements)
            case events.Saved():
                self.saved_actions = event.actions
                self.saved.emit(event.receipt)
            case events.Failed():
                self._show_state(force=True)
                self.said.emit(event.message[0].upper() + event.message[1:], "error")
            case events.Busy():
                self.said.emit(event.what, "busy")

    def _note(self, step: Step) -> None:
        mask = step.mask
        mark = Mark(step.neighbour_iou, mask.iou, mask.object_score, mask.agreement, mask.prompted, mask.is_empty)
        self.marks.setdefault(step.label, {})[step.slice] = mark

    def _set_sweeping(self, sweeping: bool) -> None:
        if sweeping != self.sweeping:
            self.sweeping = sweeping
            self.sweep_changed.emit(sweeping)

    def _show_state(self, *, force: bool = False) -> None:
        if self.layers is not None:
            self.layers.show_labels(self.state.labels, self.hidden, self.label)
            self.layers.show_prompts(self.state.prompts, self.state.labels, force=force)


def _wider(limits_range: tuple[float, float], window: Window) -> tuple[float, float]:
    return min(limits_range[0], window.low), max(limits_range[1], window.high)


def _sweep_sentence(event: events.SweepEnded) -> str:
    what = {
        "finished": "Swept",
        "stopped": "Stopped after",
        "corrected": "The sweep made way for your correction after",
        "failed": "The sweep ended with an error after",
    }[event.outcome]
    speed = f", {event.steps / event.seconds:.0f} per second" if event.seconds > 0.5 else ""
    return f"{what} {event.steps} slices in {event.seconds:.1f} s{speed}"
