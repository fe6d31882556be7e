"""A viewer model that shows another one's volumes: its own slicing and camera, the same voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

_FOLLOWED = (
    *("contrast_limits_range", "contrast_limits", "colormap", "gamma", "opacity", "blending", "visible", "data"),
    "contour",
)


class Mirror:
    """Images and labels of one viewer in another, kept alike until `close`.

    Parameters
    ----------
    source
        The viewer that is mirrored; nothing here changes it.
    """

    def __init__(self, source: ViewerModel) -> None:
        self._source = source
        self.model = ViewerModel()
        self._copies: dict[Layer, Layer] = {}
        self._connections: dict[Layer, list[tuple[Any, Callable[[Any], None]]]] = {}
        for layer in source.layers:
            self._add(layer)
        events = source.layers.events
        events.inserted.connect(self._on_inserted)
        events.removed.connect(self._on_removed)
        events.moved.connect(self._sort)
        events.reordered.connect(self._sort)

    def close(self) -> None:
        """Follow no longer, and let go of the layers."""
        events = self._source.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.moved.disconnect(self._sort)
        events.reordered.disconnect(self._sort)
        for layer in list(self._copies):
            self._forget(layer)

    def copy_of(self, layer: Layer | None) -> Layer | None:
        """What shows a layer here."""
        return next((copy for original, copy in self._copies.items() if original is layer), None)

    def refresh_labels(self) -> None:
        """Labels were changed in place: draw them again."""
        for copy in self._copies.values():
            if isinstance(copy, Labels) and copy.visible:
                copy.refresh(extent=False, thumbnail=False)

    def _on_inserted(self, event: Any) -> None:
        self._add(event.value)

    def _on_removed(self, event: Any) -> None:
        self._forget(event.value)

    def _add(self, layer: Layer) -> None:
        if not isinstance(layer, Image | Labels) or layer.ndim != 3 or layer.multiscale or layer in self._copies:
            return
        data, options, kind = layer.as_layer_data_tuple()
        copy = Layer.create(data, {**options, "metadata": {}}, kind)
        self._copies[layer] = copy
        self.model.layers.append(copy)
        self._sort()
        connections = []
        for name in _FOLLOWED:
            emitter = getattr(layer.events, name, None)
            if emitter is not None:
                follow = _follower(layer, copy, name)
                emitter.connect(follow)
                connections.append((emitter, follow))
        if isinstance(layer, Labels):

            def painted(_: Any) -> None:
                copy.refresh(extent=False, thumbnail=False)

            layer.events.paint.connect(painted)
            connections.append((layer.events.paint, painted))
        self._connections[layer] = connections

    def _forget(self, layer: Layer) -> None:
        for emitter, follow in self._connections.pop(layer, ()):
            emitter.disconnect(follow)
        copy = self._copies.pop(layer, None)
        if copy is not None and copy in self.model.layers:
            self.model.layers.remove(copy)

    def _sort(self, _: Any = None) -> None:
        order = [self._copies[layer] for layer in self._source.layers if layer in self._copies]
        for to, copy in enumerate(order):
            at = self.model.layers.index(copy)
            if at != to:
                self.model.layers.move(at, to)


def _follower(layer: Layer, copy: Layer, name: str) -> Callable[[Any], None]:
    def follow(_: Any) -> None:
        setattr(copy, name, getattr(layer, name))

    return follow
