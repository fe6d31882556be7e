"""What can be done to a session, a class a thing: each answers what it touches, and whether a sweep runs beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from volsweep.geometry import Grid, Plane
from volsweep.operations.kinds import Operation
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Prompt
from volsweep.prompts.mask import Mask
from volsweep.volume import INITIALS, MAX_LABEL

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
LabelValue = Annotated[int, Field(ge=1, le=MAX_LABEL)]


class MadeWith(BaseModel):
    """All that a mask depends on beside its prompts, as one value.

    Parameters
    ----------
    window
        Its (centre, width).
    model
        A model's name, or the path of its weights.
    zoom
        Side of the crop over the target's longer side, None for whole slices; ``"auto"`` (once): as the model was made.
    second
        Key of the second series that it was seen in, too (`SecondSeries.key`), if any.
    weights, precision, processor
        SHA-256 of the weights, in what was multiplied (``"float32"``), and by what; where they differ, someone is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: tuple[float, float]
    model: str
    zoom: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["auto"] | None = "auto"
    second: str | None = None
    weights: str | None = None
    precision: str | None = None
    processor: str | None = None

    @property
    def view(self) -> MadeWith:
        """The part of it that can be chosen: through what the network looks."""
        return self.model_copy(update={"weights": None, "precision": None, "processor": None})

    def told_apart(self, now: MadeWith) -> str | None:
        """A sentence where it was multiplied otherwise than now, or what, as far as both are known."""
        if self.weights and now.weights and self.weights != now.weights:
            return f"masks were made with other weights than {self.model} has now; look at them before you go on"
        made, again = (self.precision, self.processor), (now.precision, now.processor)
        if None in made or None in again or made == again:
            return None
        how = f"in {made[0]} on {made[1]}, and are made again in {again[0]} on {again[1]}: they may differ by a voxel"
        return f"masks were made {how} here and there; look at them before you go on"


class _Action(BaseModel):
    # In files the key is `seen`, as it was before it had its name.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    # Initials of who did it, where somebody gave some; files say nothing where nobody did.
    by: Annotated[str | None, Field(pattern=f"^{INITIALS}$", exclude_if=lambda by: by is None)] = None

    @property
    def touches(self) -> frozenset[int] | None:
        """The labels whose prompts or masks it may change; None where it may be any."""
        return None

    def runs_beside(self, sweep: Propagate) -> bool:
        """Whether a sweep may go on while this is done: it does not touch what is swept."""
        return self.touches is not None and self.touches.isdisjoint(sweep.labels)


class _OfLabel(_Action):
    label: LabelValue

    @property
    def touches(self) -> frozenset[int] | None:
        return frozenset({self.label})


class _Masking(_Action):
    """An action whose masks the network makes; without `made_with` it looks as it does at the time."""

    made_with: Annotated[MadeWith | None, Field(alias="seen")] = None


class _Prompting(_Masking):
    prompts: tuple[Prompt, ...]

    def check_on(self, grid: Grid) -> None:
        """Refuse prompts that lie outside a volume."""
        for prompt in self.prompts:
            prompt.check_on(grid)


class AddPrompts(_Prompting):
    """Prompts given in one go: all about one label on one slice."""

    action: Literal["add_prompts"] = "add_prompts"
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1)]

    @property
    def touches(self) -> frozenset[int] | None:
        """The label that is prompted."""
        return frozenset(prompt.label for prompt in self.prompts)


class SetPrompts(_Prompting, _OfLabel):
    """The prompts of a label on one slice became these: one was moved or taken back."""

    action: Literal["set_prompts"] = "set_prompts"
    plane: Plane
    slice: int


class ClearPrompts(_OfLabel):
    """The prompts of a label on one slice were taken back."""

    action: Literal["clear_prompts"] = "clear_prompts"
    plane: Plane
    slice: int


class Operate(_OfLabel):
    """An operation was done on a whole object (`operations.kinds`)."""

    action: Literal["operate"] = "operate"
    operation: Operation
    found: tuple[Mask, ...] | None = None
    """Masks of the slices that it changed, filled in when it is done: a replay takes them as they are."""
    names: dict[LabelValue, str] = Field(default_factory=dict)
    """Of the objects that it split off or loaded; filled in likewise."""
    colors: dict[LabelValue, Color] = Field(default_factory=dict)  # of objects that were loaded

    @property
    def touches(self) -> frozenset[int] | None:
        """The object, and those that it split off."""
        return frozenset({self.label, *(mask.label for mask in self.found or ())})

    def check_on(self, grid: Grid) -> None:
        """Refuse masks of another volume."""
        for mask in self.found or ():
            mask.check_on(grid)


