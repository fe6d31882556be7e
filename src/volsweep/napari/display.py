"""How the volume is shown, to the reader and to the model: plane, slice, window."""

from __future__ import annotations

import numpy as np
from psygnal import Signal

from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.napari.canvas.layers import camera_orientation, dims_order, limits, window_of
from volsweep.napari.host import Host
from volsweep.napari.worker.tasks import Edit
from volsweep.session.file import ViewState


class Display:
    """What is on the screen is what the model sees.

    Parameters
    ----------
    host
        Whose volume is shown.
    """

    slice_changed = Signal(int)
    plane_changed = Signal()

    def __init__(self, host: Host) -> None:
        self._host = host
        self.plane = Plane.AXIAL
        host.viewer.dims.events.current_step.connect(self._on_step)

    # --- window ----------------------------------------------------------------------------

    @property
    def window(self) -> Window | None:
        """The window on the screen."""
        image = self._host.image
        return None if image is None else window_of(image.contrast_limits)

    def set_window(self, window: Window) -> None:
        """Show, and let the model see, another window."""
        image = self._host.image
        if image is not None:
            low, high = image.contrast_limits_range
            image.contrast_limits_range = min(low, window.low), max(high, window.high)
            image.contrast_limits = limits(window)

    def on_contrast(self) -> None:
        """The contrast limits were changed, here or in napari's own controls."""
        window = self.window
        if window is not None:
            self._host.post(Edit(lambda session: session.use(window=window), touches=0))

    # --- plane and slice -------------------------------------------------------------------

    def set_plane(self, plane: Plane) -> None:
        """Prompt and sweep the slices of another plane."""
        if plane == self.plane:
            return
        self.plane = plane
        if self._host.volume is not None:
            self._host.post(Edit(lambda session: setattr(session, "plane", plane)))
            self.orient()
            self._host.show_state(force=True)
            self._host.tell_changed()
        self.plane_changed.emit()

    def orient(self) -> None:
        """Turn the canvas to the plane, as radiologists read it."""
        viewer, volume = self._host.viewer, self._host.volume
        if volume is None:
            return
        if viewer.dims.ndim == 3:
            viewer.dims.order = dims_order(volume.grid, self.plane)
        viewer.scene.camera.orientation2d = camera_orientation(volume.grid, self.plane)
        viewer.reset_view()

    @property
    def slices(self) -> int:
        """How many slices the plane has."""
        volume = self._host.volume
        return 1 if volume is None else volume.grid.plane_shape(self.plane)[0]

    @property
    def slice(self) -> int:
        """The slice on the screen."""
        volume = self._host.volume
        if volume is None:
            return 0
        return int(self._host.viewer.dims.current_step[volume.grid.plane_axis(self.plane)])

    def go_to(self, index: int) -> None:
        """Show a slice."""
        volume = self._host.volume
        if volume is not None:
            axis = volume.grid.plane_axis(self.plane)
            self._host.viewer.dims.set_current_step(axis, int(np.clip(index, 0, self.slices - 1)))

    def _on_step(self) -> None:
        if self._host.volume is not None:
            self.slice_changed.emit(self.slice)

    # --- as a value ------------------------------------------------------------------------

    def view(self) -> ViewState:
        """Plane, slice, window and camera, to be kept."""
        window, camera = self.window, self._host.viewer.scene.camera
        return ViewState(
            window=None if window is None else (window.center, window.width),
            plane=self.plane,
            slice=self.slice,
            center=tuple(float(v) for v in camera.center),
            zoom=float(camera.zoom),
        )

    def apply(self, view: ViewState) -> None:
        """Show the volume as someone did before."""
        self.set_plane(view.plane)
        if view.window is not None:
            self.set_window(Window(*view.window))
        self.go_to(view.slice)
        if view.center is not None and view.zoom is not None:
            camera = self._host.viewer.scene.camera
            camera.center, camera.zoom = view.center, view.zoom
