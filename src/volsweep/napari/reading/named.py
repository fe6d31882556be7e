"""What follows from the names of objects for the window that they are seen in; no choice is undone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from volsweep.intensity import CT_WINDOWS, Window, in_hounsfield
from volsweep.napari.canvas.chosen import chosen, first_window
from volsweep.terminology import window_of
from volsweep.volume import Volume


def window_by_names(names: Iterable[str], volume: Volume, shown: Window | None) -> Window | None:
    """The window that all objects are best seen in, by their names; None where that is not one, or one was chosen."""
    first = first_window(volume)
    if shown is None or not np.allclose((shown.low, shown.high), (first.low, first.high)):
        return None
    if chosen().window_for(volume) or not in_hounsfield(volume):
        return None
    return CT_WINDOWS.get(window_of(names))
