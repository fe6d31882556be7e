"""An organ by its name: the finder's box, shown before it is one; accepted, moved and accepted, or rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Shapes
from napari.qt.threading import create_worker
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from volsweep.errors import PromptError, VolsweepError, sentence
from volsweep.geometry import Grid, Plane
from volsweep.job.report import doubts_of_name
from volsweep.models.registry import FINDER
from volsweep.napari.canvas.layers import placement, prompt_from, vertices_of
from volsweep.napari.controller import Controller
from volsweep.napari.host import OPEN_FIRST
from volsweep.napari.panels.widgets import note
from volsweep.prompts.base import checked
from volsweep.prompts.kinds import Box
from volsweep.session.actions import EditLabel, LoadPrompts, Operate, SetExtent
from volsweep.session.builders import taking
from volsweep.settings import is_address
from volsweep.terminology import called
from volsweep.volume import Volume

if TYPE_CHECKING:
    from volsweep.finder import Proposal

LAYER = "Proposal"
_COLOR = "#ffd54f"


class ByName(QDialog):
    """Where a name is typed, and what the finder proposes is accepted or rejected.

    Parameters
    ----------
    controller
        Of the volume that is looked in.
    parent
        The window.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self._controller, self._panel = controller, parent
        self._worker: Any = None
        self._proposal: Any = None
        self._layer: Shapes | None = None
        self._plane = Plane.AXIAL
        self.name = QLineEdit()
        self.name.setPlaceholderText("right parotid")
        self.finder = QComboBox()
        self.finder.setEditable(True)
        self.finder.addItem(FINDER.id)
        self.finder.setToolTip(
            "Who looks: the bundled finder, the address of a VoxTell server, or the folder of a CLIP of open_clip's"
        )
        self.may_send = QCheckBox("The volume's voxels may go to this server")
        self.may_send.hide()
        self.finder.editTextChanged.connect(self._ask_to_send)
        self.told = note()
        self.find_button, self.accept_button = QPushButton("Find"), QPushButton("Accept")
        self.reject_button = QPushButton("Reject")
        self.accept_button.setToolTip("Make the box a prompt, as it lies now: drag its corners before")
        self.name.returnPressed.connect(self.look)
        self.find_button.clicked.connect(self.look)
        self.accept_button.clicked.connect(self.take)
        self.reject_button.clicked.connect(self.leave)
        for button in (self.find_button, self.accept_button, self.reject_button):
            button.setAutoDefault(False)  # Return finds, whatever was clicked last
        row, buttons = QHBoxLayout(), QHBoxLayout()
        for widget in (self.name, self.find_button):
            row.addWidget(widget)
        for widget in (self.accept_button, self.reject_button):
            buttons.addWidget(widget)
        layout = QVBoxLayout(self)
        for part in (self.finder, self.may_send):
            layout.addWidget(part)
        layout.addLayout(row)
        layout.addWidget(self.told)
        layout.addLayout(buttons)
        self.setWindowTitle("Find by name")
        controller.volume_opened.connect(self.leave)
        self._offer(False)

    def ask(self) -> None:
        """Let the user type a name."""
        if not self.isVisible():  # over the panel: what is found is shown on the image
            self.move(self._panel.mapToGlobal(QPoint(8, 8)))
        self.show()
        self.raise_()
        self.name.setFocus()

    # --- finding ---------------------------------------------------------------------------

    def look(self) -> None:
        """Look for the name in the volume that is worked on."""
        volume, words = self._controller.volume, self.name.text().strip()
        if volume is None:
            self._controller.say(OPEN_FIRST, "info")
        elif words and self._worker is None:
            self.leave()
            finder, may_send = self.finder.currentText().strip(), self.may_send.isChecked()
            if is_address(finder) and not may_send:
                self.told.setText(f"The voxels of this volume would go to {finder}: tick the box if they may.")
                return
            self.told.setText("Looking…")
            who = finder or FINDER.id, may_send
            self._worker = worker = create_worker(_found, volume, words, who, _start_thread=False)
            worker.returned.connect(self._on_found)
            worker.start()

    def _on_found(self, answer: Any) -> None:
        self._worker = None
        looked_in, found = answer
        controller = self._controller
        volume = controller.volume
        if volume is None or looked_in is not volume or controller.opened is None:
            self.told.setText("")  # another one is worked on by now
            return
        if isinstance(found, str):
            self.told.setText(found)
            return
        self._proposal, self._plane = found, controller.display.plane
        box = found.box(self._plane, volume.grid, 1)  # its number is chosen when it becomes a prompt
        place = {**placement(volume.grid), "translate": controller.opened.image.translate}
        style = {"edge_color": _COLOR, "face_color": "transparent", "edge_width": 1}
        layer = Shapes([vertices_of(box, volume.grid)], shape_type="rectangle", ndim=3, name=LAYER, **style, **place)
        self._layer = controller.viewer.add_layer(layer)
        controller.display.go_to(box.slice)
        layer.mode = "select"
        layer.selected_data = {0}
        where = f"{found.name}, {found.told_score}, {self._plane} slice {box.slice}"
        after = "" if found.outline is None else " Accepted as it is, the finder's own outline is taken, and not swept."
        self.told.setText(f"{where}. Move its box where it is not right.{after}")
        self._offer(True)

    def _ask_to_send(self, finder: str) -> None:
        """Ask anew for every server: what may go to one may not go to another."""
        self.may_send.setChecked(False)
        self.may_send.setVisible(is_address(finder))

    # --- what becomes of it ------------------------------------------------------------------

    def take(self) -> None:
        """Make a prompt of the box, as it lies now."""
        layer, found, controller = self._layer, self._proposal, self._controller
        if layer is None or found is None or controller.opened is None:
            return
        grid, label = controller.opened.volume.grid, controller.opened.take_label()
        if not len(layer.data):  # deleted by hand
            self.leave()
            return
        try:
            box = prompt_from(Box, layer.data[0], grid, self._plane, label=label)
        except PromptError as error:
            self.told.setText(sentence(str(error)))
            return
        action = _accepted(found, box, grid)
        self.leave()
        controller.post(action)
        controller.objects.select(label)
        then = "sweep when its outline is right" if isinstance(action, LoadPrompts) else "a finder drew it: look at it"
        controller.say(f"{found.name} is object {label}; {then}.", "info")
        for told in doubts_of_name(found.name, label, controller.opened.volume):
            controller.say(sentence(told) + ".", "warning")

    def leave(self) -> None:
        """Forget what is proposed; nothing of it was ever drawn."""
        layer, self._layer, self._proposal = self._layer, None, None
        if layer is not None and layer in self._controller.viewer.layers:
            self._controller.viewer.layers.remove(layer)
        self.told.setText("")
        self._offer(False)

    def _offer(self, yes: bool) -> None:
        self.accept_button.setEnabled(yes)
        self.reject_button.setEnabled(yes)

    def closeEvent(self, event: Any) -> None:
        """What is not accepted is rejected."""
        self.leave()
        super().closeEvent(event)

    def stop(self) -> None:
        """Listen no more."""
        self._controller.volume_opened.disconnect(self.leave)
        self.leave()


def _accepted(found: Proposal, box: Box, grid: Grid) -> Operate | LoadPrompts:
    """What a proposal becomes with its box as it lies now."""
    label, plane = box.label, box.plane
    if box == found.box(plane, grid, label):
        return taking(found, plane, grid, label)
    # Whoever moves a box says that it lies elsewhere than the finder thinks.
    extent = replace(found, within=None).extent(plane, grid, label)
    ends = () if extent is None or not extent.holds(box.slice) else (checked(SetExtent, extent=extent),)
    named = checked(EditLabel, label=label, name=found.name, color=called(found.name, label).color)
    words = {label: found.words}
    return checked(LoadPrompts, prompts=(box,), labels=(named,), extents=ends, words=words)


def _found(volume: Volume, words: str, who: tuple[str, bool]) -> tuple[Volume, Any]:
    """The volume, and what is proposed there, or why nothing is; `who` looks, and whether voxels may go there."""
    try:
        from volsweep.finder import finder_named

        return volume, finder_named(who[0], may_send=who[1]).find(volume, [words])[0]
    except VolsweepError as error:
        return volume, sentence(str(error))
