"""How a session is looked at, as a value that can be kept: slice, window, objects, ticks, camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from volsweep.errors import ModelError
from volsweep.intensity import Window
from volsweep.models import checkpoint_path, find_model
from volsweep.session.file import View

if TYPE_CHECKING:
    from volsweep.napari.controller import Controller


def view_of(controller: Controller) -> View:
    """The view as it is now."""
    look, review, objects = controller.look, controller.review, controller.objects
    window, camera = look.window, controller.viewer.scene.camera
    return View(
        window=None if window is None else (window.center, window.width),
        plane=look.plane,
        model=look.model.id,
        slice=look.slice,
        label=objects.label,
        hidden=tuple(sorted(objects.hidden)),
        accepted={label: tuple(sorted(slices)) for label, slices in review.accepted.items() if slices},
        center=tuple(float(v) for v in camera.center),
        zoom=float(camera.zoom),
    )


def apply_view(controller: Controller, view: View) -> None:
    """Look at the session as someone did before."""
    look, review, objects = controller.look, controller.review, controller.objects
    look.set_plane(view.plane)
    if view.window is not None:
        look.set_window(Window(*view.window))
    if view.model is not None and view.model != look.model.id:
        try:
            model = find_model(view.model)
            checkpoint_path(model)
        except ModelError as error:
            controller.said.emit(f"{error}. Until then {look.model.id} is used.", "warning")
        else:
            look.set_model(model, look.device)
    objects.hidden = frozenset(view.hidden)
    review.accepted = {label: frozenset(slices) for label, slices in view.accepted.items()}
    look.go_to(view.slice)
    objects.select(view.label)
    if view.center is not None and view.zoom is not None:
        camera = controller.viewer.scene.camera
        camera.center, camera.zoom = view.center, view.zoom
    controller.show_state()
    controller.state_changed.emit()
    review.changed.emit()
