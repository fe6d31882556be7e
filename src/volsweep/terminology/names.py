"""Names of organs and lesions, understood: "left parotid", "Parotid_L" and "Glandula parotis sinistra" are one thing.

The table (`terms.csv`) holds a hundred organs with the code that DICOM PS3.16 lists for them, their names in English,
Latin, German and Spanish, where they lie (`body_part`), what shows them, their colour, and the window of CT for them if
it is another one than that for soft tissue. A name with a slip of the pen is still understood; one that is in no row is
not, and never guessed.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import product
from typing import NamedTuple

from volsweep.volume import Code, Label

LEFT, RIGHT = Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")
_SIDES = {
    LEFT: "left l lt sinister sinistra sinistrum sinistri sin "
    "links linke linker linkes linken li izquierdo izquierda izq",
    RIGHT: "right r rt dexter dextra dextrum dextri dex rechts rechte rechter rechtes rechten re derecho derecha der",
}
_SIDE_OF = {word: side for side, words in _SIDES.items() for word in words.split()}
_FILLERS = frozenset(
    ("the", "of", "and", "der", "die", "das", "und", "el", "los", "las", "de", "del", "y", "et", "organ", "gland")
)
"""Words that tell no organ from another. "gland" alone is none either."""
_LEAST_ALIKE, _SHORTEST = 91.0, 6
"""How alike (rapidfuzz, 0 to 100) a misspelt name is to its row, and the letters that it has at least: "ileum" and
"ilium" are two things."""
_LEAST_NEAR, _WHOLE = 70.0, 4
"""How alike a name is at least that is offered for one that is not understood, and the letters of words that count."""
_USUALLY = "CT MR"
"""What shows an organ of which the table does not say it."""
_DARKER = 0.7
"""Of a colour, for the right one of two."""
LESIONS: dict[Code, tuple[str, ...]] = {
    Code("108369006", "SCT", "Neoplasm"): (
        "neoplasm neoplasia tumor tumors tumoren tumour tumours",
        "gtv",
        "sarcoma",
        "carcinoma",
        "glioma",
    ),
    Code("14799000", "SCT", "Neoplasm, Secondary"): ("metastasis metastases metastatic metastase metastasen",),
    Code("52988006", "SCT", "Lesion"): ("lesion lesions laesion lasion lasionen lesiones",),
    Code("27925004", "SCT", "Nodule"): ("nodule nodules",),
    Code("12402003", "SCT", "Scar (morphologic abnormality)"): ("scar",),
    Code("367643001", "SCT", "Cyst"): ("cyst cysts zyste zysten quiste quistes",),
    Code("79654002", "SCT", "Edema"): ("edema oedema odem",),
    Code("6574001", "SCT", "Necrosis"): ("necrosis necrotic nekrose",),
    Code("50960005", "SCT", "Hemorrhage"): ("hemorrhage haemorrhage bleeding blutung hemorragia",),
}
"""Words without accents. Those of one text are one thing; of several texts of a code, each is another kind of it:
who asks for a glioma means no sarcoma."""
_WORDS = {code: frozenset(" ".join(texts).split()) for code, texts in LESIONS.items()}


class Organ(NamedTuple):
    """A row of the table.

    Parameters
    ----------
    code
        Of the organ.
    paired
        Whether there is a left and a right one.
    regions
        Letters of the parts of the body in whose images it may be (`volsweep.terminology.body_part`), first the one
        in which it lies; empty for what is everywhere.
    seen
        Modalities that show it.
    window
        Name of the window of CT that shows it best; empty where that is no other than usual.
    color
        ``"#rrggbb"``.
    """

    code: Code
    paired: bool
    regions: str
    seen: frozenset[str]
    window: str
    color: str


class Lesion(NamedTuple):
    """A lesion that a name speaks of.

    Parameters
    ----------
    code
        Of its kind.
    texts
        Which texts of that code it is called by.
    words
        All words of that code.
    """

    code: Code
    texts: frozenset[int]
    words: frozenset[str]


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
    words = words_of(name)
    sides = [_SIDE_OF[word] for word in words if word in _SIDE_OF]
    # A letter may be part of a name ("L" of a vertebra): first as it stands, then without what says a side.
    for rest, side in ((words, None), ([w for w in words if w not in _SIDE_OF], sides)):
        row = _row_of(rest)
        if row is None:
            continue
        if side and (not row.paired or len(set(side)) > 1):
            return Term(row.code) if len(set(side)) > 1 else None
        return Term(row.code, side[0] if side else None)
    return None


def side_in(name: str) -> Code | None:
    """The side that a name says, whatever it is of; None where it says none or both.

    Examples
    --------
    >>> side_in("Läsion rechts").meaning, side_in("Tumor der Leber")
    ('Right', None)
    """
    words = words_of(name)
    # Spanish shortens "derecha" behind what it is of; before that, "der" is a German article.
    sides = {_SIDE_OF[word] for word in words if len(word) > 1 and word in _SIDE_OF and word not in _FILLERS}
    sides |= {_SIDE_OF[word] for word in words[-1:] if word in _SIDE_OF and word in _FILLERS and words[1:]}
    return sides.pop() if len(sides) == 1 else None


def lesion_in(words: Iterable[str]) -> Lesion | None:
    """The lesion that words in small letters, without accents, speak of; None where they speak of none."""
    said = set(words)
    for code, known in _WORDS.items():
        if said & known:
            texts = frozenset(index for index, text in enumerate(LESIONS[code]) if said & set(text.split()))
            return Lesion(code, texts, known)
    return None


def organ_in(name: str) -> Organ | None:
    """The organ that a name is of, or in which the lesion that it names is; None where it does not say.

    Examples
    --------
    >>> organ_in("Tumor der Leber") is organ_in("hígado")
    True
    """
    words = words_of(name)
    lesion = lesion_in(words)
    term = understood(name if lesion is None else " ".join(word for word in words if word not in lesion.words))
    return None if term is None else _by_code()[term.organ]


def window_of(names: Iterable[str]) -> str:
    """The name of the window of CT that all of these are best seen in; empty where that is not one."""
    windows = {"" if (organ := organ_in(name)) is None else organ.window for name in names}
    return windows.pop() if len(windows) == 1 else ""


def called(name: str, value: int) -> Label:
    """A label of a name, in its organ's colour, the right one of two darker; else in its number's."""
    organ = organ_in(name)
    if organ is None or lesion_in(words_of(name)) is not None:
        return Label(name, Label.default(value).color)
    term = understood(name)
    right = term is not None and term.side == RIGHT
    parts = (int(organ.color[at : at + 2], 16) for at in (1, 3, 5))
    return Label(name, "#" + "".join(f"{round(part * _DARKER) if right else part:02x}" for part in parts))


def color_for(label: Label, value: int, name: str) -> str | None:
    """The colour of an object that gets a name; None where someone chose the one that it has, or it has it already."""
    color = called(name, value).color
    unchosen = (Label.default(value).color, called(label.name, value).color)
    return color if label.color in unchosen and color != label.color else None


def telling(words: Iterable[str]) -> list[str]:
    """Words that tell one thing from another: no side (but for single letters, which may be a name), no filler."""
    return [word for word in words if word not in _FILLERS and (len(word) == 1 or word not in _SIDE_OF)]


def nearest(name: str, count: int = 3) -> list[str]:
    """The names of the table that are most like one that is not understood, best first."""
    rest = [word for word in words_of(name) if word not in _SIDE_OF]
    near = {key: score for key in _table() if (score := _alike(rest, key)) >= _LEAST_NEAR}
    found = sorted(near, key=lambda key: -near[key])
    return list(dict.fromkeys(_table()[key].code.meaning for key in found))[:count]


def _alike(words: list[str], name: str) -> float:
    """How alike words are to a name, 0 to 100: all together, or one of them to one of its own, long ones the rather."""
    from rapidfuzz import fuzz

    own = [word for word in name.split() if len(word) >= _WHOLE and word not in _SIDE_OF]
    longest = max(map(len, words), default=1)
    parts = (
        (0.85 + 0.1 * len(word) / longest) * fuzz.ratio(word, other)
        for word, other in product(words, own)
        if len(word) >= _WHOLE
    )
    return max(fuzz.ratio(" ".join(words), name), *parts, 0.0)


def words_of(name: str) -> list[str]:
    """Words in small letters without accents, sides without slips: "ParotidGland_L" has three, "rigth" is "right"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.replace("ß", "ss")) if not unicodedata.combining(c))
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return [_side_as_meant(word) for word in re.findall(r"[^\W\d_]+", apart.lower())]


