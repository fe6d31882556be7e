"""Words over the canvas: what is shown, which slice, which way round, and what lies under the mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components.overlays import TextOverlay

from volsweep.io.dicom.title import SeriesTitle, instance_number, read_title
from volsweep.napari.controller import Controller
from volsweep.napari.reading import words

_PLACES = ("top_left", "middle_left", "middle_right", "top_center", "bottom_center", "bottom_left")
_BOXED, _BEHIND = ("top_left", "bottom_left"), "#00000080"
"""What is read, not only seen, lies over a shade: bones are as bright as letters."""
_COLOR = "#e8d98a"
NARROW = 480
"""On a canvas of fewer pixels, words that stand side by side would meet."""
_SIZE = 9


class Readout:
    """Keeps the words over the canvas true.

    Parameters
    ----------
    controller
        Whose volume is shown.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._title, self._live = SeriesTitle(), ""
        overlays = controller.viewer.canvas.overlays
        overlays["_brush_circle"].box = False  # napari lays a black square over the voxels under the mouse
        looks = {"color": _COLOR, "font_size": _SIZE, "box_color": _BEHIND}
        self._at = {place: TextOverlay(position=place, box=place in _BOXED, **looks) for place in _PLACES}
        for place, overlay in self._at.items():
            overlays[f"volsweep_{place}"] = overlay
        controller.volume_opened.connect(self._on_volume)
        controller.display.slice_changed.connect(self._on_slice)
        controller.display.plane_changed.connect(self._on_slice)
        controller.tools.live.connect(self._on_live)
        controller.viewer.canvas.events.size.connect(self._on_size)
        controller.viewer.mouse_move_callbacks.append(self._on_move)
        controller.viewer.mouse_drag_callbacks.append(self._on_drag)
        self._on_volume()

    def stop(self) -> None:
        """Take the words off the canvas."""
        viewer = self._controller.viewer
        viewer.canvas.events.size.disconnect(self._on_size)
        viewer.mouse_move_callbacks.remove(self._on_move)
        viewer.mouse_drag_callbacks.remove(self._on_drag)
        for place in self._at:
            viewer.canvas.overlays.pop(f"volsweep_{place}", None)

    def said(self, place: str) -> str:
        """What stands at a place, such as ``"top_left"``."""
        return self._at[place].text if self._at[place].visible else ""

    def _say(self, place: str, text: str) -> None:
        overlay = self._at[place]
        if overlay.text != text:
            overlay.text = text
        if overlay.visible != bool(text):
            overlay.visible = bool(text)

    def _on_volume(self) -> None:
        volume = self._controller.volume
        self._title = SeriesTitle() if volume is None else read_title(volume.source)
        self._say("bottom_left", "")
        self._on_slice()

    def _on_slice(self, *_: object) -> None:
        controller = self._controller
        volume, image = controller.volume, controller.image
        if volume is None or image is None:
            for place in _PLACES:
                self._say(place, "")
            return
        display = controller.display
        own = display.plane == volume.grid.own_plane
        number = instance_number(volume.source, display.slice) if own else None
        title = words.title_words(self._title, image.name, named=len(list(controller.volumes)) > 1)
        where = words.slice_words(display.slice, display.slices, number)
        if self._is_narrow:  # the scale stands above
            title, where = f"\n\n{title}", where.replace(" · ", "\n")
        self._say("top_left", f"{title}\n{where}")
        left, right, top, bottom = words.letters(volume.grid, display.plane)
        if self._is_narrow:  # below the title
            top = "\n" * (1 + f"{title}\n{where}".count("\n")) + top
        for place, letter in zip(_PLACES[1:5], (left, right, top, bottom), strict=True):
            self._say(place, letter)

    @property
    def _is_narrow(self) -> bool:
        return int(self._controller.viewer.canvas.size[1]) < NARROW

    def _on_size(self, *_: object) -> None:
        """The scale stands where no value is."""
        position = "top_right" if self._is_narrow else "bottom_right"
        self._controller.viewer.canvas.overlays.scale_bar.position = position
        self._on_slice()

    def _on_move(self, _: Any, event: Any) -> None:
        self._say("bottom_left", self._under(event.position))

    def _on_drag(self, viewer: Any, event: Any) -> Any:
        """While a line is drawn, how long it is."""
        start = event.position
        self._on_move(viewer, event)
        yield
        while event.type == "mouse_move":
            length = self._live or self._length(start, event.position)
            self._say("bottom_left", f"{length}   {self._under(event.position)}".strip())
            yield

    def _on_live(self, text: str) -> None:
        """A stroke that we follow has another length: what is under the mouse was said a moment ago."""
        before, self._live = self._live, text
        said = self.said("bottom_left")
        if before and said.startswith(before):
            said = said[len(before) :].strip()
        self._say("bottom_left", f"{text}   {said}".strip())

    def _under(self, position: Any) -> str:
        volume, image = self._controller.volume, self._controller.image
        if volume is None or image is None or len(position) != 3 or self._controller.viewer.dims.ndisplay != 2:
            return ""
        point = np.array(image.world_to_data(position), dtype=float)
        display = self._controller.display
        point[volume.grid.plane_axis(display.plane)] = display.slice
        return words.value_words(volume, point)

    def _length(self, *ends: Any) -> str:
        volume, image = self._controller.volume, self._controller.image
        if volume is None or image is None or self._controller.tools.tool != "line" or len(ends[0]) != 3:
            return ""
        return words.length_words([image.world_to_data(end) for end in ends], volume.grid)
