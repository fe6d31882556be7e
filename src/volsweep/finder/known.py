"""What the bundled finder finds, without its network: a name that it refuses is refused before any volume is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from volsweep.errors import PromptError
from volsweep.models.find import read_architecture
from volsweep.models.registry import FINDER
from volsweep.terminology import nearest, telling, understood, words_of


@cache
def findable() -> tuple[str, ...]:
    """Names of what the bundled finder finds."""
    return tuple(str(one["name"]) for one in read_architecture(FINDER.config_path)["finder"]["names"])


def index_of(text: str, known: Sequence[str]) -> int:
    """Which of some names a text means.

    Raises
    ------
    PromptError
        If it means none, or may mean two, with the names that come nearest.
    """
    terms = [understood(name) for name in known]
    term = understood(text)
    if term is not None and term in terms:
        return terms.index(term)
    names = ", ".join(known)
    if term is not None and term.side is None:
        both = [name for name, one in zip(known, terms, strict=True) if one is not None and one.organ == term.organ]
        if both:
            raise PromptError(f"{text!r} may be {' or '.join(both)}; say which")
    if term is not None:
        raise PromptError(
            f"{text!r} ({term.organ.meaning}) is nothing that the finder was trained on; it finds {names}"
        )
    one_of = understood(" ".join(telling(words_of(text))))
    if one_of is not None:
        raise PromptError(f"{text!r} says a side, and there is one {one_of.organ.meaning}; the finder finds {names}")
    near = nearest(text)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise PromptError(f"{text!r} is no name that Volsweep knows; {hint}the finder finds {names}")
