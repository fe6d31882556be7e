"""One volume being annotated: prompts in, previews and sweeps out, and every step undoable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import Direction
from volsweep.errors import PromptError, SessionError
from volsweep.geometry import Plane
from volsweep.intensity import Window, resolve_window
from volsweep.masks import LabelMasks, SliceMask
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.prompts.kinds import Prompt
from volsweep.session.actions import (
    Action,
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    EditLabel,
    Propagate,
    Seen,
    SetPrompts,
    Stop,
)
from volsweep.session.compose import compose_slice, compose_volume
from volsweep.session.drawing import Drawing
from volsweep.session.steps import Step, covered_slices, sweep_steps
from volsweep.volume import LabelVolume, Volume, take_slice

if TYPE_CHECKING:
    from volsweep.engine.engine import Engine


class Session(Drawing):
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
        The plane whose slices are prompted and swept, unless a call names another.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    zoom
        Side of the in-plane crop over the target's longer side, None for whole slices;
        ``"auto"`` takes what the model was trained with.

    Notes
    -----
    The network is loaded at the first preview or sweep. Only one sweep runs at a time; a
    session is not thread-safe. Between two steps of a sweep the labels it does not sweep may
    be prompted, previewed and named; anything else stops it.
    """

    def __init__(
        self,
        volume: Volume,
        model: str | Path | ModelSpec = DEFAULT_MODEL,
        *,
        window: Window | str | None = "auto",
        plane: Plane | str = Plane.AXIAL,
        device: str = "auto",
        zoom: float | Literal["auto"] | None = "auto",
    ) -> None:
        super().__init__(volume, plane)
        self.window = resolve_window(volume, window)
        self.model = model if isinstance(model, ModelSpec) else find_model(model)
        self.device = device
        self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._previews: dict[tuple[tuple[Prompt, ...], float | None], SliceMask] = {}
        self._engine: Engine | None = None
        self._note_seen()

    @property
    def labels(self) -> LabelVolume:
        """The label volume on the volume's own grid.

        Every slice holds what the last sweep found, and prompted slices what their prompts
        say; where labels overlap, locked ones come first, then the higher score.
        """
        masks = {label: self.masks(label) for label in self.state.labels}
        locked = [v for v, label in self.state.labels.items() if label.locked]
        array = compose_volume({v: m for v, m in masks.items() if m is not None}, locked, self.volume.grid)
        return LabelVolume(array, self.volume.grid, dict(self.state.labels), self.volume.source)

    def label_slice(self, index: int, plane: Plane | str | None = None) -> NDArray[Any]:
        """One slice of the label volume (rows, columns), without making the rest of it."""
        where = self._plane(plane)
        shown = []
        for value in sorted(self.state.labels):
            masks = self.masks(value)
            if masks is None:
                continue
            if masks.plane != where:
                return np.array(take_slice(self.labels.array_zyx, self.volume.grid, where, index))
            if index in masks.by_slice:
                shown.append((value, masks.by_slice[index], self.state.is_locked(value)))
        _, rows, columns = self.volume.grid.plane_shape(where)
        return compose_slice(shown, (rows, columns))

    def masks(self, label: int) -> LabelMasks | None:
        """A label's masks by slice, prompted slices included; None where it has none."""
        swept = self.state.swept.get(label)
        planes = {p.plane for p in self.state.prompts if p.label == label}
        plane = swept.plane if swept is not None else next(iter(sorted(planes)), None)
        if plane is None:
            return None
        by_slice = dict(swept.by_slice) if swept is not None else {}
        prompted = self.state.by_slice(label, plane)
        for index in prompted:
            by_slice[index] = self._preview(prompted, index)
        return LabelMasks(plane, by_slice)

    # --- the network -----------------------------------------------------------------------

    def look_through(
        self, *, model: ModelSpec | None = None, window: Window | None = None, device: str | None = None
    ) -> None:
        """Use another model, window or device from now on; masks found so far stay as they are."""
        model, window, device = model or self.model, window or self.window, device or self.device
        if (model, window, device) == (self.model, self.window, self.device):
            return
        if model != self.model:
            self.zoom = model.zoom
        self.model, self.window, self.device = model, window, device
        self._engine = None
        self._note_seen()

    def _note_seen(self) -> None:
        window = (self.window.center, self.window.width)
        self._history.seen = Seen(window=window, model=str(self.model.weights_path or self.model.id))

    def _see_again(self, seen: Seen) -> None:
        """Look through what a recorded action looked through; masks found so far stay."""
        if seen == self._history.seen:
            return
        for label in self.state.labels:
            self.masks(label)  # previews are made when asked for: ask while the network still sees as it did
        self.look_through(model=find_model(seen.model), window=Window(*seen.window))

    def release(self) -> None:
        """Let go of what the network has encoded; it is encoded again when it is needed."""
        self._engine = None

    @property
    def engine(self) -> Engine:
        """The network and what it has encoded; loaded when first needed."""
        if self._engine is None:
            from volsweep.engine.engine import Engine  # torch: seconds to import

            self._engine = Engine.load(self.model, self.device, self.volume, self.window, self.zoom)
        return self._engine

    def preview(self, *, label: int, slice: int, plane: Plane | str | None = None) -> NDArray[np.bool_]:
        """Mask (rows, columns) of a label on one prompted slice, from its prompts alone."""
        return self.preview_mask(label=label, slice=slice, plane=plane).mask_yx()

    def preview_mask(self, *, label: int, slice: int, plane: Plane | str | None = None) -> SliceMask:
        """As `preview`, with scores."""
        by_slice = self.state.by_slice(label, self._plane(plane))
        if slice not in by_slice:
            raise PromptError(f"label {label} has no prompt on {self._plane(plane)} slice {slice}; add one first")
        return self._preview(by_slice, slice)

    def propagate(
        self,
        *,
        labels: Iterable[int] | None = None,
        direction: Direction | str = Direction.BOTH,
        slices: tuple[int, int] | None = None,
        stride: int = 1,
        patience: int = 2,
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
        last_slice = self.volume.grid.plane_shape(where)[0] - 1
        first, last = (0, last_slice) if slices is None else slices
        if not 0 <= first <= last <= last_slice:
            raise PromptError(f"slices {first} to {last} are not in the volume: they go from 0 to {last_slice}")
        if stride < 1 or patience < 0:
            raise SessionError(f"stride must be at least 1 and patience at least 0, not {stride} and {patience}")
        chosen = self._labels_to_sweep(labels, where)
        action = Propagate(
            labels=chosen,
            plane=where,
            direction=Direction(direction).value,
            first=first,
            last=last,
            stride=stride,
            patience=patience,
        )
        for label in chosen:  # refuse now, not at the first step
            covered_slices(list(self.state.by_slice(label, where)), action)
        return self._propagate(action)

    def _labels_to_sweep(self, labels: Iterable[int] | None, plane: Plane) -> tuple[int, ...]:
        prompted = sorted({p.label for p in self.state.prompts if p.plane == plane})
        if labels is None:
            chosen = tuple(v for v in prompted if not self.state.is_locked(v))
            if not chosen:
                raise PromptError(f"nothing to sweep: no unlocked label has a prompt on a {plane} slice")
            return chosen
        chosen = tuple(labels)
        for value in chosen:
            self.state.check_unlocked(value)
            if value not in prompted:
                raise PromptError(f"label {value} has no prompt on a {plane} slice; add one first")
        return chosen

    def _propagate(self, action: Propagate) -> Iterator[Step]:
        prompts = {label: self.state.by_slice(label, action.plane) for label in action.labels}
        sweeper = self.engine.sweeper(action.plane)
        # Masks appear in these as the sweep goes, over what an earlier sweep left there.
        shown = {label: self._swept_along(label, action.plane) for label in action.labels}
        earlier = {label: set(masks) for label, masks in shown.items()}
        state = self.state
        for label, masks in shown.items():
            state = state.with_swept(label, LabelMasks(action.plane, masks))
        self._history.begin_sweep(action, state)
        found: dict[int, set[int]] = {label: set() for label in action.labels}
        try:
            for step in sweep_steps(sweeper, prompts, action):
                self._history.count_step(action)
                shown[step.label][step.slice] = step.mask
                found[step.label].add(step.slice)
                yield step
        except BaseException:
            self._history.leave_sweep(action)  # stopped, or failed: what was found is kept
            raise
        for label, by_slice in prompts.items():
            for index in (earlier[label] - found[label]) & covered_slices(list(by_slice), action):
                del shown[label][index]  # an earlier sweep saw the object here, this one does not
        self._history.end_sweep()

    def last_sweep(self) -> tuple[int, dict[int, LabelMasks]] | None:
        """The last sweep's place in the journal, and what its labels hold since it ended; None before any."""
        for place, action in reversed(list(enumerate(self.journal))):
            if isinstance(action, Propagate):
                return place, {v: self.state.swept[v] for v in action.labels if v in self.state.swept}
        return None

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
        known = known or {}
        for i, action in enumerate(actions):
            if isinstance(action, AddPrompts | SetPrompts | Propagate) and action.seen is not None:
                self._see_again(action.seen)
            if isinstance(action, Propagate):
                after = actions[i + 1] if i + 1 < len(actions) else None
                stop = after if isinstance(after, Stop) else None
                if i in known:
                    state = self.state
                    for label, masks in known[i].items():
                        state = state.with_swept(label, masks)
                    self._history.recall_sweep(action, stop, state)
                else:
                    yield from islice(self._propagate(action), stop.steps if stop is not None else None)
            elif isinstance(action, AddPrompts | SetPrompts | ClearPrompts | EditLabel | DeleteLabel):
                self._history.edit(action)
        self._history.settle()

    def _preview(self, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> SliceMask:
        sweeper = self.engine.sweeper(by_slice[index][0].plane)
        key = (by_slice[index], sweeper.target_mm(by_slice, index))
        if key not in self._previews:
            self._previews[key] = sweeper.preview(by_slice, index)[0]
        return self._previews[key]
