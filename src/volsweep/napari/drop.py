"""Drop a series on the window: it is read beside the window, and napari asks nothing.

Without this, napari's own reader and ours both offer to open a folder, and a dialog asks which.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from npe2 import PluginManager
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from volsweep.io.formats import may_be_slice, named
from volsweep.napari.contributions.reader import get_reader
from volsweep.prompts.source import is_session_file

_PLUGIN = "napari-volsweep"


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

    A folder is ours whatever it holds, a file whatever it holds under a name of ours, and what is not there
    any more: napari would ask which plugin may fail at it, or fail itself, and the panel says why nothing
    could be read.
    """
    if not paths:
        return None
    first = next((path for path in paths if _is(path, Path.is_dir)), paths[0])
    if _is(first, Path.is_dir):
        return first
    if len(paths) == 1:
        return first if _is_ours(first) else None
    return first if _one_folder(paths) and any(get_reader(str(path)) is not None for path in paths) else None


def _is(path: Path, what: Callable[[Path], bool]) -> bool:
    """Whether a path is so; not where nobody may look."""
    try:
        return what(path)
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    """Whether one file is read here, or refused here; one that another plugin may read is napari's matter."""
    if not _is(path, Path.exists) or named(path.name) is not None or is_session_file(path):
        return True
    others = (r.plugin_name for r in PluginManager.instance().iter_compatible_readers([str(path)]))
    return get_reader(str(path)) is not None or set(others) <= {_PLUGIN}


def _one_folder(paths: list[Path]) -> bool:
    """Whether several files are slices that lie side by side: any of them stands for the series."""
    return len({Path(p).parent for p in paths}) == 1 and all(may_be_slice(Path(p)) for p in paths)
