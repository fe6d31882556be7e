"""What goes on beside a worklist: the next case is read, then encoded, and a batch follows what was accepted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.qt.threading import create_worker

from volsweep.errors import VolsweepError, sentence
from volsweep.intensity import resolve_window
from volsweep.models import find_model
from volsweep.napari.canvas.layers import VOLUME_KEY, first_plane, limits, window_of
from volsweep.napari.controller import Controller
from volsweep.napari.found import Found, read_images
from volsweep.napari.opened import OpenVolume
from volsweep.napari.window.beside.encoded import Encoding
from volsweep.session.session import Session
from volsweep.volume import Volume
from volsweep.worklist.corrected import follow
from volsweep.worklist.listing import Case, Task
from volsweep.worklist.progress import Reading


class Ahead:
    """The case that comes next, read and encoded while this one is worked on; one at a time is kept.

    Parameters
    ----------
    controller
        Where this one is worked on.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.read: dict[str, Found] = {}
        """What was read, by the case's name."""
        self.encoding = Encoding(lambda: not controller.is_idle)
        self._encoded: Session | None = None
        self._asked: tuple[Case, Path, Task] | None = None
        """What is to be read; None once it is opened."""
        self._worker: Any = None

    def begin(self, case: Case, path: Path, task: Task) -> None:
        """Read a case of a list, after the one that is being read; then encode what its reader will look at first."""
        self._asked = (case, path, task)
        if self._worker is not None:
            return
        if case.name in self.read:
            self._encode(self.read[case.name], task)
            return
        self.read.clear()
        self._worker = create_worker(read_images, path, case.uid, "refuse", _start_thread=False)
        self._worker.returned.connect(partial(self._keep, case))
        self._worker.finished.connect(partial(self._on_finished, case))
        self._worker.start()

    def take(self, case: Case) -> Found | None:
        """What was read of a case that is opened now; nothing more is encoded, whichever case it is."""
        self._asked = None
        self._encoded = self.encoding.stop()
        found = self.read.pop(case.name, None)
        if found is None:
            self._encoded = None
        return found

    def hand_over(self, opened: OpenVolume) -> None:
        """Give the case that was opened what was encoded of it; it is let go where it is looked at in another way."""
        encoded, self._encoded = self._encoded, None
        if encoded is not None and encoded.volume is opened.volume:
            opened.session.take_over(encoded)

    def stop(self) -> None:
        """Nobody goes on with the list."""
        self.encoding.stop()
        self._asked = self._encoded = None
        self.read.clear()

    def _keep(self, case: Case, found: object) -> None:
        if self._asked is None or self._asked[0] is not case:  # it was opened meanwhile, or another is wanted
            return
        if isinstance(found, Found):  # what cannot be read is said when it is opened
            self.read[case.name] = found
            self._encode(found, self._asked[2])

    def _encode(self, found: Found, task: Task) -> None:
        """Encode it as it will be looked at: through the list's window and model, or this window's."""
        controller = self._controller
        (_, shown, _), *_ = found.layers
        volume = shown.get("metadata", {}).get(VOLUME_KEY)
        if volume is None or controller.serving.address is not None:  # a server encodes for itself
            return
        try:
            wanted = shown["contrast_limits"] if task.window is None else limits(resolve_window(volume, task.window))
            session = controller.make_session(
                volume,
                model=controller.model if task.model is None else find_model(task.model),
                window=window_of(wanted),
                plane=first_plane(volume) if task.plane is None else task.plane,
                device=controller.device,
            )
        except VolsweepError:  # said when it is opened
            return
        self.encoding.begin(session)

    def _on_finished(self, case: Case) -> None:
        self._worker = None
        if self._asked is not None and self._asked[0] is not case:  # another was asked for meanwhile
            self.begin(*self._asked)


class Following:
    """Batches that follow what was accepted, one after the other, beside the window.

    Parameters
    ----------
    say
        Called with a sentence and its kind.
    """

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._waiting: list[tuple[Path, Path, Reading, Volume | None]] = []
        self._worker: Any = None

    @property
    def is_idle(self) -> bool:
        """Whether all batches have followed."""
        return self._worker is None

    def begin(self, folder: Path, labels: Path, reading: Reading, volume: Volume | None) -> None:
        """Let the batch's result in a folder follow; see `volsweep.worklist.corrected.follow`."""
        self._waiting.append((folder, labels, reading, volume))
        if self._worker is None:
            self._next()

    def _next(self) -> None:
        self._worker = None
        if self._waiting:
            self._worker = create_worker(_followed, *self._waiting.pop(0), _start_thread=False)
            self._worker.returned.connect(self._on_followed)
            self._worker.finished.connect(self._next)
            self._worker.start()

    def _on_followed(self, told: tuple[str, str]) -> None:
        if told[0]:
            self._say(*told)


def _followed(folder: Path, labels: Path, reading: Reading, volume: Volume | None) -> tuple[str, str]:
    """What is to be said when it was tried, and of which kind."""
    try:
        return sentence(follow(folder, labels, reading, volume)), "info"
    except VolsweepError as error:
        return sentence(str(error)), "error"
    except Exception as error:  # a defect of ours, or of a library: said in the panel
        return f"The batch does not follow {folder.name}: unexpected {type(error).__name__}.", "error"
