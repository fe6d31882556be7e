"""Names instead of boxes: a finder's proposals as the prompts of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from volsweep.errors import PromptError
from volsweep.finder import BundledFinder, Finder
from volsweep.geometry import Plane
from volsweep.prompts.kinds import PromptSet
from volsweep.volume import MAX_LABEL, Volume


def found_by_words(
    texts: Sequence[str], volume: Volume, plane: Plane, others: Sequence[PromptSet], finder: Finder | None = None
) -> tuple[PromptSet, tuple[dict[str, Any], ...]]:
    """The prompts that names become, and what the finder said of each.

    Parameters
    ----------
    texts
        ``right parotid``, or ``right parotid=2`` with a label; without one the next free label is taken.
    volume
        Where they are looked for.
    plane
        Whose slices are prompted.
    others
        What else is prompted: its labels are taken.
    finder
        The bundled one by default.

    Raises
    ------
    PromptError
        If a text is none, or the finder refuses it.
    """
    named = [_read(text) for text in texts]
    taken = {p.label for one in others for p in one.prompts} | {label for _, label in named if label}
    proposals = (finder or BundledFinder()).find(volume, [words for words, _ in named])
    sets, told, grid = [], [], volume.grid
    for (_, asked), proposal in zip(named, proposals, strict=True):
        label = asked or next(value for value in range(1, MAX_LABEL + 1) if value not in taken)
        taken.add(label)
        sets.append(proposal.prompts(plane, grid, label))
        row = proposal.to_dict(plane, grid, label)
        told.append(row)
        note = (
            f"{proposal.name} (object {label}) was found by its name, {proposal.told_score}: a box on {plane} "
            f"slice {row['slice']} that nobody has seen yet; look at it"
        )
        sets.append(PromptSet((), notes=(note,)))
    return PromptSet.joined(sets), tuple(told)


def _read(text: str) -> tuple[str, int | None]:
    """Words, and the label that they are to have, if one is said.

    Raises
    ------
    PromptError
        If there are no words, or the label is none.
    """
    words, equals, label = text.rpartition("=")
    if not equals:
        words = text
    if not words.strip() or (equals and not (label.strip().isdecimal() and 1 <= int(label) <= MAX_LABEL)):
        raise PromptError(f"{text[:80]!r} is not a name, nor NAME=LABEL with a label from 1 to {MAX_LABEL}")
    return words.strip(), int(label) if equals else None
