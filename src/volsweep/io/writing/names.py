"""Names of files and folders that are to differ, on whatever disk."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Set


def as_on_disk(name: str) -> str:
    """What names have in common that are one to some disk: case, and how a letter with its accent is spelled."""
    return unicodedata.normalize("NFC", name).casefold()


def free_name(name: str, taken: Set[str], between: str = "_") -> str:
    """A name itself, or with the least number from 2 on that none of those taken (`as_on_disk`) has."""
    numbered = (f"{name}{between}{number}" for number in range(2, len(taken) + 3))
    return next(one for one in (name, *numbered) if as_on_disk(one) not in taken)


def distinct(names: Iterable[str]) -> list[str]:
    """Names in their order, each that an earlier one has with a number.

    Examples
    --------
    >>> distinct(["CT", "ct", "MR"])
    ['CT', 'ct_2', 'MR']
    """
    taken: set[str] = set()
    out = []
    for name in names:
        out.append(free_name(name, taken))
        taken.add(as_on_disk(out[-1]))
    return out
