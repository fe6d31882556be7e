"""Learn from these: the network is tuned on what was accepted, beside the window, and one click leaves it again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from volsweep.errors import ModelError, VolsweepError, sentence
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.models.find import ORIGIN
from volsweep.napari.controller import Controller
from volsweep.napari.opened import OpenVolume
from volsweep.napari.panels.model import ModelPanel
from volsweep.napari.panels.widgets import note, plain
from volsweep.napari.reading.next_step import accepted_objects
from volsweep.napari.worker.tasks import Teach
from volsweep.settings import data_folder, private_folder
from volsweep.train.apart import ask, command

FEWEST = 2
"""Accepted objects that it takes, as `train.learn` says."""
_OFFER = (
    "Tune the network on the objects that are locked (K), or whose doubtful slices are ticked off (A): a minute or two"
)
_TOO_FEW = "Accept two objects first: lock them (K), or tick their doubtful slices off (A)"
_ELSEWHERE = "The network runs at a server; what is tuned runs on this machine"
_BESIDE = "The network is tuned on what you accepted, beside the window: go on meanwhile."
_LEARNED = re.compile(r"-learned-\d+$")


def learned_folder() -> Path:
    """Where models lie that were tuned here, each in a folder of its name."""
    return data_folder() / "learned"


def learned_models() -> list[ModelSpec]:
    """Those that there are."""
    found = []
    with suppress(VolsweepError, OSError):
        for path in sorted(learned_folder().glob("*/*.safetensors")):
            with suppress(ModelError):
                found.append(find_model(path))
    return found


def free_name(folder: Path, parent: str) -> str:
    """What a model is called that is tuned from another: by its first ancestor, and counted."""
    stem, number = _LEARNED.sub("", parent), 1
    while (folder / f"{stem}-learned-{number}").exists():
        number += 1
    return f"{stem}-learned-{number}"


class Lesson:
    """What is learned from, the process that learns, and what it says.

    Parameters
    ----------
    folder
        Where the lesson lies while it lasts.
    output
        The model's folder; it goes where no model comes of it.
    answers
        How many volumes write a part of it.
    run
        What carries out a lesson that lies in a folder: a program and its arguments.
    """

    def __init__(self, folder: Path, output: Path, answers: int, run: Callable[[Path], list[str]]) -> None:
        self.folder, self._output, self._answers, self._run = folder, output, answers, run
        self.written: SimpleQueue[int | Exception] = SimpleQueue()
        """What the volumes' workers answer."""
        self.cancelled = Event()
        self._process: subprocess.Popen[str] | None = None

    def cancel(self) -> None:
        """End it, wherever it is; from any thread."""
        self.cancelled.set()
        if self._process is not None:
            self._process.terminate()

    def learn(self) -> Iterator[dict[str, Any]]:
        """Wait for what is learned from, and learn; an error is told, never raised: superqt would raise it again."""
        try:
            yield from self._learn()
        except Exception as error:
            yield {"error": str(error) or type(error).__name__}
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            if not any(self._output.glob("*.safetensors")):
                shutil.rmtree(self._output, ignore_errors=True)

    def _learn(self) -> Iterator[dict[str, Any]]:
        objects = 0
        for _ in range(self._answers):
            answer = self._next()
            if isinstance(answer, Exception):
                raise answer
            objects += answer
        if self.cancelled.is_set():
            return
        process = subprocess.Popen(  # our own program
            self._run(self.folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._process = process
        told = False
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                if self.cancelled.is_set():
                    process.terminate()
                    return
                if line.startswith("{"):
                    said = json.loads(line)
                    told = told or "step" not in said
                    yield {**said, "objects": objects}
        if not told and not self.cancelled.is_set():
            yield {"error": f"learning ended unexpectedly (exit status {process.returncode}); the network is as it was"}

    def _next(self) -> int | Exception:
        while not self.cancelled.is_set():
            with suppress(Empty):
                return self.written.get(timeout=0.2)
        return 0


class Learning(QWidget):
    """The button beside the heading Model, and what comes of it below the model.

    Parameters
    ----------
    controller
        Whose volumes are learned from.
    panel
        Where models are chosen.
    """

    def __init__(self, controller: Controller, panel: ModelPanel) -> None:
        super().__init__()
        self._controller, self._panel = controller, panel
        self.run = command
        self.lesson: Lesson | None = None
        self._ready: ModelSpec | None = None
        self._worker: Any = None
        self._told = False
        self.button = QPushButton("Learn…")
        self.button.setObjectName("volsweep_link")
        self.button.clicked.connect(self.start)
        self.progress = QProgressBar()
        self.progress.setFixedHeight(22)
        self.cancel, self.back = QPushButton("Cancel"), QPushButton(f"Back to {DEFAULT_MODEL}")
        self.cancel.clicked.connect(self.stop)
        self.back.setToolTip("The bundled network from the next prompt on; what was found with the other stays")
        self.back.clicked.connect(lambda: panel.use(find_model(DEFAULT_MODEL)))
        self.about = note()
        running, used = QHBoxLayout(), QHBoxLayout()
        running.addWidget(self.progress, 1)
        running.addWidget(self.cancel)
        used.addWidget(self.about, 1)
        used.addWidget(self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(running)
        column.addLayout(used)
        panel.head.addWidget(self.button)
        panel.body.addWidget(self)
        for spec in learned_models():
            panel.offer(spec)
        for signal in (controller.state_changed, controller.review.changed, controller.measured, panel.used):
            signal.connect(self._show)
        controller.serving.changed.connect(self._show)
        controller.sweep_changed.connect(self._take)
        controller.volumes.ended.connect(self._on_ended)
        self._show()

    @property
    def accepted(self) -> dict[OpenVolume, frozenset[int]]:
        """The accepted objects of this window's volumes."""
        found = {opened: accepted_objects(opened) for opened in self._controller.volumes}
        return {opened: values for opened, values in found.items() if values}

    def _show(self, *_: object) -> None:
        count, spec = sum(map(len, self.accepted.values())), self._controller.model
        elsewhere, running = self._controller.serving.address is not None, self.lesson is not None
        self.button.setEnabled(count >= FEWEST and not running and not elsewhere)
        tip = _ELSEWHERE if elsewhere else _OFFER if count >= FEWEST else _TOO_FEW
        if self.button.toolTip() != tip:
            self.button.setToolTip(tip)
        learned = _about(spec)
        about = _BESIDE if running else learned  # a bar that only says that something goes on shows no words
        if self.about.text() != about:
            plain(self.about, about)
        told = bool(about)
        for widget, shown in ((self.progress, running), (self.cancel, running), (self.about, told)):
            widget.setVisible(shown)
        self.back.setVisible(bool(learned) and not running)
        self.setVisible(told)
        if told != self._told:
            self._told = told
            self._panel.need(told, "learning")

    def start(self) -> None:
        """Learn from what is accepted now."""
        accepted, parent = self.accepted, self._controller.model
        if self.lesson is not None or sum(map(len, accepted.values())) < FEWEST:
            return
        try:
            models = private_folder(learned_folder())
            folder = Path(tempfile.mkdtemp(prefix=".lesson-", dir=models))
            name = free_name(models, parent.id)
            device = self._controller.device
            ask(folder, model=parent.asked_as, output=str(models / name), name=name, device=device)
        except (VolsweepError, OSError) as error:
            self._controller.say(f"Nothing can be kept of what is learned: {error}", "error")
            return
        self.lesson = lesson = Lesson(folder, models / name, len(accepted), self.run)
        for number, (opened, values) in enumerate(accepted.items()):
            opened.post(Teach(folder / f"{number}.npz", values, lesson.written.put))
        self._worker = create_worker(lesson.learn, _start_thread=False)
        self._worker.yielded.connect(partial(self._on_said, lesson))
        self._worker.finished.connect(partial(self._on_finished, lesson))
        self.progress.setRange(0, 0)
        self.progress.setFormat("Gathering what was accepted")
        self._worker.start()
        self._show()

    def stop(self) -> None:
        """End the lesson; the network stays as it was."""
        if self.lesson is not None:
            self.lesson.cancel()

    def _on_ended(self, opened: OpenVolume) -> None:
        """A volume that is gone answers no more."""
        if self.lesson is not None and accepted_objects(opened) and self.progress.maximum() == 0:
            self.stop()

    def _on_said(self, lesson: Lesson, said: dict[str, Any]) -> None:
        if lesson is not self.lesson or lesson.cancelled.is_set():
            return
        if "step" in said:
            self.progress.setRange(0, said["steps"])
            self.progress.setValue(said["step"])
            self.progress.setFormat(f"Learning from {said['objects']} objects: step %v of %m")
        elif "error" in said:
            self._controller.say(f"{sentence(said['error'])}.", "error")
        else:
            self._ready = find_model(said["weights"])
            self._panel.offer(self._ready)
            self._take()

    def _on_finished(self, lesson: Lesson) -> None:
        if lesson is self.lesson:
            if lesson.cancelled.is_set():
                self._controller.say("Learning was cancelled; the network is as it was.", "info")
            self.lesson = None
            self._show()

    def _take(self, *_: object) -> None:
        """Use what was learned, when no sweep runs: another network would end it."""
        if self._ready is None or self._controller.sweeping:
            return
        spec, self._ready = self._ready, None
        self._panel.use(spec)
        text = f"{spec.id} learned from what you accepted, and is used from the next prompt on."
        self._controller.say(f"{text} One click goes back: below Model.", "info")


def _about(spec: ModelSpec) -> str:
    """Where a model comes from that was tuned here; empty of any other."""
    if spec.weights_path is None:
        return ""
    try:
        told = json.loads((spec.weights_path.parent / ORIGIN).read_text(encoding="utf-8"))
        objects = sum(count for _, count in told["cases"])
        volumes = len(told["cases"])
        return f"Learned here from {objects} objects of {volumes} volume{'s'[: volumes > 1]}; before: {told['parent']}."
    except (OSError, ValueError, KeyError, TypeError):
        return ""
