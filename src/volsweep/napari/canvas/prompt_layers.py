"""The three layers a session is seen and edited through: objects, boxes and lines, points.

They show the session and never hold anything of their own: what the user draws becomes a
prompt, and what the session then says is what is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes
from napari.layers.base import ActionType
from numpy.typing import NDArray

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.napari.canvas import prompt_style as style
from volsweep.napari.canvas.beneath import Beneath
from volsweep.napari.canvas.label_colors import LabelColors
from volsweep.napari.canvas.layers import NAMES_KEY, VOLUME_KEY, placement, prompt_from, vertices_of
from volsweep.napari.canvas.listener import Listener, watch_clicks
from volsweep.napari.canvas.strokes import carry_out, keep_flat, touched, watch_polygons
from volsweep.prompts.kinds import Box, Line, Point, Prompt
from volsweep.prompts.scribble import Scribble
from volsweep.volume import Label, Volume

_ROUNDED = 0.006
"""How far, in voxels, a prompt may lie from where it was drawn (`prompt_from` keeps two digits)."""
_MIN_SIDE = 1.0
"""A box or line shorter than this many voxels was a click that slipped."""


class PromptLayers:
    """Layers of one volume in one viewer.

    Parameters
    ----------
    viewer
        Where they are added.
    image
        The volume's layer: these lie over it.
    volume
        That volume.
    labels_zyx
        Its labels, shown as they are and never copied; who changes them says so (`redraw`).
    listener
        Who is told.
    """

    def __init__(
        self, viewer: ViewerModel, image: Image, volume: Volume, labels_zyx: NDArray[Any], listener: Listener
    ) -> None:
        grid = volume.grid
        self._viewer, self._grid, self._listener = viewer, grid, listener
        self._quiet = False
        self._drawn: list[style.Shape] = []
        self._clicked: list[Point] = []
        self._dragged: set[int] = set()
        self._colors: dict[int | None, str] = {}
        self._colored_shapes: tuple[list[str], list[style.Shape]] = ([], [])
        place = {**placement(grid), "translate": image.translate}
        self.objects = Labels(labels_zyx, name="Objects", opacity=0.5, metadata={VOLUME_KEY: volume}, **place)
        self.objects.n_edit_dimensions, self.objects.brush_size = 2, 8
        self.shapes = Shapes(None, ndim=3, name="Boxes and lines", **place)
        self.points = Points(None, ndim=3, name="Points", **place)
        self.points.border_width_is_relative, self.points.add = False, self._click
        self.style_new("#ffffff")
        for layer in self.all:
            viewer.layers.append(layer)
            layer.events.data.disconnect(viewer._on_layers_change)  # it lies within the image, whatever is drawn
        self.beneath = Beneath(viewer, self.objects, place)
        self.objects.events.paint.connect(self._on_paint)
        watch_polygons(self.objects, lambda: grid.plane_axis(listener.plane), listener.refused)
        self.objects.events.n_edit_dimensions.connect(lambda: keep_flat(self.objects, listener.refused))
        self.objects.events.selected_label.connect(self._on_selected_label)
        self.shapes.events.data.connect(self._on_shapes)
        self.points.events.data.connect(self._on_points)
        self.points.mouse_drag_callbacks.append(self._after_drag)
        watch_clicks(self.points, grid, listener)

    @property
    def all(self) -> tuple[Layer, ...]:
        """From the lowest to the topmost."""
        return self.objects, self.shapes, self.points

    def remove(self) -> None:
        """Take the layers off the viewer."""
        self.beneath.remove()
        for layer in self.all:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def activate(self, layer: Layer, mode: str) -> None:
        """Make a layer the active one, in a mode."""
        if self._viewer.layers.selection.active is not layer:
            self._viewer.layers.selection.active = layer
        layer.mode = mode

    # --- what is shown ---------------------------------------------------------------------

    def show_prompts(self, prompts: tuple[Prompt, ...], labels: Mapping[int, Label], *, force: bool = False) -> None:
        """Show the prompts of the current plane; nothing is touched where they are shown already."""
        here = [p for p in prompts if p.plane == self._listener.plane]
        drawn = [p for p in here if isinstance(p, style.Shape)]
        clicked = [p for p in here if p.kind == "point"]
        with self._hush():
            if force or drawn != self._drawn or len(self.shapes.data) != len(drawn):
                self._show_shapes(drawn)
            if force or clicked != self._clicked or len(self.points.data) != len(clicked):
                self._show_points(clicked)
        self._color(labels, force=force)

    def _show_shapes(self, drawn: list[style.Shape]) -> None:
        before, self._drawn = self._drawn, drawn
        if style.take_away(self.shapes, (before, drawn), self._colored_shapes):
            return
        mode = self.shapes.mode
        self.shapes.selected_data = set()
        self.shapes.data = [(vertices_of(p, self._grid), style.SHAPES[p.kind][0]) for p in drawn]
        if self.shapes.mode != mode:
            self.shapes.mode = mode
        self.shapes.refresh()

    def _show_points(self, clicked: list[Point]) -> None:
        self._clicked = clicked
        where = np.array([vertices_of(p, self._grid)[0] for p in clicked]).reshape(-1, 3)
        shown = self.points.data
        # A click stands where it was just put, but for what prompts are rounded by: half the answer's time.
        if len(where) != len(shown) or not np.allclose(where, shown, rtol=0, atol=_ROUNDED):
            self.points.selected_data = set()
            style.put_points(self.points, where)

    def _color(self, labels: Mapping[int, Label], *, force: bool) -> None:
        def color(value: int) -> str:
            return labels[value].color if value in labels else Label.default(value).color

        size, shapes = self._size, ([style.edge_of(p, color(p.label)) for p in self._drawn], list(self._drawn))
        # Shapes are drawn again whenever they are coloured: only where they look otherwise now.
        if self._drawn and (force or shapes != self._colored_shapes):
            style.color_shapes(self.shapes, shapes[0], size)
        self._colored_shapes = shapes
        if self._clicked:
            colors = [color(p.label) for p in self._clicked]
            style.color_points(self.points, colors, [p.positive for p in self._clicked], size)
        self.style_new(color(self._listener.label))

    def style_new(self, color: str) -> None:
        """Draw what comes next in a label's colour."""
        with self._hush():
            style.style_new(self.shapes, self.points, color, self._listener.positive, self._size)

    @property
    def _size(self) -> int:
        """Longer side of a slice, in voxels: what is drawn is seen at every zoom."""
        return max(self._grid.plane_shape(self._listener.plane)[1:])

    def show_labels(self, labels: Mapping[int, Label], hidden: frozenset[int], current: int) -> None:
        """Show labels in their colours; hidden ones not at all."""
        colors = style.colors_of(labels, hidden, current)
        self.objects.metadata[NAMES_KEY] = labels  # napari's own Save writes them
        with self._hush():
            if colors != self._colors:  # a colormap draws the whole layer again
                self._colors = colors
                self.objects.colormap = LabelColors(color_dict=colors)
            if self.objects.selected_label != current:
                self.objects.selected_label = current

    def redraw(self, plane: Plane, slices: Collection[int]) -> None:
        """Slices have new labels; the canvas is drawn again only if it shows one of them."""
        self.beneath.grow()
        if plane != self._listener.plane or self._listener.slice in slices or self._viewer.dims.ndisplay == 3:
            self.refresh()

    def refresh(self) -> None:
        """Draw the objects again."""
        self.objects.refresh(extent=False, thumbnail=False)
        self.beneath.refresh()

    # --- what the user did -----------------------------------------------------------------

    @contextmanager
    def _hush(self) -> Iterator[None]:
        """What happens within is our own doing."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _on_paint(self, event: Any) -> None:
        carry_out(self.objects.data, event.value, self._listener.limits)
        self.objects._reset_history()  # undo is the session's
        # A stroke of napari's may reach over several slices: each of them becomes what it shows.
        for index in touched(event.value, self._grid.plane_axis(self._listener.plane)):
            mask_yx = self.beneath.mask_yx(self._listener.label, self._grid, self._listener.plane, index)
            self._listener.painted(mask_yx, index)

    def _on_selected_label(self) -> None:
        if not self._quiet and self.objects.selected_label > 0:
            self._listener.select(int(self.objects.selected_label))

    def _on_shapes(self, event: Any) -> None:
        if self._quiet:
            return
        if event.action == ActionType.ADDED:
            self._take_new_shape()
        elif event.action == ActionType.CHANGED:
            for i in event.data_indices:
                if i < len(self._drawn):
                    self._tell_moved(i)
        elif event.action == ActionType.REMOVED:
            gone = {i % len(self._drawn) for i in event.data_indices} if self._drawn else set()
            self._take_back([p for i, p in enumerate(self._drawn) if i in gone])

    def _take_new_shape(self) -> None:
        if len(self.shapes.data) <= len(self._drawn):
            return
        vertices = np.asarray(self.shapes.data[-1])
        if np.ptp(vertices, axis=0).max() < _MIN_SIDE:
            self._listener.refused("drag from one corner of the object to the other")
        elif self.shapes.shape_type[-1] not in ("rectangle", "line"):
            self._listener.refused("boxes and lines are prompts; other shapes are not")
        else:
            kind = Line if self.shapes.shape_type[-1] == "line" else Box
            self._tell(self._read(kind, vertices, label=self._listener.label))

    def _tell_moved(self, i: int) -> None:
        old = self._drawn[i]
        said = old.model_dump(exclude={old.xy_field, "slice", "plane", "kind"})
        prompt = self._read(type(old), self.shapes.data[i], **said)
        if isinstance(old, Scribble) and prompt is not None:  # it takes no other's place by itself
            self._exchange(old, prompt)
        else:
            self._tell(prompt)

    def _tell(self, *prompts: Prompt | None) -> None:
        told = [prompt for prompt in prompts if prompt is not None]
        for prompt in told if len(told) == len(prompts) else ():
            self._listener.drawn(prompt)

    def _read(self, kind: type[Any], vertices_zyx: NDArray[Any], **said: Any) -> Any:
        """The prompt of a shape; None where it is none, which is told."""
        try:
            return prompt_from(kind, vertices_zyx, self._grid, self._listener.plane, **said)
        except PromptError as error:
            self._listener.refused(str(error))
            return None

    def _exchange(self, old: Prompt, new: Prompt) -> None:
        others = [*self._drawn, *self._clicked]
        same = [new if p is old else p for p in others if (p.label, p.slice) == (old.label, old.slice)]
        self._listener.redrawn(same, old.label, old.slice)

    def _tell_points(self, places_zyx: NDArray[Any]) -> bool:
        """Tell of clicks; whether all of them are prompts."""
        listener = self._listener
        read = [self._read(Point, at, label=listener.label, positive=listener.positive) for at in places_zyx]
        self._tell(*read)
        return None not in read

    def _click(self, coords: NDArray[Any]) -> None:
        """In place of napari's way of adding points: who answers is told first, and drawing takes ten times as long."""
        places, shown = np.atleast_2d(coords), len(self.points.data)
        if self._tell_points(places) and len(self.points.data) == shown:
            with self._hush():
                style.put_points(self.points, np.append(self.points.data, places, axis=0))

    def _take_back(self, gone: list[Any]) -> None:
        others = [*self._drawn, *self._clicked]
        for prompt in gone:
            where = (prompt.label, prompt.slice)
            kept = [p for p in others if (p.label, p.slice) == where and not any(p is g for g in gone)]
            self._listener.redrawn(kept, *where)

    def _on_points(self, event: Any) -> None:
        if self._quiet:
            return
        if event.action == ActionType.ADDED:
            self._tell_points(self.points.data[len(self._clicked) :])
        elif event.action == ActionType.CHANGED:
            self._dragged |= set(event.data_indices)
        elif event.action == ActionType.REMOVED:
            gone = {i % len(self._clicked) for i in event.data_indices} if self._clicked else set()
            self._take_back([p for i, p in enumerate(self._clicked) if i in gone])

    def _after_drag(self, layer: Points, event: Any) -> Iterator[None]:
        """Points report every pixel of a move; the session wants its end."""
        yield
        while event.type == "mouse_move":
            yield
        moved, self._dragged = self._dragged, set()
        for i in moved:
            old = self._clicked[i] if i < len(self._clicked) else None
            new = old and self._read(Point, layer.data[i], label=old.label, positive=old.positive)
            if old is not None and new is not None:
                self._exchange(old, new)
