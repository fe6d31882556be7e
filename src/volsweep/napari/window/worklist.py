"""Worklist: many cases in one window, one after the other; what is next is read while this one is worked on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari.layers import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from volsweep.errors import VolsweepError, sentence
from volsweep.intensity import resolve_window
from volsweep.models import find_model
from volsweep.napari.controller import Controller
from volsweep.napari.loader import Loader
from volsweep.napari.panels.files import ask_worklist
from volsweep.napari.panels.widgets import note, plain
from volsweep.napari.window.beside.ahead import Ahead, Following
from volsweep.volume import checked_reader
from volsweep.worklist.corrected import result_of
from volsweep.worklist.listing import check_measured, path_in, read_worklist
from volsweep.worklist.progress import Outcome, Progress, Working

_LABELS, _SESSION = "labels.nii.gz", "session.json"


class WorklistWindow(QWidget):
    """The list, which floats over the window.

    Parameters
    ----------
    controller
        Where cases are worked on.
    loader
        Opens them.
    parent
        The window.
    """

    def __init__(self, controller: Controller, loader: Loader, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self._controller, self._loader = controller, loader
        self._base, self._reader, self._opening = Path(), "", False
        self.progress: Progress | None = None
        self.working: Working | None = None
        self._ending: tuple[Outcome, str] | None = None
        self._going: Working | None = None
        self._image: Image | None = None
        """The layer of the case."""
        self.ahead, self.following = Ahead(controller), Following(controller.say)
        self.told, self.search, self.cases = note(), QLineEdit(), QListWidget()
        self.search.setPlaceholderText("Find a case")
        self.search.textChanged.connect(self._fill)
        self.cases.itemActivated.connect(lambda item: self.open_case(item.data(Qt.ItemDataRole.UserRole)))
        self.previous, self.next = QPushButton("Previous"), QPushButton("Next")
        self.skip, self.reject, self.accept = QPushButton("Skip…"), QPushButton("Reject…"), QPushButton("Accept")
        self.accept.setToolTip("Save the objects, and open the next case")
        self.previous.clicked.connect(partial(self._step, -1))
        self.next.clicked.connect(partial(self._step, 1))
        self.skip.clicked.connect(lambda: self._end_with_reason("skipped"))
        self.reject.clicked.connect(lambda: self._end_with_reason("rejected"))
        self.accept.clicked.connect(self.accept_case)
        buttons = QHBoxLayout()
        for button in (self.previous, self.next, self.skip, self.reject, self.accept):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        for part in (self.told, self.search, self.cases):
            layout.addWidget(part)
        layout.addLayout(buttons)
        self.setWindowTitle("Worklist")
        self.resize(420, 320)
        controller.volume_opened.connect(self._on_opened)
        controller.saved.connect(self._on_saved)
        controller.session_saved.connect(self._on_session_saved)
        controller.said.connect(self._on_said)

    # --- which list ------------------------------------------------------------------------

    def ask(self) -> None:
        """Let the user choose a list, and say who reads."""
        asked = ask_worklist(self.parentWidget())
        if asked is not None:
            self.begin(*asked)

    def begin(self, path: Path, reader: str = "") -> None:
        """Work through a list, from the first case that waits."""
        self._leave()
        self.ahead.stop()
        self._image = None  # of another list: it stays
        try:
            self.progress = Progress(path.absolute(), read_worklist(path))
            self._base, self._reader = path.absolute().parent, checked_reader(reader)
            self.show()
            self.open_next()
        except VolsweepError as error:
            self._controller.say(sentence(str(error)), "error")

    def _fill(self) -> None:
        self.cases.clear()
        if self.progress is None:
            return
        asked = self.search.text().casefold()
        for case in self.progress.worklist.cases:
            if asked not in case.name.casefold():
                continue
            mine = self.progress.of(case.name, self._reader)
            said = "" if mine is None else f" · {mine.outcome}{': ' * bool(mine.reason)}{mine.reason}"
            item = QListWidgetItem(f"{case.name}{' · due ' * bool(case.due)}{case.due or ''}{said}")
            item.setData(Qt.ItemDataRole.UserRole, case.name)
            self.cases.addItem(item)
            if self.working is not None and self.working.case is case:
                self.cases.setCurrentItem(item)

    # --- one case --------------------------------------------------------------------------

    def open_next(self) -> None:
        """Open the first case that waits and that nobody works on."""
        if self.progress is None:
            return
        working = self.progress.next(self._reader)
        if working is None:
            self._fill()
            plain(self.told, "No case waits any more.")
        else:
            self._work_on(working)

    def open_case(self, name: str) -> None:
        """Open a case of the list, whatever became of it."""
        if self.progress is None or (self.working is not None and self.working.case.name == name):
            return
        try:
            working = self.progress.begin(name, self._reader)
        except VolsweepError as error:
            self._controller.say(sentence(str(error)), "error")
            return
        opened = self._controller.opened
        if opened is None or opened.image is not self._image or not opened.unsaved:
            self._go(working)
        elif self.working is not None:
            self._going = working  # once it is kept
            self._controller.save_session(self.working.labels_folder / _SESSION)

    def _go(self, working: Working) -> None:
        """Leave the case for another; what was drawn of it is kept beside the list."""
        self._leave()
        self._put_away()
        self._work_on(working)

    def _step(self, way: int) -> None:
        if self.progress is None:
            return
        names = [case.name for case in self.progress.worklist.cases]
        here = names.index(self.working.case.name) if self.working is not None else -1
        if 0 <= here + way < len(names):
            self.open_case(names[here + way])

    def _work_on(self, working: Working) -> None:
        self.working, case = working, working.case
        path = path_in(self._base, case.series)
        self._opening = True
        self._fill()
        waiting = 0 if self.progress is None else sum(1 for _ in self.progress.waiting(self._reader))
        plain(self.told, f"{case.name}{' · due ' * bool(case.due)}{case.due or ''} · {waiting} wait")
        self._loader.open_images(path, case.uid, self.ahead.take(case))

    def _on_opened(self) -> None:
        """The case is on the canvas: look at it as the list says."""
        opened, controller = self._controller.opened, self._controller
        if not self._opening or self.working is None or self.progress is None or opened is None:
            return
        self._opening, self._image = False, opened.image
        task, case = self.progress.worklist.task, self.working.case
        opened.session.reader = self._reader
        try:
            if opened.volume.source is None or opened.volume.source.series_uid is None:
                opened.image.name = case.name  # a file's own name says little: image.nii.gz
            if task.window is not None:
                controller.display.set_window(resolve_window(opened.volume, task.window))
            if task.plane is not None:
                controller.display.set_plane(task.plane)
            if task.model is not None:
                controller.use_model(find_model(task.model), controller.device)
        except VolsweepError as error:
            controller.say(sentence(str(error)), "warning")
        self.ahead.hand_over(opened)
        session = self.working.labels_folder / _SESSION
        before = path_in(self._base, case.labels or case.prompts or "") if case.labels or case.prompts else None
        if session.is_file():
            QTimer.singleShot(0, self, partial(self._loader.open_session, session))
        elif before is not None and before.exists():
            QTimer.singleShot(0, self, partial(self._loader.load, before))
        else:
            for value, label in task.labels.items():
                controller.objects.rename(value, name=label.name, color=label.color)
        QTimer.singleShot(0, self, self._read_ahead)

    def _read_ahead(self) -> None:
        """Read the case that comes next while this one is worked on."""
        if self.progress is not None and self.working is not None:
            waiting = (case for case in self.progress.waiting(self._reader) if case is not self.working.case)
            if (case := next(waiting, None)) is not None:
                self.ahead.begin(case, path_in(self._base, case.series), self.progress.worklist.task)

    # --- its end ---------------------------------------------------------------------------

    def accept_case(self) -> None:
        """Save what was drawn, and go on."""
        opened = self._controller.opened
        if self.working is None or self.progress is None or opened is None:
            return
        try:
            check_measured(self.progress.worklist.task, [opened.state.labels[value].name for value in opened.sizes])
        except VolsweepError as error:
            self._controller.say(sentence(str(error)), "refused")
            return
        self._ending = ("accepted", "")
        self._controller.save(self.working.labels_folder / _LABELS, overwrite=True)

    def _end_with_reason(self, outcome: Outcome) -> None:
        reason, agreed = QInputDialog.getText(self, "Why", f"Why is it {outcome}?")
        if agreed and reason.strip():
            self.end_case(outcome, reason)

    def end_case(self, outcome: Outcome, reason: str) -> None:
        """Leave the case; what was drawn so far comes back when it is opened again."""
        if self.working is None:
            return
        self._ending = (outcome, reason)
        if self._controller.opened is None:
            self._finish()
        else:
            self._controller.save_session(self.working.labels_folder / _SESSION)

    def _on_saved(self, _: object) -> None:
        if self._ending is not None and self.working is not None:
            self._controller.save_session(self.working.labels_folder / _SESSION)

    def _on_session_saved(self, _: object) -> None:
        going, self._going = self._going, None
        if going is not None:
            self._go(going)
        elif self._ending is not None and self.working is not None:
            self._finish()

    def _on_said(self, _: str, kind: str) -> None:
        if kind == "error":  # what was to be saved is not: the case goes on
            going, self._ending, self._going = self._going, None, None
            if going is not None:
                going.leave()

    def _finish(self) -> None:
        (outcome, reason), self._ending = self._ending or ("skipped", ""), None
        working, progress, opened = self.working, self.progress, self._controller.opened
        if working is None or progress is None:
            return
        labels = Path(working.labels_folder.name) / _LABELS if outcome == "accepted" else None
        try:
            reading = working.end(outcome, reason=reason, labels=labels)
        except VolsweepError as error:
            self._controller.say(sentence(str(error)), "error")
            return
        self.working = None
        result = None if labels is None else result_of(progress, self._base, working.case.name)
        if result is not None and opened is not None:
            self.following.begin(result, working.labels_folder / _LABELS, reading, opened.volume)
        self._put_away()
        self.open_next()

    def _leave(self) -> None:
        """Nobody works on the case any more."""
        if self.working is not None:
            self.working.leave()
            self.working = None

    def _put_away(self) -> None:
        """Its volume leaves the window; one that was opened beside it stays."""
        image, self._image = self._image, None
        if image is not None and image is self._controller.image:
            self._controller.open(None)
        if image in self._controller.viewer.layers:
            self._controller.viewer.layers.remove(image)

    def stop(self) -> None:
        """The window closes."""
        self._leave()
        self.ahead.stop()
        self.close()
