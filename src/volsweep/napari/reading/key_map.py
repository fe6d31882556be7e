"""The keys and the mouse, shown over the canvas; and three lines for who is here for the first time."""

from __future__ import annotations

import re

from napari.components.overlays import TextOverlay

from volsweep.napari.controller import Controller
from volsweep.napari.reading.looks import PRESET_KEYS
from volsweep.napari.reading.readout import NARROW

HINT = (
    "1  A box around the object (B), or a click on it (P)\n"
    "2  S sweeps it; N shows doubtful slices, A ticks them off\n"
    "3  Wheel: slices   right drag: window   ? : all keys"
)
NARROW_HINT = re.sub(r"(?<=[,;]) | {3}", "\n    ", HINT)
"""The same beside other planes."""
_ABOVE = "\n \n \n "
"""The hint ends so much above the edge: at its left stands the value under the mouse."""
_KEYS = (
    ("V B P M", "pan, box, point +, point −"),
    ("D X", "longest diameter; both axes (RECIST)"),
    ("C Shift+C", "stroke +, stroke −"),
    ("L G R E", "lasso (Alt: take away), polygon, brush, eraser"),
    ("U J", "ruler, angle"),
    ("[ ]", "object's first, last slice; brush size"),
    ("S, Esc", "sweep, stop"),
    ("N, Shift+N, A", "next, previous doubtful slice; tick off"),
    ("Q W K", "previous, next object; lock"),
    ("Ctrl+Up, Down", "copy to the next, previous slice"),
    ("Ctrl+Z, Ctrl+Y", "undo, redo"),
    ("T , .", "outline or fill; less, more opaque"),
    ("H held", "hide what lies over the image"),
    ("F, O", "zoom to the object; other planes"),
    ("0", "the series' own window"),
)
_PRESETS_A_LINE = 4
_BELOW = (" ", " ")
"""napari draws the box lower than the text that it is for: a tenth of the lines."""
_MOUSE = {
    False: "Wheel: slices   Ctrl+wheel: zoom\nRight drag: window   middle drag: pan",
    True: "Wheel: zoom   Ctrl+wheel: slices (napari's mouse)",
}


def key_map(*, napari_mouse: bool) -> str:
    """The keys, a line each, and the mouse; short enough for a small screen's canvas."""
    lines = [f"{keys}:  {what}" for keys, what in _KEYS]
    presets = [f"{key} {name}" for key, name in PRESET_KEYS.items()]
    rows = ["   ".join(presets[i : i + _PRESETS_A_LINE]) for i in range(0, len(presets), _PRESETS_A_LINE)]
    last = [" ", _MOUSE[napari_mouse], "Shift+M changes the mouse   ? or F1 closes this"]
    return "\n".join([*lines, *rows, *last, *_BELOW])


class KeyMap:
    """Shows the keys when it is asked to, and the hint until something was prompted.

    Parameters
    ----------
    controller
        Over whose canvas.
    new_here
        Whether the hint is shown.
    """

    def __init__(self, controller: Controller, *, new_here: bool) -> None:
        self._controller, self._new_here = controller, new_here
        self.map = TextOverlay(position="middle_center", color="#ffffff", font_size=9, box=True, box_color="#000000d0")
        self.hint = TextOverlay(position="bottom_center", color="#ffffff", font_size=9, box=True, text=HINT + _ABOVE)
        overlays = controller.viewer.canvas.overlays
        overlays["volsweep_keys"], overlays["volsweep_hint"] = self.map, self.hint
        controller.volume_opened.connect(self._show_hint)
        controller.tools.prompted.connect(self._prompted)
        controller.viewer.canvas.events.size.connect(self._show_hint)
        self._show_hint()

    def stop(self) -> None:
        """Take both off the canvas."""
        self._controller.viewer.canvas.events.size.disconnect(self._show_hint)
        for name in ("volsweep_keys", "volsweep_hint"):
            self._controller.viewer.canvas.overlays.pop(name, None)

    def turn(self, *, napari_mouse: bool) -> None:
        """Show the keys, or put them away."""
        self.map.text = key_map(napari_mouse=napari_mouse)
        self.map.visible = not self.map.visible
        self._show_hint()

    def _show_hint(self, *_: object) -> None:
        text = (NARROW_HINT if int(self._controller.viewer.canvas.size[1]) < NARROW else HINT) + _ABOVE
        if self.hint.text != text:
            self.hint.text = text
        self.hint.visible = self._new_here and self._controller.volume is not None and not self.map.visible

    def _prompted(self, _: object) -> None:
        self._new_here = False
        self._show_hint()
