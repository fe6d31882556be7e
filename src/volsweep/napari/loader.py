"""Opens volumes and sessions: files are read beside the window, never in its thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QPoint
from qtpy.QtWidgets import QMenu

from volsweep.errors import GapsError, PromptError, SessionError, VolsweepError, sentence
from volsweep.io import SeriesInfo, find_series
from volsweep.napari.controller import Controller
from volsweep.napari.found import Found, Objects, Refusal, read_images, read_path
from volsweep.napari.opened import OpenVolume
from volsweep.napari.panels.files import is_model_trusted
from volsweep.napari.panels.message import MessageBar
from volsweep.napari.recovery.autosave import Autosave
from volsweep.napari.recovery.unfinished import Unfinished
from volsweep.napari.worker.tasks import Resume
from volsweep.prompts.source import is_session_file
from volsweep.session.actions import LoadPrompts, Operate
from volsweep.session.file import SessionFile, VolumeReference, read_session
from volsweep.volume import Volume


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
        self._checker: Any = None
        self._checked: Resume | None = None
        self._resume: Resume | None = None
        self._unfinished: Unfinished | None = None
        self._path = Path()
        self._onto: OpenVolume | None = None
        """The volume that was worked on when objects were asked for."""
        self.menu = QMenu(message)
        controller.resumed.connect(self._on_resumed)

    def load(self, path: Path, series: str | None = None, gaps: str = "refuse") -> None:
        """Read a volume and add it, or open a session file."""
        if is_session_file(path):
            self.open_session(path)
            return
        self._resume = self._unfinished = None
        onto = self._controller.volume if series is None else None
        if self._worker is None:  # else what is being read keeps where it goes
            self._onto = self._controller.opened
        self._start(read_path, path, series, gaps, onto)

    def open_images(self, path: Path, series: str | None = None, read: Found | None = None) -> None:
        """Open a volume, whatever is open; `read` is what was read of it before."""
        self._resume = self._unfinished = None
        if read is None:
            self._start(read_images, path, series, "refuse")
        else:
            self._path = path
            self._on_read(read)

    def open_session(self, path: Path) -> None:
        """Open a session file on the volume that is open if it is the right one, else on the one it names."""
        try:
            saved = read_session(path)
        except VolsweepError as error:
            self._message.say(sentence(str(error)), "error")
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
        volume, reference = self._controller.volume, task.saved.volume
        if volume is None or reference.sha256 is None:
            self._open_named(task)
            return
        self._checked = task
        self._message.say("Looking whether the open volume is the session's", "busy")
        self._checker = create_worker(_is_meant, reference, volume, _start_thread=False)
        self._checker.returned.connect(self._on_checked)
        self._checker.start()

    def _on_checked(self, volume: Volume | None) -> None:
        """Whether the session is of the volume that was open when it was chosen."""
        task, self._checked = self._checked, None
        self._message.say("", "busy")
        image = self._controller.image
        if task is None:
            return
        if volume is None or image is None or self._controller.volume is not volume:
            self._open_named(task)
            return
        self._controller.open(None)
        self._controller.open(image)
        self._controller.resume(task)

    def _open_named(self, task: Resume) -> None:
        """Read the volume that a session names."""
        reference = task.saved.volume
        if reference.path is None or not Path(reference.path).exists():
            self._message.say(
                f"The session was made on {reference.path or 'a volume that was no file'} ({reference}), which is not "
                "on this machine: open that volume from where it is now, then the session again.",
                "error",
            )
            return
        self._resume = task
        self._start(read_images, Path(reference.path), reference.series_uid, reference.gaps)

    def _start(self, function: Callable[..., Any], path: Path, *options: Any) -> None:
        if self._worker is not None:
            self._message.say("Something is being read already.", "info")
            return
        self._message.say(f"Reading {path.name}", "busy")
        self._worker = worker = create_worker(function, path, *options, _start_thread=False)
        self._path = path
        worker.returned.connect(self._on_read)
        worker.finished.connect(lambda: self._on_finished(worker))
        worker.start()

    def _on_read(self, result: Found | Objects | LoadPrompts | Refusal) -> None:
        resume, self._resume = self._resume, None
        # What it says may be answered before the worker has quite finished.
        self._worker = None
        if isinstance(result, Refusal):
            text = sentence(str(result.error))
            if isinstance(result.error, GapsError):
                self._message.offer(
                    text.split("; gaps=")[0] + ".", "Load the slices there are", result.keep_gaps(self.load)
                )
            else:
                self._message.say(text, "error")
            return
        if isinstance(result, LoadPrompts | Objects):
            self._give(result)
            return
        for data in result.layers:
            layer = self._controller.viewer.add_layer(Layer.create(*data))
            if data[2] == "image":
                self._controller.open(layer)
                self._controller.tools.choose(self._controller.tools.tool)
        self._message.say("", "busy")
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

    def _give(self, read: LoadPrompts | Objects) -> None:
        """Objects go to the volume that they were read for, though another one may be worked on by now."""
        (onto, self._onto), name = (self._onto, None), self._path.name
        if onto is None or not any(onto is opened for opened in self._controller.volumes):
            self._message.say(f"The volume that {name} was read for is closed: open it again, then {name}.", "info")
            return
        try:
            found = (
                read.numbered(onto.take_label(max(read.found.labels, default=1))) if isinstance(read, Objects) else read
            )
        except PromptError as error:
            self._message.say(sentence(str(error)), "error")
            return
        onto.post(found)
        is_here = onto is self._controller.opened
        if isinstance(found, Operate):
            if is_here:
                self._controller.objects.select(found.label)
            objects = "1 object" if len(found.names) == 1 else f"{len(found.names)} objects"
            text = f"{name} became {objects}: {', '.join(found.names.values())}."
        elif count := sum(bool(label.locked) for label in found.labels):
            text = f"{name} is context: {count} locked objects, over which nothing is drawn; unlock any."
        else:
            prompted = len({prompt.label for prompt in found.prompts})
            text = f"{name} holds prompts of {prompted} object{'s' * (prompted != 1)}; sweep, or go on."
        self._message.say(text if is_here else f"{text} They lie in {onto.image.name}.", "info")

    def _find_series(self) -> None:
        """List what lies beside the series that was read."""
        self._message.say(f"Looking through {self._path.name}", "busy")
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


def _is_meant(reference: VolumeReference, volume: Volume) -> Volume | None:
    """The volume, if it is the one that is referred to: to know it, every voxel is read."""
    try:
        reference.check(volume)
    except SessionError:
        return None
    return volume


def _name_of(info: SeriesInfo) -> str:
    shape = info.shape_zyx
    size = f"{shape[0]} slices of {shape[2]} × {shape[1]}" if shape is not None else f"{info.images} images"
    gaps = "" if info.loadable else " · uneven slices"
    return " · ".join(part for part in (info.modality, size, info.description) if part) + gaps
