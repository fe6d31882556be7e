"""Operations on the object at hand, in napari's menus and command palette: one small form each.

Annotations are evaluated here: magicgui reads them to make the forms.
"""

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from magicgui import magic_factory
from magicgui.widgets import FunctionGui
from napari import current_viewer
from napari.viewer import Viewer

from volsweep.napari.contributions.dock import GoesWithDock, docked
from volsweep.napari.controller import Controller
from volsweep.napari.host import OPEN_FIRST
from volsweep.operations import kinds
from volsweep.prompts.base import checked
from volsweep.session.actions import Operate

Form: TypeAlias = "FunctionGui[Any, Any]"
_MM = {"min": 0.1, "max": 200.0, "step": 0.5, "label": "mm"}
_LOW, _HIGH = ({"min": -1e6, "max": 1e6, "label": name} for name in ("from", "to"))


class Neighbour(Enum):
    """Which slice a slice is copied to."""

    NEXT = "the next slice"
    PREVIOUS = "the slice before"


class Combination(Enum):
    """How two objects are combined."""

    UNION = "add the other one"
    SUBTRACT = "take the other one away"
    INTERSECT = "keep what both share"


def controller_of(viewer: Viewer) -> Controller:
    """The controller of a viewer's Volsweep, which is docked if it is not yet."""
    _, widget = docked(viewer)
    found: Controller = widget.controller
    return found


def _post(viewer: Viewer, operation: kinds.Operation) -> None:
    controller = controller_of(viewer)
    label = controller.objects.label
    if label in operation.others:
        controller.say("An object cannot be combined with itself: choose another one.", "info")
        return
    controller.post(checked(Operate, label=label, operation=operation))


def _others(_: Any) -> list[tuple[str, int]]:
    """Objects that the one at hand can be combined with."""
    viewer = current_viewer()
    if viewer is None:
        return []
    controller = controller_of(viewer)
    return [
        (label.name, value) for value, label in controller.state.labels.items() if value != controller.objects.label
    ]


def _follow_objects(form: Form) -> None:
    """Offer the objects that there are now, for as long as the form is there."""
    viewer = current_viewer()
    if viewer is None:
        return
    controller = controller_of(viewer)
    refresh = partial(_refresh, form)
    signals = controller.state_changed, controller.objects.selected
    for signal in signals:
        signal.connect(refresh)

    def leave(*_: object) -> None:
        for signal in signals:
            signal.disconnect(refresh, missing_ok=True)

    form.native.destroyed.connect(leave)


def _form(button: str, begin: Callable[[Form], None] | None = None, **fields: Any) -> Callable[[Any], Any]:
    """What makes a form of a function: it goes with its dock."""

    def begun(form: Form) -> None:
        GoesWithDock(form.native)
        if begin is not None:
            begin(form)

    made: Callable[[Any], Any] = magic_factory(call_button=button, widget_init=begun, **fields)
    return made


def _refresh(form: Form, *_: object) -> None:
    form.reset_choices()


def _begin_with_window(form: Form) -> None:
    """Begin with the values that the window shows between black and white."""
    viewer = current_viewer()
    window = None if viewer is None else controller_of(viewer).display.window
    if window is not None:
        form.low.value, form.high.value = round(window.low), round(window.high)


@_form("Grow", mm=_MM)
def grow(viewer: Viewer, mm: float = 2.0) -> None:
    """Add a margin to the object at hand, the same in all directions."""
    _post(viewer, kinds.Grow(mm=mm))


@_form("Shrink", mm=_MM)
def shrink(viewer: Viewer, mm: float = 2.0) -> None:
    """Take a margin off the object at hand, the same in all directions."""
    _post(viewer, kinds.Shrink(mm=mm))


@_form("Smooth", mm=_MM)
def smooth(viewer: Viewer, mm: float = 2.0) -> None:
    """Even the object's outline out and keep its volume; details smaller than twice this go."""
    _post(viewer, kinds.Smooth(mm=mm))


@_form("Fill holes", on_slices={"label": "slice by slice"})
def fill_holes(viewer: Viewer, on_slices: bool = True) -> None:
    """Fill what the object at hand encloses, on each slice of this plane or on all sides."""
    _post(viewer, kinds.FillHoles(plane=controller_of(viewer).display.plane if on_slices else None))


@_form("Keep the largest part")
def keep_largest(viewer: Viewer) -> None:
    """Of the parts of the object at hand that do not touch each other, keep the largest."""
    _post(viewer, kinds.KeepLargest())


@_form("Split", min_ml={"min": 0.0, "max": 1000.0, "step": 0.1, "label": "at least, mL"})
def split_islands(viewer: Viewer, min_ml: float = 0.0) -> None:
    """Make an object of each part that does not touch the others; smaller parts stay with the largest."""
    _post(viewer, kinds.SplitIslands(min_ml=min_ml))


@_form("Fill between slices")
def fill_between(viewer: Viewer) -> None:
    """Fill the slices between those that show the object at hand, by its shape there."""
    _post(viewer, kinds.FillBetween(plane=controller_of(viewer).display.plane))


@_form("Copy", to={"label": "to"})
def copy_slice(viewer: Viewer, to: Neighbour = Neighbour.NEXT) -> None:
    """Show on a neighbouring slice what the object at hand shows on this one, and go there."""
    controller = controller_of(viewer)
    controller.tools.copy_slice(1 if to is Neighbour.NEXT else -1)


@_form("Combine", _follow_objects, other={"choices": _others}, how={"label": ""})
def combine(viewer: Viewer, other: int, how: Combination = Combination.UNION) -> None:
    """Change the object at hand by another one, which stays as far as it is not taken over."""
    if not other:  # there is none to choose from
        controller = controller_of(viewer)
        words = "There is no other object to combine it with: add one (+) under Objects."
        controller.say(OPEN_FIRST if controller.volume is None else words, "info")
        return
    kind = {
        Combination.UNION: kinds.Union,
        Combination.SUBTRACT: kinds.Subtract,
        Combination.INTERSECT: kinds.Intersect,
    }[how]
    _post(viewer, kind(labels=(other,)))


@_form("Limit to these values", _begin_with_window, low=_LOW, high=_HIGH)
def limit_to_values(viewer: Viewer, low: float = -100.0, high: float = 300.0) -> None:
    """Keep the voxels of the object at hand that have values in this range (HU for CT)."""
    _post(viewer, kinds.WithinRange(low=low, high=high))


@_form("Grow over these values", _begin_with_window, low=_LOW, high=_HIGH, mm=_MM)
def grow_over_values(viewer: Viewer, low: float = -100.0, high: float = 300.0, mm: float = 10.0) -> None:
    """Add what hangs together with the object at hand, has values in this range and is no farther than this."""
    _post(viewer, kinds.GrowRegion(low=low, high=high, mm=mm))
