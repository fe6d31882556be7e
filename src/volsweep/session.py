"""One volume being annotated: prompts in, previews and sweeps out, and every step undoable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ValidationError

from volsweep.composite import LabelMasks, compose_slice, compose_volume
from volsweep.engine.plan import Direction
from volsweep.engine.result import SliceMask
from volsweep.errors import PromptError, SessionError
from volsweep.geometry import Plane
from volsweep.history import History
from volsweep.intensity import Window, resolve_window
from volsweep.journal import (
    Action,
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    EditLabel,
    Journal,
    Propagate,
    SetPrompts,
    Stop,
)
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.prompts import Box, Line, Mask, Point, Prompt, PromptSet, check_on_grid
from volsweep.state import State
from volsweep.sweeping import Step, covered_slices, sweep_steps
from volsweep.volume import LabelVolume, Volume, take_slice

if TYPE_CHECKING:
    from volsweep.engine.runtime import Runtime

T = TypeVar("T", bound=BaseModel)


class Session:
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
        self.volume = volume
        self.plane = Plane(plane)
        self.window = resolve_window(volume, window)
        self.model = model if isinstance(model, ModelSpec) else find_model(model)
        self.device = device
        self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._history = History()
        self._previews: dict[tuple[tuple[Prompt, ...], float | None], SliceMask] = {}
        self._runtime: Runtime | None = None

    # --- prompts ---------------------------------------------------------------------------

    def add_box(self, *, label: int, slice: int, box_xyxy: Sequence[float], plane: Plane | str | None = None) -> None:
        """Draw a box around a label on one slice: (x0, y0, x1, y1), first and last voxel inclusive."""
        box = tuple(float(v) for v in box_xyxy)
        self.add(_checked(Box, label=label, slice=slice, plane=self._plane(plane), box_xyxy=box))

    def add_point(
        self, *, label: int, point_zyx: Sequence[float], positive: bool = True, plane: Plane | str | None = None
    ) -> None:
        """Click on a voxel (z, y, x) of the array: it belongs to the label, or does not.

        On a slice that already shows a mask of this label the click corrects that mask.
        """
        where = self._plane(plane)
        axis = self.volume.grid.plane_axis(where)
        if len(point_zyx) != 3:
            raise PromptError(f"point_zyx needs three coordinates (z, y, x), not {tuple(point_zyx)}")
        y, x = (float(v) for a, v in enumerate(point_zyx) if a != axis)
        index = round(float(point_zyx[axis]))
        self.add(_checked(Point, label=label, slice=index, plane=where, point_xy=(x, y), positive=positive))

    def add_line(self, *, label: int, slice: int, line_xyxy: Sequence[float], plane: Plane | str | None = None) -> None:
        """Draw the longest diameter of a label on one slice (RECIST): (x0, y0, x1, y1), end to end."""
        line = tuple(float(v) for v in line_xyxy)
        self.add(_checked(Line, label=label, slice=slice, plane=self._plane(plane), line_xyxy=line))

    def add_mask(self, *, label: int, slice: int, mask_yx: ArrayLike, plane: Plane | str | None = None) -> None:
        """Set a label's mask on one slice (rows, columns), kept verbatim; empty says it is not there."""
        mask = np.asarray(mask_yx, dtype=bool)
        self.add(Mask.from_array(mask, label=label, slice=slice, plane=self._plane(plane)))

    def add(self, prompt: Prompt) -> None:
        """Add any prompt.

        Raises
        ------
        PromptError
            If it lies outside the volume.
        SessionError
            If its label is locked.
        """
        check_on_grid(prompt, self.volume.grid)
        prompts: tuple[Prompt, ...] = (prompt,)
        if isinstance(prompt, Point) and not self.state.on_slice(prompt.label, prompt.plane, prompt.slice):
            shown = self._swept_along(prompt.label, prompt.plane).get(prompt.slice)
            if shown is not None and not shown.is_empty:
                # The mask that the click corrects is written down with it, so that the journal
                # leads to the same result whatever was swept before.
                prior = Mask.from_array(
                    shown.mask_yx(), label=prompt.label, slice=prompt.slice, plane=prompt.plane, verbatim=False
                )
                prompts = (prior, prompt)
        self._history.edit(AddPrompts(prompts=prompts))

    def clear_prompts(self, *, label: int, slice: int, plane: Plane | str | None = None) -> None:
        """Take back a label's prompts on one slice."""
        self._history.edit(ClearPrompts(label=label, plane=self._plane(plane), slice=slice))

    def set_prompts(
        self, prompts: Sequence[Prompt], *, label: int, slice: int, plane: Plane | str | None = None
    ) -> None:
        """Put other prompts in the place of a label's prompts on one slice: one was moved or taken back."""
        for prompt in prompts:
            check_on_grid(prompt, self.volume.grid)
        self._history.edit(
            _checked(SetPrompts, label=label, plane=self._plane(plane), slice=slice, prompts=tuple(prompts))
        )

    def load_prompts(self, prompts: PromptSet) -> None:
        """Add all prompts of a file, with the names and colours of its labels."""
        for value, label in prompts.labels.items():
            self._history.edit(EditLabel(label=value, name=label.name, color=label.color))
        for prompt in prompts.prompts:
            check_on_grid(prompt, self.volume.grid)
            self._history.edit(AddPrompts(prompts=(prompt,)))
        for value, label in prompts.labels.items():
            if label.locked:
                self.lock(value)

    @property
    def prompts(self) -> PromptSet:
        """The prompts that count now, with their labels."""
        return PromptSet(self.state.prompts, dict(self.state.labels))

    # --- labels ----------------------------------------------------------------------------

    def name_label(self, label: int, name: str | None = None, color: str | None = None) -> None:
        """Name a label and choose its colour (``"#rrggbb"``); None leaves it as it is."""
        self._history.edit(_checked(EditLabel, label=label, name=name, color=color))

    def lock(self, label: int, locked: bool = True) -> None:
        """Protect a label: it no longer changes, and no other label takes its voxels."""
        self._history.edit(_checked(EditLabel, label=label, locked=locked))

    def delete_label(self, label: int) -> None:
        """Remove a label with its prompts and masks."""
        self._history.edit(DeleteLabel(label=label))

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
        self._runtime = None

    @property
    def runtime(self) -> Runtime:
        """The network and what it has encoded; loaded when first needed."""
        if self._runtime is None:
            from volsweep.engine.runtime import Runtime  # torch: seconds to import

            self._runtime = Runtime.load(self.model, self.device, self.volume, self.window, self.zoom)
        return self._runtime

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
        sweeper = self.runtime.sweeper(action.plane)
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

    def _swept_along(self, label: int, plane: Plane) -> dict[int, SliceMask]:
        swept = self.state.swept.get(label)
        return dict(swept.by_slice) if swept is not None and swept.plane == plane else {}

    # --- history ---------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Prompts, labels and swept masks as they are now."""
        return self._history.state

    @property
    def journal(self) -> Journal:
        """Everything that was done, in order."""
        return self._history.journal

    def undo(self) -> None:
        """Take back the last prompt, edit or sweep; as often as there is something to take back."""
        self._history.undo()

    def redo(self) -> None:
        """Do again what was last undone."""
        self._history.redo()

    def replay(self, actions: Sequence[Action]) -> Iterator[Step]:
        """Carry out a journal's effective actions again, sweeps included, yielding their steps."""
        for i, action in enumerate(actions):
            if isinstance(action, Propagate):
                after = actions[i + 1] if i + 1 < len(actions) else None
                limit = after.steps if isinstance(after, Stop) else None
                yield from islice(self._propagate(action), limit)
            elif isinstance(action, AddPrompts | SetPrompts | ClearPrompts | EditLabel | DeleteLabel):
                self._history.edit(action)
        self._history.settle()

    # --- small helpers ---------------------------------------------------------------------

    def _plane(self, plane: Plane | str | None) -> Plane:
        return self.plane if plane is None else Plane(plane)

    def _preview(self, by_slice: dict[int, tuple[Prompt, ...]], index: int) -> SliceMask:
        sweeper = self.runtime.sweeper(by_slice[index][0].plane)
        key = (by_slice[index], sweeper.target_mm(by_slice, index))
        if key not in self._previews:
            self._previews[key] = sweeper.preview(by_slice, index)[0]
        return self._previews[key]


def _checked(kind: type[T], **fields: Any) -> T:
    """Make a prompt or action, its validation errors as Volsweep's."""
    try:
        return kind(**fields)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise PromptError(f"{kind.__name__.lower()}: {where}: {problem['msg']}, not {problem['input']!r}") from error
