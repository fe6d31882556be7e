"""Who is told what the user drew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Plane
from volsweep.napari.canvas.strokes import Limits
from volsweep.prompts.kinds import Prompt


class Listener(Protocol):
    """Who is told what the user drew."""

    @property
    def plane(self) -> Plane:
        """The plane that is prompted."""

    @property
    def slice(self) -> int:
        """The slice on the screen."""

    @property
    def label(self) -> int:
        """The object that is prompted."""

    def select(self, label: int) -> None:
        """Another object was chosen in napari's own controls."""

    @property
    def positive(self) -> bool:
        """Whether a click says that the object is here."""

    @property
    def limits(self) -> Limits | None:
        """Where the brush paints; everywhere if None."""

    def drawn(self, prompt: Prompt) -> None:
        """A prompt was added, or a box or line moved."""

    def redrawn(self, prompts: Sequence[Prompt], label: int, index: int) -> None:
        """A label's prompts on a slice became these."""

    def painted(self, mask_yx: NDArray[np.bool_], index: int) -> None:
        """The current label's mask on a slice was painted or erased."""

    def refused(self, why: str) -> None:
        """What was drawn is no prompt."""
