"""Between the sessions' workers and napari's layers, without Qt: the widgets ask it, and listen to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from psygnal import Signal

from volsweep.errors import VolsweepError, sentence
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.napari.canvas.layers import first_plane, volume_of, window_of
from volsweep.napari.canvas.prompt_layers import PromptLayers
from volsweep.napari.display import Display
from volsweep.napari.host import OPEN_FIRST
from volsweep.napari.measures import Measures
from volsweep.napari.objects import Objects
from volsweep.napari.opened import OpenVolume, OpenVolumes
from volsweep.napari.review import Review
from volsweep.napari.serving import Serving
from volsweep.napari.tools import Tools
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Redraw, Release, Resume, Runner, Save, SaveSession, Sweep, Task, Use
from volsweep.session.actions import Redo, Undo
from volsweep.session.file import ViewState
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.volume import Volume


class Controller:
    """The volumes of one viewer, of which one is worked on.

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
    compared = Signal(object)
    resumed = Signal(object)
    """A session was carried out again, and is looked at as it was."""
    said = Signal(str, str)
    """A sentence for the user, and its kind: ``"info"``, ``"refused"``, ``"warning"``, ``"error"`` or ``"busy"``."""

    def __init__(self, viewer: ViewerModel, runner: Runner, make_session: Callable[..., Session] = Session) -> None:
        self.viewer = viewer
        self._runner, self.make_session = runner, make_session
        self.volumes = OpenVolumes(viewer)
        self.layers: PromptLayers | None = None
        self.model: ModelSpec = find_model(DEFAULT_MODEL)
        self.device = "auto"
        self.display = Display(self)
        self.objects = Objects(self)
        self.measures = Measures(self, self.display)
        self.tools = Tools(self, self.display, self.objects, self.measures)
        self.review = Review(self, self.display, self.objects)
        self.serving = Serving(self)
        self.volumes.leaving.connect(self._on_leaving)
        self.volumes.chosen.connect(self._on_chosen)
        self.volumes.shown.connect(lambda opened: self.open(opened.image))
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def opened(self) -> OpenVolume | None:
        """The volume that is worked on, with all that is its own."""
        return self.volumes.current

    @property
    def image(self) -> Image | None:
        """Its layer."""
        return None if self.opened is None else self.opened.image

    @property
    def volume(self) -> Volume | None:
        """The volume that is worked on."""
        return None if self.opened is None else self.opened.volume

    @property
    def session(self) -> Session | None:
        """Its session, which is its worker's."""
        return None if self.opened is None else self.opened.session

    @property
    def state(self) -> State:
        """Prompts, labels and locks, as the session last told them."""
        return State() if self.opened is None else self.opened.state

    @property
    def sweeping(self) -> bool:
        """Whether this volume is swept."""
        return self.opened is not None and self.opened.sweeping

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do for this volume."""
        return self.opened is None or not self.opened.running

    def open(self, image: Image | None) -> None:
        """Work on an image layer's volume, as it was left if it was open before; None ends the session."""
        if image is None and self.opened is not None:
            self.volumes.end(self.opened)
        elif image is self.image:
            self.show_layers()
        elif image is not None:
            try:
                self.volumes.choose(self.volumes.of(image) or self._made(image))
            except VolsweepError as error:
                self.say(sentence(str(error)), "error")

    def _made(self, image: Image) -> OpenVolume:
        """A volume with a session of its own, in the plane that its slices were taken in."""
        volume = volume_of(image)
        plane, window = first_plane(volume), window_of(image.contrast_limits)
        session = self.make_session(volume, model=self.model, window=window, plane=plane, device=self.device)
        view = ViewState(plane=plane, slice=volume.grid.plane_shape(plane)[0] // 2)
        return OpenVolume(image, volume, session, view, self._runner, self._handle)

    def _on_leaving(self, left: OpenVolume) -> None:
        """Another volume is chosen: what this one's worker does goes on, and lets go of what it has encoded."""
        left.view = self.display.view().model_copy(update={"model": None})  # one model for all
        left.image.events.contrast_limits.disconnect(self.display.on_contrast)
        layers, self.layers = self.layers, None
        self.measures.leave()
        if layers is not None:
            layers.remove()
        left.post(Release())

    def _on_chosen(self, opened: OpenVolume | None) -> None:
        if opened is not None:
            opened.image.events.contrast_limits.connect(self.display.on_contrast)
            self.display.turn(opened.view.plane)
            self.show_layers()
            self.display.orient()
            self.display.apply(opened.view)
            if (opened.session.model, opened.session.device) != (self.model, self.device):
                self.post(Use(model=self.model, device=self.device))
        self.serving.take_along()
        self.volume_opened.emit()
        self.state_changed.emit()
        self.sweep_changed.emit(self.sweeping)
        while opened is not None and opened.untold:
            self.say(sentence(opened.untold.pop(0)), "warning")

    def show_layers(self) -> PromptLayers | None:
        """Show the session, also after the user deleted one of its layers."""
        opened = self.opened
        if opened is None or (self.layers is not None and all(x in self.viewer.layers for x in self.layers.all)):
            return self.layers
        if self.layers is not None:
            old, self.layers = self.layers, None
            old.remove()
        self.layers = PromptLayers(self.viewer, opened.image, opened.volume, opened.labels_zyx, self.tools)
        self.layers.beneath.hold(opened.under_zyx)
        self.display.limit_slider()
        self.layers_made.emit()
        self.show_state(force=True)
        self.tools.apply(self.layers)
        self.measures.show()
        if opened.actions:
            self.post(Redraw())
        return self.layers

    def show_state(self, *, force: bool = False) -> None:
        """Show labels and prompts as they are now; `force` also where they seem to be shown already."""
        if self.layers is not None:
            self.layers.show_labels(self.state.labels, self.objects.hidden, self.objects.label)
            self.layers.show_prompts(self.state.prompts, self.state.labels, force=force)

    def _on_removed(self, event: Any) -> None:
        layer, opened = event.value, self.volumes.of(event.value)
        if opened is not None:
            kept = "; what was done is kept" if opened.unsaved else ""
            self.volumes.end(opened)
            self.say(f"The volume {layer.name!r} was removed{kept}; open it again to go on.", "warning")
        elif self.layers is not None and layer in self.layers.all:
            stops = ", so the sweep stops" if self.sweeping else ""
            self.cancel()
            self.say(f"The layer {layer.name!r} was removed{stops}. Nothing is lost: a tool shows it again.", "warning")

    def undo(self) -> None:
        """Take back the last thing that was done; while sweeping, the sweep ends first."""
        if self.opened is None or not self.opened.undoable:
            self.say("There is nothing to undo.", "info")
        elif not self.measures.undo():
            self.post(Undo())

    def redo(self) -> None:
        """Do again what was last undone."""
        if self.opened is None or not self.opened.redoable:
            self.say("There is nothing to redo.", "info")
        elif not self.measures.redo():
            self.post(Redo())

    def sweep(self, **options: Any) -> None:
        """Sweep the unlocked objects; options as `Session.propagate`."""
        self.post(Sweep({"plane": self.display.plane, **options}))

    def cancel(self) -> None:
        """Stop the sweep, or the one that waits; what it found is kept."""
        if self.opened is not None:
            self.opened.worker.cancel()

    def use_model(self, model: ModelSpec, device: str) -> None:
        """Use another model or device from the next prompt on."""
        self.model, self.device = model, device
        if self.opened is not None:
            self.post(Use(model=model, device=device))

    def resume(self, task: Resume) -> None:
        """Carry a session's actions out again on its volume, which is open."""
        self.display.set_plane(task.saved.view.plane)
        self.post(task)

    def save(self, path: Path, *, overwrite: bool = False, sign: bool = False, painted: bool = False) -> None:
        """Write the label volume; see `Save`."""
        self.post(Save(path, overwrite, sign, painted))

    def save_session(self, path: Path) -> None:
        """Write a session file, which the user agreed to replace if it was there."""
        self.post(SaveSession(path, self.display.view()))

    def say(self, text: str, kind: str) -> None:
        """A sentence for the user, and its kind."""
        self.said.emit(text, kind)

    def tell_changed(self) -> None:
        """What is shown of the state is another."""
        self.state_changed.emit()

    def post(self, task: Task) -> None:
        """Leave an action of the session, or another task, to the worker of the volume that is worked on."""
        if self.opened is None:
            self.say(OPEN_FIRST, "info")
            return
        self.opened.post(task)

    def _handle(self, opened: OpenVolume, event: events.Event) -> None:
        """Something happened to a volume; only the one that is worked on is shown."""
        if opened is self.opened:
            self._show(event)

    def _show(self, event: events.Event) -> None:
        match event:
            case events.Changed():
                self.display.follow(event.done)
                self.show_state()
                self.state_changed.emit()
            case events.Redrawn() if (layers := self.layers) is not None:
                layers.redraw(event.plane, event.slices.keys())
                self.redrawn.emit(tuple(event.slices))
            case events.RedrawnAll() if (layers := self.layers) is not None:
                layers.refresh()
                self.redrawn.emit(None)
            case events.SweepStarted():
                self.sweep_changed.emit(True)
            case events.Stepped():
                self.stepped.emit(event.step)
            case events.SweepEnded():
                self.sweep_changed.emit(False)
                self.say(event.sentence, "info")
            case events.Reviewed() | events.Ticked():
                self.review.changed.emit()
            case events.Measured():
                self.measured.emit(event.measurements)
            case events.Saved():
                self.saved.emit(event.receipt)
            case events.SessionSaved():
                self.session_saved.emit(event.path)
            case events.Compared():
                self.compared.emit(event)
            case events.Resumed():
                self.display.apply(event.saved.view)
                self.measures.restore(event.saved.view.measures)
                self.resumed.emit(event.saved)
            case events.Noted() | events.Failed():
                self.show_state(force=True)
                self.say(sentence(event.message), "warning" if isinstance(event, events.Noted) else "error")
            case events.Busy():
                self.say(event.what, "busy")
        self.serving.on(event)
