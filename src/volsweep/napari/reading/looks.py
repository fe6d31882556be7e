"""How objects are looked at: outline or fill, opacity, hidden for a moment, large; and window presets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from volsweep.intensity import CT_WINDOWS, default_window
from volsweep.napari.controller import Controller
from volsweep.volume import take_slice

PRESET_KEYS = {str(number): name for number, name in enumerate(CT_WINDOWS, start=1) if number < 10}
"""Digits, and the CT window that each of them shows; 0 is the series' own."""
_ROOM = 1.6
"""The canvas shows so much more than the object."""


class Looks:
    """What keys do to the picture, and to nothing else.

    Parameters
    ----------
    controller
        Whose layers they are.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._contour, self._opacity = 0, 0.5
        controller.layers_made.connect(self._again)

    def bindings(self) -> dict[str, Callable[[], Any]]:
        """The keys."""
        presets: dict[str, Callable[[], Any]] = {
            key: partial(self.show_preset, name) for key, name in PRESET_KEYS.items()
        }
        return presets | {
            "0": self.show_own_window,
            "T": self.turn_outline,
            ",": partial(self.change_opacity, -0.1),
            ".": partial(self.change_opacity, +0.1),
            "H": self.hide,
            "F": self.zoom_to_object,
        }

    def _again(self) -> None:
        """New layers look as the old ones did."""
        layers = self._controller.layers
        if layers is not None:
            layers.objects.contour, layers.objects.opacity = self._contour, self._opacity

    def turn_outline(self) -> None:
        """Objects are outlines, or filled."""
        self._contour = 0 if self._contour else 1
        self._again()

    def change_opacity(self, by: float) -> None:
        """Objects are seen more, or less."""
        self._opacity = round(float(np.clip(self._opacity + by, 0.1, 1.0)), 2)
        self._again()

    def hide(self) -> Iterator[None]:
        """Nothing lies over the image for as long as the key is held."""
        layers = self._controller.layers
        shown = [] if layers is None else [layer for layer in layers.all if layer.visible]
        for layer in shown:
            layer.visible = False
        yield
        for layer in shown:
            layer.visible = True

    def show_preset(self, name: str) -> None:
        """Show a CT through one of the windows for it."""
        volume = self._controller.volume
        if volume is not None and volume.modality in ("CT", ""):
            self._controller.display.set_window(CT_WINDOWS[name])
        elif volume is not None:
            self._controller.say(f"The {name} window is for CT, and this is {volume.modality}.", "info")

    def show_own_window(self) -> None:
        """Show the volume through its own window."""
        volume = self._controller.volume
        if volume is not None:
            self._controller.display.set_window(default_window(volume))

    def zoom_to_object(self) -> None:
        """Show the object at hand as large as the canvas; where it is not on this slice, on its largest."""
        controller, layers = self._controller, self._controller.layers
        if controller.volume is None or layers is None or controller.image is None:
            return
        grid, display = controller.volume.grid, controller.display
        axis = grid.plane_axis(display.plane)
        label = controller.objects.label
        if not (take_slice(layers.objects.data, grid, display.plane, display.slice) == label).any():
            there = (layers.objects.data == label).sum(axis=tuple(a for a in range(3) if a != axis))
            if not there.any():
                controller.say(f"{controller.objects.label_of(label).name} has no voxels yet.", "info")
                return
            display.go_to(int(there.argmax()))
        found = np.argwhere(take_slice(layers.objects.data, grid, display.plane, display.slice) == label)
        low, high = (np.insert(found.min(axis=0) - 0.5, axis, 0), np.insert(found.max(axis=0) + 0.5, axis, 0))
        corners = np.delete([controller.image.data_to_world(tuple(p)) for p in (low, high)], axis, axis=1)
        camera, size = controller.viewer.scene.camera, np.asarray(controller.viewer.canvas.size, dtype=float)
        camera.center = (0.0, *corners.mean(axis=0).tolist())
        camera.zoom = float((size / (_ROOM * np.maximum(np.ptp(corners, axis=0), 1e-3))).min())
