"""The named ways to do something to a session: each builds one action and applies it.

What actions of prompts leave to the session is added here before they are written down: ends that were drawn on another
plane, masks that clicks correct.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.masks import SliceMask
from volsweep.operations.kinds import Operation
from volsweep.prompts.base import checked
from volsweep.prompts.extent import Extent, SideBox
from volsweep.prompts.kinds import Box, Line, ObjectPrompts, Point, Prompt, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.session.actions import (
    Action,
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    Edit,
    EditLabel,
    LoadPrompts,
    Operate,
    Redo,
    Relate,
    SetExtent,
    SetPrompts,
    Tick,
    Undo,
)
from volsweep.session.operate import Numbers
from volsweep.session.state import State
from volsweep.terminology import called
from volsweep.volume import Volume

if TYPE_CHECKING:
    from volsweep.finder import Proposal

T = TypeVar("T", bound=Edit)


class Builders(ABC):
    """What a session can be told, by name; whoever is told takes actions."""

    volume: Volume
    plane: Plane
    numbers: Numbers | None = None
    """Where objects that are split off get theirs, if a window gives some, too."""

    @abstractmethod
    def apply(self, action: Action) -> None:
        """Do something."""

    @property
    @abstractmethod
    def state(self) -> State:
        """Prompts and masks as they are now."""

    @abstractmethod
    def _preview(self, state: State, label: int, by_slice: ObjectPrompts, index: int) -> SliceMask:
        """Mask of a prompted slice."""

    def get_ready_for(self, coming: AddPrompts) -> None:
        """Make now what prompts show that are about to be given: it is there when they are. Changes nothing.

        Raises
        ------
        PromptError
            If a prompt lies outside the volume.
        """
        coming.check_on(self.volume.grid)
        state = self.state.after(corrected(coming, self.state))
        for prompt in coming.prompts:
            self._preview(state, prompt.label, state.by_slice(prompt.label, prompt.plane), prompt.slice)

    def _plane(self, plane: Plane | str | None) -> Plane:
        return self.plane if plane is None else Plane(plane)

    def add_box(self, *, label: int, slice: int, box_xyxy: Sequence[float], plane: Plane | str | None = None) -> None:
        """Draw a box around a label on one slice: (x0, y0, x1, y1), first and last voxel inclusive."""
        box = tuple(float(v) for v in box_xyxy)
        self.add(checked(Box, label=label, slice=slice, plane=self._plane(plane), box_xyxy=box))

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
        self.add(checked(Point, label=label, slice=index, plane=where, point_xy=(x, y), positive=positive))

    def add_scribble(
        self, *, label: int, slice: int, path_xy: ArrayLike, plane: Plane | str | None = None, **options: Any
    ) -> None:
        """Stroke over a label, or what is not it, on one slice.

        `path_xy` is (n, 2), x before y; `options` are the fields of `Scribble`: positive, width, unit
        (``"px"`` or ``"mm"``).
        """
        path = tuple(float(v) for v in np.ravel(path_xy))
        self.add(checked(Scribble, label=label, slice=slice, plane=self._plane(plane), path_xy=path, **options))

    def add_line(self, *, label: int, slice: int, line_xyxy: Sequence[float], plane: Plane | str | None = None) -> None:
        """Draw the longest diameter of a label on one slice (RECIST): (x0, y0, x1, y1), end to end."""
        line = tuple(float(v) for v in line_xyxy)
        self.add(checked(Line, label=label, slice=slice, plane=self._plane(plane), line_xyxy=line))

    def add_recist(
        self, *, label: int, slice: int, axes_xyxy: Sequence[float], plane: Plane | str | None = None
    ) -> None:
        """Draw both RECIST axes of a label on one slice: (x0, y0, x1, y1) of the one, (x2, y2, x3, y3) of the other."""
        axes = tuple(float(v) for v in axes_xyxy)
        self.add(checked(Recist, label=label, slice=slice, plane=self._plane(plane), axes_xyxy=axes))

    def add_mask(self, *, label: int, slice: int, mask_yx: ArrayLike, plane: Plane | str | None = None) -> None:
        """Set a label's mask on one slice (rows, columns), kept verbatim; empty says it is not there."""
        mask = np.asarray(mask_yx, dtype=bool)
        self.add(Mask.from_array(mask, label=label, slice=slice, plane=self._plane(plane)))

    def add(self, prompt: Prompt) -> None:
        """Add any prompt."""
        self.apply(checked(AddPrompts, prompts=(prompt,)))

    def clear_prompts(self, *, label: int, slice: int, plane: Plane | str | None = None) -> None:
        """Take back a label's prompts on one slice."""
        self.apply(checked(ClearPrompts, label=label, plane=self._plane(plane), slice=slice))

    def set_prompts(
        self, prompts: Sequence[Prompt], *, label: int, slice: int, plane: Plane | str | None = None
    ) -> None:
        """Put other prompts in the place of a label's prompts on one slice: one was moved or taken back."""
        where = self._plane(plane)
        self.apply(checked(SetPrompts, label=label, plane=where, slice=slice, prompts=tuple(prompts)))

    def load_prompts(self, prompts: PromptSet) -> None:
        """Add all prompts of a file, with the names, colours and extents of its labels: all or none, and one undo."""
        action = loading(prompts)
        if action.prompts or action.labels or action.extents:
            self.apply(action)

    def take(self, proposal: Proposal, *, label: int, plane: Plane | str | None = None) -> None:
        """Take what a finder proposes: its own outline, where that is better than a sweep from its box, else the box.

        An outline is no prompt: nobody vouches for it, no sweep starts from it, and every slice of it is marked as the
        finder's until someone prompts it (`SliceTrust.from_finder`).
        """
        self.apply(taking(proposal, self._plane(plane), self.volume.grid, label))

    def set_extent(
        self, *, label: int, first: int | None = None, last: int | None = None, plane: Plane | str | None = None
    ) -> None:
        """Tell a label's first and last slice, inclusive, each where it is known: nothing is drawn beyond.

        It takes the place of what was told before; without ends, that is taken back.
        """
        extent = checked(Extent, label=label, plane=self._plane(plane), first=first, last=last)
        self.apply(checked(SetExtent, extent=extent))

    def set_side_box(
        self,
        *,
        label: int,
        side: Plane | str,
        slice: int,
        box_xyxy: Sequence[float],
        plane: Plane | str | None = None,
    ) -> None:
        """Draw a box around a label on a slice of another plane (`side`): it says where the label begins and ends.

        It takes the place of the extent that was told before (`set_extent`). `plane` is the one that is swept.
        """
        drawn = checked(SideBox, plane=Plane(side), slice=slice, box_xyxy=tuple(float(v) for v in box_xyxy))
        self.apply(checked(SetExtent, extent=checked(Extent, label=label, plane=self._plane(plane), drawn=drawn)))

    def name_label(self, label: int, name: str | None = None, color: str | None = None) -> None:
        """Name a label and choose its colour (``"#rrggbb"``); None leaves it as it is."""
        self.apply(checked(EditLabel, label=label, name=name, color=color))

    def lock(self, label: int, locked: bool = True) -> None:
        """Protect a label: it keeps exactly the voxels that it shows now, wins none and loses none.

        A sweep that runs ends at the slice it is at. Unlocked, the label is again what its prompts and sweeps say.
        """
        self.apply(checked(EditLabel, label=label, locked=locked))

    def let_overlap(self, label: int, overlaps: bool = True) -> None:
        """Let a label share voxels with others: it takes none from them then, and loses none to them.

        Taken back, also what it lay inside and outside of is; its voxels are shared out as those of the others.
        """
        self.apply(checked(Relate, label=label, overlaps=overlaps))

    def relate(self, label: int, *, inside: int | None = None, outside: Sequence[int] | None = None) -> None:
        """Clip a label by another one that it lies inside, 0 for none, or by those that it stays outside of.

        It may overlap then. The clip follows the others as they change; a locked label keeps what it shows.
        """
        self.apply(checked(Relate, label=label, inside=inside, outside=None if outside is None else tuple(outside)))

    def delete_label(self, label: int) -> None:
        """Remove a label with its prompts and masks."""
        self.apply(checked(DeleteLabel, label=label))

    def operate(self, operation: Operation, *, label: int) -> None:
        """Do something to a whole object; what it shows then counts as drawn by hand (`operations.kinds`)."""
        self.apply(checked(Operate, label=label, operation=operation))

    def tick(self, label: int, slice: int, *, plane: Plane | str | None = None, ticked: bool = True) -> None:
        """Tick a slice off as looked at, or take that back; the tick is void once the slice shows anything else."""
        self.apply(checked(Tick, label=label, plane=self._plane(plane), slice=slice, ticked=ticked))

    def undo(self) -> None:
        """Take back the last prompt, edit or sweep; as often as there is something to take back."""
        self.apply(Undo())

    def redo(self) -> None:
        """Do again what was last undone."""
        self.apply(Redo())


