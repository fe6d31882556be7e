"""What the first click needs is loaded beside the window, once that is there."""

from __future__ import annotations

import gc
from threading import Thread

AFTER_MS = 800
"""The window is there, and has been painted, before anything heavy is loaded beside it."""


def warm_up() -> None:
    """Load torch beside the window, so that the first click has not to wait for it."""
    Thread(target=_load_engine, daemon=True, name="volsweep-warm-up").start()


def _load_engine() -> None:
    import volsweep.engine.engine  # noqa: F401  # torch: seconds

    # Half a million objects of torch and napari stay for good. Were they looked through at every
    # collection, and napari collects whenever a layer is removed, the window would stand still.
    gc.freeze()
