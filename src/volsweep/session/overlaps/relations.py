"""How objects lie to each other: which may overlap, and what each lies inside and outside of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from volsweep.errors import PromptError, SessionError
from volsweep.session.actions import Relate
from volsweep.terminology import named
from volsweep.volume import Label


def related(labels: Mapping[int, Label], action: Relate) -> dict[int, Label]:
    """Labels after one of them was told how it lies to others; an object inside or outside others may overlap.

    Raises
    ------
    SessionError
        If it would lie to itself, to an object that is not there, or round in a circle.
    """
    value = action.label
    label = labels.get(value, Label.default(value))
    inside = label.inside if action.inside is None else action.inside or None
    outside = label.outside if action.outside is None else tuple(sorted(set(action.outside)))
    if action.overlaps is False:  # what is told in the same breath is meant nevertheless
        inside, outside = action.inside or None, action.outside or ()
    asked = label.overlaps if action.overlaps is None else action.overlaps
    edited = replace(label, overlaps=asked or bool(inside or outside), inside=inside, outside=outside)
    out = {**labels, value: edited}
    for other in _relatives(edited):
        if other == value:
            raise SessionError(f"{label.with_number(value)} cannot lie inside or outside itself; name another object")
        if other not in labels:
            raise SessionError(f"there is no object {other} (there are: {sorted(labels) or 'none'})")
        if value in _all_relatives(out, other):
            names = f"{labels[other].with_number(other)} and {label.with_number(value)}"
            raise SessionError(f"{names} would clip each other in a circle; take one of both back first")
    return out


def as_related(label: Label, other: Label | None) -> Label:
    """A label that lies to others as another one does."""
    return (
        label if other is None else replace(label, overlaps=other.overlaps, inside=other.inside, outside=other.outside)
    )


def without(labels: Mapping[int, Label], gone: int) -> dict[int, Label]:
    """Labels but for one, which the others lie inside and outside no more."""
    return {
        value: replace(
            label,
            inside=None if label.inside == gone else label.inside,
            outside=tuple(other for other in label.outside if other != gone),
        )
        for value, label in labels.items()
        if value != gone
    }


def _relatives(label: Label) -> Iterator[int]:
    if label.inside is not None:
        yield label.inside
    yield from label.outside


def _all_relatives(labels: Mapping[int, Label], value: int) -> set[int]:
    """All labels that a label is clipped by, those too that these are clipped by."""
    found: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        new = set(_relatives(labels[one])) - found if one in labels else set()
        found |= new
        waiting += new
    return found


def check_typed(pairs: Sequence[str]) -> None:
    """Refuse what is not of the form ``CHILD:PARENT``.

    Raises
    ------
    PromptError
        Naming it.
    """
    for text in pairs:
        _pair(text)


def typed_relations(
    overlap: Sequence[str], inside: Sequence[str], outside: Sequence[str], labels: Mapping[int, Label]
) -> list[Relate]:
    """Relations as a person types them, by number or name.

    Parameters
    ----------
    overlap
        Objects that may overlap.
    inside, outside
        ``CHILD:PARENT``; several of one child are all its neighbours outside.
    labels
        That there are.

    Raises
    ------
    PromptError
        If one is not of that form, or names no object, or several.
    """
    said = [Relate(label=named(text, labels), overlaps=True) for text in overlap]
    around: dict[int, list[int]] = {}
    for text in inside:
        child, parent = (named(part, labels) for part in _pair(text))
        said.append(Relate(label=child, inside=parent))
    for text in outside:
        child, other = (named(part, labels) for part in _pair(text))
        around.setdefault(child, []).append(other)
    return [*said, *(Relate(label=child, outside=tuple(others)) for child, others in around.items())]


def _pair(text: str) -> tuple[str, str]:
    child, colon, parent = text.partition(":")
    if not (colon and child.strip() and parent.strip()) or ":" in parent:
        raise PromptError(f"{text!r} is not of the form CHILD:PARENT, two numbers or names, such as necrosis:tumour")
    return child.strip(), parent.strip()
