"""Opens volumes and sessions: files are read beside the window, never in its thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QPoint
from qtpy.QtWidgets import QMenu

from volsweep.errors import GapsError, InputError, SessionError, VolsweepError
from volsweep.io import SeriesInfo, find_series, read_labels, read_objects
from volsweep.io.sidecar import sidecar_path
from volsweep.napari.canvas.layers import VOLUME_KEY
from volsweep.napari.contributions.reader import read
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import is_model_trusted
from volsweep.napari.panels.message import MessageBar
from volsweep.napari.recovery.autosave import Autosave
from volsweep.napari.recovery.unfinished import Unfinished
from volsweep.napari.worker.tasks import Resume
from volsweep.operations.kinds import Load
from volsweep.prompts.labels import masks_from_labels
from volsweep.prompts.source import SourceKind, is_regular, is_session_file, kind_of_source
from volsweep.session.actions import Operate, checked
from volsweep.session.file import SessionFile, read_session
from volsweep.volume import Volume

_MOST_LABELS, _MOSTLY = 64, 0.3
_MOST_BESIDE = 20
"""Files beside the images that are looked at."""


class Loader(QObject):
    """What happens between choosing a path and working on it.

    Parameters
    ----------
    controller, autosave
        Where the volume goes.
    message
        Where it is said what is read, and why it could not be.
    parent
        With whom it goes.
    """

    def __init__(self, controller: Controller, autosave: Autosave, message: MessageBar, parent: QObject) -> None:
        super().__init__(parent)
        self._controller, self._autosave, self._message = controller, autosave, message
        self._worker: Any = None
        self._resume: Resume | None = None
        self._unfinished: Unfinished | None = None
        self._path = Path()
        self.menu = QMenu(message)
        controller.resumed.connect(self._on_resumed)

    def load(self, path: Path, series: str | None = None, gaps: str = "refuse") -> None:
        """Read a volume and add it, or open a session file."""
        if is_session_file(path):
            self.open_session(path)
            return
        self._resume = self._unfinished = None
        volume = self._controller.volume
        if volume is not None and series is None and may_hold_labels(path):
            self._start(_read_labels, path, volume, max(self._controller.state.labels, default=0) + 1)
        else:
            self._read(path, series, gaps)

    def open_session(self, path: Path) -> None:
        """Open a session file on the volume that is open if it is the right one, else on the one it names."""
        try:
            saved = read_session(path)
        except VolsweepError as error:
            self._message.say(_sentence(error), "error")
            return
        if self._is_trusted(saved, path.name):
            self._unfinished = None
            self._open(Resume(saved))

    def restore(self, unfinished: Unfinished) -> None:
        """Go on with a session that was left unsaved; it is offered again where its model is not trusted."""
        if self._is_trusted(unfinished.saved, "The unsaved session"):
            self._unfinished = unfinished
            self._open(unfinished.resume())
        else:
            self._autosave.left.emit()

    def _is_trusted(self, saved: SessionFile, named_by: str) -> bool:
        """Whether the reader agrees to the weights that a file names, where they are none of Volsweep's own."""
        models = saved.foreign_models
        if not models or is_model_trusted(self._message.window(), named_by, models):
            return True
        self._message.say(f"{named_by} was not opened, and stays as it is: its model was not trusted.", "info")
        return False

    def _open(self, task: Resume) -> None:
        volume, image = self._controller.volume, self._controller.image
        reference = task.saved.volume
        if volume is not None and image is not None and reference.sha256 is not None:
            try:
                reference.check(volume)
            except SessionError:
                pass  # the one it names is read
            else:
                self._controller.open(None)
                self._controller.open(image)
                self._controller.resume(task)
                return
        if reference.path is None or not Path(reference.path).exists():
            self._message.say(
                f"The session was made on {reference.path or 'a volume that was no file'} ({reference}), which is not "
                "on this machine: open that volume from where it is now, then the session again.",
                "error",
            )
            return
        self._resume = task
        self._read(Path(reference.path), reference.series_uid, reference.gaps)

    def _read(self, path: Path, series: str | None, gaps: str) -> None:
        self._start(_read, path, series, gaps)

    def _start(self, function: Callable[..., Any], path: Path, *options: Any) -> None:
        if self._worker is not None:
            self._message.say("Something is being read already.", "info")
            return
        self._message.say(f"Reading {path.name} …", "busy")
        self._worker = worker = create_worker(function, path, *options, _start_thread=False)
        self._path = path
        worker.returned.connect(self._on_read)
        worker.finished.connect(lambda: self._on_finished(worker))
        worker.start()

    def _on_read(self, result: _Found | Operate | _Refusal) -> None:
        resume, self._resume = self._resume, None
        # What it says may be answered before the worker has quite finished.
        self._worker = None
        if isinstance(result, _Refusal):
            text = _sentence(result.error)
            if isinstance(result.error, GapsError):
                self._message.offer(text.split("; gaps=")[0] + ".", "Load the slices there are", result.keep_gaps(self))
            else:
                self._message.say(text, "error")
            return
        if isinstance(result, Operate):
            self._controller.post(result)
            self._controller.objects.select(result.label)
            names = ", ".join(result.names.values())
            self._message.say(f"{self._path.name} became {len(result.names)} objects: {names}.", "info")
            return
        for data in result.layers:
            layer = self._controller.viewer.add_layer(Layer.create(*data))
            if data[2] == "image":
                self._controller.open(layer)
                self._controller.tools.choose(self._controller.tools.tool)
        if self._message.kind == "busy":
            self._message.say("", "info")
        if resume is not None:
            self._controller.resume(resume)
            return
        volume = self._controller.volume
        if volume is not None and any("series was read" in warning for warning in volume.warnings):
            text = f"{self._path.name} holds several series; this one is the largest that is a volume."
            self._message.offer(text, "Choose another series…", self._find_series, "info")
        elif result.objects:
            names = " and ".join(path.name for path in result.objects)
            text = f"{names} beside the series {'holds' if len(result.objects) == 1 else 'hold'} objects."
            self._message.offer(text, "Load them", partial(self.load, result.objects[0]), "info")

    def _find_series(self) -> None:
        """List what lies beside the series that was read."""
        self._message.say(f"Looking through {self._path.name} …", "busy")
        self._search = create_worker(find_series, self._path, _start_thread=False)
        self._search.returned.connect(self._show_series)
        self._search.start()

    def _show_series(self, found: list[SeriesInfo]) -> None:
        self._message.say("", "busy")
        self.menu.clear()
        for info in found:
            if info.loadable or info.loads_with_gaps:
                gaps = "refuse" if info.loadable else "keep"
                self.menu.addAction(_name_of(info), partial(self.load, self._path, info.uid, gaps))
        corner = self._message.mapToGlobal(QPoint(0, 0))
        self.menu.popup(corner - QPoint(0, self.menu.sizeHint().height()))

    def _on_finished(self, worker: object) -> None:
        if self._worker is worker:
            self._worker = None

    def _on_resumed(self, _: object) -> None:
        """What was restored lies in the new session's folder from now on."""
        left, self._unfinished = self._unfinished, None
        if left is not None and self._autosave.folder is not None:
            left.hand_over(self._autosave.folder)


