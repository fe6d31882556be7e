"""Model: which network, its licence, fetching it, and where it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QProgressBar, QPushButton

from volsweep.errors import DownloadCancelled, ModelError, VolsweepError, sentence
from volsweep.models import MODELS, ModelSpec, checkpoint_path, download
from volsweep.napari.canvas.chosen import chosen
from volsweep.napari.controller import Controller
from volsweep.napari.panels.server import ServerRow
from volsweep.napari.panels.widgets import Section, note

_DEVICES = ("auto", "cpu", "cuda", "mps")


def is_here(spec: ModelSpec) -> bool:
    """Whether a model's weights are on this machine."""
    try:
        checkpoint_path(spec)
    except ModelError:
        return False
    return True


class ModelPanel(Section):
    """The network."""

    used = Signal()
    """Another model is used."""

    def __init__(self, controller: Controller) -> None:
        super().__init__("Model")
        self._controller = controller
        self.cancelled = Event()
        """Set to end a download, also by those who outlive this panel."""
        self.model = QComboBox()
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.model.setMinimumContentsLength(8)
        self._specs = sorted(MODELS.values(), key=lambda s: not s.bundled)
        self.device = QComboBox()
        self.device.addItems(_DEVICES)
        self.device.setToolTip("Where the network runs; auto takes a GPU if there is one")
        self.row(self.model, self.device, stretch=0)
        self.about = note()
        self.body.addWidget(self.about)
        self.fetch = QPushButton("Download")
        self.fetch.clicked.connect(self._on_fetch)
        self.progress = QProgressBar()
        self.progress.setFixedHeight(22)
        self._fetch_row = self.row(self.fetch, self.progress, stretch=1)
        self.model.activated.connect(self._on_choice)
        self.device.activated.connect(self._on_choice)
        self.server = ServerRow(controller)
        self.head.addWidget(self.server.button)
        self.body.addWidget(self.server)
        controller.serving.changed.connect(self._on_server)
        self._worker: Any = None
        self.defaults = QPushButton("Defaults…")
        self.defaults.setObjectName("volsweep_link")
        self.defaults.setToolTip("Window, plane, model, format and names of objects that you start with")
        self.head.addWidget(self.defaults)
        self._list()
        self._show(self._specs[0])
        self._followed = controller.model
        controller.state_changed.connect(self._follow)
        self.choose(chosen().model)

    def stop(self) -> None:
        """End a download that runs."""
        self.cancelled.set()

    @property
    def spec(self) -> ModelSpec:
        """The chosen model."""
        return self._specs[self.model.currentIndex()]

    def _list(self) -> None:
        at = max(self.model.currentIndex(), 0)
        self.model.clear()
        for spec in self._specs:
            where = "bundled, offline" if spec.bundled else "on this machine" if is_here(spec) else _size(spec)
            self.model.addItem(f"{spec.id}  ({where})")
            self.model.setItemData(self.model.count() - 1, f"{spec.title}\n{spec.citation}", 3)
        self.model.setCurrentIndex(at)

    def _is_there(self, spec: ModelSpec) -> bool:
        """Whether a model's weights are where the network runs; what a server has, it says."""
        return self._controller.serving.address is not None or is_here(spec)

    def _on_server(self) -> None:
        serving = self._controller.serving
        self.device.setEnabled(serving.address is None)  # elsewhere it is the server's matter
        self._show(self.spec)
        self.need(serving.sending is not None or serving.is_lost or not self._is_there(self.spec))

    def choose(self, name: str | None) -> None:
        """Use the model of the user's defaults, where it is one of these and on this machine."""
        at = next((i for i, spec in enumerate(self._specs) if spec.id == name and is_here(spec)), None)
        if at is not None and at != self.model.currentIndex():
            self.model.setCurrentIndex(at)
            self._on_choice()

    def offer(self, spec: ModelSpec) -> None:
        """List a model that is a file here."""
        if spec not in self._specs:
            self._specs.append(spec)
            self._list()

    def use(self, spec: ModelSpec) -> None:
        """Use a model from the next prompt on, and show that."""
        self.offer(spec)
        self.model.setCurrentIndex(self._specs.index(spec))
        self._on_choice()

    def _follow(self) -> None:
        """A session that was opened uses a model of its own: what is used is what is shown."""
        spec = self._controller.model
        if spec != self._followed:
            self._followed = spec
            self.offer(spec)
            self.model.setCurrentIndex(self._specs.index(spec))
            self._show(spec)

    def _on_choice(self) -> None:
        spec = self.spec
        self._show(spec)
        if self._is_there(spec):
            self._followed = spec
            self._controller.use_model(spec, self.device.currentText())
            self.used.emit()

    def _show(self, spec: ModelSpec) -> None:
        here = self._is_there(spec)
        self.need(not here)
        licence = f"Licence {spec.licence}. {spec.licence_note}".strip()
        self.about.setText(licence if here else f"{licence} Not on this machine yet: {_size(spec)}.")
        self.about.setToolTip(f"{spec.title}\n{spec.citation}")
        self.fetch.setVisible(not here)
        self.fetch.setText("Cancel" if self._worker is not None else "Download")
        self.progress.setVisible(not here and self._worker is not None)

    def _on_fetch(self) -> None:
        if self._worker is not None:
            self.cancelled.set()
            return
        self.cancelled.clear()
        spec = self.spec
        self._worker = create_worker(_fetch, spec, self.cancelled, _start_thread=False)
        self._worker.yielded.connect(self._on_progress)
        self._worker.finished.connect(self._on_fetched)
        self.model.setEnabled(False)
        self.progress.setRange(0, 0)
        self._show(spec)
        self._worker.start()
        self._show(spec)

    def _on_progress(self, message: Any) -> None:
        if isinstance(message, Exception):
            kind = "info" if isinstance(message, DownloadCancelled) else "error"
            self._controller.said.emit(sentence(str(message)), kind)
        elif isinstance(message, tuple):
            done, total = message
            self.progress.setRange(0, 100 if total else 0)
            if total:
                self.progress.setValue(int(100 * done / total))
                self.progress.setFormat(f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def _on_fetched(self) -> None:
        self._worker = None
        self.model.setEnabled(True)
        self._list()
        self._on_choice()


def _fetch(spec: ModelSpec, cancelled: Event) -> Iterator[tuple[int, int | None] | Exception]:
    """Fetch weights, yielding (bytes done, bytes in all); an error is yielded, never raised."""
    news: SimpleQueue[tuple[int, int | None] | Exception | Path] = SimpleQueue()

    def fetch() -> None:
        try:
            news.put(
                download(spec, progress=lambda done, total: news.put((done, total)), is_cancelled=cancelled.is_set)
            )
        except VolsweepError as error:
            news.put(error)
        except Exception as error:
            news.put(ModelError(f"{spec.id} could not be fetched: {error}"))

    Thread(target=fetch, daemon=True, name="volsweep-download").start()
    while True:
        try:
            latest = news.get(timeout=0.2)
        except Empty:
            continue
        if isinstance(latest, Path):
            return
        yield latest
        if isinstance(latest, Exception):
            return


def _size(spec: ModelSpec) -> str:
    return f"{spec.size_bytes / 1e6:.0f} MB" if spec.size_bytes else "size unknown"
