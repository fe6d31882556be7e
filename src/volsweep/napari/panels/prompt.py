"""Prompt: the tools, one key each."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QMenu, QSizePolicy

from volsweep.errors import InputError, sentence
from volsweep.napari.controller import Controller
from volsweep.napari.keys import TOOL_KEYS
from volsweep.napari.panels.widgets import GAP, Section, Tool, number_in

_TOOLS = {
    "pan": ("pan_arrows", "Pan", "Move and zoom"),
    "box": ("box", "Box", "Drag a box around the object"),
    "point+": ("plus-point", "Point +", "Click on what belongs to the object"),
    "point-": ("minus-point", "Point −", "Click on what does not belong to the object"),
    "line": ("diameter", "Line", "Drag the longest diameter (RECIST)"),
    "recist": ("axes", "Axes", "Drag the longest diameter, then the one across it (RECIST)"),
    "scribble+": ("scribble", "Stroke +", "Stroke over the object with the button down"),
    "scribble-": ("scribble", "Stroke −", "Stroke over what does not belong to the object"),
    "lasso": ("polygon_lasso", "Lasso", "Draw around the object with the button down; with Alt: take away"),
    "polygon": ("polygon", "Polygon", "Outline the object click by click; double-click to close"),
    "brush": ("paint", "Brush", "Paint the object"),
    "eraser": ("erase", "Eraser", "Erase the object"),
    "ruler": ("ruler", "Ruler", "Measure a length; no prompt"),
    "angle": ("angle", "Angle", "Measure an angle: drag one arm to the corner, then the other; no prompt"),
}


class PromptPanel(Section):
    """What the mouse does."""

    def __init__(self, controller: Controller) -> None:
        super().__init__("Prompt")
        self._controller = controller
        self._colors = ("#808080", "#ffffff")
        self._group = QButtonGroup(self)
        self.tools: dict[str, Tool] = {}
        grid = QGridLayout()
        grid.setSpacing(GAP)
        grid.setContentsMargins(0, 0, 0, 0)
        for i, (tool, (icon, text, tip)) in enumerate(_TOOLS.items()):
            key = TOOL_KEYS[tool].replace("Shift-", "⇧")
            button = Tool(icon, f"{tip}  ({key})", checkable=True, text=f"{text} {key}")
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setIconSize(QSize(15, 15))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, tool=tool: controller.tools.choose(tool))
            self._group.addButton(button)
            self.tools[tool] = button
            grid.addWidget(button, i // 4, i % 4)
        self.body.addLayout(grid)
        self.only = QCheckBox("Only")
        self.only.setToolTip("Brush and lasso leave out voxels with other values (HU for CT) than these")
        self.low, self.high = QLineEdit("-100"), QLineEdit("300")
        for box, which in ((self.low, "First"), (self.high, "Last")):
            box.setToolTip(f"{which} value that is painted over")
            box.setFixedWidth(46)
            box.editingFinished.connect(self._on_values)
        self.only.toggled.connect(self._on_values)
        self.measures = Tool("more", "Rulers and angles: go to one, delete it")
        self.measures.setPopupMode(Tool.ToolButtonPopupMode.InstantPopup)
        self.measures.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.measures.setMenu(QMenu(self.measures))
        controller.measures.changed.connect(self._on_measures)
        controller.volume_opened.connect(self._on_measures)
        self._on_measures()
        only = QHBoxLayout()
        only.setSpacing(GAP)
        for widget in (self.only, self.low, QLabel("to"), self.high):
            only.addWidget(widget)
        only.addStretch(1)
        grid.addLayout(only, len(_TOOLS) // 4, len(_TOOLS) % 4, 1, 4 - len(_TOOLS) % 4)
        self.undo = Tool("undo", "Undo the last prompt, stroke or sweep  (Ctrl+Z)")
        self.redo = Tool("redo", "Redo  (Ctrl+Shift+Z)")
        self.undo.clicked.connect(controller.undo)
        self.redo.clicked.connect(controller.redo)
        self.clear = Tool("erase", "Take back the selected object's prompts on this slice")
        for button in (self.measures, self.undo, self.redo, self.clear):
            button.setObjectName("volsweep_flat")
            button.setIconSize(QSize(15, 15))
            self.head.addWidget(button)
        self.clear.clicked.connect(controller.tools.clear_slice)
        controller.tools.chosen.connect(self._on_tool)
        controller.state_changed.connect(self._on_state)
        controller.objects.selected.connect(self._on_state)
        controller.display.slice_changed.connect(self._on_state)
        controller.volume_opened.connect(self._on_state)
        self._on_state()

    def paint_with(self, color: str, on_accent: str) -> None:
        """Draw the icons in the theme's colour."""
        self._colors = (color, on_accent)
        for tool, button in self.tools.items():
            button.paint_with(on_accent if tool == self._controller.tools.tool and button.isChecked() else color)
        self.undo.paint_with(color)
        self.redo.paint_with(color)
        self.clear.paint_with(color)
        self.measures.paint_with(color)

    def _on_values(self, *_: object) -> None:
        """What brush and lasso may paint over."""
        tools = self._controller.tools
        try:
            low, high = number_in(self.low.text()), number_in(self.high.text())
        except InputError as error:
            self._controller.say(sentence(str(error)), "error")
            tools.values = None
            self.only.setChecked(False)
            return
        tools.values = (min(low, high), max(low, high)) if self.only.isChecked() else None

    def _on_measures(self) -> None:
        """List what was measured: its slice as the hospital counts, its value, and what can be done with it."""
        measures, volume = self._controller.measures, self._controller.volume
        menu = self.measures.menu()
        assert menu is not None
        menu.clear()
        for item in measures.items:
            if volume is None:
                break
            text = f"{item.kind.capitalize()} {item.words(volume.grid)}, {item.plane} slice {item.slice + 1}"
            of_it = menu.addMenu(text)
            of_it.addAction("Go to it", partial(measures.go_to, item))
            of_it.addAction("Delete it", partial(measures.remove, item))
        if measures.items:
            menu.addSeparator()
            menu.addAction("Delete all", measures.clear)
        self.measures.setEnabled(bool(measures.items))

    def _on_tool(self, tool: str) -> None:
        self.tools[tool].setChecked(True)
        self.paint_with(*self._colors)

    def _on_state(self, *_: object) -> None:
        controller = self._controller
        there = controller.volume is not None
        for button in self.tools.values():
            button.setEnabled(there)
        self.undo.setEnabled(controller.opened is not None and controller.opened.undoable)
        self.redo.setEnabled(controller.opened is not None and controller.opened.redoable)
        here = there and controller.state.on_slice(
            controller.objects.label, controller.display.plane, controller.display.slice
        )
        self.clear.setEnabled(bool(here) and not controller.state.is_locked(controller.objects.label))
