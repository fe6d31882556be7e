"""Which slices look different after something was done."""

from __future__ import annotations

from volsweep.geometry import Plane
from volsweep.prompts.kinds import Prompt
from volsweep.session.state import State


def changed_slices(before: State, after: State, plane: Plane) -> set[int] | None:
    """Slices of a plane whose labels may differ between two states.

    Parameters
    ----------
    before, after
        The states.
    plane
        The plane that is shown.

    Returns
    -------
    set or None
        None where a whole label changed along another plane, so that any slice may differ.
    """
    if before is after:
        return set()
    out: set[int] = set()
    for label in {*before.labels, *after.labels, *before.swept, *after.swept}:
        old, new = before.swept.get(label), after.swept.get(label)
        old_prompts, new_prompts = _prompts(before, label), _prompts(after, label)
        relocked = before.locked.get(label) is not after.locked.get(label)
        planes = {m.plane for m in (old, new) if m is not None} | {p for p, _ in {*old_prompts, *new_prompts}}
        # All of a label's prompted slices: how large a click's object is taken to be follows
        # from its other prompts.
        remade = any(before.made_with.get((label, *k)) != after.made_with.get((label, *k)) for k in new_prompts)
        extended = before.extents_of(label) != after.extents_of(label) or _lies(before, label) != _lies(after, label)
        anew = relocked or remade or extended
        touched = {*old_prompts, *new_prompts} if anew or old_prompts != new_prompts else set()
        if old is not new or relocked or extended:
            olds, news = (dict(m.by_slice) if m is not None else {} for m in (old, new))
            swept = {z for z in {*olds, *news} if relocked or extended or olds.get(z) is not news.get(z)}
        else:
            swept = set()
        if (touched or swept) and planes != {plane}:
            return None
        out |= swept | {z for _, z in touched}
    return out


def _lies(state: State, label: int) -> tuple[object, ...]:
    """What beside its masks says which of its voxels are shown."""
    said = state.labels.get(label)
    return () if said is None else (said.overlaps, said.inside, said.outside)


def _prompts(state: State, label: int) -> dict[tuple[Plane, int], tuple[Prompt, ...]]:
    keys = {(p.plane, p.slice) for p in state.prompts if p.label == label}
    return {(plane, z): state.on_slice(label, plane, z) for plane, z in keys}
