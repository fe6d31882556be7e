"""Between the desk and napari's layers, without Qt: the widgets ask it, and listen to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from psygnal import Signal

from volsweep.errors import ModelError, VolsweepError
from volsweep.job.command import SessionCommand
from volsweep.models import DEFAULT_MODEL, ModelSpec, checkpoint_path, find_model
from volsweep.napari.canvas.layers import volume_of, window_of
from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.display import Display
from volsweep.napari.objects import Objects
from volsweep.napari.review import Review
from volsweep.napari.tools import Tools
from volsweep.napari.worker import events
from volsweep.napari.worker.session_worker import Desk
from volsweep.napari.worker.tasks import Edit, Resume, Runner, Save, SaveSession, Sweep, Task
from volsweep.session.actions import Action
from volsweep.session.file import ViewState
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.volume import LabelVolume, Volume

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
    sweep_changed = Signal(bool)
    stepped = Signal(object)
    redrawn = Signal(object)
    """Slices of the current plane whose labels changed; None for all."""
    measured = Signal(object)
    saved = Signal(object)
    session_saved = Signal(object)
    resumed = Signal(object)
    """A session was carried out again, and is looked at as it was."""
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
        self.state = State()
        self.can_undo = self.can_redo = False
        self.actions = self.saved_actions = 0
        self.done: tuple[Action, ...] = ()
        """What was done and counts, in order."""
        self.sweeping = False
        self._running = False
        self.model: ModelSpec = find_model(DEFAULT_MODEL)
        self.device = "auto"
        self.display = Display(self)
        self.objects = Objects(self)
        self.tools = Tools(self, self.display, self.objects)
        self.review = Review(self, self.display, self.objects)
        viewer.layers.events.removed.connect(self._on_removed)

    # --- the volume ------------------------------------------------------------------------

    def open(self, image: Image | None) -> None:
        """Work on an image layer's volume, or on none."""
        if image is self.image and image is not None:
            self.show_layers()
            return
        self.close()
        if image is None:
            return
        display = self.display
        try:
            volume = volume_of(image)
            window = window_of(image.contrast_limits)
            session = self._make_session(
                volume, model=self.model, window=window, plane=display.plane, device=self.device
            )
        except VolsweepError as error:
            self.said.emit(str(error), "error")
            return
        self.image, self.volume, self.session = image, volume, session
        self.desk = Desk(session)
        image.events.contrast_limits.connect(display.on_contrast)
        self.show_layers()
        display.orient()
        self.volume_opened.emit()
        for warning in volume.warnings:
            self.said.emit(warning, "warning")

    def close(self) -> None:
        """Leave the volume; its layers go, its journal stays."""
        if self.desk is not None:
            self.desk.close()
        if self.image is not None:
            self.image.events.contrast_limits.disconnect(self.display.on_contrast)
        layers, self.layers = self.layers, None
        self.image = self.volume = self.session = self.desk = None
        self.state = State()
        self.can_undo = self.can_redo = False
        self.actions, self.saved_actions, self.done = 0, 0, ()
        self.objects.forget()
        self.review.forget()
        self._running = False
        self._set_sweeping(False)
        if layers is not None:
            layers.remove()
        self.volume_opened.emit()
        self.state_changed.emit()

    def show_layers(self) -> PromptLayers | None:
        """Show the session, also after the user deleted one of its layers."""
        if self.volume is None or (self.layers is not None and all(x in self.viewer.layers for x in self.layers.all)):
            return self.layers
        if self.layers is not None:
            old, self.layers = self.layers, None
            old.remove()
        self.layers = PromptLayers(self.viewer, self.volume.grid, _no_labels(self.volume), self.tools)
        self.layers_made.emit()
        self.show_state(force=True)
        self.tools.apply(self.layers)
        if self.state.labels:
            self.post(Edit(lambda _: None, touches=0), redraw=True)
        return self.layers

    def show_state(self, *, force: bool = False) -> None:
        """Show labels and prompts as they are now; `force` also where they seem to be shown already."""
        if self.layers is not None:
            self.layers.show_labels(self.state.labels, self.objects.hidden, self.objects.label)
            self.layers.show_prompts(self.state.prompts, self.state.labels, force=force)

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

    # --- what is done to it ----------------------------------------------------------------

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

    def sweep(self, **options: Any) -> None:
        """Sweep the unlocked objects; options as `Session.propagate`."""
        self.post(Sweep({"plane": self.display.plane, **options}))

    def resume(self, task: Resume) -> None:
        """Carry a session's actions out again on its volume, which is open."""
        self.display.set_plane(task.saved.view.plane)
        self.post(task)

    def cancel(self) -> None:
        """Stop the sweep; what it found is kept."""
        if self.desk is not None:
            self.desk.cancel()

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the label volume."""
        self.post(Save(path, overwrite))

    def save_session(self, path: Path) -> None:
        """Write a session file, which the user agreed to replace if it was there."""
        self.post(SaveSession(path, self.view()))

    def use_model(self, model: ModelSpec, device: str) -> None:
        """Use another model or device from the next prompt on."""
        self.model, self.device = model, device
        if self.volume is not None:
            self.post(Edit(lambda session: session.use(model=model, device=device)))

    # --- how it is looked at, as a value ---------------------------------------------------

    def view(self) -> ViewState:
        """Everything about how the session is looked at: what `Display` shows, objects, ticks, model."""
        return self.display.view().model_copy(
            update={
                "model": self.model.id,
                "label": self.objects.label,
                "hidden": tuple(sorted(self.objects.hidden)),
                "accepted": {v: tuple(sorted(slices)) for v, slices in self.review.accepted.items() if slices},
            }
        )

    def apply(self, view: ViewState) -> None:
        """Look at the session as someone did before."""
        if view.model is not None and view.model != self.model.id:
            try:
                model = find_model(view.model)
                checkpoint_path(model)
            except ModelError as error:
                self.say(f"{error}. Until then {self.model.id} is used.", "warning")
            else:
                self.use_model(model, self.device)
        self.objects.hidden = frozenset(view.hidden)
        self.review.accepted = {label: frozenset(slices) for label, slices in view.accepted.items()}
        self.display.apply(view)
        self.objects.select(view.label)
        self.show_state()
        self.tell_changed()
        self.review.changed.emit()

    def command(self) -> SessionCommand | None:
        """What was done, as a shell command; None where no volume is open."""
        if self.volume is None:
            return None
        window, plane = self.display.window, self.display.plane
        return SessionCommand(self.volume, self.state, self.done, plane, window, self.model, self.device)

    def say(self, text: str, kind: str) -> None:
        """A sentence for the user, and its kind."""
        self.said.emit(text, kind)

    def tell_changed(self) -> None:
        """What is shown of the state is another."""
        self.state_changed.emit()

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

    @property
    def is_idle(self) -> bool:
        """Whether the worker has nothing left to do."""
        return not self._running

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
                self.actions, self.done = event.actions, event.done
                self.show_state()
                self.state_changed.emit()
            case events.Redrawn() if layers is not None:
                layers.show_slices(event.plane, event.slices)
                self.redrawn.emit(tuple(event.slices))
            case events.RedrawnAll() if layers is not None:
                layers.show_all(event.labels_zyx)
                self.redrawn.emit(None)
            case events.SweepStarted():
                self._set_sweeping(True)
            case events.Stepped():
                self.review.note(event.step)
                self.stepped.emit(event.step)
            case events.SweepEnded():
                self._set_sweeping(False)
                self.said.emit(event.sentence, "info")
            case events.Reviewed():
                self.review.replace(event.marks)
            case events.Measured():
                self.measured.emit(event.measurements)
            case events.Saved():
                self.saved_actions = event.actions
                self.saved.emit(event.receipt)
            case events.SessionSaved():
                self.saved_actions = event.actions
                self.session_saved.emit(event.path)
            case events.Resumed():
                self.apply(event.saved.view)
                self.resumed.emit(event.saved)
            case events.Failed():
                self.show_state(force=True)
                self.said.emit(event.message[0].upper() + event.message[1:], "error")
            case events.Busy():
                self.said.emit(event.what, "busy")

    def _set_sweeping(self, sweeping: bool) -> None:
        if sweeping != self.sweeping:
            self.sweeping = sweeping
            self.sweep_changed.emit(sweeping)


def _no_labels(volume: Volume) -> LabelVolume:
    nothing = np.broadcast_to(np.uint8(0), volume.shape_zyx)
    return LabelVolume(nothing, volume.grid, {}, volume.source)