@dataclass(frozen=True)
class _Found:
    """What was read."""

    layers: list[Any]
    objects: tuple[Path, ...] = ()
    """Files beside the images that hold objects: SEG, RTSTRUCT."""


class _Refusal:
    """A path that was not read, and why."""

    def __init__(self, error: VolsweepError, path: Path, series: str | None) -> None:
        self.error, self._path, self._series = error, path, series

    def keep_gaps(self, loader: Loader) -> Callable[[], None]:
        """Read it with its gaps."""
        return lambda: loader.load(self._path, self._series, "keep")


def _read(path: Path, series: str | None, gaps: str) -> _Found | _Refusal:
    try:
        layers = read(str(path), series=series, gaps=gaps)
        return _Found(layers, _objects_beside(path, layers[0][1]["metadata"].get(VOLUME_KEY)))
    except VolsweepError as error:
        return _Refusal(error, path, series)
    except Exception as error:  # a defect of ours, or of a library: said in the panel, like all that is not read
        return _Refusal(InputError(f"{path.name} cannot be read: unexpected {type(error).__name__}"), path, series)


def _objects_beside(path: Path, volume: Volume | None) -> tuple[Path, ...]:
    """Files in a series' folder that were passed over as images, and hold objects."""
    if volume is None or not path.is_dir() or not any("hold no image" in warning for warning in volume.warnings):
        return ()
    images = set() if volume.source is None else {Path(file) for file in volume.source.slice_files}
    others = [file for file in sorted(path.rglob("*")) if file.is_file() and file not in images]
    return tuple(file for file in others[:_MOST_BESIDE] if _holds_objects(file))


def _holds_objects(path: Path) -> bool:
    try:
        return kind_of_source(path) in (SourceKind.SEG, SourceKind.RTSTRUCT)
    except VolsweepError:
        return False


def may_hold_labels(path: Path) -> bool:
    """Whether a file, by what is beside it or its first bytes, holds objects rather than an image."""
    if not is_regular(path):
        return False
    try:
        kind = kind_of_source(path)
    except VolsweepError:
        return False  # an image, or nothing that is read
    if kind in (SourceKind.SEG, SourceKind.RTSTRUCT):
        return True
    return kind is SourceKind.MASK and (sidecar_path(path).is_file() or _looks_like_labels(path))


def _looks_like_labels(path: Path) -> bool:
    """Whether a volume's values are a few whole numbers, mostly 0: those of no scan are."""
    try:
        labels = read_labels(path)
    except VolsweepError:
        return False
    array = labels.array_zyx
    return bool(array.min() >= 0 and len(labels.values()) <= _MOST_LABELS and (array == 0).mean() > _MOSTLY)


def _read_labels(path: Path, volume: Volume, first: int) -> Operate | _Refusal:
    try:
        found = masks_from_labels(read_objects(path, source=volume), first)
        names = {value: label.name for value, label in found.labels.items()}
        colors = {value: label.color for value, label in found.labels.items()}
        return checked(Operate, label=first, operation=Load(), found=found.prompts, names=names, colors=colors)
    except VolsweepError as error:
        return _Refusal(error, path, None)
    except Exception as error:  # as in _read
        return _Refusal(InputError(f"{path.name} cannot be read: unexpected {type(error).__name__}"), path, None)


def _name_of(info: SeriesInfo) -> str:
    shape = info.shape_zyx
    size = f"{shape[0]} slices of {shape[2]} × {shape[1]}" if shape is not None else f"{info.images} images"
    gaps = "" if info.loadable else " · uneven slices"
    return " · ".join(part for part in (info.modality, size, info.description) if part) + gaps


def _sentence(error: VolsweepError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