def _side_as_meant(word: str) -> str:
    """A word, or the side that it says with two letters exchanged: "rigth"."""
    if word in _SIDE_OF or len(word) < len("left"):
        return word
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(1, len(word) - 1)}
    return next((side for side in sorted(swapped) if side in _SIDE_OF), word)


def _row_of(words: list[str]) -> Organ | None:
    key = _key(words)
    table = _table()
    for candidate in (key, *(key.removesuffix(plural) for plural in ("s", "es", "n", "en"))):
        if candidate in table:
            return table[candidate]
    if len(key) < _SHORTEST:
        return None
    from rapidfuzz import fuzz, process

    alike = [name for name in table if name[0] == key[0]]  # a slip is within a word: an axilla is no maxilla
    found = process.extractOne(key, alike, scorer=fuzz.ratio, score_cutoff=_LEAST_ALIKE)
    return None if found is None else table[found[0]]


@cache
def _table() -> dict[str, Organ]:
    """Every name, as `_key` makes it -> its row."""
    out: dict[str, Organ] = {}
    text = (files("volsweep.terminology") / "terms.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter=";"):
        seen = frozenset((row["seen"] or _USUALLY).split())
        code = Code(row["code"], "SCT", row["meaning"])
        organ = Organ(code, row["paired"] == "yes", row["regions"], seen, row["window"], row["color"])
        names = [row["meaning"], *(name for language in ("english", "latin", "german", "spanish")
                                   for name in row[language].split(","))]  # fmt: skip
        for name in filter(None, names):
            out.setdefault(_key(words_of(name)), organ)
    return out


@cache
def _by_code() -> dict[Code, Organ]:
    return {organ.code: organ for organ in _table().values()}


def _key(words: list[str]) -> str:
    """The same for "gland, parotid" and "parotid gland"."""
    kept = [word for word in words if word not in _FILLERS]
    return " ".join(sorted(kept or words))
