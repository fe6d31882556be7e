"""Names of organs, understood: "left parotid", "Parotid_L" and "Glandula parotis sinistra" are one thing.

The table (`terms.csv`) holds a hundred organs with the code that DICOM PS3.16 lists for them, and their names in
English, Latin, German and Spanish. A name with a slip of the pen is still understood; one that is in no row is not, and
never guessed.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from volsweep.volume import Code

LEFT, RIGHT = Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")
_SIDES = {
    LEFT: "left l lt sinister sinistra sinistrum sinistri sin links linke linker linkes li izquierdo izquierda izq",
    RIGHT: "right r rt dexter dextra dextrum dextri dex rechts rechte rechter rechtes re derecho derecha der",
}
_SIDE_OF = {word: side for side, words in _SIDES.items() for word in words.split()}
_FILLERS = frozenset(("the", "of", "and", "der", "die", "das", "und", "el", "los", "las", "y", "et", "organ", "gland"))
"""Words that tell no organ from another. "gland" alone is none either."""
_LEAST_ALIKE, _SHORTEST = 91.0, 6
"""How alike (rapidfuzz, 0 to 100) a misspelt name is to its row, and the letters that it has at least: "ileum" and
"ilium" are two things."""
_LEAST_NEAR = 75.0


class Term(NamedTuple):
    """What a name means.

    Parameters
    ----------
    organ
        Its code.
    side
        Left or right, where the name says one and the organ has two.
    """

    organ: Code
    side: Code | None = None


def understood(name: str) -> Term | None:
    """What a label's name means; None where that is not known.

    Examples
    --------
    >>> understood("Glandula parotis sinistra") == understood("Parotid_L") == understood("left parotid glands")
    True
    >>> understood("thing 3") is None
    True
    """
    words = _words(name)
    sides = [_SIDE_OF[word] for word in words if word in _SIDE_OF]
    # A letter may be part of a name ("L" of a vertebra): first as it stands, then without what says a side.
    for rest, side in ((words, None), ([w for w in words if w not in _SIDE_OF], sides)):
        row = _row_of(rest)
        if row is None:
            continue
        organ, paired = row
        if side and (not paired or len(set(side)) > 1):
            return Term(organ) if len(set(side)) > 1 else None
        return Term(organ, side[0] if side else None)
    return None


def side_in(name: str) -> Code | None:
    """The side that a name says, whatever it is of; None where it says none or both."""
    sides = {_SIDE_OF[word] for word in _words(name) if len(word) > 1 and word in _SIDE_OF}
    return sides.pop() if len(sides) == 1 else None


def nearest(name: str, count: int = 3) -> list[str]:
    """The names of the table that are most like one that is not understood, best first."""
    from rapidfuzz import fuzz, process

    rest = " ".join(word for word in _words(name) if word not in _SIDE_OF)
    found = process.extract(rest, list(_table()), scorer=fuzz.WRatio, limit=4 * count, score_cutoff=_LEAST_NEAR)
    return list(dict.fromkeys(_table()[key][0].meaning for key, _, _ in found))[:count]


def _row_of(words: list[str]) -> tuple[Code, bool] | None:
    key = _key(words)
    table = _table()
    for candidate in (key, key.removesuffix("s"), key.removesuffix("es")):
        if candidate in table:
            return table[candidate]
    if len(key) < _SHORTEST:
        return None
    from rapidfuzz import fuzz, process

    found = process.extractOne(key, list(table), scorer=fuzz.ratio, score_cutoff=_LEAST_ALIKE)
    return None if found is None else table[found[0]]


@cache
def _table() -> dict[str, tuple[Code, bool]]:
    """Every name, as `_key` makes it -> its code, and whether there are two of it."""
    out: dict[str, tuple[Code, bool]] = {}
    text = (files("volsweep.terminology") / "terms.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter=";"):
        names = [row["meaning"], *(name for language in ("english", "latin", "german", "spanish")
                                   for name in row[language].split(","))]  # fmt: skip
        for name in names:
            if name:
                out.setdefault(_key(_words(name)), (Code(row["code"], "SCT", row["meaning"]), row["paired"] == "yes"))
    return out


def _words(name: str) -> list[str]:
    """Words in small letters without accents: "ParotidGland_L" has three."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.replace("ß", "ss")) if not unicodedata.combining(c))
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return re.findall(r"[^\W\d_]+", apart.lower())


def _key(words: list[str]) -> str:
    """The same for "gland, parotid" and "parotid gland"."""
    kept = [word for word in words if word not in _FILLERS]
    return " ".join(sorted(kept or words))