class SetExtent(_Action):
    """A label's first and last slice along a plane were told, or taken back."""

    action: Literal["set_extent"] = "set_extent"
    extent: Extent

    @property
    def touches(self) -> frozenset[int] | None:
        """The label that it is about."""
        return frozenset({self.extent.label})

    def check_on(self, grid: Grid) -> None:
        """Refuse an extent that ends outside a volume."""
        self.extent.check_on(grid)


class EditLabel(_OfLabel):
    """A label was named (in all studies, too), coloured, locked or unlocked; None leaves a property as it is."""

    action: Literal["edit_label"] = "edit_label"
    name: str | None = None
    color: Color | None = None
    locked: bool | None = None
    tracking_uid: str | None = None

    def runs_beside(self, sweep: Propagate) -> bool:
        """A name or a colour changes no mask; a lock holds what is shown at that moment, and the sweep ends there."""
        return self.locked is None or (not self.locked and super().runs_beside(sweep))


class Relate(_OfLabel):
    """How a label lies to others was told; None leaves that as it is. Inside or outside others, it may overlap."""

    action: Literal["relate"] = "relate"
    overlaps: bool | None = None
    inside: Annotated[int, Field(ge=0, le=MAX_LABEL)] | None = None
    """The label that clips it; 0 takes that back."""
    outside: tuple[LabelValue, ...] | None = None
    """Labels whose voxels it leaves alone."""


class LoadPrompts(_Prompting):
    """What a file holds was taken in one go: all of it, or nothing."""

    action: Literal["load_prompts"] = "load_prompts"
    labels: tuple[EditLabel, ...] = ()
    extents: tuple[SetExtent, ...] = ()
    words: dict[LabelValue, str] = Field(default_factory=dict)  # by which a finder found a label

    @property
    def parts(self) -> tuple[Edit, ...]:
        """The same, one by one: names first and locks last, so that a locked label takes what is its own."""
        names = (each.model_copy(update={"locked": None}) for each in self.labels)
        prompts = (AddPrompts(prompts=(prompt,), made_with=self.made_with) for prompt in self.prompts)
        locks = (EditLabel(label=each.label, locked=True) for each in self.labels if each.locked)
        return (*names, *prompts, *self.extents, *locks)

    def check_on(self, grid: Grid) -> None:
        """Refuse what lies outside a volume."""
        super().check_on(grid)
        for extent in self.extents:
            extent.check_on(grid)

    def runs_beside(self, sweep: Propagate) -> bool:
        """Whether each part may be done beside a sweep."""
        return all(part.runs_beside(sweep) for part in self.parts)


class DeleteLabel(_OfLabel):
    """A label, its prompts and its masks were removed."""

    action: Literal["delete_label"] = "delete_label"


class Tick(_OfLabel):
    """A slice of a label was looked at and found right as it is, or that was taken back; no voxel changes."""

    action: Literal["tick"] = "tick"
    plane: Plane
    slice: int
    ticked: bool = True
    mask: str | None = None
    """Digest of what the label shows there, filled in when it is done: the tick holds for nothing else."""

    def runs_beside(self, sweep: Propagate) -> bool:  # noqa: ARG002
        """It says which mask it holds for, whatever the sweep makes of it."""
        return True


class Propagate(_Masking):
    """A sweep was started; what it was asked for, every default spelled out."""

    action: Literal["propagate"] = "propagate"
    labels: tuple[LabelValue, ...]
    plane: Plane
    direction: Literal["both", "forward", "backward"]
    first: int
    last: int
    stride: int
    patience: int

    @property
    def touches(self) -> frozenset[int] | None:
        """The labels that are swept."""
        return frozenset(self.labels)

    def runs_beside(self, sweep: Propagate) -> bool:  # noqa: ARG002
        """One sweep runs at a time."""
        return False


class Stop(_Action):
    """The sweep before this was stopped after so many steps."""

    action: Literal["stop"] = "stop"
    steps: int


class Undo(_Action):
    """The last action that counts no longer does."""

    action: Literal["undo"] = "undo"


class Redo(_Action):
    """The last action undone counts again."""

    action: Literal["redo"] = "redo"


Edit = (
    AddPrompts | LoadPrompts | SetPrompts | ClearPrompts | Operate | SetExtent | EditLabel | Relate | DeleteLabel | Tick
)
"""Actions that lead from one state to the next without the network."""

Action = Annotated[Edit | Propagate | Stop | Undo | Redo, Field(discriminator="action")]
_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


def parse_action(line: bytes) -> Action:
    """Read an action as `model_dump_json` writes it.

    Raises
    ------
    ValidationError
        If it is none.
    """
    return _ACTION.validate_json(line)
