"""One volume being annotated: prompts in, previews and sweeps out, and every step undoable."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.intensity import Window, resolve_window
from volsweep.io.overlaps import Labelled
from volsweep.masks import LabelMasks, SliceMask
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.prompts.kinds import ObjectPrompts, PromptSet
from volsweep.session.actions import (
    Action,
    AddPrompts,
    LoadPrompts,
    Operate,
    Propagate,
    Redo,
    SetExtent,
    SetPrompts,
    Stop,
    Tick,
    Undo,
)
from volsweep.session.builders import Builders, corrected, placed
from volsweep.session.engines import Engines, Networked
from volsweep.session.history import History, Journal
from volsweep.session.operate import carried_out
from volsweep.session.overlay import Shown, along_one_plane, masks_of
from volsweep.session.replay import replay
from volsweep.session.state import State
from volsweep.session.steps import Step, SweepKeywords, Unswept, plan_sweep, run_sweep
from volsweep.session.trust import SliceTrust, trust_of
from volsweep.volume import LabelVolume, Volume, checked_reader

if TYPE_CHECKING:
    from volsweep.session.second.series import SecondSeries


class Session(Networked, Builders):
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
    second
        A second series of the same patient that the network looks at, too: what it sees in both is fused.
    server
        Address of a `volsweep serve` that runs the networks, as it prints it; `device` is its own then. Prompts, masks
        and journal stay here.
    reader
        Initials of whoever works, written into the journal; they stay in it. May be changed at any time.

    Notes
    -----
    Whatever is done to a session is an action, and `apply` is the one way in; the methods that are named for what
    they do build one. The network is loaded at the first preview or sweep. Only one sweep runs at a time; a session is
    not thread-safe. Between two steps of a sweep the labels that it does not sweep may change; anything else stops it.
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
        second: SecondSeries | None = None,
        server: str | None = None,
        reader: str = "",
    ) -> None:
        self.volume, self.reader = volume, checked_reader(reader)
        self.plane = volume.grid.own_plane if plane is None else Plane(plane)
        self.window = resolve_window(volume, window)
        self.model, self.device = model if isinstance(model, ModelSpec) else find_model(model), device
        self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._history, self._engines = History(), Engines(self._load)
        self._history.made_with, self._history.reader = self._made_with, self._who
        self._look_at_second(second)
        if server is not None:
            self._run_at(server)
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
            case AddPrompts() | LoadPrompts() | SetPrompts() | SetExtent():
                action.check_on(self.volume.grid)
                self._history.edit(corrected(placed(action, self.volume.grid), self.state))
            case Operate():
                self._history.edit(carried_out(action, self.state, self._preview, self.volume, self.numbers))
            case Tick():
                self._history.edit(self.shown.with_digest(action))
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
        """The prompts that count now, with their labels; what finders drew is none."""
        return PromptSet(self.state.said, dict(self.state.labels), extents=self.state.extents)

    @property
    def labels(self) -> LabelVolume:
        """The label volume on the volume's own grid.

        Every slice holds what the last sweep found, and prompted slices of any plane what their prompts say;
        where labels overlap, locked ones come first, then what was drawn, by time, then the surer of two. Of those
        that may overlap the smaller lies over the larger here; `objects` holds each whole.
        """
        labels, source = dict(self.state.labels), self.volume.source
        return LabelVolume(self.shown.labels_zyx, self.volume.grid, labels, source, complete=True)

    @property
    def objects(self) -> Labelled:
        """The labels, each whole: `labels` itself where none may overlap, else `Objects`."""
        if not any(label.overlaps for label in self.state.labels.values()):
            return self.labels
        return replace(self.shown.whole(), source=self.volume.source)

    def label_slice(self, index: int, plane: Plane | str | None = None) -> NDArray[Any]:
        """One slice of the label volume (rows, columns)."""
        return self.shown.slice_yx(self._plane(plane), index)

    @property
    def shown(self) -> Shown:
        """All masks as they are now, and what follows from them."""
        return Shown(self.state, self._preview, self.volume.grid)

    def ticked(self, label: int) -> frozenset[int]:
        """Slices of a label that were ticked off and are what they were then, along the plane of its masks."""
        return self.shown.ticked().get(label, frozenset())

    def masks(self, label: int) -> LabelMasks | None:
        """A label's masks by slice, with what was prompted in every plane; None where it has none."""
        return masks_of(self.state, label, self._preview, self.volume.grid)

    def trust(self, label: int) -> dict[int, SliceTrust]:
        """How far to trust each slice of a label, along the plane it was swept along."""
        return {} if (masks := self._along(label)) is None else trust_of(masks)

    def _along(self, label: int) -> LabelMasks | None:
        return along_one_plane(self.state, label, self._preview, self.volume.grid)

    # --- the network -----------------------------------------------------------------------

    def preview(self, *, label: int, slice: int, plane: Plane | str | None = None) -> NDArray[np.bool_]:
        """Mask (rows, columns) of a label on one prompted slice, from its prompts alone."""
        return self.preview_mask(label=label, slice=slice, plane=plane).mask_yx()

    def preview_mask(self, *, label: int, slice: int, plane: Plane | str | None = None) -> SliceMask:
        """As `preview`, with scores."""
        by_slice = self.state.by_slice(label, where := self._plane(plane))
        if slice not in by_slice:
            raise PromptError(f"object {label} has no prompt on {where} slice {slice}; add one first")
        return self._preview(self.state, label, by_slice, slice)

    def steps(
        self,
        *,
        labels: Iterable[int] | None = None,
        direction: Direction | str = Direction.BOTH,
        slices: tuple[int, int] | None = None,
        stride: int = 1,
        patience: int = DEFAULT_PATIENCE,
        plane: Plane | str | None = None,
    ) -> Generator[Step]:
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

    def sweep(self, **options: Unpack[SweepKeywords]) -> list[Step]:
        """Sweep labels to the end; `options` and what is found are those of `steps`."""
        return list(self.steps(**options))

    def propagate(self, **options: Unpack[SweepKeywords]) -> Generator[Step]:
        """As `steps`, by the name of before; thrown away before its first step, it warns that nothing was swept."""
        return Unswept(self.steps(**options))

    def _propagate(self, action: Propagate) -> Generator[Step]:
        held_from = self.shown.held_from if any(map(self.state.is_locked, self.state.labels)) else None
        yield from run_sweep(self.engine, self._history, action, self._along, held_from)

    def last_sweep(self) -> tuple[int, dict[int, LabelMasks]] | None:
        """See `History.last_sweep`."""
        return self._history.last_sweep()

    def replay(
        self,
        actions: Sequence[Action],
        known: Mapping[int, Mapping[int, LabelMasks]] | None = None,
        *,
        tell: Callable[[str], None] = warnings.warn,
    ) -> Iterator[Step]:
        """Carry out actions again.

        Parameters
        ----------
        actions
            `Journal.effective`, or all that a session's folder gives back.
        known
            What sweeps among them found, by their place in `actions`: those are not run again.
        tell
            Called with a sentence where the masks were made in another precision, or by another processor.

        Yields
        ------
        Step
            Of the sweeps that are run.
        """
        use = partial(self._use_again, set(), tell)
        return replay(self._history, actions, known or {}, use, self._propagate)

    def _preview(self, state: State, label: int, by_slice: ObjectPrompts, index: int) -> SliceMask:
        """Mask of a prompted slice: it follows from the state alone, whatever is used now."""
        plane = by_slice[index][0].plane
        engine = self._engines.of(state.made_with.get((label, plane, index)) or self._now, self.device)
        return engine.preview(by_slice, index, state.extent(label, plane))
