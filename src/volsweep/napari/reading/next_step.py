"""What the reader does next, and is done with, as far as it follows from what was done."""

from __future__ import annotations

from typing import Literal

from volsweep.napari.opened import OpenVolume, labels_of
from volsweep.operations.brought import Load
from volsweep.session.actions import Action, AddPrompts, LoadPrompts, Operate, Propagate, SetPrompts


def next_step(opened: OpenVolume | None) -> Literal["sweep", "save"] | None:
    """To sweep, or, where nothing that was prompted waits for that, to look and to save; None while it is swept.

    Objects of a file came whole; its context, and what is locked, is not swept.
    """
    if opened is None or opened.sweeping:
        return None
    whole: dict[int, bool] = {}
    for action in opened.done:
        match action:
            case Propagate() | Operate(operation=Load()):
                whole |= dict.fromkeys(labels_of(action), True)
            case AddPrompts() | SetPrompts() | LoadPrompts():
                whole |= dict.fromkeys(labels_of(action) - _context(action), False)
    there = whole.keys() & opened.state.labels.keys()
    is_whole = bool(there) and all(whole[label] or opened.state.is_locked(label) for label in there)
    return "save" if is_whole else "sweep"


def _context(action: Action) -> frozenset[int]:
    """Objects that were loaded to stay as they are: nothing is to be done to them."""
    edits = action.labels if isinstance(action, LoadPrompts) else ()
    return frozenset(each.label for each in edits if each.locked)


def accepted_objects(opened: OpenVolume) -> frozenset[int]:
    """Objects that the reader is done with: locked, or with slices ticked off and no doubtful one left."""
    done = {value for value in opened.sizes if opened.state.is_locked(value)}
    for value in opened.sizes:
        ticked, marks = opened.accepted.get(value, frozenset()), opened.trust.get(value, {})
        if ticked and not any(mark.doubtful and z not in ticked for z, mark in marks.items()):
            done.add(value)
    return frozenset(done)
