"""What a session holds at one moment, and how each action leads to the next; undo goes back, no state ever changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from types import MappingProxyType
from typing import Any

from volsweep.errors import PromptError, SessionError
from volsweep.geometry import Plane
from volsweep.masks import LabelMasks, SliceMask
from volsweep.operations.brought import brought_after
from volsweep.prompts.extent import Extent, check_extents, freed
from volsweep.prompts.kinds import ObjectPrompts, Prompt
from volsweep.prompts.mask import Mask
from volsweep.session.actions import (
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    Edit,
    EditLabel,
    LoadPrompts,
    MadeWith,
    Operate,
    Propagate,
    Relate,
    SetExtent,
    SetPrompts,
    Tick,
)
from volsweep.session.overlaps.relations import as_related, related, without
from volsweep.volume import Label

Where = tuple[int, Plane, int]
"""A label, a plane, a slice."""


@dataclass(eq=False)
class Locked:
    """What a label showed when it was locked, and keeps until it is unlocked: it follows from the state before."""

    before: State
    _shown: tuple[LabelMasks | None] | None = None

    def shown(self, make: Callable[[State], LabelMasks | None]) -> LabelMasks | None:
        """The masks, made from `before` the first time they are asked for."""
        if self._shown is None:
            self._shown = (make(self.before),)
        return self._shown[0]


@dataclass(frozen=True)
class State:
    """Prompts, labels and swept masks.

    Parameters
    ----------
    prompts
        In the order they were given.
    labels
        Names, colours and locks.
    swept
        What sweeps found, by label; prompted slices are not in here but follow from `prompts`.
    made_with
        What the network looked through when it answered the prompts of a slice last: by label, plane and slice.
    locked
        What each locked label showed when it was locked.
    operated, brought
        Slices that an operation drew and nobody prompted: no reader vouches for them; and those of them that were
        read from a file (None), drawn by a finder (the DSC that is expected), or made of such: no sweep drew them.
    extents
        How far objects reach across the slices of a plane, where that is told.
    ticks
        Slices that were looked at, and what they showed then (`SliceMask.digest`).
    """

    prompts: tuple[Prompt, ...] = ()
    labels: Mapping[int, Label] = field(default_factory=lambda: MappingProxyType({}))
    swept: Mapping[int, LabelMasks] = field(default_factory=lambda: MappingProxyType({}))
    made_with: Mapping[Where, MadeWith | None] = field(default_factory=lambda: MappingProxyType({}))
    locked: Mapping[int, Locked] = field(default_factory=lambda: MappingProxyType({}))
    operated: frozenset[Where] = frozenset()
    extents: tuple[Extent, ...] = ()
    ticks: Mapping[Where, str | None] = field(default_factory=lambda: MappingProxyType({}))
    brought: Mapping[Where, float | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def said(self) -> tuple[Prompt, ...]:
        """The prompts without what finders drew: that is nobody's word."""
        return tuple(p for p in self.prompts if self.expected_of((p.label, p.plane, p.slice)) is None)

    def expected_of(self, where: Where) -> float | None:
        """The DSC that is expected of a slice that a finder drew; None of all others."""
        return self.brought.get(where) if where in self.operated else None

    def on_slice(self, label: int, plane: Plane, index: int) -> tuple[Prompt, ...]:
        """The prompts of a label on one slice, in order."""
        return tuple(p for p in self.prompts if (p.label, p.plane, p.slice) == (label, plane, index))

    def extents_of(self, label: int) -> tuple[Extent, ...]:
        """How far a label reaches, along every plane where that is told."""
        return tuple(one for one in self.extents if one.label == label)

    def by_slice(self, label: int, plane: Plane) -> ObjectPrompts:
        """A label's prompts along a plane: slice -> prompts, all in the order they were given."""
        return ObjectPrompts(p for p in self.prompts if (p.label, p.plane) == (label, plane))

    def orders(self, label: int) -> dict[tuple[Plane, int], tuple[bool, int]]:
        """A label's prompted slices: whether their masks were drawn by hand, and when prompted last, from 1."""
        return {
            (p.plane, p.slice): (isinstance(p, Mask) and p.verbatim, time)
            for time, p in enumerate(self.prompts, start=1)
            if p.label == label
        }

    def __reduce__(self) -> tuple[Any, ...]:
        first = (dict(each) for each in (self.labels, self.swept, self.made_with, self.locked))
        return State, (self.prompts, *first, self.operated, self.extents, dict(self.ticks), dict(self.brought))

    def extent(self, label: int, plane: Plane) -> Extent | None:
        """How far a label reaches along a plane, where that is told."""
        return next((one for one in self.extents if (one.label, one.plane) == (label, plane)), None)

    def swept_along(self, label: int, plane: Plane) -> dict[int, SliceMask]:
        """What sweeps along a plane found of a label, by slice."""
        swept = self.swept.get(label)
        return dict(swept.by_slice) if swept is not None and swept.plane == plane else {}

    def is_locked(self, label: int) -> bool:
        """Whether a label must not change."""
        return label in self.labels and self.labels[label].locked

    def after(self, action: Edit) -> State:
        """The state that an action leads to.

        Raises
        ------
        PromptError, SessionError
            If it cannot be done here.
        """
        match action:
            case AddPrompts():
                return self._add_prompts(action)
            case LoadPrompts():
                return reduce(State.after, action.parts, self)
            case SetPrompts():
                return self._set_prompts(action)
            case ClearPrompts():
                return self._clear_prompts(action)
            case Operate():
                return self._operate(action)
            case SetExtent():
                return self._set_extent(action.extent)
            case EditLabel():
                return self._edit_label(action)
            case Relate():
                return self._relate(action)
            case DeleteLabel():
                return self._delete_label(action)
            case Tick():
                return self._tick(action)

    def _add_prompts(self, action: AddPrompts) -> State:
        """Add prompts to one slice of one label: each replaces what it says anew (`Prompt.replaces`), points add up."""
        first = action.prompts[0]
        where = (first.label, first.plane, first.slice)
        self.check_unlocked(first.label)
        extents = self._extents_with(action.prompts, where)
        kept = self.prompts
        for prompt in action.prompts:
            replaced = [p for p in kept if (p.label, p.plane, p.slice) == where and prompt.replaces(p)]
            kept = (*(p for p in kept if not any(p is old for old in replaced)), prompt)
        label = self.labels.get(first.label, Label.default(first.label))
        labels = MappingProxyType({**self.labels, first.label: label})
        made, operated = self._made({where: action.made_with}), self.operated - {where}
        return replace(self, prompts=kept, labels=labels, extents=extents, made_with=made, operated=operated)

    def _set_prompts(self, action: SetPrompts) -> State:
        """Put other prompts, or none, in the place of a label's prompts on one slice."""
        self.check_unlocked(action.label)
        where = (action.label, action.plane, action.slice)
        extents = self._extents_with(action.prompts, where)
        kept = tuple(p for p in self.prompts if (p.label, p.plane, p.slice) != where)
        made, operated = self._made({where: action.made_with}), self.operated - {where}
        return replace(self, prompts=(*kept, *action.prompts), extents=extents, made_with=made, operated=operated)

    def _extents_with(self, prompts: tuple[Prompt, ...], where: Where) -> tuple[Extent, ...]:
        """What is told of how far objects reach, beyond which no new prompt lies; all of these lie in one place."""
        if any((p.label, p.plane, p.slice) != where for p in prompts):
            raise PromptError("prompts given in one go must be about one label on one slice")
        if self.extents:
            check_extents(self.extents, prompts)
        return freed(self.extents, prompts) if self.extents else ()

    def _clear_prompts(self, action: ClearPrompts) -> State:
        """Take back a label's prompts on one slice."""
        self.check_unlocked(action.label)
        where = (action.label, action.plane, action.slice)
        if not (gone := self.on_slice(*where)):
            raise PromptError(f"object {action.label} has no prompt on {action.plane} slice {action.slice}")
        kept = tuple(p for p in self.prompts if not any(p is old for old in gone))
        return replace(self, prompts=kept, operated=self.operated - {where})

    def _operate(self, action: Operate) -> State:
        """Take the masks that an operation led to as if they had been drawn by hand."""
        if (masks := action.found) is None:
            raise SessionError(f"{action.operation.kind} was asked for and never done; do it in a session")
        for label in action.touches or ():
            self.check_unlocked(label)
        where = [(mask.label, mask.plane, mask.slice) for mask in masks]
        by_hand = {(p.label, p.plane, p.slice) for p in self.prompts} - self.operated
        own = {(p.label, p.plane, p.slice) for p in self.prompts if p.label == action.label}
        kept = {at: share for at, share in self.brought.items() if at in self.operated}
        brought = brought_after(action.operation, kept, () if action.label in self.swept else own, where)
        labels = dict(self.labels)
        for label in sorted({action.label, *(mask.label for mask in masks)} - labels.keys()):
            default = Label.default(label)
            named = Label(action.names.get(label, default.name), action.colors.get(label, default.color))
            labels[label] = as_related(named, self.labels.get(action.label))  # the parts of an object lie as it did
        return replace(
            self,
            prompts=(*(p for p in self.prompts if (p.label, p.plane, p.slice) not in where), *masks),
            labels=MappingProxyType(labels),
            operated=self.operated | (set(where) - by_hand),
            brought=MappingProxyType(dict(brought)),
        )

    def _set_extent(self, extent: Extent) -> State:
        """Tell how far a label reaches along a plane, instead of what was told before; without ends, take it back."""
        self.check_unlocked(extent.label)
        drawn = [p for p in self.prompts if (p.label, p.plane, p.slice) not in self.operated]
        check_extents((extent,), drawn)
        before = self.extent(extent.label, extent.plane)
        if before is not None and extent.is_told and extent.within is None:
            extent = extent.model_copy(update={"within": before.within})
        kept = tuple(one for one in self.extents if one is not before)
        labels = MappingProxyType({extent.label: Label.default(extent.label), **self.labels})
        return replace(self, extents=(*kept, extent) if extent.is_told else kept, labels=labels)

    def _edit_label(self, action: EditLabel) -> State:
        """Name, colour, lock or unlock a label, which is made if it does not exist (`Builders.lock`)."""
        label = self.labels.get(action.label, Label.default(action.label))
        said = action.model_dump(include={"name", "color", "locked"}, exclude_none=True)
        edited = replace(label, **said, tracking_uid=action.tracking_uid or label.tracking_uid)
        locked = {v: x for v, x in self.locked.items() if v != action.label or edited.locked}
        if edited.locked and not label.locked:
            locked[action.label] = Locked(self)
        labels = MappingProxyType({**self.labels, action.label: edited})
        return replace(self, labels=labels, locked=MappingProxyType(locked))

    def _relate(self, action: Relate) -> State:
        """Say how a label lies to others; what it shows follows, its own masks stay what they are."""
        self.check_unlocked(action.label)
        return replace(self, labels=MappingProxyType(related(self.labels, action)))

    def _delete_label(self, action: DeleteLabel) -> State:
        """Remove a label with its prompts and masks."""
        self.check_unlocked(action.label)
        if action.label not in self.labels:
            raise SessionError(f"there is no object {action.label} (there are: {sorted(self.labels) or 'none'})")
        return replace(
            self,
            prompts=tuple(p for p in self.prompts if p.label != action.label),
            labels=MappingProxyType(without(self.labels, action.label)),
            swept=MappingProxyType({v: x for v, x in self.swept.items() if v != action.label}),
            made_with=MappingProxyType({where: x for where, x in self.made_with.items() if where[0] != action.label}),
            operated=frozenset(where for where in self.operated if where[0] != action.label),
            extents=tuple(extent for extent in self.extents if extent.label != action.label),
            ticks=MappingProxyType({where: x for where, x in self.ticks.items() if where[0] != action.label}),
        )

    def _tick(self, action: Tick) -> State:
        """Tick a slice off, or take the tick back; a locked label can be looked at, too."""
        where = (action.label, action.plane, action.slice)
        others = {at: mask for at, mask in self.ticks.items() if at != where}
        return replace(self, ticks=MappingProxyType({**others, where: action.mask} if action.ticked else others))

    def swept_by(self, action: Propagate) -> State:
        """The same once a sweep is under way: it makes the masks of the prompted slices in its range anew."""
        again: dict[Where, MadeWith | None] = {
            (label, action.plane, index): action.made_with
            for label in action.labels
            for index in self.by_slice(label, action.plane)
            if action.first <= index <= action.last
        }
        return replace(self, made_with=self._made(again))

    def _made(self, again: Mapping[Where, MadeWith | None]) -> Mapping[Where, MadeWith | None]:
        return MappingProxyType({**self.made_with, **again})

    def with_swept(self, label: int, masks: LabelMasks) -> State:
        """The same with other swept masks for one label."""
        return replace(self, swept=MappingProxyType({**self.swept, label: masks}))

    def check_unlocked(self, label: int) -> None:
        """Refuse to change a locked label."""
        if self.is_locked(label):
            raise SessionError(f"{self.labels[label].with_number(label)} is locked; unlock it to change it")
