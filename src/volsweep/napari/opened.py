"""The volumes of a window, each with its own session, and the one of them that is on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray
from psygnal import Signal

from volsweep.geometry import Plane
from volsweep.measurement import Measurement
from volsweep.napari.canvas.chosen import chosen
from volsweep.napari.canvas.layers import is_volume
from volsweep.napari.canvas.measures import MeasureList
from volsweep.napari.worker import events
from volsweep.napari.worker.events import Event
from volsweep.napari.worker.session_worker import SessionWorker
from volsweep.napari.worker.tasks import Runner, Task, Use
from volsweep.session.actions import Action, Edit, LoadPrompts
from volsweep.session.file import ViewState
from volsweep.session.operate import Numbers
from volsweep.session.second.series import SecondSeries
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.session.trust import SliceTrust
from volsweep.volume import Volume, take_slice


@dataclass(eq=False)
class OpenVolume:
    """A volume that was opened, and all that comes back when it is chosen again.

    Parameters
    ----------
    image, volume
        Its layer, and what that holds.
    session
        Its own, which its worker alone touches.
    view
        How it is looked at when it is chosen.
    runner
        Where the worker works.
    tell
        Called with what happened, in the window's thread.
    """

    image: Image
    volume: Volume
    session: Session
    view: ViewState
    runner: Runner
    tell: Callable[[OpenVolume, Event], None]
    worker: SessionWorker = field(init=False)
    untold: list[str] = field(init=False)
    """Its volume's warnings that were not said yet."""
    labels_zyx: NDArray[Any] = field(init=False)
    """Its labels as they are shown: whoever comes back sees them at once."""
    under_zyx: list[NDArray[Any]] = field(default_factory=list)
    """Labels of objects that lie under those that are shown, where objects may overlap."""
    sizes: Mapping[int, Measurement] = field(default_factory=dict)
    """Of the labels that have voxels, when they were last measured."""
    state: State = field(default_factory=State)
    done: tuple[Action, ...] = ()
    """What was done and counts, in order."""
    undone: tuple[Action, ...] = ()
    """What was undone and can be done again."""
    actions: int = 0
    """Entries of its journal."""
    saved: tuple[Action, ...] | None = ()
    """What was done and counted when it was last saved, or opened; None where a sweep was not through by then."""
    server: str | None = field(default=None, repr=False)
    """Address of the server that its networks run on, as it was told."""
    second: SecondSeries | None = None
    """The series that its networks look at beside it."""
    seconds: Mapping[str, SecondSeries] = field(default_factory=dict, repr=False)
    """All that there were, by their keys: masks that count may have been made with one that was taken away."""
    hashed: bool = False
    """Whether the hash of its voxels is known, without reading them all in the window's thread."""
    sweeping: bool = False
    running: bool = False
    """Whether its worker works."""
    label: int = 1
    """The object that is prompted."""
    measures: MeasureList = field(default_factory=MeasureList)
    """Rulers and angles."""
    _numbers: Numbers = field(default_factory=Numbers)
    """Labels that something is to be done to: those of objects that its worker is still to make."""
    hidden: frozenset[int] = frozenset()
    trust: dict[int, dict[int, SliceTrust]] = field(default_factory=dict)
    """Label -> slice of the plane that it was swept along -> how far to trust it."""
    planes: dict[int, Plane] = field(default_factory=dict)
    """Label -> that plane."""
    accepted: dict[int, frozenset[int]] = field(default_factory=dict)
    """Slices ticked off, by label; they lie along the same plane. None that was drawn anew since, until its worker says
    that it still shows what was ticked."""
    beside: list[Layer] = field(default_factory=list)
    """Other layers that were shown with it when it was put aside."""

    def __post_init__(self) -> None:
        self.session.reader, self.session.numbers = chosen().reader or "", self._numbers
        self.worker, self.untold = SessionWorker(self.session), list(self.volume.warnings)
        self.labels_zyx = np.zeros(self.volume.shape_zyx, dtype=np.uint16)

    @property
    def unsaved(self) -> bool:
        """Whether it is another than it was when it was last saved."""
        return self.done != self.saved

    @property
    def undoable(self) -> bool:
        """Whether there is something to undo, in the session or among what was measured."""
        return bool(self.done) or self.measures.can_undo(len(self.done))

    @property
    def redoable(self) -> bool:
        """Whether there is something to redo."""
        return bool(self.undone) or self.measures.can_redo(len(self.done))

    def voxels_on(self, slices: Iterable[int], label: int) -> dict[int, int]:
        """How many voxels a label has on slices of the plane that it was swept along."""
        plane = self.planes.get(label, self.volume.grid.own_plane)
        layers, grid = (self.labels_zyx, *self.under_zyx), self.volume.grid
        return {z: sum(int((take_slice(x, grid, plane, z) == label).sum()) for x in layers) for z in slices}

    def _make_room(self, depth: int) -> None:
        """Keep so many layers of labels beneath the first."""
        while len(self.under_zyx) < depth:
            self.under_zyx.append(np.zeros_like(self.labels_zyx))

    def look_at(self, second: SecondSeries | None) -> None:
        """Look at a second series beside it, too, from the next prompt on; None: at it alone."""
        if second is not None:
            self.seconds = {**self.seconds, second.key: second}
        self.second = second
        self.post(Use(second=second))

    def take_label(self, count: int = 1) -> int:
        """The first of so many numbers that no object has, nor one that the worker is still to make."""
        return self._numbers.take(self.state.labels, count, afresh=not self.running)

    def post(self, task: Task) -> None:
        """Leave something to the worker."""
        if isinstance(task, Edit):
            self._numbers.note(labels_of(task), afresh=not self.running)
        self.worker.post(task)
        self._ensure_running()

    def _ensure_running(self) -> None:
        if not self.running and self.worker.waiting:
            self.running = True
            self.runner.run(self.worker.work, self._on_event, self._on_done)

    def _on_done(self) -> None:
        self.running = False
        self._ensure_running()

    def _on_event(self, event: Event) -> None:
        match event:
            case events.Changed():
                self.state, self.actions = event.state, event.actions
                self.done, self.undone = event.done, event.undone
            case events.Kept():
                self.hashed = True
            case events.SweepStarted():
                self.sweeping = True
            case events.SweepEnded():
                self.sweeping = False
            case events.Stepped():
                step = event.step
                if self.planes.get(step.label) != step.plane:
                    self.planes[step.label], self.trust[step.label] = step.plane, {}
                self.trust.setdefault(step.label, {})[step.slice] = step.trust
            case events.Ticked():
                self.accepted = dict(event.slices)
            case events.Redrawn():
                self.accepted = {
                    label: slices - event.slices.keys() if self.planes.get(label) == event.plane else frozenset()
                    for label, slices in self.accepted.items()
                }
                for index, labels_yx in event.slices.items():
                    take_slice(self.labels_zyx, self.volume.grid, event.plane, index)[...] = labels_yx
                    under = event.under.get(index, ())
                    self._make_room(len(under))
                    for depth, array in enumerate(self.under_zyx):
                        shown = under[depth] if depth < len(under) else 0
                        take_slice(array, self.volume.grid, event.plane, index)[...] = shown
            case events.RedrawnAll():
                self.accepted = {}
                np.copyto(self.labels_zyx, event.labels_zyx, casting="unsafe")
                self._make_room(len(event.under))
                for depth, array in enumerate(self.under_zyx):
                    np.copyto(array, event.under[depth] if depth < len(event.under) else 0, casting="unsafe")
            case events.Measured():
                self.sizes = event.measurements
            case events.Reviewed():
                self.trust = {label: dict(trust) for label, trust in event.trust.items()}
                self.planes = dict(event.planes)
            case events.Resumed():
                self.second, self.seconds = event.second, {**self.seconds, **event.seconds}
                self.saved = self.done if event.is_file else self.saved
            case events.Saved():
                self.saved = None if self.sweeping else event.done
            case events.SessionSaved():
                self.saved = event.done
        self.tell(self, event)


