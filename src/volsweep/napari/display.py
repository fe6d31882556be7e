"""How the volume is shown, to the reader and to the model: plane, slice, window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from psygnal import Signal

from volsweep.errors import ModelError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.models import checkpoint_path, find_model
from volsweep.napari.canvas.layers import camera_orientation, dims_order, limits, slider_ranges, window_of
from volsweep.napari.host import Host
from volsweep.napari.opened import OpenVolume
from volsweep.napari.worker.tasks import Turn, Use
from volsweep.operations.kinds import CopySlice
from volsweep.session.actions import Action, Operate
from volsweep.session.file import ViewState


class Display:
    """What is on the screen is what the model sees.

    Parameters
    ----------
    host
        Whose volume is shown.

    Notes
    -----
    Other layers lie in the same viewer, of other volumes too: napari counts the slider's steps over all
    of them. A slice of ours is where the slider stands in millimetres, in the volume's own spacing.
    """

    slice_changed = Signal(int)
    plane_changed = Signal()

    def __init__(self, host: Host) -> None:
        self._host = host
        self.plane = Plane.AXIAL
        self._copying: CopySlice | None = None
        host.viewer.dims.events.point.connect(self._on_point)
        host.viewer.dims.events.range.connect(self.limit_slider)
        self._canvas_yx = tuple(host.viewer.canvas.size)
        host.viewer.canvas.events.size.connect(self._on_size)

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
            self._host.post(Use(window=window))

    # --- plane and slice -------------------------------------------------------------------

    def set_plane(self, plane: Plane) -> None:
        """Prompt and sweep the slices of another plane."""
        if plane == self.plane:
            return
        if self._host.volume is not None:
            self._host.post(Turn(plane))
        self.turn(plane)
        if self._host.volume is not None:
            self.orient()
            self._host.show_state(force=True)
            self._host.tell_changed()

    def turn(self, plane: Plane) -> None:
        """Another volume is shown, whose slices lie in this plane."""
        if plane != self.plane:
            self.plane = plane
            self.plane_changed.emit()

    def orient(self) -> None:
        """Turn the canvas to the plane, as radiologists read it, and show the whole slice."""
        viewer, volume, image = self._host.viewer, self._host.volume, self._host.image
        if volume is None or image is None:
            return
        self.limit_slider()
        if viewer.dims.ndim == 3:
            viewer.dims.order = dims_order(volume.grid, self.plane)
        viewer.scene.camera.orientation2d = camera_orientation(volume.grid, self.plane)
        viewer.reset_view(layers=[image])

    def _on_size(self, *_: object) -> None:
        """The canvas has another size: as much of the slice is in view as before."""
        viewer, image = self._host.viewer, self._host.image
        before, now = self._canvas_yx, tuple(viewer.canvas.size)
        if min(now) < 1:
            return
        self._canvas_yx = now
        if image is None or viewer.dims.ndisplay != 2 or min(before) < 1:
            return
        extent = np.asarray(image.extent.world)
        size_yx = (extent[1] - extent[0] + image.extent.step)[list(viewer.dims.displayed)]
        viewer.scene.camera.zoom *= float((now / size_yx).min() / (before / size_yx).min())

    def limit_slider(self) -> None:
        """Let the slider run over this volume's slices, and over no other layer's."""
        dims, image = self._host.viewer.dims, self._host.image
        if image is None or dims.ndim != 3:
            return
        ranges = slider_ranges(image)
        if not np.allclose(np.asarray(dims.range, dtype=float), ranges):
            dims.range = ranges

    @property
    def slices(self) -> int:
        """How many slices the plane has."""
        volume = self._host.volume
        return 1 if volume is None else volume.grid.plane_shape(self.plane)[0]

    @property
    def slice(self) -> int:
        """The slice on the screen."""
        volume, image = self._host.volume, self._host.image
        point = self._host.viewer.dims.point
        if volume is None or image is None or len(point) != 3:
            return 0
        index = image.world_to_data(point)[volume.grid.plane_axis(self.plane)]
        return int(np.clip(round(float(index)), 0, self.slices - 1))

    def go_to(self, index: int) -> None:
        """Show a slice."""
        volume, image = self._host.volume, self._host.image
        if volume is not None and image is not None:
            axis = volume.grid.plane_axis(self.plane)
            at = np.zeros(3)
            at[axis] = np.clip(index, 0, self.slices - 1)
            self._host.viewer.dims.set_point(axis, float(image.data_to_world(at)[axis]))

    def go_along(self, copy: CopySlice) -> None:
        """Show the slice that this one is copied to as soon as that is done; where it is refused, stay."""
        self._copying = copy

    def follow(self, done: Sequence[Action]) -> None:
        """These are the actions that count now: go where a slice was copied to, unless one went elsewhere."""
        copy = self._copying
        if copy is not None and any(isinstance(action, Operate) and action.operation is copy for action in done):
            self._copying = None
            if (self.plane, self.slice) == (copy.plane, copy.slice):
                self.go_to(copy.to)

    def _on_point(self) -> None:
        if self._host.volume is not None:
            self.slice_changed.emit(self.slice)

    # --- as a value ------------------------------------------------------------------------

    def view(self) -> ViewState:
        """How the volume is looked at, to be kept: window, plane, slice, camera, objects, model."""
        opened = self._host.opened
        return ViewState() if opened is None else self.view_of(opened)

    def view_of(self, opened: OpenVolume) -> ViewState:
        """The same of any open volume; of one that waits, as it was left."""
        view = opened.view
        if opened is self._host.opened:
            window, camera = window_of(opened.image.contrast_limits), self._host.viewer.scene.camera
            view = ViewState(
                window=(window.center, window.width),
                plane=self.plane,
                slice=self.slice,
                center=tuple(float(v) for v in camera.center),
                zoom=float(camera.zoom),
            )
        return view.model_copy(
            update={
                "model": self._host.model.asked_as,
                "label": opened.label,
                "hidden": tuple(sorted(opened.hidden)),
                "measures": opened.measures.items,
            }
        )

    def apply(self, view: ViewState) -> None:
        """Look at the volume as someone did before."""
        opened = self._host.opened
        if opened is None:
            return
        self.set_plane(view.plane)
        if view.window is not None:
            self.set_window(Window(*view.window))
        self._use(view.model)
        opened.hidden, opened.label = frozenset(view.hidden), view.label
        self.go_to(view.slice)
        if view.center is not None and view.zoom is not None:
            camera = self._host.viewer.scene.camera
            camera.center, camera.zoom = view.center, view.zoom
        self._host.show_state()
        self._host.tell_changed()

    def _use(self, name: str | None) -> None:
        """Use the model that was used before, if it is on this machine."""
        now = self._host.model
        if name is None or name in (now.id, now.asked_as):
            return
        try:
            model = find_model(name)
            checkpoint_path(model)
        except ModelError as error:
            self._host.say(f"{error}. Until then {now.id} is used.", "warning")
        else:
            self._host.use_model(model, self._host.device)
