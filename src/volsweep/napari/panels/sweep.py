"""Sweep: which way, how far, how finely; progress and Cancel."""

from __future__ import annotations

import time

from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.napari.controller import Controller
from volsweep.napari.panels.progress import ProgressLine
from volsweep.napari.panels.widgets import GAP, Section, caption, make_primary
from volsweep.napari.reading.next_step import next_step
from volsweep.session.steps import Step

_DIRECTIONS = {
    Direction.BOTH: ("Both ways", "From the prompted slices to both ends"),
    Direction.FORWARD: ("Up", "Towards higher slice numbers"),
    Direction.BACKWARD: ("Down", "Towards lower slice numbers"),
}
_EVERY_S = 0.1
"""How often progress is shown."""


class SweepPanel(Section):
    """The third step."""

    def __init__(self, controller: Controller) -> None:
        super().__init__("Sweep")
        self._controller = controller
        self._started = self._shown = 0.0
        self.directions = QButtonGroup(self)
        self._direction = Direction.BOTH
        buttons = []
        for direction, (text, tip) in _DIRECTIONS.items():
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setChecked(direction == Direction.BOTH)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, direction=direction: self._set_direction(direction))
            self.directions.addButton(button)
            buttons.append(button)
        layout = self.row(caption("Way"), *buttons)
        for i in (1, 2, 3):
            layout.setStretch(i, 1)
        layout.setStretch(4, 0)

        self.first, self.last = QSpinBox(), QSpinBox()
        for box, which in ((self.first, "First"), (self.last, "Last")):
            box.setToolTip(f"{which} slice that may be visited")
            box.setFixedWidth(72)
        self.first.valueChanged.connect(self.last.setMinimum)
        self.last.valueChanged.connect(self.first.setMaximum)
        self.to_first = _small("from here", "Begin the range at this slice")
        self.to_last = _small("to here", "End the range at this slice")
        self.to_first.clicked.connect(lambda: self.first.setValue(controller.display.slice))
        self.to_last.clicked.connect(lambda: self.last.setValue(controller.display.slice))
        self.row(caption("Slices"), self.first, self.to_first, self.last, self.to_last)

        self.stride = QComboBox()
        self.stride.addItems(["every slice", "every 2nd", "every 3rd", "every 4th", "every 5th"])
        self.stride.setFixedWidth(120)
        self.stride.setToolTip("Visit every n-th slice and fill between by the shape of its neighbours")
        self.stop_at_end = QCheckBox("stop where it ends")
        self.stop_at_end.setChecked(True)
        self.stop_at_end.setToolTip("End after two slices in a row without the object; off: go on to the range's ends")
        self.row(caption("Stride"), self.stride, self.stop_at_end)

        self._build_bar()
        controller.volume_opened.connect(self._on_volume)
        controller.state_changed.connect(self._enable)
        controller.sweep_changed.connect(self._on_sweeping)
        controller.stepped.connect(self._on_step)
        self._on_volume()

    def _build_bar(self) -> None:
        """Button and progress: below the scrolled sections, since they are always needed."""
        self.button = QPushButton("Sweep  S")
        self.button.setToolTip("Follow every unlocked object from its prompts through the volume  (S)")
        self.button.clicked.connect(self.go)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; what was found is kept  (Esc)")
        self.cancel.clicked.connect(self._controller.cancel)
        self.progress = ProgressLine()
        self.bar = QWidget()
        bar = QHBoxLayout(self.bar)
        bar.setContentsMargins(0, 0, 0, 0)
        bar.setSpacing(GAP)
        for widget in (self.button, self.cancel, self.progress):
            widget.setFixedHeight(28)
            bar.addWidget(widget, int(widget is self.progress))

    def go(self) -> None:
        """Start the sweep as the fields say."""
        options = self.options()
        self._controller.sweep(
            direction=options.direction.value,
            slices=(options.first, options.last),
            stride=options.stride,
            patience=options.patience,
        )

    def options(self) -> SweepOptions:
        """What the fields say."""
        return SweepOptions(
            self.first.value(),
            self.last.value(),
            self._direction,
            self.stride.currentIndex() + 1,
            DEFAULT_PATIENCE if self.stop_at_end.isChecked() else 0,
        )

    def _set_direction(self, direction: Direction) -> None:
        self._direction = direction

    def _on_volume(self) -> None:
        last = self._controller.display.slices - 1
        for box in (self.first, self.last):
            box.setRange(0, last)
        self.first.setValue(0)
        self.last.setValue(last)
        self.progress.show_progress(0.0, "")
        self._enable()

    def _enable(self) -> None:
        controller = self._controller
        last = controller.display.slices - 1
        if self.last.maximum() != last:  # another plane
            self._on_volume()
            return
        prompted = any(
            p.plane == controller.display.plane and not controller.state.is_locked(p.label)
            for p in controller.state.prompts
        )
        there = controller.volume is not None
        for widget in (self.first, self.last, self.to_first, self.to_last, self.stride, self.stop_at_end):
            widget.setEnabled(there)
        for button in self.directions.buttons():
            button.setEnabled(there)
        self.button.setEnabled(there and prompted and not controller.sweeping)
        make_primary(self.button, next_step(controller.opened) == "sweep")
        self.cancel.setEnabled(controller.sweeping)

    def _on_sweeping(self, sweeping: bool) -> None:
        if sweeping:
            self._started = time.perf_counter()
        self.progress.show_progress(None if sweeping else 0.0, "")
        self._enable()

    def _on_step(self, step: Step) -> None:
        now = time.perf_counter()
        if now - self._shown < _EVERY_S:
            return
        self._shown = now
        left = (time.perf_counter() - self._started) / max(step.done, 1) * (step.total - step.done)
        eta = f", {_seconds(left)} left" if step.done > 4 and left >= 1 else ""
        self.progress.show_progress(step.done / max(step.total, 1), f"slice {step.slice}{eta}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _small(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    return button
