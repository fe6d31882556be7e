"""A name as someone types it, and which of the objects that are there it means: one rule, wherever names are typed.

A number is the object's. A name is taken as it is written; if no object is called so, in small or capital letters; if
none is, by what it means: "left parotid" is also "Glandula parotis sinistra". What two objects may be called is
refused with both, and what none is with the nearest: nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from volsweep.errors import PromptError
from volsweep.terminology.names import LESIONS, lesion_in, side_in, telling, understood, words_of
from volsweep.volume import Code, Label, Meaning

_Meant = tuple[object, ...]
_LISTED = 30
_LEAST_NEAR = 60.0
"""How alike (rapidfuzz, 0 to 100) a name is to one that is asked after."""


def named(typed: str | int, there: Mapping[int, Label], numbers: Mapping[int, int] | None = None) -> int:
    """The object that a typed number or name means.

    Parameters
    ----------
    typed
        As a person types it.
    there
        Label -> name and colour.
    numbers
        Label -> its number in its file, where that is another one.

    Raises
    ------
    PromptError
        If none is called so, with the nearest name; or if several are, naming them.

    Examples
    --------
    >>> there = {1: Label("Parotid_L", "#e69f00"), 2: Label("GTV", "#56b4e9")}
    >>> [named(text, there) for text in ("2", "gtv", "Glandula parotis sinistra")]
    [2, 2, 1]
    """
    numbers = {value: value for value in there} | dict(numbers or {})
    asked = " ".join(unicodedata.normalize("NFC", str(typed)).split())
    meant = _meant(asked)
    rules: tuple[Callable[[int, Label], bool], ...] = (
        lambda value, _: asked == str(numbers[value]),
        lambda _, label: asked == _plain(label.name),
        lambda _, label: asked.casefold() == _plain(label.name).casefold(),
        lambda _, label: bool(meant & _meanings(label)),
    )
    for fits in rules:
        found = [value for value, label in there.items() if fits(value, label)]
        if len(found) == 1:
            return found[0]
        if found:
            raise PromptError(f"{asked!r} may be {_either(found, there, numbers)}; say which, by its number")
    raise PromptError(_unknown(asked, there, numbers))


def named_all(
    typed: Iterable[str | int], there: Mapping[int, Label], numbers: Mapping[int, int] | None = None
) -> list[int]:
    """The objects that several typed numbers or names mean, each once, in the order in which they are typed.

    Raises
    ------
    PromptError
        As `named`.
    """
    return list(dict.fromkeys(named(text, there, numbers) for text in typed))


def called_alike(label: Label, other: Label) -> bool:
    """Whether two objects have one name, in small or capital letters."""
    return _plain(label.name).casefold() == _plain(other.name).casefold()


def one_thing(label: Label, other: Label) -> bool:
    """Whether two objects are called the same, in whatever letters or language."""
    return called_alike(label, other) or bool(_meanings(label) & _meanings(other))


def counted_in(name: str) -> tuple[int, ...]:
    """The numbers in a name: of which of several alike it is."""
    return tuple(int(digits) for digits in re.findall(r"\d+", name))


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _meant(name: str) -> set[_Meant]:
    """What a name means, whole: nothing where a word or a number of it says more than is understood."""
    words, counted = words_of(name), counted_in(name)
    lesion = lesion_in(words)
    if lesion is None:
        term = understood(name)
        return set() if term is None else {(term.organ.value, term.side and term.side.value, counted)}
    rest = [word for word in words if word not in lesion.words]
    organ = understood(" ".join(rest))
    if organ is None and telling(rest):
        return set()
    return {_of_lesion(lesion.code, lesion.texts, side_in(name), organ and organ.organ, counted)}


def _meanings(label: Label) -> set[_Meant]:
    """What an object's name means, and what its file says that it is."""
    return _meant(label.name) | (set() if label.meaning is None else {_coded(label.meaning)})


def _coded(meaning: Meaning) -> _Meant:
    if any(meaning.kind[:2] == code[:2] for code in LESIONS):
        return _of_lesion(meaning.kind, frozenset((0,)), meaning.side or meaning.region_side, meaning.region, ())
    return (meaning.kind.value, meaning.side and meaning.side.value, ())


def _of_lesion(
    code: Code, texts: frozenset[int], side: Code | None, organ: Code | None, counted: tuple[int, ...]
) -> _Meant:
    return code.value, texts, side and side.value, organ and organ.value, counted


def _either(found: Iterable[int], there: Mapping[int, Label], numbers: Mapping[int, int]) -> str:
    return " or ".join(f"{numbers[value]} ({there[value].name})" for value in found)


def _unknown(asked: str, there: Mapping[int, Label], numbers: Mapping[int, int]) -> str:
    """What to say of a name that nothing is called by."""
    from rapidfuzz import fuzz, process

    listed = [f"{numbers[value]} {label.name}" for value, label in list(there.items())[:_LISTED]]
    more = [f"{len(there) - _LISTED} more"] if len(there) > _LISTED else []
    meant = understood(asked)
    near = [v for v, label in there.items() if meant and getattr(understood(label.name), "organ", None) == meant.organ]
    if not near and not asked.isdecimal():
        names = {value: _plain(label.name).casefold() for value, label in there.items()}
        best = process.extractOne(asked.casefold(), names, scorer=fuzz.ratio, score_cutoff=_LEAST_NEAR)
        near = [] if best is None else [best[2]]
    hint = f"did you mean {_either(near, there, numbers)}? " if near else ""
    return f"there is no label {asked[:80]!r}; {hint}there are: {', '.join([*listed, *more]) or 'none'}"
