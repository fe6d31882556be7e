"""Who is told what the user drew."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.napari.canvas.layers import prompt_from
from volsweep.napari.canvas.strokes import Limits
from volsweep.prompts.kinds import Point, Prompt


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

    def coming(self, prompt: Prompt) -> None:
        """The button was pressed where a prompt is, if it is let go there."""

    def drawn(self, prompt: Prompt) -> None:
        """A prompt was added, or a box or line moved."""

    def redrawn(self, prompts: Sequence[Prompt], label: int, index: int) -> None:
        """A label's prompts on a slice became these."""

    def painted(self, mask_yx: NDArray[np.bool_], index: int) -> None:
        """The current label's mask on a slice was painted or erased."""

    def refused(self, why: str) -> None:
        """What was drawn is no prompt."""


def watch_clicks(points: Points, grid: Grid, listener: Listener) -> None:
    """Let the press of the button be told of: napari adds a click when it is let go, a mask's time later."""

    def on_press(layer: Points, event: Any) -> None:
        if layer.mode == "add" and event.button == 1 and len(event.dims_displayed) == 2:
            said = {"label": listener.label, "positive": listener.positive}
            at = np.asarray(layer.world_to_data(event.position))
            with suppress(PromptError):  # it is refused when it is let go
                listener.coming(prompt_from(Point, at, grid, listener.plane, **said))

    points.mouse_drag_callbacks.append(on_press)
