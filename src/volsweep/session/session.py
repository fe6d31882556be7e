"""One volume being annotated: prompts in, previews and sweeps out, and every step undoable."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.intensity import Window, resolve_window
from volsweep.masks import LabelMasks, SliceMask
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.prompts.kinds import Prompt, PromptSet
from volsweep.session.actions import (
    Action,
    AddPrompts,
    MadeWith,
    Operate,
    Propagate,
    Redo,
    SetExtent,
    SetPrompts,
    Stop,
    Undo,
    checked,
)
from volsweep.session.builders import Builders
from volsweep.session.compose import compose_slice
from volsweep.session.engines import Engines
from volsweep.session.history import History, Journal
from volsweep.session.operate import carried_out
from volsweep.session.overlay import all_masks, along_one_plane, labels_of, masks_of
from volsweep.session.replay import replay
from volsweep.session.state import State
from volsweep.session.steps import Step, plan_sweep, run_sweep
from volsweep.session.trust import SliceTrust, trust_of
from volsweep.volume import LabelVolume, Volume, take_slice

if TYPE_CHECKING:
    from volsweep.engine.engine import Engine


class Session(Builders):
    """One volume, its prompts and its labels.

    Parameters
    ----------
    volume
        The image.
    model
        A model's name (see ``volsweep models list``), a path to weights, or its `ModelSpec`.
    window
        ``"auto"``, a CT preset, width/level such as ``"400/40"``, or a `Window`.
    plane
        The plane whose slices are prompted and swept, unless a call names another; by default the one in which
        the slices are stacked, as they were acquired.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    zoom
        Side of the in-plane crop over the target's longer side, None for whole slices;
        ``"auto"`` takes what the model was trained with.

    Notes
    -----
    Whatever is done to a session is an action, and `apply` is the one way in; the methods that
    are named for what they do build one. The network is loaded at the first preview or sweep.
    Only one sweep runs at a time; a session is not thread-safe. Between two steps of a sweep the
    labels it does not sweep may be prompted, previewed and named; anything else stops it.
    """

    def __init__(
        self,
        volume: Volume,
        model: str | Path | ModelSpec = DEFAULT_MODEL,
        *,
        window: Window | str | None = "auto",
        plane: Plane | str | None = None,
        device: str = "auto",
        zoom: float | Literal["auto"] | None = "auto",
    ) -> None:
        self.volume = volume
        self.plane = volume.grid.own_plane if plane is None else Plane(plane)
        self.window = resolve_window(volume, window)
        self.model = model if isinstance(model, ModelSpec) else find_model(model)
        self.device = device
        self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._history = History()
        self._engines = Engines(self._load)
        self._note_made_with()

    def apply(self, action: Action) -> None:
        """Do something to the session; a sweep is run to its end.

        Raises
        ------
        PromptError
            If a prompt lies outside the volume.
        SessionError
            If it cannot be done now: a label is locked, there is nothing to undo.
        """
        match action:
            case Undo():
                self._history.undo()
            case Redo():
                self._history.redo()
            case Stop():
                self._history.settle()
            case Propagate():
                deque(self._propagate(action), maxlen=0)
            case AddPrompts() | SetPrompts() | SetExtent():
                action.check_on(self.volume.grid)
                self._history.edit(self.state.with_corrected(action))
            case Operate():
                self._history.edit(carried_out(action, self.state, self._preview, self.volume))
            case _:
                self._history.edit(action)

    def runs_beside(self, action: Action) -> bool:
        """Whether a sweep runs now that goes on while this is done."""
        return self._history.runs_beside(action)

    # --- what it holds ---------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Prompts, labels and swept masks as they are now."""
        return self._history.state

    @property
    def journal(self) -> Journal:
        """Everything that was done, in order."""
        return self._history.journal

    @property
    def prompts(self) -> PromptSet:
        """The prompts that count now, with their labels."""
        return PromptSet(self.state.prompts, dict(self.state.labels), extents=self.state.extents)

    @property
    def labels(self) -> LabelVolume:
        """The label volume on the volume's own grid.

        Every slice holds what the last sweep found, and prompted slices of any plane what their prompts say;
        where labels overlap, locked ones come first, then what was drawn, by time, then the surer of two.
        """
        array = labels_of(self.state, all_masks(self.state, self._preview, self.volume.grid), self.volume.grid)
        return LabelVolume(array, self.volume.grid, dict(self.state.labels), self.volume.source)

    def label_slice(self, index: int, plane: Plane | str | None = None) -> NDArray[Any]:
        """One slice of the label volume (rows, columns)."""
        where, grid = self._plane(plane), self.volume.grid
        masks = dict(sorted(all_masks(self.state, self._preview, grid).items()))
        if any(found.plane != where for found in masks.values()):
            return np.array(take_slice(self.labels.array_zyx, grid, where, index))
        shown = [(v, m.by_slice[index], self.state.is_locked(v)) for v, m in masks.items() if index in m.by_slice]
        return compose_slice(shown, grid.plane_shape(where)[1:])

    def masks(self, label: int) -> LabelMasks | None:
        """A label's masks by slice, with what was prompted in every plane; None where it has none."""
        return masks_of(self.state, label, self._preview, self.volume.grid)

    def trust(self, label: int) -> dict[int, SliceTrust]:
        """How far to trust each slice of a label, along the plane it was swept along."""
        masks = self._along(label)
        return {} if masks is None else trust_of(masks)

    def _along(self, label: int) -> LabelMasks | None:
        return along_one_plane(self.state, label, self._preview, self.volume.grid)

    # --- the network -----------------------------------------------------------------------

    def use(
        self,
        *,
        model: ModelSpec | None = None,
        window: Window | None = None,
        device: str | None = None,
        zoom: float | Literal["auto", "keep"] | None = "keep",
    ) -> None:
        """Use another model, window, device or zoom from now on; masks found so far stay as they are."""
        another = model is not None and model != self.model
        self.model, self.window, self.device = model or self.model, window or self.window, device or self.device
        if zoom != "keep" or another:
            self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._note_made_with()

    def _note_made_with(self) -> None:
        window, model = (self.window.center, self.window.width), str(self.model.weights_path or self.model.id)
        self._now = self._history.made_with = checked(MadeWith, window=window, model=model, zoom=self.zoom)

    def _use_again(self, made_with: MadeWith) -> None:
        """Use what a recorded action was made with."""
        if made_with != self._now:
            self.use(model=self._spec(made_with), window=Window(*made_with.window), zoom=made_with.zoom)

    def _spec(self, made_with: MadeWith) -> ModelSpec:
        return self.model if made_with.model == self._now.model else find_model(made_with.model)

    def release(self) -> None:
        """Let go of what the network has encoded; it is encoded again when it is needed."""
        self._engines.clear()

    @property
    def engine(self) -> Engine:
        """The network and what it has encoded; loaded when first needed."""
        return self._engines.of(self._now, self.device)

    def _load(self, made_with: MadeWith) -> Engine:
        from volsweep.engine.engine import Engine  # torch: seconds to import

        spec, window = self._spec(made_with), Window(*made_with.window)
        zoom = spec.zoom if isinstance(made_with.zoom, str) else made_with.zoom
        return Engine.load(spec, self.device, self.volume, window, zoom)

    def preview(self, *, label: int, slice: int, plane: Plane | str | None = None) -> NDArray[np.bool_]:
        """Mask (rows, columns) of a label on one prompted slice, from its prompts alone."""
        return self.preview_mask(label=label, slice=slice, plane=plane).mask_yx()

    def preview_mask(self, *, label: int, slice: int, plane: Plane | str | None = None) -> SliceMask:
        """As `preview`, with scores."""
        by_slice = self.state.by_slice(label, where := self._plane(plane))
        if slice not in by_slice:
            raise PromptError(f"label {label} has no prompt on {where} slice {slice}; add one first")
        return self._preview(self.state, label, by_slice, slice)

    def propagate(
        self,
        *,
        labels: Iterable[int] | None = None,
        direction: Direction | str = Direction.BOTH,
        slices: tuple[int, int] | None = None,
        stride: int = 1,
        patience: int = DEFAULT_PATIENCE,
        plane: Plane | str | None = None,
    ) -> Iterator[Step]:
        """Sweep labels from their prompted slices through the volume.

        Parameters
        ----------
        labels
            Which; by default every unlocked label with prompts along the plane.
        direction
            ``"both"``, ``"forward"`` (increasing slice index) or ``"backward"``.
        slices
            First and last slice that may be visited, inclusive; all by default.
        stride
            Visit every n-th slice and fill between by shape-based interpolation.
        patience
            A pass ends after this many slices in a row without the object; 0 runs to the end.
        plane
            Whose slices are swept; the session's by default.

        Yields
        ------
        Step
            One for each slice; a later step for the same label and slice replaces the earlier.
            Stop whenever you like: what was found so far is kept, and is undone as one.
        """
        where = self._plane(plane)
        options = SweepOptions(*(slices or (0, -1)), Direction(direction), stride, patience)
        count = self.volume.grid.plane_shape(where)[0]
        return self._propagate(plan_sweep(self.state, where, options.within(count), labels))

    def _propagate(self, action: Propagate) -> Generator[Step]:
        yield from run_sweep(self.engine, self._history, action, self._along)

    def last_sweep(self) -> tuple[int, dict[int, LabelMasks]] | None:
        """See `History.last_sweep`."""
        return self._history.last_sweep()

    def replay(
        self, actions: Sequence[Action], known: Mapping[int, Mapping[int, LabelMasks]] | None = None
    ) -> Iterator[Step]:
        """Carry out a journal's effective actions again.

        Parameters
        ----------
        actions
            `Journal.effective`.
        known
            What sweeps among them found, by their place in `actions`: those are not run again.

        Yields
        ------
        Step
            Of the sweeps that are run.
        """
        return replay(self._history, actions, known or {}, self._use_again, self._propagate)

    def _preview(self, state: State, label: int, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> SliceMask:
        """Mask of a prompted slice: it follows from the state alone, whatever is used now."""
        plane = by_slice[index][0].plane
        engine = self._engines.of(state.made_with.get((label, plane, index)) or self._now, self.device)
        return engine.preview(by_slice, index, state.extent(label, plane))
