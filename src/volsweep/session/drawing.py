"""What is drawn on a volume, and its history: everything of a session that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.masks import SliceMask
from volsweep.prompts.kinds import Box, Line, Mask, Point, Prompt, PromptSet
from volsweep.session.actions import AddPrompts, ClearPrompts, DeleteLabel, EditLabel, Journal, SetPrompts
from volsweep.session.history import History
from volsweep.session.state import State
from volsweep.volume import Volume

T = TypeVar("T", bound=BaseModel)


class Drawing:
    """Prompts and labels on one volume, every step undoable.

    Parameters
    ----------
    volume
        The image.
    plane
        The plane whose slices are prompted, unless a call names another.
    """

    def __init__(self, volume: Volume, plane: Plane | str = Plane.AXIAL) -> None:
        self.volume = volume
        self.plane = Plane(plane)
        self._history = History()

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
        prompt.check_on(self.volume.grid)
        prompts: tuple[Prompt, ...] = (prompt,)
        if prompt.is_click and not self.state.on_slice(prompt.label, prompt.plane, prompt.slice):
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
            prompt.check_on(self.volume.grid)
        self._history.edit(
            _checked(SetPrompts, label=label, plane=self._plane(plane), slice=slice, prompts=tuple(prompts))
        )

    def load_prompts(self, prompts: PromptSet) -> None:
        """Add all prompts of a file, with the names and colours of its labels."""
        for value, label in prompts.labels.items():
            self._history.edit(EditLabel(label=value, name=label.name, color=label.color))
        for prompt in prompts.prompts:
            prompt.check_on(self.volume.grid)
            self._history.edit(AddPrompts(prompts=(prompt,)))
        for value, label in prompts.labels.items():
            if label.locked:
                self.lock(value)

    @property
    def prompts(self) -> PromptSet:
        """The prompts that count now, with their labels."""
        return PromptSet(self.state.prompts, dict(self.state.labels))

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

    def _plane(self, plane: Plane | str | None) -> Plane:
        return self.plane if plane is None else Plane(plane)

    def _swept_along(self, label: int, plane: Plane) -> dict[int, SliceMask]:
        swept = self.state.swept.get(label)
        return dict(swept.by_slice) if swept is not None and swept.plane == plane else {}


def _checked(kind: type[T], **fields: Any) -> T:
    """Make a prompt or action, its validation errors as Volsweep's."""
    try:
        return kind(**fields)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise PromptError(f"{kind.__name__.lower()}: {where}: {problem['msg']}, not {problem['input']!r}") from error
