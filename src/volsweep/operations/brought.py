"""Objects that no sweep drew: read from files, or drawn by a finder; and what is still brought once more was done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, repeat
from typing import Annotated, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from volsweep.operations.base import AnyOperation, Scene

Where = TypeVar("Where")
Brought = Mapping[Where, float | None]
"""Slices, each with the DSC that is expected of it: None where it was read from a file, and nobody knows."""


class Load(AnyOperation):
    """Objects were read from a file, or drawn by a finder; the masks are in the action that says so."""

    doing: ClassVar[str] = "Loading objects"
    kind: Literal["load"] = "load"
    # Without these where there is none, as files and servers of before know it.
    finder: str = Field(default="", exclude_if=lambda it: not it)
    words: str = Field(default="", exclude_if=lambda it: not it)
    """By which the finder found it."""
    expected: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(), exclude_if=lambda it: not it)
    """The DSC that each mask of a finder probably has, in their order."""

    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """The object as it is."""
        return [scene.mask_zyx]


def brought_after(
    operation: AnyOperation, before: Brought[Where], own: Collection[Where], changed: Sequence[Where]
) -> Brought[Where]:
    """What is brought once an operation was done.

    Parameters
    ----------
    operation
        What was done.
    before
        What was brought before.
    own
        All drawn slices of the object; none where something else drew it, too.
    changed
        Slices that the operation drew, in the order of its masks.
    """
    if isinstance(operation, Load):
        expected = chain(operation.expected, repeat(0.0 if operation.finder else None))
        return {**before, **dict(zip(changed, expected, strict=False))}
    if own and all(at in before for at in own):  # of what was brought and nothing else, all that is made of it is, too
        worst = min((share for at in own if (share := before[at]) is not None), default=None)
        return {**before, **{at: before.get(at, worst) for at in changed}}
    return {at: share for at, share in before.items() if at not in changed}
