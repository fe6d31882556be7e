"""What someone who reads a result should know: sentences on windows that hide, and on labels with nothing in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Plane
from volsweep.intensity import Window, looks_like_hounsfield
from volsweep.prompts.kinds import Prompt
from volsweep.session.session import Session
from volsweep.volume import LABEL_COLORS, Label, Volume

_HIDDEN = 0.95
"""Of what is prompted: shown black, or white, beyond this share it is hidden."""
_AROUND = 2
"""In voxels: what is looked at around a click."""


def notes_before(volume: Volume, plane: Plane, *, plane_given: bool, window_given: bool) -> tuple[str, ...]:
    """What was decided for a volume that nobody said."""
    notes = []
    if not plane_given and plane is not Plane.AXIAL:
        notes.append(f"the slices of this series are {plane}: they are prompted and swept (plane= says otherwise)")
    if not window_given and not volume.modality and looks_like_hounsfield(volume):
        notes.append(
            "nothing says what made this image, and its values look like Hounsfield units: it is seen through the "
            "soft-tissue window, as CT is (modality= or window= says otherwise)"
        )
    return tuple(notes)


def notes_after(session: Session, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """What the prompts and the labels, as rows of the report, show when all is done."""
    prompts = session.state.prompts
    return (*_hidden(session.volume, session.window, prompts), *_nothing(rows, prompts))


def _hidden(volume: Volume, window: Window, prompts: Sequence[Prompt]) -> Iterator[str]:
    """One sentence a label whose prompted region the window shows black or white."""
    told = set()
    for prompt in prompts:
        values = None if prompt.label in told else _prompted(volume, prompt)
        if values is None or not values.size:
            continue
        grey = window.frame(values)
        for shade, share in (("black", float((grey <= 0).mean())), ("white", float((grey >= 1).mean()))):
            if share >= _HIDDEN:
                told.add(prompt.label)
                yield (
                    f"window {window} shows {share:.0%} of what is prompted of object {prompt.label} on {prompt.plane} "
                    f"slice {prompt.slice} {shade}: its values go from {values.min():g} to {values.max():g}, "
                    f"the window from {window.low:g} to {window.high:g}"
                )


def _prompted(volume: Volume, prompt: Prompt) -> NDArray[Any] | None:
    """Values of what a prompt is about; of a negative click none."""
    spacing_yx_mm = volume.grid.plane_spacing_mm(prompt.plane)[1:]
    extent = prompt.extent_xyxy(spacing_yx_mm)
    if extent is None or not getattr(prompt, "positive", True):
        return None
    image = volume.slice_yx(prompt.plane, prompt.slice)
    grow = _AROUND if prompt.is_click else 0
    x0, y0, x1, y1 = extent
    rows = slice(max(0, round(y0) - grow), max(0, round(y1)) + grow + 1)
    columns = slice(max(0, round(x0) - grow), max(0, round(x1)) + grow + 1)
    return np.asarray(image[rows, columns])


def _nothing(rows: Sequence[dict[str, Any]], prompts: Sequence[Prompt]) -> Iterator[str]:
    for row in rows:
        mine = [prompt for prompt in prompts if prompt.label == row["label"]]
        name = Label(row["name"], LABEL_COLORS[0]).with_number(row["label"])
        if not row["voxels"]:
            only = mine and all(prompt.is_click and not getattr(prompt, "positive", True) for prompt in mine)
            why = "it has negative points only" if only else "look at its prompts and at the window"
            yield f"nothing was found of {name}: 0 mL; {why}"
        for prompt in mine:
            extent = None if prompt.is_click or prompt.is_painted else prompt.extent_xyxy()
            if extent is not None and max(extent[2] - extent[0], extent[3] - extent[1]) < 1:
                yield f"the {prompt.kind} of {name} on {prompt.plane} slice {prompt.slice} is smaller than two voxels"