def labels_of(action: Action) -> frozenset[int]:
    """All labels that an action is about."""
    parts = action.parts if isinstance(action, LoadPrompts) else (action,)
    return frozenset(label for part in parts for label in part.touches or ())


class OpenVolumes:
    """Never two patients on one canvas: the current volume is shown alone, the others wait with their work.

    Parameters
    ----------
    viewer
        Where their layers lie.
    """

    begun = Signal(object)
    """An `OpenVolume` is there for the first time."""
    leaving = Signal(object)
    """The current one is about to be put aside, or ended."""
    chosen = Signal(object)
    """Another one is current, and on the canvas; None if none is."""
    ended = Signal(object)
    """One is gone from the window."""
    shown = Signal(object)
    """The user made a waiting one's image visible."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._all: dict[Image, OpenVolume] = {}
        self.current: OpenVolume | None = None
        viewer.layers.events.inserted.connect(self._on_inserted)

    def __iter__(self) -> Iterator[OpenVolume]:
        return iter(list(self._all.values()))

    def of(self, image: Layer) -> OpenVolume | None:
        """The open volume of an image layer."""
        return next((opened for layer, opened in self._all.items() if layer is image), None)

    def choose(self, opened: OpenVolume) -> None:
        """Put the current volume aside, and show this one alone."""
        if opened is self.current:
            return
        if self.current is not None:
            left = self.current
            self.leaving.emit(left)
            self.current = None
            left.beside = [x for x in self._viewer.layers if x.visible and not is_volume(x)]
        self.current = opened
        if self.of(opened.image) is None:
            self._all[opened.image] = opened
            opened.image.events.visible.connect(self._on_visible)
            self.begun.emit(opened)
        self._show_alone(opened)
        self.chosen.emit(opened)

    def end(self, opened: OpenVolume) -> None:
        """Let one go, with its session."""
        was_current = opened is self.current
        if was_current:
            self.leaving.emit(opened)
            self.current = None
        opened.worker.close()
        opened.image.events.visible.disconnect(self._on_visible)
        self._all.pop(opened.image, None)
        self.ended.emit(opened)
        if was_current:
            self.chosen.emit(None)

    def end_all(self) -> None:
        """The window closes."""
        for opened in self:
            self.end(opened)

    def _show_alone(self, opened: OpenVolume) -> None:
        for layer in self._viewer.layers:
            layer.visible = layer is opened.image or any(layer is x for x in opened.beside)
        opened.beside = []

    def _on_inserted(self, event: Any) -> None:
        """A volume that joins another one on the canvas is not drawn over it; it waits to be chosen."""
        if self.current is not None and is_volume(event.value):
            event.value.visible = False

    def _on_visible(self, event: Any) -> None:
        opened = self.of(event.source)
        if opened is not None and opened is not self.current and opened.image.visible and self.current is not None:
            self.shown.emit(opened)
