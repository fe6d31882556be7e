"""The report of a job as plain values for JSON: what was done with what, what came of it, what someone should know."""

from __future__ import annotations

import logging
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.io import Receipt
from volsweep.io.overlaps import Labelled
from volsweep.job.context import CONTEXT
from volsweep.measurement import Measurement, measure
from volsweep.prompts.kinds import Prompt
from volsweep.session.session import Session
from volsweep.session.trust import suggested_slice
from volsweep.terminology import organ_in
from volsweep.volume import LABEL_COLORS, Label, Volume, take_slice

if TYPE_CHECKING:
    from volsweep.defaults import Defaults

_log = logging.getLogger(__name__)

SCHEMA = "volsweep-report"
VERSION = 1
_LIBRARIES = ("napari-volsweep", "sam2", "torch", "numpy", "pydicom", "nibabel", "SimpleITK")
_HIDDEN = 0.95
"""Of what is prompted: shown black, or white, beyond this share it is hidden."""
_SAID_OF = dict.fromkeys(("flair", "dwi", "adc", "t1w", "t2w"), "MR") | dict.fromkeys(("suv", "fdg"), "PT")
"""Words in a label's name that belong to one modality. T1 and T2 are vertebrae, too."""
_TOLD = frozenset(("CT", "MR", "PT", "NM", "US"))
"""Modalities of which the table of organs says what they show."""
_AROUND = 2
"""In voxels: what is looked at around a click."""


