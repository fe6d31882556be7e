"""Names instead of boxes: a finder's proposals as the prompts of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import PromptError
from volsweep.finder import BundledFinder, Finder, finder_named
from volsweep.finder.named import check_finder
from volsweep.geometry import Plane
from volsweep.job.job import Job
from volsweep.prompts.kinds import PromptSet
from volsweep.session.actions import Operate
from volsweep.session.builders import taking
from volsweep.terminology import called
from volsweep.volume import MAX_LABEL, Volume


@dataclass(frozen=True)
class FoundByName:
    """What names become.

    Parameters
    ----------
    prompts
        Boxes, names, and what someone should know of each.
    drawn
        What the finder drew itself, where that is better than a sweep from its box.
    told
        What it said of each name, for the report.
    """

    prompts: PromptSet
    drawn: tuple[Operate, ...]
    told: tuple[dict[str, Any], ...]

    def within(self, sweep: SweepOptions, count: int) -> FoundByName:
        """The same with what was drawn on the slices alone, of so many, that a sweep may visit.

        Raises
        ------
        PromptError
            If nothing of an object was.
        """
        whole = sweep.within(count)
        return replace(self, drawn=tuple(_within(one, (whole.first, whole.last)) for one in self.drawn))


def _within(drawn: Operate, slices: tuple[int, int]) -> Operate:
    first, last = slices
    masks, expected = drawn.found or (), getattr(drawn.operation, "expected", ())
    kept = [(mask, share) for mask, share in zip(masks, expected, strict=True) if first <= mask.slice <= last]
    if not kept:
        there = f"{masks[0].slice} to {masks[-1].slice}"
        raise PromptError(f"{drawn.names[drawn.label]} was found on slices {there}, and the range is {first} to {last}")
    operation = drawn.operation.model_copy(update={"expected": tuple(share for _, share in kept)})
    return drawn.model_copy(update={"operation": operation, "found": tuple(mask for mask, _ in kept)})


def found_by_name(job: Job, volume: Volume, plane: Plane, others: Sequence[PromptSet]) -> FoundByName:
    """What a job's names become beside the other prompts, see `found_by_words`."""
    finder = finder_named(job.finder, may_send=job.send_voxels)
    found = found_by_words(job.text, volume, plane, others, finder)
    return found.within(job.sweep, volume.grid.plane_shape(plane)[0])


def found_by_words(
    texts: Sequence[str], volume: Volume, plane: Plane, others: Sequence[PromptSet], finder: Finder | None = None
) -> FoundByName:
    """What a finder says of names. What is prompted besides is swept: then only the finder's box counts.

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
    numbers = [label for _, label in named]
    prompted = {p.label for one in others for p in one.prompts}
    taken = {*prompted, *filter(None, numbers)}
    proposals = (finder or BundledFinder()).find(volume, [words for words, _ in named])
    sets, drawn, told, grid = [], [], [], volume.grid
    for (_, asked), proposal in zip(named, proposals, strict=True):
        label = asked or next(value for value in range(1, MAX_LABEL + 1) if value not in taken)
        if label in prompted or numbers.count(label) > 1:
            proposal = replace(proposal, outline=None)
        taken.add(label)
        action = taking(proposal, plane, grid, label)
        if isinstance(action, Operate):
            drawn.append(action)
            what = f"what {proposal.finder} drew itself, on {len(action.found or ())} {plane} slices, not swept,"
            sets.append(PromptSet((), {label: called(proposal.name, label)}))
        else:
            what = f"a box on {plane} slice {proposal.section(plane, grid).slice}"
            sets.append(proposal.prompts(plane, grid, label))
        told.append(proposal.to_dict(plane, grid, label))
        found = f"{proposal.name} (object {label}) was found by its name, {proposal.told_score}"
        sets.append(PromptSet((), notes=(f"{found}: {what} that nobody has seen yet; look at it",)))
    return FoundByName(PromptSet.joined(sets), tuple(drawn), tuple(told))


def check_texts(texts: Sequence[str], finder: str | None, *, may_send: bool = False) -> None:
    """Find out before any volume is read what names would be refused for, see `check_finder`."""
    check_finder(finder, may_send=may_send, words=[_read(text)[0] for text in texts])


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
