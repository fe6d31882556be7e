"""One key for each thing. napari 0.9 does not read key bindings from manifests, so they are bound
on the viewer and, since an active layer's own keys come first, on each of our layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from inspect import isgeneratorfunction
from typing import Any

from napari.layers import Layer
from napari.utils.key_bindings import KeymapProvider

from volsweep.napari.controller import Controller

TOOL_KEYS = {
    "pan": "V",
    "box": "B",
    "point+": "P",
    "point-": "M",
    "line": "D",
    "recist": "X",
    "scribble+": "C",
    "scribble-": "Shift-C",
    "brush": "R",
    "eraser": "E",
    "lasso": "L",
    "polygon": "G",
    "ruler": "U",
    "angle": "J",
}

HELP = "Press ? for all keys"
"""In napari's status bar, which else names keys that are bound to other things here."""


def bindings(controller: Controller, sweep: Callable[[], None]) -> dict[str, Callable[[], Any]]:
    """Every key and what it does."""
    objects, review = controller.objects, controller.review
    choose = controller.tools.choose
    tools: dict[str, Callable[[], Any]] = {key: partial(choose, tool) for tool, key in TOOL_KEYS.items()}
    return tools | {
        "S": sweep,
        "Escape": controller.cancel,
        "Control-Up": partial(controller.tools.copy_slice, 1),
        "Control-Down": partial(controller.tools.copy_slice, -1),
        "N": review.to_doubtful,
        "Shift-N": lambda: review.to_doubtful(backwards=True),
        "A": review.accept,
        "K": lambda: objects.lock(objects.label, not objects.label_of(objects.label).locked),
        "Q": lambda: _step_object(controller, -1),
        "W": lambda: _step_object(controller, +1),
        "[": lambda: _bracket(controller, -1),
        "]": lambda: _bracket(controller, +1),
        "Control-Z": controller.undo,
        "Control-Shift-Z": controller.redo,
        "Control-Y": controller.redo,
    }


def bind(provider: KeymapProvider, keys: dict[str, Callable[[], Any]]) -> None:
    """Bind keys on a viewer or layer, over what they did there; a generator goes on when its key is let go."""
    for key, do in keys.items():
        run = _held if isgeneratorfunction(do) else _ignoring_provider
        provider.bind_key(key, run(do), overwrite=True)
    if isinstance(provider, Layer):
        provider.events.help.connect(_keep_help)
        provider.help = HELP


def _keep_help(event: Any) -> None:
    """With each mode of a layer napari writes its own keys there."""
    event.source.help = HELP


def unbind(provider: KeymapProvider, keys: dict[str, Callable[[], Any]]) -> None:
    """Give the keys back."""
    for key in keys:
        provider.bind_key(key, None, overwrite=True)


def _ignoring_provider(do: Callable[[], Any]) -> Callable[[Any], None]:
    def run(_: Any) -> None:
        do()

    return run


def _bracket(controller: Controller, way: int) -> None:
    """While one paints, napari's own meaning: a smaller or larger brush; else the object's first or last slice."""
    tools, layers = controller.tools, controller.layers
    if tools.tool in ("brush", "eraser") and layers is not None:
        layers.objects.brush_size = max(layers.objects.brush_size + way, 1)
    elif controller.volume is not None:
        tools.end_here(first=way < 0)


def _held(do: Callable[[], Any]) -> Callable[[Any], Iterator[None]]:
    def run(_: Any) -> Iterator[None]:
        yield from do()

    return run


def _step_object(controller: Controller, by: int) -> None:
    labels = sorted(controller.state.labels)
    if labels:
        at = labels.index(controller.objects.label) if controller.objects.label in labels else 0
        controller.objects.select(labels[(at + by) % len(labels)])