class Stopwatch:
    """Measures stages.

    Parameters
    ----------
    on_stage
        Called with the name of every stage as it begins.
    """

    def __init__(self, on_stage: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what happens inside, also where it fails."""
        if self._on_stage is not None:
            self._on_stage(name)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - started, 3)
            _log.info("%s: %.3f s", name, self.seconds[name])


@dataclass(frozen=True)
class Made:
    """What a job did.

    Parameters
    ----------
    source
        What was read.
    session
        In which it was done.
    plane, sweep
        Whose slices were swept, and how.
    labels, receipt
        What was written.
    doubtful
        Label -> slices that someone should look at.
    seconds
        Stage -> how long it took.
    notes
        Sentences on what was given and decided; those about the volume and the result come besides.
    """

    source: Path | tuple[Path, ...]
    session: Session
    plane: Plane
    sweep: SweepOptions
    labels: Labelled
    receipt: Receipt
    doubtful: Mapping[int, set[int]]
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()
    image: Volume | None = None
    """The image as it was read, where the network looked at another one."""


def report_of(made: Made) -> dict[str, Any]:
    """Make the report."""
    session, sweep, seconds = made.session, made.sweep, made.seconds
    engine, model = session.engine, session.model  # the last ones: a session may have changed them on the way
    rows = label_rows(made)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "model": {"id": model.id, "sha256": session.weights_sha256, "licence": model.licence},
        "run": {
            **engine.describe(),
            "window": {"width": session.window.width, "level": session.window.center, "name": session.window.name},
            "zoom": session.zoom,
            "plane": str(made.plane),
            "direction": str(sweep.direction),
            "range": sweep.slices,
            "stride": sweep.stride,
            "patience": sweep.patience,
        },
        **({"reader": session.reader} if session.reader else {}),
        "source": _source(made.source, session.volume),
        **_second(session)[0],
        "prompts": [p.model_dump(mode="json") for p in session.state.said if p.label != CONTEXT],
        "extents": [extent.model_dump(mode="json") for extent in session.state.extents],
        "labels": rows,
        "notes": [*made.notes, *notes_after(session, rows)],
        "seconds": {**seconds, "total": round(sum(seconds.values()), 3)},
        "slices_visited": engine.visited,
        "slices_per_second": round(engine.visited / max(seconds["sweep"], 1e-6), 1),
        "receipt": made.receipt.to_dict(),
    }


def label_rows(made: Made) -> list[dict[str, Any]]:
    """What was found of every label that was prompted, in the labels' order; one of which nothing was has no voxels."""
    session, plane = made.session, made.plane
    measured = measure(made.labels, made.image or session.volume, plane=plane)
    rows = {}
    for value in {*measured, *(p.label for p in session.state.prompts)} - {CONTEXT}:
        label = made.labels.labels.get(value, Label.default(value))
        row = measured[value].to_dict() if value in measured else _nothing(value, label, plane)
        doubtful = sorted(made.doubtful.get(value, ()))
        rows[value] = {**row, "doubtful_slices": doubtful, "suggested_slice": _suggested(made, value)}
        if drawn := sorted(z for z, mark in session.trust(value).items() if mark.from_finder):
            rows[value]["finder_slices"] = drawn
        if label.overlaps:
            rows[value] |= {"overlaps": True, "inside": label.inside, "outside": list(label.outside)}
    return [rows[value] for value in sorted(rows)]


def _suggested(made: Made, value: int) -> int | None:
    """Where the next outline or click is worth most."""
    marks, mask, grid = made.session.trust(value), made.labels.mask_zyx(value), made.labels.grid
    drawn = {z: int(take_slice(mask, grid, made.plane, z).sum()) for z in marks}
    return suggested_slice(marks, drawn)


def _nothing(value: int, label: Label, plane: Plane) -> dict[str, Any]:
    fields: dict[str, Any] = dict.fromkeys(Measurement.__dataclass_fields__)
    return fields | {
        "label": value,
        "name": label.name,
        "voxels": 0,
        "volume_ml": 0.0,
        "plane": plane.value,
        "slices": 0,
        "diameters": {"long_mm": 0.0, "short_mm": 0.0, "long_xyxy": None, "short_xyxy": None},
    }


def _second(session: Session) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What there is to tell of a second series, for the report and in sentences."""
    if session.second is None:
        return {}, ()
    from volsweep.job.second import notes_of, row_of  # a plain run enters no file for it

    return {"second": row_of(session.second)}, notes_of(session.second)


def _source(path: Path | tuple[Path, ...], volume: Volume) -> dict[str, Any]:
    grid = volume.grid
    return {
        "path": str(volume.source.path if isinstance(path, tuple) and volume.source else path),
        "kind": volume.source.kind if volume.source else "memory",
        "series_uid": volume.source.asked_as if volume.source else None,
        "modality": volume.modality,
        "shape_zyx": list(grid.shape_zyx),
        "spacing_zyx_mm": np.round(grid.spacing_zyx_mm, 6).tolist(),
        "orientation": grid.orientation,
        "affine_lps": grid.affine.tolist(),
        "warnings": list(volume.warnings),
    }


def notes_before(plane: Plane, *, plane_given: bool) -> tuple[str, ...]:
    """What was decided for a volume that nobody said; how it is seen is among the volume's own warnings."""
    if plane_given or plane is Plane.AXIAL:
        return ()
    return (f"the slices of this series are {plane}: they are prompted and swept (plane= says otherwise)",)


def notes_of_defaults(chosen: Defaults, session: Session, window: str | None, model: str | None) -> tuple[str, ...]:
    """What the user's defaults decided, because neither the call nor a session did: a result says what made it so."""
    told = []
    if window is None and chosen.window_for(session.volume):
        told.append(f"window {session.window}")
    if model is None and chosen.model:
        told.append(f"model {session.model.id}")
    if chosen.plane == session.plane != session.volume.grid.own_plane:
        told.append(f"plane {session.plane}")
    return (f"by your defaults: {', '.join(told)} (volsweep config show)",) if told else ()


def notes_after(session: Session, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """What the prompts and the labels, as rows of the report, show when all is done."""
    ours = {row["label"] for row in rows}
    prompts = [prompt for prompt in session.state.said if prompt.label in ours]
    hidden = _hidden(session.volume, session.window, prompts)
    elsewhere = (told for row in rows for told in doubts_of_name(row["name"], row["label"], session.volume))
    return (*elsewhere, *hidden, *_unfound(session, rows, prompts), *_second(session)[1])


def doubts_of_name(name: str, value: int, volume: Volume) -> Iterator[str]:
    """Sentences on what a label's name speaks of and this image does not show: another modality, part of the body."""
    modality, told = volume.modality, Label(name, LABEL_COLORS[0]).with_number(value)
    for word in re.findall(r"[^\W_]+", name.lower()):
        if modality and _SAID_OF.get(word, modality) != modality:
            yield f"{told} is named after {word.upper()}, which is {_SAID_OF[word]}, and this image is {modality}"
    organ = organ_in(name)
    if organ is not None and modality in _TOLD and modality not in organ.seen:
        yield f"{told} is hardly seen in an image of modality {modality}; look whether its name is right"
    if organ is not None and organ.regions and volume.body_part:
        from volsweep.terminology.body_part import regions_of

        shown = regions_of(volume.body_part)
        if shown and not set(shown) & set(organ.regions):
            yield (
                f"{told} is not expected where the series says that it was taken, {volume.body_part}; look whether "
                "its name is right, and the series"
            )


def _hidden(volume: Volume, window: Window, prompts: Sequence[Prompt]) -> Iterator[str]:
    """One sentence a label whose prompted region the window shows black or white."""
    told = set()
    for prompt in prompts:
        values = None if prompt.label in told else _prompted(volume, prompt)
        if values is None or not values.size:
            continue
        grey = window.frame(values)
        for shade, share in (("black", float((grey <= 0).mean())), ("white", float((grey >= 1).mean()))):
            if share >= _HIDDEN:
                told.add(prompt.label)
                yield (
                    f"window {window} shows {share:.0%} of what is prompted of object {prompt.label} on {prompt.plane} "
                    f"slice {prompt.slice} {shade}: its values go from {values.min():g} to {values.max():g}, "
                    f"the window from {window.low:g} to {window.high:g}"
                )


def _prompted(volume: Volume, prompt: Prompt) -> NDArray[Any] | None:
    """Values of what a prompt is about; of a negative click none."""
    spacing_yx_mm = volume.grid.plane_spacing_mm(prompt.plane)[1:]
    extent = prompt.extent_xyxy(spacing_yx_mm)
    if extent is None or not getattr(prompt, "positive", True):
        return None
    image = volume.slice_yx(prompt.plane, prompt.slice)
    grow = _AROUND if prompt.is_click else 0
    x0, y0, x1, y1 = extent
    rows = slice(max(0, round(y0) - grow), max(0, round(y1)) + grow + 1)
    columns = slice(max(0, round(x0) - grow), max(0, round(x1)) + grow + 1)
    return np.asarray(image[rows, columns])


def _unfound(session: Session, rows: Sequence[dict[str, Any]], prompts: Sequence[Prompt]) -> Iterator[str]:
    for row in rows:
        mine = [prompt for prompt in prompts if prompt.label == row["label"]]
        name = Label(row["name"], LABEL_COLORS[0]).with_number(row["label"])
        if not row["voxels"]:
            masks, only = session.masks(row["label"]), not any(getattr(prompt, "positive", True) for prompt in mine)
            why = "it has negative points only" if mine and only else "look at its prompts and at the window"
            if masks is not None and masks.region(session.volume.grid) is not None:
                why = "other objects have all of its voxels; is it one of them, or may it overlap (overlap=)?"
            yield f"nothing was found of {name}: 0 mL; {why}"
        for prompt in mine:
            extent = None if prompt.is_click or prompt.is_painted else prompt.extent_xyxy()
            if extent is not None and max(extent[2] - extent[0], extent[3] - extent[1]) < 1:
                yield f"the {prompt.kind} of {name} on {prompt.plane} slice {prompt.slice} is smaller than two voxels"
