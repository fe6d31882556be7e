"""A series with labels of it, opened one after the other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer


def open_case(widget: Any, path: Path, series: str | None, labels: Path | None) -> None:
    """Open a series in the window of a widget, and then its labels as objects of it.

    Parameters
    ----------
    widget
        Volsweep's.
    path, series
        What to read, and which series of it.
    labels
        Any file that can be dropped on the volume.
    """
    opened = widget.controller.volume_opened

    def on_opened() -> None:
        if widget.controller.volume is None:
            return
        opened.disconnect(on_opened)
        if labels is not None:
            QTimer.singleShot(0, widget, partial(widget.loader.load, labels))

    opened.connect(on_opened)
    widget.loader.open_images(path, series)
