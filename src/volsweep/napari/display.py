"""How the volume is looked at, by the reader and by the model: window, plane, slice, network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.models import DEFAULT_MODEL, ModelSpec, find_model
from volsweep.napari.canvas.layers import camera_orientation, dims_order, limits, window_of
from volsweep.napari.worker.tasks import Edit

if TYPE_CHECKING:
    from volsweep.napari.controller import Controller


class Look:
    """What is on the screen is what the model sees.

    Parameters
    ----------
    controller
        Whose volume is looked at.
    """

    slice_changed = Signal(int)
    plane_changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.plane = Plane.AXIAL
        self.model: ModelSpec = find_model(DEFAULT_MODEL)
        self.device = "auto"
        controller.viewer.dims.events.current_step.connect(self._on_step)

    # --- window and network ----------------------------------------------------------------

    @property
    def window(self) -> Window | None:
        """The window on the screen."""
        image = self._controller.image
        return None if image is None else window_of(image.contrast_limits)

    def set_window(self, window: Window) -> None:
        """Show, and let the model see, another window."""
        image = self._controller.image
        if image is not None:
            low, high = image.contrast_limits_range
            image.contrast_limits_range = min(low, window.low), max(high, window.high)
            image.contrast_limits = limits(window)

    def on_contrast(self) -> None:
        """The contrast limits were changed, here or in napari's own controls."""
        window = self.window
        if window is not None:
            self._controller.post(Edit(lambda session: session.look_through(window=window), touches=0))

    def set_model(self, model: ModelSpec, device: str) -> None:
        """Use another model or device from the next prompt on."""
        self.model, self.device = model, device
        if self._controller.volume is not None:
            self._controller.post(Edit(lambda session: session.look_through(model=model, device=device)))

    # --- plane and slice -------------------------------------------------------------------

    def set_plane(self, plane: Plane) -> None:
        """Prompt and sweep the slices of another plane."""
        if plane == self.plane:
            return
        self.plane = plane
        if self._controller.volume is not None:
            self._controller.post(Edit(lambda session: setattr(session, "plane", plane)))
            self.orient()
            self._controller.show_state(force=True)
            self._controller.state_changed.emit()
        self.plane_changed.emit()

    def orient(self) -> None:
        """Turn the canvas to the plane, as radiologists read it."""
        viewer, volume = self._controller.viewer, self._controller.volume
        if volume is None:
            return
        if viewer.dims.ndim == 3:
            viewer.dims.order = dims_order(volume.grid, self.plane)
        viewer.scene.camera.orientation2d = camera_orientation(volume.grid, self.plane)
        viewer.reset_view()

    @property
    def slices(self) -> int:
        """How many slices the plane has."""
        volume = self._controller.volume
        return 1 if volume is None else volume.grid.plane_shape(self.plane)[0]

    @property
    def slice(self) -> int:
        """The slice on the screen."""
        volume = self._controller.volume
        if volume is None:
            return 0
        return int(self._controller.viewer.dims.current_step[volume.grid.plane_axis(self.plane)])

    def go_to(self, index: int) -> None:
        """Show a slice."""
        volume = self._controller.volume
        if volume is not None:
            axis = volume.grid.plane_axis(self.plane)
            self._controller.viewer.dims.set_current_step(axis, int(np.clip(index, 0, self.slices - 1)))

    def _on_step(self) -> None:
        if self._controller.volume is not None:
            self.slice_changed.emit(self.slice)
