"""Which objects of two or more files are one object: the one rule for readers, comparisons and consensus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from volsweep.terminology.resolve import called_alike, counted_in, one_thing
from volsweep.volume import Label

_One = tuple[int, Label]


def pairs_of(ours: Mapping[int, Label], theirs: Mapping[int, Label]) -> dict[int, int]:
    """Objects of one file -> those of another that are the same.

    First those that are called the same, in small or capital letters; then those whose names mean the same, in any
    language, sides kept apart; then those of one code. A name that two objects of a file have says nothing about which
    is which: of those the ones of one number are the same, and so are those without a name of their own.

    Parameters
    ----------
    ours, theirs
        Label -> name and colour.

    Examples
    --------
    >>> left, right = Label("Parotid_L", "#e69f00"), Label("Parotid_R", "#56b4e9")
    >>> pairs_of({1: left, 2: right}, {1: Label("rechte Parotis", "#ff0000"), 5: Label("Label 5", "#00ff00")})
    {2: 1}
    """
    pairs = dict[int, int]()
    for same in (_named_alike, _one_thing, _of_one_code, _alike_and_of_one_number):
        left = {value: label for value, label in ours.items() if value not in pairs}
        free = {value: label for value, label in theirs.items() if value not in pairs.values()}
        for mine, other in _only_ones(left, free, same):
            pairs[mine] = other
    return pairs


def groups_of(files: Sequence[Mapping[int, Label]]) -> dict[int, dict[int, int]]:
    """Objects of several files, by which are one.

    What every next file holds is paired (`pairs_of`) with what those before hold, called as in the first that has it.

    Returns
    -------
    dict
        A number for each object, its own in the first file that has it where that is free -> the places of the files
        that have it -> its number there.
    """
    known: dict[int, Label] = {}
    groups: dict[int, dict[int, int]] = {}
    for place, labels in enumerate(files):
        paired = {other: mine for mine, other in pairs_of(known, labels).items()}
        for value, label in labels.items():
            group = paired.get(value)
            if group is None:
                # Under its own number where that is free, so that what has no name goes by it in the next file.
                group = value if value not in groups else max(*groups, *labels) + 1
                known[group], groups[group] = label, {}
            groups[group][place] = value
    return dict(sorted(groups.items()))


def _only_ones(
    ours: Mapping[int, Label], theirs: Mapping[int, Label], same: Callable[[_One, _One], bool]
) -> list[tuple[int, int]]:
    """Pairs by a rule, where neither has another one by it."""
    fits = [(mine, other) for mine in ours.items() for other in theirs.items() if same(mine, other)]
    mine, others = ([pair[side][0] for pair in fits] for side in (0, 1))
    return [(m, o) for m, o in zip(mine, others, strict=True) if mine.count(m) == others.count(o) == 1]


def _named_alike(mine: _One, other: _One) -> bool:
    return mine[1].is_named(mine[0]) and called_alike(mine[1], other[1])


def _one_thing(mine: _One, other: _One) -> bool:
    return mine[1].is_named(mine[0]) and one_thing(mine[1], other[1]) and not _counted_apart(mine, other)


def _of_one_code(mine: _One, other: _One) -> bool:
    coded = mine[1].meaning is not None and _codes(mine[1]) == _codes(other[1])
    return coded and not _counted_apart(mine, other)


def _alike_and_of_one_number(mine: _One, other: _One) -> bool:
    if mine[0] != other[0]:
        return False
    return one_thing(mine[1], other[1]) or not any(label.is_named(value) for value, label in (mine, other))


def _counted_apart(mine: _One, other: _One) -> bool:
    """Whether their names count them: "GTV 1" and "GTV 2" have one code, and are two."""
    (value, label), (their_value, their_label) = mine, other
    if not (label.is_named(value) and their_label.is_named(their_value)):
        return False
    return counted_in(label.name) != counted_in(their_label.name)


def _codes(label: Label) -> tuple[object, ...] | None:
    if label.meaning is None:
        return None
    return tuple(code and code[:2] for code in label.meaning[1:])
