"""Drop a series on the window: it is read beside the window, and napari asks nothing.

Without this, napari's own reader and ours both offer to open a folder, and a dialog asks which.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from volsweep.io.formats import may_be_slice
from volsweep.napari.contributions.reader import get_reader
from volsweep.prompts.source import is_session_file


class DropFilter(QObject):
    """Takes drops of a single volume; leaves all others to napari.

    Parameters
    ----------
    main
        napari's window.
    load
        Called with the path.
    parent
        With whom it goes.
    """

    def __init__(self, main: QMainWindow, load: Callable[[Path], None], parent: QObject) -> None:
        super().__init__(parent)
        self._load = load
        for widget in main.findChildren(QWidget):
            if type(widget).__name__ == "QtViewer":
                widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Look at drops only."""
        if event.type() != QEvent.Type.Drop:
            return bool(super().eventFilter(watched, event))
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        chosen = _ours(paths)
        if chosen is None:
            return False
        event.acceptProposedAction()
        self._load(chosen)
        return True


def _ours(paths: list[Path]) -> Path | None:
    """What is read of a drop; None leaves it to napari.

    A folder is ours whatever it holds: napari would ask which plugin may fail at it, and the panel says
    why nothing could be read.
    """
    if not paths:
        return None
    first = next((path for path in paths if path.is_dir()), paths[0])
    if first.is_dir() or (len(paths) == 1 and is_session_file(first)):
        return first
    return first if get_reader(str(first)) is not None and (len(paths) == 1 or _one_folder(paths)) else None


def _one_folder(paths: list[Path]) -> bool:
    """Whether several files are slices that lie side by side: any of them stands for the series."""
    return len({Path(p).parent for p in paths}) == 1 and all(may_be_slice(Path(p)) for p in paths)