def loading(prompts: PromptSet) -> LoadPrompts:
    """The action that takes all prompts of a file, with the names, colours, locks and extents of its labels."""
    labels = tuple(
        checked(EditLabel, label=value, name=label.name, color=label.color, locked=label.locked or None)
        for value, label in prompts.labels.items()
    )
    extents = tuple(SetExtent(extent=extent) for extent in prompts.extents)
    words = dict(prompts.words)
    return checked(LoadPrompts, prompts=prompts.prompts, labels=labels, extents=extents, words=words)


def taking(proposal: Proposal, plane: Plane, grid: Grid, label: int) -> LoadPrompts | Operate:
    """The action that takes what a finder proposes, see `Builders.take`."""
    if proposal.outline is None:
        return loading(proposal.prompts(plane, grid, label))
    operation, found = proposal.drawn(plane, grid, label)
    named = called(proposal.name, label)
    names, colors = {label: named.name}, {label: named.color}
    return checked(Operate, label=label, operation=operation, found=found, names=names, colors=colors)


def placed(action: T, grid: Grid) -> T:
    """An action with the ends of extents that were drawn as boxes on another plane."""
    if isinstance(action, SetExtent):
        return action.model_copy(update={"extent": action.extent.on(grid)})
    if isinstance(action, LoadPrompts):
        return action.model_copy(update={"extents": tuple(placed(one, grid) for one in action.extents)})
    return action


def corrected(action: T, state: State) -> T:
    """Prompts, with the swept mask that a click corrects, where its slice shows one.

    It is written down with them, so that the journal leads to the same result whatever was swept before.
    """
    if isinstance(action, LoadPrompts):
        prompts: list[Prompt] = []
        for part in action.parts:
            if isinstance(part, AddPrompts):
                part = corrected(part, state)
                prompts.extend(part.prompts)
            state = state.after(part)
        return action.model_copy(update={"prompts": tuple(prompts)})
    if not isinstance(action, AddPrompts) or not action.prompts[0].is_click:
        return action
    first = action.prompts[0]
    shown = state.swept_along(first.label, first.plane).get(first.slice)
    extent = state.extent(first.label, first.plane)
    beyond = extent is not None and not extent.holds(first.slice)
    if state.on_slice(first.label, first.plane, first.slice) or shown is None or shown.is_empty or beyond:
        return action
    at: dict[str, Any] = {"label": first.label, "slice": first.slice, "plane": first.plane}
    prior = Mask.from_array(shown.mask_yx(), verbatim=False, **at)
    return action.model_copy(update={"prompts": (prior, *action.prompts)})
