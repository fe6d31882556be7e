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
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths or not _is_ours(paths) or (len(paths) > 1 and not _one_folder(paths)):
            return False
        event.acceptProposedAction()
        self._load(Path(paths[0]))
        return True


def _is_ours(paths: list[str]) -> bool:
    return get_reader(paths) is not None or (len(paths) == 1 and is_session_file(Path(paths[0])))


def _one_folder(paths: list[str]) -> bool:
    """Whether several files are slices that lie side by side: any of them stands for the series."""
    return len({Path(p).parent for p in paths}) == 1 and all(may_be_slice(Path(p)) for p in paths)
