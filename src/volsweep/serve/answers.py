"""What the server says of a session: its state, as JSON, and what looks otherwise now, as frames."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import PromptError
from volsweep.geometry import LPS_TO_RAS, Grid, Plane, reverse_index_order
from volsweep.intensity import CT_WINDOWS
from volsweep.job.report import doubts_of_name
from volsweep.prompts.kinds import Prompt
from volsweep.prompts.mask import Mask
from volsweep.remote.wire import pack, runs_of, slice_frame
from volsweep.session.changes import changed_slices
from volsweep.session.overlay import Shown
from volsweep.session.session import Session
from volsweep.session.state import State
from volsweep.session.steps import Step
from volsweep.session.trust import SliceTrust
from volsweep.volume import Volume


def of_volume(volume: Volume) -> dict[str, Any]:
    """Shape and geometry of a volume, and nothing of the patient."""
    grid = volume.grid
    return {
        "shape_zyx": list(grid.shape_zyx),
        "spacing_zyx_mm": grid.spacing_zyx_mm.tolist(),
        "orientation": grid.orientation,
        "modality": volume.modality,
        "unit": volume.unit,
        "plane": grid.own_plane.value,
        "planes": {plane.value: _of_plane(grid, plane) for plane in Plane},
        "display": display_axes(grid),
        "warnings": list(volume.warnings),
        "windows": [[w.name, w.center, w.width] for w in CT_WINDOWS.values()] if volume.has_hounsfield_units else [],
    }


def _of_plane(grid: Grid, plane: Plane) -> dict[str, Any]:
    slices, rows, columns = grid.plane_shape(plane)
    _, row_mm, column_mm = grid.plane_spacing_mm(plane)
    axis = grid.plane_axis(plane)
    return {"axis": axis, "slices": slices, "rows": rows, "columns": columns, "spacing_yx_mm": [row_mm, column_mm]}


def display_axes(grid: Grid) -> list[dict[str, Any]]:
    """For each axis of the volume as it is shown (to the right, to the front, to the head): the array axis that runs
    along it, and whether it runs the other way.
    """
    planes = (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)
    axes = [grid.plane_axis(plane) for plane in planes]
    towards = grid.orientation
    return [
        {"axis": axis, "flipped": towards[axis] != wanted} for axis, wanted in zip(axes, ("R", "A", "S"), strict=True)
    ]


def as_displayed(array_zyx: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """An array with its axes as they are shown (x to the right, y to the front, z to the head), as a view."""
    axes = display_axes(grid)
    turned = array_zyx.transpose([one["axis"] for one in axes])
    return turned[tuple(slice(None, None, -1 if one["flipped"] else 1) for one in axes)]


def displayed_affine(grid: Grid) -> NDArray[np.float64]:
    """Affine of `as_displayed`: index (x, y, z, 1) -> RAS mm. Of unevenly spaced slices, with their mean step."""
    to_ras = LPS_TO_RAS @ reverse_index_order(grid.affine)  # of (x, y, z) as they are stored
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, one in enumerate(display_axes(grid)):
        old = 2 - one["axis"]
        turn[old, new] = -1 if one["flipped"] else 1
        turn[old, 3] = grid.shape_zyx[one["axis"]] - 1 if one["flipped"] else 0
    return np.asarray(to_ras @ turn)


def as_nifti(volume: Volume) -> bytes:
    """The volume as the page shows it."""
    import nibabel

    array = as_displayed(volume.array_zyx, volume.grid)
    kind = array.dtype.kind
    if kind == "f":
        array = array.astype(np.float32)
    elif array.dtype.itemsize > 2 or array.dtype == np.uint16:  # drawn with 16 signed bits, or as floats
        fits = array.size == 0 or (int(array.min()) >= -32768 and int(array.max()) <= 32767)
        array = array.astype(np.int16 if fits else np.float32)
    elif array.dtype != np.uint8:
        array = array.astype(np.int16)
    image = nibabel.Nifti1Image(array, displayed_affine(volume.grid))
    image.header.set_xyzt_units("mm")
    return bytes(image.to_bytes())


def grey_frame(volume: Volume, plane: Plane, index: int) -> bytes:
    """The grey values of one slice, as a frame.

    Raises
    ------
    PromptError
        If there is no such slice.
    """
    count = volume.grid.plane_shape(plane)[0]
    if index >= count:
        raise PromptError(f"slice {index} is outside the volume: {plane} slices go from 0 to {count - 1}")
    voxels = volume.slice_yx(plane, index)
    voxels = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<"))
    head = {"plane": plane.value, "slice": index, "shape_yx": list(voxels.shape), "dtype": voxels.dtype.str}
    return pack("grey", head, zlib.compress(voxels.tobytes(), 1))


def of_session(session: Session) -> dict[str, Any]:
    """What a session holds now."""
    state, journal = session.state, session.journal
    values = sorted({*state.labels, *(p.label for p in state.prompts)})
    window = session.window
    return {
        "window": [window.center, window.width],
        "window_name": window.name,
        "model": session.model.id,
        "labels": [_of_label(state, value, session.volume) for value in values],
        "prompts": [_of_prompt(prompt) for prompt in state.said],
        "extents": [extent.model_dump(mode="json") for extent in state.extents],
        "can_undo": journal.can_undo,
        "can_redo": journal.can_redo,
        "actions": len(journal),
    }


def _of_label(state: State, value: int, volume: Volume) -> dict[str, Any]:
    label = state.labels[value]
    return {
        "value": value,
        "name": label.name,
        "color": label.color,
        "locked": state.is_locked(value),
        "swept": value in state.swept,
        "overlaps": label.overlaps,
        "inside": label.inside,
        "outside": list(label.outside),
        "doubts": list(doubts_of_name(label.name, value, volume)),
    }


def _of_prompt(prompt: Prompt) -> dict[str, Any]:
    told = prompt.model_dump(mode="json")
    if isinstance(prompt, Mask):
        del told["bits"]
    return told


def of_step(step: Step) -> dict[str, Any]:
    """How far a sweep is."""
    return {
        "label": step.label,
        "plane": step.plane.value,
        "slice": step.slice,
        "done": step.done,
        "total": step.total,
        **of_trust(step.trust),
    }


def of_trust(trust: SliceTrust) -> dict[str, Any]:
    """How far to trust a slice."""
    return {
        "trust": round(trust.trust, 4),
        "doubtful": trust.doubtful,
        "prompted": trust.prompted,
        "from_finder": trust.from_finder,
        "empty": trust.empty,
    }


def review(session: Session) -> dict[str, Any]:
    """How far to trust each slice of each label, and which were ticked off."""
    shown = session.shown
    ticked = shown.ticked()
    return {
        str(label): {
            "plane": masks.plane.value,
            "slices": {str(z): of_trust(trust) for z, trust in session.trust(label).items()},
            "ticked": sorted(ticked.get(label, ())),
        }
        for label, masks in shown.masks.items()
    }


def in_one_plane(session: Session, plane: Plane) -> bool:
    """Whether everything lies along a plane, so that a slice can be drawn alone."""
    state = session.state
    return all(masks.plane == plane for masks in state.swept.values()) and all(p.plane == plane for p in state.prompts)


def all_labels(layers_zyx: Sequence[NDArray[Any]]) -> list[bytes]:
    """Frames of the whole label volume: what is seen, then what lies beneath."""
    head = {"shape_zyx": list(layers_zyx[0].shape)}
    seen, *beneath = (runs_of(layer) for layer in layers_zyx)
    under = (pack("labels_beneath", {**head, "layer": n}, runs) for n, runs in enumerate(beneath, 1))
    return [pack("labels", head, seen), *under]


def slice_frames(shown: Shown, plane: Plane, index: int) -> list[bytes]:
    """Frames of a slice: what is seen, then what lies beneath."""
    return [slice_frame(plane, index, layer, n) for n, layer in enumerate(shown.slice_layers(plane, index))]


def stacked(session: Session) -> tuple[int, ...]:
    """The order in which objects that may overlap are laid over others; none where none may."""
    return session.shown.stacked if any(label.overlaps for label in session.state.labels.values()) else ()


def changes(
    session: Session, before: State, drawn: Collection[int] = (), order: tuple[int, ...] = ()
) -> Iterator[bytes]:
    """Frames of what looks otherwise than in a state, but for slices that were sent.

    `order` is what was `stacked` then: which of two is the smaller, and so seen, may be another now also where nothing
    else changed.
    """
    if before is session.state:
        return
    plane, shown = session.plane, session.shown
    slices = changed_slices(before, session.state, plane) if in_one_plane(session, plane) else None
    if slices is None or stacked(session) != order or (drawn and shown.sharing):
        yield from all_labels(shown.layers_zyx)
        return
    for index in sorted(slices.difference(drawn)):
        yield from slice_frames(shown, plane, index)
